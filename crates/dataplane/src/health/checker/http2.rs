// SPDX-License-Identifier: Apache-2.0
//! Requests of the control side over HTTP/2: health checks, those of gRPC among them, and spans.
//!
//! In: a connection and what to ask. Out: the answer, read to its end. A task moves the bytes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{RecvStream, client, client::SendRequest};
use http::{HeaderMap, HeaderValue};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::AbortHandle,
};

use super::{Answer, Broken};
use crate::{
    http2::{Opened, request},
    io::Stream,
};

/// A connection; it closes when this is dropped.
pub(crate) struct Session {
    sender: SendRequest<Bytes>,
    task: AbortHandle,
}

impl Session {
    /// Begins to speak HTTP/2.
    pub(crate) async fn begin(stream: Stream) -> Result<Self, Broken> {
        let mut builder = client::Builder::new();
        builder.enable_push(false);
        let (sender, connection) = builder.handshake(Io(stream)).await.map_err(|_| Broken)?;
        let task = tokio::spawn(async {
            // The checks learn of its end by themselves.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            task: task.abort_handle(),
        })
    }

    /// Whether it can be asked again.
    pub(crate) fn usable(&self) -> bool {
        !self.task.is_finished()
    }

    /// Asks, with this body unless the head ends the request; keeps `limit` bytes of the answer's.
    pub(crate) async fn ask(
        &mut self,
        opened: &Opened<'_>,
        body: Vec<u8>,
        limit: usize,
    ) -> Result<Answer, Broken> {
        let request = request(opened).ok_or(Broken)?;
        let mut sender = self.sender.clone().ready().await.map_err(|_| Broken)?;
        let sent = sender.send_request(request, opened.ends);
        let (response, mut stream) = sent.map_err(|_| Broken)?;
        if !opened.ends {
            let sent = stream.send_data(body.into(), true);
            sent.map_err(|_| Broken)?;
        }
        let (parts, mut stream) = response.await.map_err(|_| Broken)?.into_parts();
        let mut answer = Answer {
            status: parts.status.as_u16(),
            degraded: parts.headers.contains_key("x-envoy-degraded"),
            immediate: parts
                .headers
                .contains_key("x-envoy-immediate-health-check-fail"),
            body: read(&mut stream, limit).await?,
            reusable: true,
            ..Answer::default()
        };
        let trailers = stream.trailers().await.map_err(|_| Broken)?;
        let fields = trailers.as_ref().unwrap_or(&parts.headers);
        let grpc_status = fields
            .get("grpc-status")
            .filter(|_| is_grpc(&parts.headers));
        answer.grpc_status = grpc_status.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(answer)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn is_grpc(fields: &HeaderMap) -> bool {
    let kind = fields.get("content-type").map(HeaderValue::as_bytes);
    let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
}

async fn read(stream: &mut RecvStream, limit: usize) -> Result<Vec<u8>, Broken> {
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece.map_err(|_| Broken)?;
        let room = limit - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        let released = stream.flow_control().release_capacity(piece.len());
        released.map_err(|_| Broken)?;
    }
    Ok(body)
}

/// A stream as the codec wants it.
struct Io(Stream);

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.0.poll_read_buf(cx, buffer))?;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes, b"")
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}
