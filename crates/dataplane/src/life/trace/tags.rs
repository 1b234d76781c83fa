// SPDX-License-Identifier: Apache-2.0
//! What spans tell, under Envoy's names.
//!
//! In: a request's head, its cluster, how it ended. Out: the name of its span, and attributes.

use super::{CLIENT_TRACE_ID, Trace, lossy};
use crate::{
    life::{facts, session::Session},
    route::Facts,
    trace::{Attributes, CustomTag},
};

impl Trace {
    /// The name of the request's span: the one that is configured, its client's, its route's, or
    /// Envoy's for all.
    pub(super) fn name(&self, facts: &Facts<'_>) -> String {
        if let Some(format) = self.format() {
            return format.text(facts);
        }
        let route = self.route.as_ref();
        let decorator = route.and_then(|route| route.decorator.as_ref());
        let named = decorator.map(|decorator| &decorator.operation);
        let named = self.operation.as_ref().or(named);
        named.map_or_else(|| "ingress".to_owned(), String::clone)
    }

    /// The name of an attempt's span.
    pub(super) fn attempt_name(&self, facts: &Facts<'_>) -> String {
        let route = self.route.as_ref();
        let of_route = route.and_then(|route| route.names.attempt.as_ref());
        let format = of_route.or(self.tracing.names.attempt.as_ref());
        let cluster = self.cluster.as_ref();
        let cluster = cluster.map_or("", |cluster| &cluster.stat_name);
        format.map_or_else(
            || format!("router {cluster} egress"),
            |format| format.text(facts),
        )
    }

    /// What the request itself says.
    pub(super) fn of_request(&self, session: &Session, attributes: &mut Attributes) {
        let find = |name| self.find(name);
        let text = |name| find(name).map_or_else(|| "-".to_owned(), lossy);
        if let Some(id) = &self.request_id {
            attributes.set("guid:x-request-id", lossy(id));
        }
        attributes.set("http.url", self.url());
        attributes.set("http.method", text(":method"));
        attributes.set(
            "downstream_cluster",
            text("x-envoy-downstream-service-cluster"),
        );
        attributes.set("user_agent", text("user-agent"));
        let http2 = session.stream.is_http2();
        attributes.set("http.protocol", if http2 { "HTTP/2" } else { "HTTP/1.1" });
        attributes.set("peer.address", session.peer.ip().to_canonical().to_string());
        if let Some(id) = find(CLIENT_TRACE_ID) {
            attributes.set("guid:x-client-trace-id", lossy(id));
        }
    }

    /// What a gRPC request says beside.
    pub(super) fn of_grpc(&self, attributes: &mut Attributes) {
        for (tag, name) in [
            ("grpc.path", ":path"),
            ("grpc.authority", ":authority"),
            ("grpc.content_type", "content-type"),
            ("grpc.timeout", "grpc-timeout"),
        ] {
            if let Some(value) = self.find(name) {
                attributes.set(tag, lossy(value));
            }
        }
    }

    /// How a gRPC request ended. What its client did wrong is no error.
    pub(super) fn outcome_of_grpc(&self, attributes: &mut Attributes) {
        let (status, message) = &self.grpc;
        if let Some(status) = status {
            attributes.set("grpc.status_code", status.as_str());
            let code = status.parse();
            if code.is_ok_and(|code: u32| matches!(code, 2 | 4 | 8 | 12..=15)) {
                attributes.error();
            }
        }
        if let Some(message) = message {
            attributes.set("grpc.message", message.as_str());
        }
    }

    /// As the client asked for it, with the host that the upstream is asked for.
    fn url(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        let host = self.find(":authority").map(lossy).unwrap_or_default();
        let path = self.find("x-envoy-original-path");
        let path = path.or_else(|| self.find(":path")).unwrap_or_default();
        let length = path.len().min(self.tracing.max_path);
        format!("{scheme}://{host}{}", lossy(&path[..length]))
    }

    /// What spans of requests and of attempts have in common.
    pub(super) fn common(&self, status: u16, flags: &str, attributes: &mut Attributes) {
        attributes.set("component", "proxy");
        if let Some(cluster) = &self.cluster {
            attributes.set("upstream_cluster", &*cluster.name);
            attributes.set("upstream_cluster.name", cluster.stat_name.as_str());
        }
        attributes.status(status);
        attributes.set("response_flags", flags);
    }

    /// What the configuration adds.
    pub(super) fn custom_tags(&self, facts: &Facts<'_>, attributes: &mut Attributes) {
        let of_route = self.route.iter().flat_map(|route| &route.tags);
        let named = |tag: &&CustomTag| {
            let mut others = of_route.clone();
            !others.any(|other| other.name == tag.name)
        };
        let tags = self.tracing.tags.iter().filter(named);
        for tag in tags.chain(of_route.clone()) {
            if let Some(value) = tag.value(|name| self.find(name), facts) {
                attributes.set(&tag.name, value);
            }
        }
    }

    fn find(&self, name: &str) -> Option<&[u8]> {
        facts::field_of(&self.head, name)
    }
}
