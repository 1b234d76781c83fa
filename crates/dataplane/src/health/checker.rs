// SPDX-License-Identifier: Apache-2.0
//! Carrying out health checks: the sockets behind [`probe`](super::probe).
//!
//! In: a check, the address, the cluster's connection settings. Out: results. Runs on the control
//! runtime.

use std::{future::poll_fn, net::SocketAddr};

use tokio::time::timeout;

use super::{
    active::CheckResult,
    probe::{HttpProbe, ProbeAnswer, matches},
};
use crate::{
    connect::{Connected, Peer, connect},
    failure::Failure,
    io::Stream,
    plan::{Check, ClusterConfig, Probe},
    pool::Lane,
    stats::SslStats,
};

/// Checks one host again and again; keeps its connection.
pub(super) struct Checker {
    address: SocketAddr,
    stream: Option<Stream>,
    /// Not shown: the cluster's own numbers are those of traffic.
    ssl_stats: SslStats,
}

/// Why there is no answer: the connection broke, or what came is not HTTP.
enum Broken {
    Network,
    Garbage,
}

impl Checker {
    /// For a host.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            ssl_stats: SslStats::default(),
        }
    }

    /// One check.
    pub(super) async fn check(&mut self, check: &Check, config: &ClusterConfig) -> CheckResult {
        let mut kept = self.stream.take();
        if kept.as_mut().is_some_and(|stream| !stream.quiet()) {
            kept = None;
        }
        let mut stream = match kept {
            Some(stream) => stream,
            None => match timeout(check.timeout, self.connect(config)).await {
                Ok(Ok(stream)) => stream,
                Err(_) | Ok(Err(Failure::ConnectTimeout)) => return CheckResult::NetworkTimeout,
                Ok(Err(_)) => return CheckResult::Network,
            },
        };
        let attempt = async {
            match &check.probe {
                Probe::Http(probe) => http(&mut stream, probe).await,
                Probe::Tcp { send, receive } => tcp(&mut stream, send, receive)
                    .await
                    .map(|result| (result, false)),
            }
        };
        match timeout(check.timeout, attempt).await {
            Ok(Ok((result, reusable))) => {
                if reusable && check.reuse_connection {
                    self.stream = Some(stream);
                }
                result
            }
            Ok(Err(Broken::Network)) => CheckResult::Network,
            Ok(Err(Broken::Garbage)) => CheckResult::Network,
            Err(_) => CheckResult::NetworkTimeout,
        }
    }
}

impl Checker {
    /// A connection of its own, with the header of the PROXY protocol sent.
    async fn connect(&self, config: &ClusterConfig) -> Result<Stream, Failure> {
        let peer = Peer {
            address: self.address,
            more_addresses: &[],
            config,
            ssl_stats: Some(&self.ssl_stats),
        };
        let Connected {
            mut stream,
            preface,
        } = connect(peer, &Lane::default()).await?;
        let sent = write(&mut stream, &preface).await;
        sent.map_err(|_| Failure::Terminated)?;
        Ok(stream)
    }
}

/// An exchange over HTTP, and whether the connection can serve another.
async fn http(stream: &mut Stream, probe: &HttpProbe) -> Result<(CheckResult, bool), Broken> {
    write(stream, &probe.request()).await?;
    let mut bytes = Vec::new();
    loop {
        if let Some((status, degraded, close, length)) = head(&bytes)? {
            let mut body = bytes.split_off(length.0);
            let enough = match length.1 {
                Some(all) => all,
                None => usize::MAX,
            };
            let limit = match probe.response_buffer_size {
                0 => usize::MAX,
                limit => limit,
            };
            let wanted = if probe.receive.is_empty() { 0 } else { limit };
            let method_has_none = probe.method == "HEAD";
            while !method_has_none
                && body.len() < enough
                && (body.len() < wanted || (length.1.is_some() && body.len() < DRAINED))
            {
                if read(stream, &mut body).await? == 0 {
                    break;
                }
            }
            let answer = ProbeAnswer {
                status,
                degraded,
                body: &body,
            };
            let reusable = !close && (method_has_none || body.len() == enough);
            return Ok((probe.result(answer), reusable));
        }
        if read(stream, &mut bytes).await? == 0 {
            return Err(Broken::Network);
        }
    }
}

type Head = (u16, bool, bool, (usize, Option<usize>));

/// Status, degraded, close, then where the body begins and how long it is, if that is known.
fn head(bytes: &[u8]) -> Result<Option<Head>, Broken> {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut fields);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Broken::Garbage),
    };
    let status = response.code.unwrap_or(0);
    let field = |name: &str| {
        let mut fields = response.headers.iter();
        let found = fields.find(|field| field.name.eq_ignore_ascii_case(name));
        found.map(|field| field.value.trim_ascii())
    };
    let close = field("connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"))
        || response.version == Some(0);
    let body = if matches!(status, 204 | 304) {
        Some(0)
    } else {
        field("content-length")
            .and_then(|value| std::str::from_utf8(value).ok())
            .and_then(|value| value.parse().ok())
    };
    let degraded = field("x-envoy-degraded").is_some();
    Ok(Some((status, degraded, close, (length, body))))
}

async fn tcp(stream: &mut Stream, send: &[u8], receive: &[Vec<u8>]) -> Result<CheckResult, Broken> {
    write(stream, send).await?;
    let mut bytes = Vec::new();
    while !matches(receive, &bytes) {
        if read(stream, &mut bytes).await? == 0 {
            return Err(Broken::Network);
        }
    }
    Ok(CheckResult::Succeeded { degraded: false })
}

async fn write(stream: &mut Stream, mut bytes: &[u8]) -> Result<(), Broken> {
    while !bytes.is_empty() {
        let written = poll_fn(|cx| stream.poll_write(cx, bytes, b"")).await;
        let count = written.map_err(|_| Broken::Network)?;
        bytes = &bytes[count..];
    }
    let flushed = poll_fn(|cx| stream.poll_flush(cx)).await;
    flushed.map_err(|_| Broken::Network)
}

async fn read(stream: &mut Stream, into: &mut Vec<u8>) -> Result<usize, Broken> {
    let mut piece = [0; 4096];
    let count = poll_fn(|cx| stream.poll_read(cx, &mut piece)).await;
    let count = count.map_err(|_| Broken::Network)?;
    into.extend_from_slice(&piece[..count]);
    Ok(count)
}

/// A longer body is not read to its end: the connection is closed instead.
const DRAINED: usize = 64 * 1024;
