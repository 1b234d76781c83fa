// SPDX-License-Identifier: Apache-2.0
//! An upstream whose answers are written down one after the other.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Instant,
};

use super::upstream::{Exchange, Upstream};

/// What is done with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    /// The connection is closed at once.
    Close,
    /// Nothing, until the other side gives up.
    Hang,
    /// The head only, and none of the body is read; then nothing.
    Head(&'static str),
    /// The body is read, then this is written.
    Say(&'static str),
    /// A response of this status with a body of two bytes.
    Status(u16),
}

pub(crate) struct Script {
    pub(crate) upstream: Upstream,
    /// When each request came.
    pub(crate) times: Arc<Mutex<Vec<Instant>>>,
    /// Bodies of requests that were read.
    pub(crate) bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Script {
    /// Plays the steps; the last one again and again.
    pub(crate) fn play(steps: &[Step]) -> Self {
        let steps = steps.to_vec();
        let times = Arc::<Mutex<Vec<Instant>>>::default();
        let bodies = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let (noted, kept) = (times.clone(), bodies.clone());
        let next = AtomicUsize::new(0);
        let upstream = Upstream::start(move |exchange| {
            noted.lock().unwrap().push(Instant::now());
            let at = next.fetch_add(1, SeqCst).min(steps.len() - 1);
            let read = |exchange: &mut Exchange<'_>| {
                kept.lock().unwrap().push(exchange.read_body());
            };
            let answer = match steps[at] {
                Step::Close => return false,
                Step::Hang => {
                    read(exchange);
                    let mut byte = [0];
                    return matches!(exchange.stream.read(&mut byte), Ok(1));
                }
                Step::Head(text) => {
                    exchange.stream.write_all(text.as_bytes()).unwrap();
                    let mut ignored = Vec::new();
                    let _ = exchange.stream.read_to_end(&mut ignored);
                    return false;
                }
                Step::Say(text) => text.to_owned(),
                Step::Status(status) => {
                    format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok")
                }
            };
            read(exchange);
            exchange.stream.write_all(answer.as_bytes()).is_ok()
        });
        Self {
            upstream,
            times,
            bodies,
        }
    }

    /// Requests so far.
    pub(crate) fn attempts(&self) -> usize {
        self.upstream.count()
    }
}

/// An address where nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
