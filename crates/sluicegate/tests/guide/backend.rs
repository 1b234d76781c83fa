// SPDX-License-Identifier: Apache-2.0
//! Backends that do what a section says.
//!
//! In: the text of a section. Out: a listening backend, of the kind whose sentence stands in it;
//! one that answers, where none does.

use std::any::Any;

use h2::Reason;
use sluicegate_testkit::{FullBacklog, RawOrigin, Step, free_port};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

/// A backend as long as it is held.
pub(crate) struct Backend {
    port: u16,
    _held: Box<dyn Any + Send>,
}

/// Ends a task when dropped.
struct Aborts(JoinHandle<()>);

impl Drop for Aborts {
    fn drop(&mut self) {
        self.0.abort();
    }
}

type Script = fn() -> Step;

impl Backend {
    pub(crate) async fn of(section: &str) -> Self {
        let says = |sentence: &str| section.contains(sentence);
        if says("The backend refuses connections.") {
            return Self::new(free_port(), ());
        }
        if says("The backend does not accept connections.") {
            let backlog = FullBacklog::start().unwrap();
            return Self::new(backlog.address().port(), backlog);
        }
        if says("The backend speaks plain HTTP.") {
            return Self::accepting(plain).await;
        }
        if says("The backend resets every stream of HTTP/2.") {
            return Self::accepting(|stream| resetting(stream, Reason::INTERNAL_ERROR)).await;
        }
        if says("The backend refuses every stream of HTTP/2.") {
            return Self::accepting(|stream| resetting(stream, Reason::REFUSED_STREAM)).await;
        }
        let scripts: [(&str, Script); 6] = [
            ("The backend closes connections without an answer.", || {
                Step::Close
            }),
            ("The backend answers in another protocol.", || {
                Step::RespondAndClose(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())
            }),
            ("The backend never answers.", || Step::Stall),
            ("The backend answers 503.", || {
                Step::response("503 Service Unavailable", "", "no database\n")
            }),
            ("The backend breaks off its answer.", || {
                let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it\n";
                Step::RespondAndClose(half.to_vec())
            }),
            ("The backend goes silent in its answer.", || {
                let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it\n";
                Step::Respond(half.to_vec())
            }),
        ];
        let script = scripts.iter().find(|(sentence, _)| says(sentence));
        let script = script.map_or((|| Step::ok("hello\n")) as Script, |(_, script)| *script);
        let origin = RawOrigin::start(move |_| script()).await.unwrap();
        Self::new(origin.address().port(), origin)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn new(port: u16, held: impl Any + Send) -> Self {
        let _held = Box::new(held);
        Self { port, _held }
    }

    /// Serves each connection with `serve`.
    async fn accepting<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Self::new(port, Aborts(task))
    }
}

/// What a server without TLS makes of the first message of a handshake.
async fn plain(mut stream: TcpStream) {
    let mut bytes = [0; 4096];
    if stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {
        let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        let _ = stream.write_all(answer).await;
    }
    // Until the other side has seen enough.
    let _ = stream.read(&mut bytes).await;
}

async fn resetting(stream: TcpStream, reason: Reason) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        respond.send_reset(reason);
    }
}
