// SPDX-License-Identifier: Apache-2.0
//! Carrying out health checks: the sockets behind [`probe`](super::probe).
//!
//! In: a check, the endpoint, the cluster's connection settings. Out: results. Runs on the control
//! runtime.

mod http1;
mod http2;

use std::{future::poll_fn, net::SocketAddr};

use tokio::time::timeout;

pub(crate) use http2::Session as Http2Session;

use super::{
    active::CheckResult,
    probe::{HttpProbe, ProbeAnswer, grpc_body, grpc_result, matches},
};
use crate::{
    connect::{Connected, Peer, establish},
    http::Limits,
    http2::Opened,
    io::Stream,
    plan::{Check, ClusterConfig, Endpoint, Probe},
    pool::Lane,
    stats::SslStats,
    tls::UpstreamTls,
};

/// Checks one host again and again; keeps its connection.
pub(super) struct Checker {
    address: SocketAddr,
    /// The cluster's TLS, with the protocols of the check.
    tls: Option<UpstreamTls>,
    probe: Probe,
    kept: Option<Kept>,
    /// Not shown: the cluster's own numbers are those of traffic.
    ssl_stats: SslStats,
}

/// A connection.
enum Kept {
    Http2(http2::Session),
    Plain(Stream),
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The result.
    pub(super) result: CheckResult,
    /// The status of the answer over HTTP; 0 if there was none.
    pub(super) status: u16,
    /// The answer carried `x-envoy-immediate-health-check-fail`.
    pub(super) immediate: bool,
}

/// An answer over HTTP.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    degraded: bool,
    immediate: bool,
    /// As much as is looked at.
    body: Vec<u8>,
    /// `grpc-status`.
    pub(crate) grpc_status: Option<u32>,
    /// The connection can serve another check.
    reusable: bool,
}

/// Why there is no answer: the connection broke, or what came is not the protocol.
pub(crate) struct Broken;

impl Checker {
    /// For a host.
    pub(super) fn new(endpoint: &Endpoint, check: &Check, config: &ClusterConfig) -> Self {
        let mut probe = check.probe.clone();
        let host = match &mut probe {
            Probe::Http(http) => Some(&mut http.host),
            Probe::Grpc(grpc) => Some(&mut grpc.host),
            Probe::Tcp { .. } => None,
        };
        if let Some(host) = host {
            let named = [&endpoint.checked.hostname, &*host];
            let named = named.into_iter().find(|name| !name.is_empty());
            *host = named.map_or_else(|| config.name.to_string(), String::clone);
        }
        let tls = config.tls.as_ref();
        Self {
            address: endpoint.check_address(),
            tls: tls.map(|tls| tls.for_checks(&check.alpn)),
            probe,
            kept: None,
            ssl_stats: SslStats::default(),
        }
    }

    /// One check.
    pub(super) async fn check(&mut self, check: &Check, config: &ClusterConfig) -> Outcome {
        let failed = |result| Outcome {
            result,
            status: 0,
            immediate: false,
        };
        let mut kept = self.kept.take();
        if kept.as_mut().is_some_and(|kept| !kept.usable()) {
            kept = None;
        }
        let asked = async {
            let mut kept = match kept {
                Some(kept) => kept,
                None => self.connect(config).await?,
            };
            let (outcome, reusable) = self.ask(&mut kept, check, config).await?;
            Ok((outcome, reusable.then_some(kept)))
        };
        match timeout(check.timeout, asked).await {
            Ok(Ok((outcome, kept))) => {
                self.kept = kept.filter(|_| check.reuse_connection);
                outcome
            }
            Ok(Err(Broken)) => failed(CheckResult::Network),
            Err(_) => failed(CheckResult::NetworkTimeout),
        }
    }

