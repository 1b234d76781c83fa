// SPDX-License-Identifier: Apache-2.0
//! What a process does when the system has no more to give.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use sluicegate_testkit::{RawClient, eventually, patience};

use crate::site::Site;

/// Reads until the other side closes. `None` when it does not within a while.
fn closed(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut rest = Vec::new();
    stream
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    match stream.read_to_end(&mut rest) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
        _ => Some(rest),
    }
}

/// Opens idle connections until one is closed again; gives those that stay.
fn fill(address: SocketAddr, most: usize) -> Vec<TcpStream> {
    let mut open = Vec::new();
    while open.len() < most {
        let mut client = TcpStream::connect(address).unwrap();
        if closed(&mut client).is_some() {
            return open;
        }
        open.push(client);
    }
    panic!("{most} connections and no limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_descriptors_clients_are_turned_away_and_the_process_lives() {
    let site = Site::new().await;
    let arguments = ["--workers", "1", "--max-connections", "1000"];
    let mut process = site.run(Some(64), &arguments);
    let what = "it serves";
    eventually(what, async || site.answers().await.then_some(()))
        .await
        .unwrap();
    let mut early = RawClient::connect(site.gateway).await.unwrap();
    let mut late = RawClient::connect(site.gateway).await.unwrap();
    let idle = fill(site.gateway, 64);
    assert!(idle.len() > 10, "{}", idle.len());
    for _ in 0..20 {
        let mut client = TcpStream::connect(site.gateway).unwrap();
        assert_eq!(closed(&mut client), Some(Vec::new()));
    }
    assert!(process.runs());
    // The one connection to the backend serves; for a second one there is no descriptor.
    let slow = "GET /delay/2 HTTP/1.1\r\nhost: web\r\n\r\n";
    let before = site.origin.requests();
    early.send(slow).await.unwrap();
    eventually("the request is under way", async || {
        (site.origin.requests() > before).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(late.get("web", "/get").await.unwrap().status(), 503);
    assert_eq!(early.response().await.unwrap().status(), 200);
    drop(idle);
    eventually("it serves again", async || {
        site.answers().await.then_some(())
    })
    .await
    .unwrap();
    let rejected = format!(
        "listener.127.0.0.1_{}.downstream_cx_overload_reject",
        site.gateway.port()
    );
    assert!(site.stat(&rejected).await >= 20);
    let warnings = process.said().matches("turned away").count();
    assert!((1..60).contains(&warnings), "{warnings} warnings");
    process.signal("-TERM");
    assert_eq!(process.end().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_limited_to_half_of_the_descriptors() {
    let site = Site::new().await;
    let process = site.run(Some(64), &["--workers", "1"]);
    eventually("it serves", async || site.answers().await.then_some(()))
        .await
        .unwrap();
    let overflow = format!(
        "listener.127.0.0.1_{}.downstream_global_cx_overflow",
        site.gateway.port()
    );
    let mut idle = fill(site.gateway, 64);
    assert!((30..=32).contains(&idle.len()), "{}", idle.len());
    assert!(site.stat(&overflow).await >= 1);
    // Those who are in are served: descriptors are left for backends.
    for client in &mut idle {
        client
            .write_all(b"GET /get HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n")
            .unwrap();
        client.set_read_timeout(Some(patience())).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    drop(process);
}
