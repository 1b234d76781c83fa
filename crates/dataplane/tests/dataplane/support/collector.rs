// SPDX-License-Identifier: Apache-2.0
//! A collector of spans: the trace service of OTLP over gRPC.
//!
//! In: what a data plane exports. Out: spans as text that is the same in every run: numbers, times
//! and ports are masked.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use sluicegate_xds::{
    otlp::{ExportTraceServiceRequest, Resource, Span, SpanKind, any_value},
    prost::Message,
};

use super::http2::{Upstream, read_body};

pub(crate) struct Collector {
    upstream: Upstream,
    /// What it answers: `grpc-status`.
    pub(crate) status: Arc<AtomicU32>,
    batches: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let batches = Arc::<Mutex<Vec<_>>>::default();
        let status = Arc::<AtomicU32>::default();
        let (kept, answer) = (batches.clone(), status.clone());
        let upstream = Upstream::start(h2::server::Builder::new(), move |request, mut respond| {
            let (kept, answer) = (kept.clone(), answer.clone());
            async move {
                let (parts, mut body) = request.into_parts();
                let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
                assert_eq!(parts.uri.path(), path);
                assert_eq!(parts.headers["content-type"], "application/grpc");
                assert_eq!(parts.headers["te"], "trailers");
                let body = read_body(&mut body).await.unwrap();
                let length = u32::from_be_bytes(body[1..5].try_into().unwrap());
                assert_eq!((body[0], length as usize), (0, body.len() - 5));
                let batch = ExportTraceServiceRequest::decode(&body[5..]).unwrap();
                let status = answer.load(SeqCst);
                if status == 0 {
                    kept.lock().unwrap().push(batch);
                }
                let mut response = Response::new(());
                let kind = HeaderValue::from_static("application/grpc");
                response.headers_mut().insert("content-type", kind);
                let mut send = respond.send_response(response, false).unwrap();
                send.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", status.to_string().parse().unwrap());
                send.send_trailers(trailers).unwrap();
            }
        });
        Self {
            upstream,
            status,
            batches,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.upstream.address
    }

    pub(crate) fn batches(&self) -> Vec<ExportTraceServiceRequest> {
        self.batches.lock().unwrap().clone()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let batches = self.batches();
        let of_process = batches.into_iter().flat_map(|batch| batch.resource_spans);
        let scopes = of_process.flat_map(|process| process.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// What is said of the process that exports.
    pub(crate) fn resource(&self) -> Resource {
        let batches = self.batches();
        let first = batches[0].resource_spans[0].resource.clone();
        first.unwrap()
    }

    /// The span of the request for this path, and those of its attempts in their order; waits for
    /// them.
    pub(crate) fn trace(&self, path: &str, attempts: usize) -> Vec<Span> {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let spans = self.spans();
            let url = |span: &&Span| {
                let url = attribute(span, "http.url");
                url.is_some_and(|url| url.ends_with(path))
            };
            if let Some(of_request) = spans.iter().find(url) {
                let id = &of_request.trace_id;
                let children = spans.iter().filter(|span| {
                    span.trace_id == *id && span.parent_span_id == of_request.span_id
                });
                let mut children: Vec<Span> = children.cloned().collect();
                children.sort_by_key(|span| span.start_time_unix_nano);
                if children.len() >= attempts {
                    assert_eq!(children.len(), attempts, "{children:#?}");
                    children.insert(0, of_request.clone());
                    return children;
                }
            }
            assert!(Instant::now() < until, "{path}: {spans:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The same as text.
    pub(crate) fn told(&self, path: &str, attempts: usize) -> Vec<String> {
        self.trace(path, attempts).iter().map(text).collect()
    }
}

pub(crate) fn attribute(span: &Span, name: &str) -> Option<String> {
    let one = span.attributes.iter().find(|one| one.key == name)?;
    match one.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        other => panic!("{name}: {other:?}"),
    }
}

/// A span without what differs from run to run.
pub(crate) fn text(span: &Span) -> String {
    assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    assert_eq!([span.trace_id.len(), span.span_id.len()], [16, 8]);
    let mut names: Vec<_> = span.attributes.iter().map(|one| &one.key).collect();
    names.sort();
    let attributes = names.into_iter().map(|name| {
        let value = attribute(span, name).unwrap();
        format!("\n  {name}={}", masked(name, &value))
    });
    let kind = match span.kind() {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        other => panic!("{other:?}"),
    };
    let code = span.status.as_ref().map_or(0, |status| status.code);
    let failed = if code == 2 { " failed" } else { "" };
    let flags = span.flags;
    let attributes: String = attributes.collect();
    format!("{kind} {} {flags:#x}{failed}{attributes}", span.name)
}

fn masked(name: &str, value: &str) -> String {
    match name {
        "guid:x-request-id" => {
            let parts: Vec<_> = value.split('-').collect();
            let form = parts.iter().map(|part| part.len());
            assert_eq!(form.collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{value}");
            format!("*-{}*", &parts[2][..1])
        }
        "upstream_address" | "peer.address" if value.contains(':') => {
            let (ip, _) = value.rsplit_once(':').unwrap();
            format!("{ip}:*")
        }
        _ => value.to_owned(),
    }
}