    async fn ask(
        &self,
        kept: &mut Kept,
        check: &Check,
        config: &ClusterConfig,
    ) -> Result<(Outcome, bool), Broken> {
        let (answer, result) = match (&self.probe, kept) {
            (Probe::Http(probe), Kept::Plain(stream)) => {
                let limits = Limits {
                    count: config.max_headers_count,
                    bytes: config.max_response_headers,
                };
                let answer = http1::ask(stream, probe, limits).await?;
                let result = http_result(probe, &answer);
                (answer, result)
            }
            (Probe::Http(probe), Kept::Http2(session)) => {
                let head = probe.request();
                let opened = self.opened(&head, probe.body.is_empty());
                let body = probe.body.clone();
                let answer = session.ask(&opened, body, body_limit(probe)).await?;
                let result = http_result(probe, &answer);
                (answer, result)
            }
            (Probe::Grpc(probe), Kept::Http2(session)) => {
                let head = probe.request(check.timeout.as_millis());
                let body = grpc_body(&probe.service);
                let opened = self.opened(&head, false);
                let answer = session.ask(&opened, body, usize::MAX).await?;
                let result = grpc_result(answer.status, answer.grpc_status, &answer.body);
                (answer, result)
            }
            (Probe::Tcp { send, receive }, Kept::Plain(stream)) => {
                let result = tcp(stream, send, receive).await?;
                (Answer::default(), result)
            }
            _ => return Err(Broken),
        };
        let outcome = Outcome {
            result,
            status: answer.status,
            immediate: answer.immediate,
        };
        Ok((outcome, answer.reusable))
    }

    fn opened<'a>(&self, head: &'a [u8], ends: bool) -> Opened<'a> {
        Opened {
            head,
            https: self.tls.is_some(),
            ends,
        }
    }

    /// A connection of its own, with the header of the PROXY protocol sent. `connect_timeout` is for
    /// traffic only, as in Envoy.
    async fn connect(&self, config: &ClusterConfig) -> Result<Kept, Broken> {
        let peer = Peer {
            address: self.address,
            more_addresses: &[],
            config,
            tls: self.tls.as_ref(),
            ssl_stats: Some(&self.ssl_stats),
        };
        let Connected {
            mut stream,
            preface,
        } = establish(peer, &Lane::default())
            .await
            .map_err(|_| Broken)?;
        write(&mut stream, &preface).await?;
        let http2 = match &self.probe {
            Probe::Grpc(_) => true,
            Probe::Http(http) => http.http2,
            Probe::Tcp { .. } => false,
        };
        if !http2 {
            return Ok(Kept::Plain(stream));
        }
        Ok(Kept::Http2(http2::Session::begin(stream).await?))
    }
}

impl Kept {
    fn usable(&mut self) -> bool {
        match self {
            Self::Http2(session) => session.usable(),
            Self::Plain(stream) => stream.quiet(),
        }
    }
}

fn http_result(probe: &HttpProbe, answer: &Answer) -> CheckResult {
    probe.result(ProbeAnswer {
        status: answer.status,
        degraded: answer.degraded,
        body: &answer.body,
    })
}

/// How much of a body is kept.
fn body_limit(probe: &HttpProbe) -> usize {
    match (probe.receive.is_empty(), probe.response_buffer_size) {
        (true, _) => 0,
        (false, 0) => usize::MAX,
        (false, limit) => limit,
    }
}

async fn tcp(stream: &mut Stream, send: &[u8], receive: &[Vec<u8>]) -> Result<CheckResult, Broken> {
    write(stream, send).await?;
    let mut bytes = Vec::new();
    while !matches(receive, &bytes) {
        if read(stream, &mut bytes).await? == 0 {
            return Err(Broken);
        }
    }
    Ok(CheckResult::Succeeded { degraded: false })
}

/// Sends these bytes.
pub(crate) async fn write(stream: &mut Stream, mut bytes: &[u8]) -> Result<(), Broken> {
    while !bytes.is_empty() {
        let written = poll_fn(|cx| stream.poll_write(cx, bytes, b"")).await;
        let count = written.map_err(|_| Broken)?;
        bytes = &bytes[count..];
    }
    let flushed = poll_fn(|cx| stream.poll_flush(cx)).await;
    flushed.map_err(|_| Broken)
}

async fn read(stream: &mut Stream, into: &mut Vec<u8>) -> Result<usize, Broken> {
    let mut piece = [0; 4096];
    let count = poll_fn(|cx| stream.poll_read(cx, &mut piece)).await;
    let count = count.map_err(|_| Broken)?;
    into.extend_from_slice(&piece[..count]);
    Ok(count)
}
