// SPDX-License-Identifier: Apache-2.0
//! A client that sends bytes as they are given and shows bytes as they came.
//!
//! In: an address and bytes. Out: whole HTTP/1 responses, or what is left until the peer closes.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{Message, within};

/// One connection.
#[derive(Debug)]
pub struct RawClient {
    stream: TcpStream,
    buffer: Vec<u8>,
    heads: Vec<bool>,
}

impl RawClient {
    /// Connects.
    ///
    /// # Errors
    /// When the peer refuses or does not answer.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = within("connect", TcpStream::connect(address)).await?;
        let stream = stream.with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
            heads: Vec::new(),
        })
    }

    /// The address of this end, which the origin may report.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn local_address(&self) -> Result<SocketAddr> {
        Ok(self.stream.local_addr()?)
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the peer has closed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        let bytes = bytes.as_ref();
        if bytes.starts_with(b"HEAD ") {
            self.heads.push(true);
        }
        within("send", self.stream.write_all(bytes)).await??;
        Ok(())
    }

    /// Sends a `GET` with nothing but a host.
    ///
    /// # Errors
    /// As [`RawClient::send`].
    pub async fn get(&mut self, host: &str, target: &str) -> Result<Message> {
        let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        self.send(request).await?;
        self.response().await
    }

    /// Reads one final response; interim ones (1xx, but for 101) are skipped.
    ///
    /// # Errors
    /// When the peer closes before its end or takes too long.
    pub async fn response(&mut self) -> Result<Message> {
        loop {
            let response = self.any_response().await?;
            if response.status() >= 200 || response.status() == 101 {
                return Ok(response);
            }
        }
    }

    /// Reads one response, which may be an interim one.
    ///
    /// # Errors
    /// As [`RawClient::response`].
    pub async fn any_response(&mut self) -> Result<Message> {
        let (stream, buffer) = (&mut self.stream, &mut self.buffer);
        let head = within("response head", Message::read_head(stream, buffer)).await??;
        let Some(mut response) = head else {
            bail!("closed without a response");
        };
        let status = response.status();
        let interim = status < 200;
        let to_head = !interim && self.heads.pop().is_some();
        if !interim && !to_head && !matches!(status, 204 | 304) {
            let body = response.read_body(&mut self.stream, &mut self.buffer, true);
            within("response body", body).await??;
        }
        Ok(response)
    }

    /// Everything until the peer closes or resets.
    ///
    /// # Errors
    /// When it does not.
    pub async fn rest(&mut self) -> Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.buffer);
        // A reset is one way to close.
        let _ = within("close", self.stream.read_to_end(&mut rest)).await?;
        Ok(rest)
    }

    /// Closes the sending half.
    ///
    /// # Errors
    /// When the socket is gone.
    pub async fn finish(&mut self) -> Result<()> {
        Ok(self.stream.shutdown().await?)
    }
}
