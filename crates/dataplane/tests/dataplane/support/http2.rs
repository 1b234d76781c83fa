// SPDX-License-Identifier: Apache-2.0
//! An HTTP/2 client and a scripted HTTP/2 upstream, both of the `h2` crate.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use h2::{
    RecvStream, SendStream, client,
    client::{ResponseFuture, SendRequest},
    server,
    server::SendResponse,
};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
};

use sluicegate_testkit::patience;

use super::transcript;

/// Runs a test's client side, at most this long.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(async { tokio::time::timeout(2 * patience(), test).await })
        .expect("in time")
}

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) send: SendRequest<Bytes>,
    pub(crate) connection: Arc<JoinHandle<Result<(), h2::Error>>>,
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::with(address, &client::Builder::new()).await
    }

    pub(crate) async fn with(address: SocketAddr, builder: &client::Builder) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        Self::on(tcp, builder).await
    }

    /// On a stream that is there already.
    pub(crate) async fn on(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        builder: &client::Builder,
    ) -> Self {
        let (send, connection) = builder.handshake(stream).await.unwrap();
        Self {
            send,
            connection: Arc::new(tokio::spawn(connection)),
        }
    }

    pub(crate) async fn open(
        &self,
        request: Request<()>,
        ends: bool,
    ) -> (ResponseFuture, SendStream<Bytes>) {
        let mut send = self.send.clone().ready().await.unwrap();
        send.send_request(request, ends).unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(get(path)).await.unwrap()
    }

    pub(crate) async fn ask(&self, request: Request<()>) -> Result<Answer, h2::Error> {
        let mut send = self.send.clone().ready().await?;
        let (response, _) = send.send_request(request, true)?;
        read(response).await
    }

    pub(crate) async fn post(&self, request: Request<()>, body: &[u8]) -> Answer {
        let (response, mut send) = self.open(request, false).await;
        let sending = async {
            write(&mut send, body).await;
            send.send_data(Bytes::new(), true).unwrap();
        };
        let (answer, ()) = tokio::join!(read(response), sending);
        answer.unwrap()
    }
}

pub(crate) fn get(path: &str) -> Request<()> {
    Request::get(format!("http://test{path}")).body(()).unwrap()
}

pub(crate) fn post(path: &str) -> Request<()> {
    Request::post(format!("http://test{path}"))
        .body(())
        .unwrap()
}

/// Writes a body as far as there is room, and waits for more.
pub(crate) async fn write(send: &mut SendStream<Bytes>, body: &[u8]) {
    let mut rest = body;
    while !rest.is_empty() {
        send.reserve_capacity(rest.len());
        let room = std::future::poll_fn(|cx| send.poll_capacity(cx)).await;
        let Some(Ok(room)) = room else {
            return;
        };
        let (piece, after) = rest.split_at(room.min(rest.len()));
        if send
            .send_data(Bytes::copy_from_slice(piece), false)
            .is_err()
        {
            return;
        }
        rest = after;
    }
}

pub(crate) async fn read(response: ResponseFuture) -> Result<Answer, h2::Error> {
    let (parts, mut body) = response.await?.into_parts();
    let bytes = read_body(&mut body).await?;
    let trailers = body.trailers().await?;
    let head = format!("{}\r\n{}", parts.status, lines(&parts.headers));
    transcript::note("client of HTTP/2", &head, &bytes);
    if let Some(trailers) = &trailers {
        transcript::note("client of HTTP/2, trailers", &lines(trailers), b"");
    }
    Ok(Answer {
        status: parts.status.as_u16(),
        fields: parts.headers,
        body: bytes,
        trailers,
    })
}

fn lines(fields: &HeaderMap) -> String {
    let line = |(name, value): (_, &HeaderValue)| {
        format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()))
    };
    fields.iter().map(line).collect()
}

pub(crate) async fn read_body(body: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len()).unwrap();
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// These bytes come next.
pub(crate) async fn reads(body: &mut RecvStream, wanted: &[u8]) {
    let mut bytes = Vec::new();
    while bytes.len() < wanted.len() {
        let piece = body.data().await.unwrap().unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        bytes.extend_from_slice(&piece);
    }
    assert_eq!(bytes, wanted);
}

impl Answer {
    pub(crate) fn names(&self) -> Vec<&str> {
        self.fields.keys().map(|name| name.as_str()).collect()
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// An HTTP/2 upstream in a thread of its own.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) requests: Arc<AtomicUsize>,
}

impl Upstream {
    /// Serves each request by `handle`.
    pub(crate) fn start<F>(
        builder: server::Builder,
        handle: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Send + Clone + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) = (upstream.connections.clone(), upstream.requests.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((tcp, _)) = listener.accept().await {
                    connections.fetch_add(1, SeqCst);
                    let (handle, requests) = (handle.clone(), requests.clone());
                    let builder = builder.clone();
                    tokio::spawn(async move {
                        let mut connection = builder.handshake(tcp).await.unwrap();
                        while let Some(Ok((request, respond))) = connection.accept().await {
                            requests.fetch_add(1, SeqCst);
                            let (method, uri) = (request.method(), request.uri());
                            let head = format!("{method} {uri}\r\n{}", lines(request.headers()));
                            transcript::note("upstream of HTTP/2", &head, b"");
                            tokio::spawn(handle(request, respond));
                        }
                    });
                }
            });
        });
        upstream
    }

    /// Sends back what it gets, trailers as well; the request's fields go into `echo-` fields.
    pub(crate) fn echo() -> Self {
        Self::start(server::Builder::new(), |request, mut respond| async move {
            let (parts, mut body) = request.into_parts();
            let mut response = Response::new(());
            let fields = response.headers_mut();
            fields.insert("echo-uri", parts.uri.to_string().parse().unwrap());
            for (name, value) in &parts.headers {
                let name = format!("echo-{name}");
                fields.append(http::HeaderName::try_from(name).unwrap(), value.clone());
            }
            let ends = body.is_end_stream();
            let Ok(mut send) = respond.send_response(response, ends) else {
                return;
            };
            if ends {
                return;
            }
            while let Some(Ok(piece)) = body.data().await {
                let _ = body.flow_control().release_capacity(piece.len());
                write(&mut send, &piece).await;
            }
            let _ = match body.trailers().await {
                Ok(Some(trailers)) => send.send_trailers(trailers),
                _ => send.send_data(Bytes::new(), true),
            };
        })
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}
