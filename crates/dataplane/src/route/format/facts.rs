// SPDX-License-Identifier: Apache-2.0
//! What operators can tell.
//!
//! In: whoever knows a request or a connection. Out: one view of it for operators and for the
//! filters of access logs. What is not known yet, or never will be, is `None`.

use std::{net::SocketAddr, time::Duration};

/// Everything that may be known.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts<'a> {
    /// The first value of a request field, or pseudo field, in lower case.
    pub(crate) request: Option<&'a Find<'a>>,
    /// The same of the response.
    pub(crate) response: Option<&'a Find<'a>>,
    /// The same of the response's trailers.
    pub(crate) trailers: Option<&'a Find<'a>>,
    /// The trusted address of the client.
    pub(crate) client: Option<SocketAddr>,
    /// The other end of the client's connection.
    pub(crate) peer: Option<SocketAddr>,
    /// Our end of it.
    pub(crate) local: Option<SocketAddr>,
    /// What the client speaks; `None` where it is not HTTP.
    pub(crate) protocol: Option<Protocol>,
    /// Age of the request or connection.
    pub(crate) age: Duration,
    /// When what happened, in time since the beginning.
    pub(crate) moments: Moments,
    /// The number of the client's connection.
    pub(crate) connection: Option<u64>,
    /// The name that the client's TLS asks for.
    pub(crate) server_name: Option<&'a str>,
    /// The version of the client's TLS.
    pub(crate) tls_version: Option<&'static str>,
    /// Why the client's TLS failed.
    pub(crate) tls_failure: Option<&'a str>,
    /// The name of the route.
    pub(crate) route: Option<&'a str>,
    /// The name of the cluster.
    pub(crate) cluster: Option<&'a str>,
    /// The address of the host that was picked.
    pub(crate) host: Option<SocketAddr>,
    /// What that host is called.
    pub(crate) host_name: Option<&'a str>,
    /// The connection to it.
    pub(crate) upstream: Option<Upstream>,
    /// Why there is no connection to the host; empty where that is not known.
    pub(crate) transport_failure: &'a str,
    /// Why the client's connection ended; empty where that is not known.
    pub(crate) termination: &'a str,
    /// `%ACCESS_LOG_TYPE%`; empty outside of access logs.
    pub(crate) kind: &'static str,
    /// The numbers of the request's trace and span.
    pub(crate) trace: Option<([u8; 16], [u8; 8])>,
    /// Bytes with their framing, on the client's side.
    pub(crate) downstream_wire: Option<Wire>,
    /// The same on the host's side, of all attempts.
    pub(crate) upstream_wire: Option<Wire>,
    /// How often the request was sent, or was to be.
    pub(crate) attempts: u32,
    /// Somebody wants the request traced, or chance does.
    pub(crate) traced: bool,
    /// Bytes of body from the client.
    pub(crate) received: u64,
    /// Bytes of body to the client.
    pub(crate) sent: u64,
    /// The response's status.
    pub(crate) status: u16,
    /// How a gRPC request ended.
    pub(crate) grpc: Option<u32>,
    /// `%RESPONSE_FLAGS%`.
    pub(crate) flags: &'a str,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub(crate) details: &'a str,
}

/// Finds a field by its name.
pub(crate) type Find<'a> = dyn Fn(&str) -> Option<&'a [u8]> + 'a;

/// What a side speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// A connection to a host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Upstream {
    /// Our end of it, where that is kept.
    pub(crate) local: Option<SocketAddr>,
    /// What it speaks; `None` where it is not HTTP.
    pub(crate) protocol: Option<Protocol>,
}

/// Bytes on one side.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wire {
    /// From there.
    pub(crate) received: u64,
    /// To there.
    pub(crate) sent: u64,
}

/// Times since the beginning of a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    /// The last byte of the request was received.
    pub(crate) received: Option<Duration>,
    /// The last byte of it was sent to the host.
    pub(crate) forwarded: Option<Duration>,
    /// The head of the host's response was there.
    pub(crate) answered: Option<Duration>,
    /// The last byte of the response was sent to the client.
    pub(crate) responded: Option<Duration>,
}

impl Facts<'_> {
    /// The first value of a request field.
    pub(crate) fn request_field(&self, name: &str) -> Option<&[u8]> {
        self.request.and_then(|find| find(name))
    }
}
