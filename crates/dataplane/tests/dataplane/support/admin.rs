// SPDX-License-Identifier: Apache-2.0
//! The admin interface of either data plane.
//!
//! In: ours with its snapshots and numbers. Out: answers, byte for byte.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Instant, SystemTime},
};

use sluicegate_admin::{Action, Admin, ServerState, Startup, Views};
use sluicegate_dataplane::{DataPlane, State};
use sluicegate_snapshot::Subscriber;
use sluicegate_stats::Registry;

use super::client::{find, joined};

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) text: String,
}

/// Serves the admin API of our data plane as long as the process lives.
pub(crate) fn serve(plane: DataPlane, snapshots: Subscriber, registry: Registry) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let startup = Startup {
        version: "test".to_owned(),
        started: Instant::now(),
        started_at: SystemTime::now(),
        node: Default::default(),
        admin_address: address,
        options: Default::default(),
    };
    let mut views = Views::new(snapshots, registry, startup);
    let acting = plane.clone();
    let of = plane.clone();
    views.clusters = Arc::new(move || of.clusters());
    let of = plane.clone();
    views.listeners = Arc::new(move || of.listeners());
    views.state = Arc::new(move || match plane.state() {
        State::PreInitializing => ServerState::PreInitializing,
        State::Initializing => ServerState::Initializing,
        State::Live => ServerState::Live,
        State::Draining => ServerState::Draining,
    });
    views.actions = Arc::new(move |action| {
        match action {
            Action::HealthcheckFail => acting.healthcheck_fail(),
            Action::HealthcheckOk => acting.healthcheck_ok(),
            Action::ReopenLogs => acting.reopen_logs(),
            other => return Err(format!("{other:?}")),
        }
        Ok(())
    });
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            Admin::serve(listener, views, std::future::pending()).await;
        });
    });
    address
}

/// One request on a connection of its own; `None` when nobody answers.
pub(crate) fn ask(at: SocketAddr, method: &str, target: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(at).ok()?;
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let end = find(&bytes, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let body = &bytes[end..];
    let body = joined(body).unwrap_or_else(|| body.to_vec());
    let kind = head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "));
    Some(Answer {
        status: head.get(9..12)?.parse().ok()?,
        content_type: kind.unwrap_or_default().to_owned(),
        text: String::from_utf8(body).ok()?,
    })
}
