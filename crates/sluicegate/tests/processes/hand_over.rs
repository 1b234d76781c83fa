// SPDX-License-Identifier: Apache-2.0
//! How a process ends, and how one takes over from another.

use std::{
    fs,
    time::{Duration, Instant},
};

use sluicegate_testkit::{Load, RawClient, SteadyClient, eventually, free_address};

use crate::site::{NewConnections, Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_takes_over_from_another_without_a_refused_connection() {
    let site = Site::new().await;
    let drain = ["--drain-time", "5"];
    let mut old = site
        .serving(&[&drain[..], &["--workers", "2"]].concat())
        .await;
    let new_connections = NewConnections::start(site.gateway, "/get");
    let probes = NewConnections::start(site.admin, "/ready");
    let keep_alive = SteadyClient::start(Load {
        address: site.gateway,
        host: "web".to_owned(),
        target: "/get".to_owned(),
        connections: 8,
        rate: 200,
    });
    // More workers than sockets, then fewer.
    for workers in ["3", "1", "2"] {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let arguments = [&drain[..], &["--workers", workers, "--replace"]].concat();
        let new = site.run(None, &arguments);
        assert_eq!(old.end().await, 0, "{}", old.said());
        assert!(old.said().contains("another process has taken over"));
        old = new;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(old.runs(), "{}", old.said());
    let kept = keep_alive.stop().await;
    assert!(kept.is_clean(), "{kept:?}");
    assert_eq!(kept.stale_connections, 0, "{kept:?}");
    for (what, clients) in [("traffic", new_connections), ("admin", probes)] {
        let (answered, failures) = clients.stop();
        assert!(answered > 50, "{what}: {answered}");
        assert_eq!(failures, Vec::<String>::new(), "{what}");
    }
}

/// Envoys look for the server again; there is one at the same address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_takes_over_serves_envoys_too() {
    for plane in [&[][..], &["--no-data-plane"]] {
        let site = Site::new().await;
        let ads = free_address();
        let address = ads.to_string();
        let arguments = [&["--ads-address", &address][..], plane].concat();
        let mut old = site.run(None, &arguments);
        let started = async || old.said().contains("ADS on").then_some(());
        eventually("the old one serves", started).await.unwrap();
        let mut new = site.run(None, &[&arguments[..], &["--replace"]].concat());
        assert_eq!(old.end().await, 0, "{}", old.said());
        let served = async || RawClient::connect(ads).await.ok().map(drop);
        eventually("the new one serves", served).await.unwrap();
        assert!(new.runs(), "{}", new.said());
        new.signal("-TERM");
        assert_eq!(new.end().await, 0, "{}", new.said());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_cannot_start_takes_nothing_over() {
    let site = Site::new().await;
    let mut old = site.serving(&[]).await;
    let traffic = NewConnections::start(site.gateway, "/get");
    site.write("broken.yaml", "spec: [");
    let mut new = site.run(None, &["--replace"]);
    assert_eq!(new.end().await, 3);
    assert!(new.said().contains("broken.yaml"), "{}", new.said());
    // One that dies in the middle.
    fs::remove_file(site.folder.join("manifests/broken.yaml")).unwrap();
    let killed = site.run(None, &["--replace"]);
    drop(killed);
    assert!(site.answers().await);
    let (answered, failures) = traffic.stop();
    assert!(answered > 10);
    assert!(
        failures
            .iter()
            .all(|failure| failure.starts_with("receive: ")),
        "only what the killed process had taken may be lost: {failures:?}"
    );
    assert!(old.runs());
    old.signal("-TERM");
    assert_eq!(old.end().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_old_process_it_is_a_plain_start() {
    let site = Site::new().await;
    let mut dead = site.serving(&[]).await;
    dead.signal("-KILL");
    dead.end().await;
    let mut process = site.serving(&["--replace"]).await;
    assert!(process.said().contains("nobody to take over from"));
    process.signal("-TERM");
    assert_eq!(process.end().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_at_the_end() {
    for quit in [false, true] {
        let site = Site::new().await;
        let mut process = site.serving(&[]).await;
        let traffic = NewConnections::start(site.gateway, "/get");
        let mut slow = RawClient::connect(site.gateway).await.unwrap();
        let before = site.origin.requests();
        slow.send("GET /delay/1 HTTP/1.1\r\nhost: web\r\n\r\n")
            .await
            .unwrap();
        eventually("requests are under way", async || {
            (site.origin.requests() > before + 20).then_some(())
        })
        .await
        .unwrap();
        if quit {
            let mut admin = RawClient::connect(site.admin).await.unwrap();
            let request = "POST /quitquitquit HTTP/1.1\r\nhost: admin\r\ncontent-length: 0\r\n\r\n";
            admin.send(request).await.unwrap();
            assert_eq!(admin.response().await.unwrap().status(), 200);
        } else {
            process.signal("-TERM");
        }
        assert_eq!(slow.response().await.unwrap().status(), 200);
        assert_eq!(process.end().await, 0, "{}", process.said());
        let (answered, failures) = traffic.stop();
        assert!(answered > 10, "{answered}");
        // Nobody is cut off; only who comes too late is refused.
        let cut = failures.iter().find(|one| !one.starts_with("connect: "));
        assert_eq!(cut, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once() {
    let site = Site::new().await;
    let mut process = site.serving(&["--drain-time", "600"]).await;
    let mut client = RawClient::connect(site.gateway).await.unwrap();
    client
        .send("POST /post HTTP/1.1\r\nhost: web\r\ncontent-length: 5\r\n\r\n")
        .await
        .unwrap();
    let what = "the request has arrived";
    eventually(what, async || {
        (site.stat("http.http.downstream_rq_active").await > 0
            || site
                .stat("cluster.kube_default_web_80.upstream_rq_active")
                .await
                > 0)
        .then_some(())
    })
    .await
    .unwrap();
    let begun = Instant::now();
    process.signal("-TERM");
    eventually("it drains", async || {
        process.said().contains("draining").then_some(())
    })
    .await
    .unwrap();
    assert!(process.runs());
    process.signal("-TERM");
    assert_eq!(process.end().await, 0);
    assert!(begun.elapsed() < Duration::from_secs(60));
}
