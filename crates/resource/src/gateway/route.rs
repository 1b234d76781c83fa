// SPDX-License-Identifier: Apache-2.0
//! Routes: one model for every kind of them.
//!
//! In: a document (`decode`, `grpc`, `layer4`, `matches`, `filters`, `backends`). Out: these types.

mod backends;
mod decode;
mod filters;
mod grpc;
mod layer4;
mod matches;

pub(crate) use backends::lone_backend;
pub(crate) use matches::header_match;

use std::time::Duration;

use sluicegate_manifest::FieldPath;

/// What a route carries, by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Carried {
    /// Calls: a GRPCRoute.
    Grpc,
    /// Requests: an HTTPRoute.
    #[default]
    Http,
    /// Connections: a TCPRoute.
    Tcp,
    /// Connections by the name that TLS asks for: a TLSRoute.
    Tls,
    /// Datagrams: a UDPRoute, which is read and never served.
    Udp,
}

impl Carried {
    /// What a kind of route carries.
    pub(crate) fn by(kind: &str) -> Self {
        match kind {
            "GRPCRoute" => Self::Grpc,
            "TCPRoute" => Self::Tcp,
            "TLSRoute" => Self::Tls,
            "UDPRoute" => Self::Udp,
            _ => Self::Http,
        }
    }

    /// Whether it is requests, with all that only these have.
    pub fn is_requests(self) -> bool {
        matches!(self, Self::Grpc | Self::Http)
    }
}

/// A route of any kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Route {
    /// What it carries.
    pub carried: Carried,
    /// `parentRefs`.
    pub parent_refs: Vec<ParentRef>,
    /// `hostnames`, of TLSRoutes the names that TLS asks for; empty means the listener's.
    pub hostnames: Vec<String>,
    /// `rules`, 1..16; default one rule that matches everything. Routes of connections have one.
    pub rules: Vec<RouteRule>,
}

/// A parent of a route, with the API's defaults applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentRef {
    /// Group, default `gateway.networking.k8s.io`.
    pub group: String,
    /// Kind, default `Gateway`.
    pub kind: String,
    /// Namespace; `None` means the route's.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// `sectionName`.
    pub section_name: Option<String>,
    /// `port`.
    pub port: Option<u16>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteRule {
    /// `name`.
    pub name: Option<String>,
    /// `matches`; the default is path prefix `/`, and only connections have none.
    pub matches: Vec<RouteMatch>,
    /// `filters`.
    pub filters: Vec<Filter>,
    /// `backendRefs`.
    pub backend_refs: Vec<BackendRef>,
    /// `timeouts`.
    pub timeouts: RouteTimeouts,
    /// `retry`.
    pub retry: Option<RouteRetry>,
    /// Path of the rule in the document.
    pub path: FieldPath,
}

/// One match; its parts are ANDed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteMatch {
    /// `path`, default prefix `/`.
    pub path: PathMatch,
    /// `headers`, first of each name only.
    pub headers: Vec<HeaderMatch>,
    /// `queryParams`, first of each name only.
    pub query_params: Vec<QueryParamMatch>,
    /// `method`.
    pub method: Option<String>,
}

/// A path match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch {
    /// Byte-equal.
    Exact(String),
    /// Method of a gRPC service; only gRPC requests match.
    Grpc(GrpcMethod),
    /// By path elements.
    PathPrefix(String),
    /// The whole path, RE2 syntax.
    RegularExpression(String),
}

/// A gRPC method, as `method` of a GRPCRoute's match has it; what is absent matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrpcMethod {
    /// `service`, with its package.
    pub service: Option<Matcher>,
    /// `method`.
    pub method: Option<Matcher>,
}

/// How a header or query value is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    /// Byte-equal.
    Exact(String),
    /// The whole value, RE2 syntax.
    RegularExpression(String),
}

impl Matcher {
    /// The value or the pattern.
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::RegularExpression(text) => text,
        }
    }
}

/// A header match; the name is lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderMatch {
    /// Name in lower case.
    pub name: String,
    /// Value.
    pub value: Matcher,
}

/// A query parameter match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryParamMatch {
    /// Name, case-sensitive.
    pub name: String,
    /// Value.
    pub value: Matcher,
}

/// A filter of a rule or a backend.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// `ExtensionRef` or a type that we do not implement: (type, group/kind/name or empty).
    Extension(String, String),
    /// `RequestHeaderModifier`.
    RequestHeaderModifier(HeaderModifier),
    /// `RequestMirror`.
    RequestMirror(RequestMirror),
    /// `RequestRedirect`.
    RequestRedirect(RequestRedirect),
    /// `ResponseHeaderModifier`.
    ResponseHeaderModifier(HeaderModifier),
    /// `URLRewrite`.
    UrlRewrite(UrlRewrite),
}

/// Header changes; the three name sets are disjoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderModifier {
    /// `set`.
    pub set: Vec<HeaderValue>,
    /// `add`.
    pub add: Vec<HeaderValue>,
    /// `remove`.
    pub remove: Vec<String>,
}

/// A header to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderValue {
    /// Name as written.
    pub name: String,
    /// Value.
    pub value: String,
}

/// `RequestRedirect`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRedirect {
    /// `scheme`.
    pub scheme: Option<String>,
    /// `hostname`.
    pub hostname: Option<String>,
    /// `path`.
    pub path: Option<PathModifier>,
    /// `port`.
    pub port: Option<u16>,
    /// `statusCode`: 301, 302 (default), 303, 307 or 308.
    pub status_code: u16,
}

/// `URLRewrite`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UrlRewrite {
    /// `hostname`.
    pub hostname: Option<String>,
    /// `path`.
    pub path: Option<PathModifier>,
}

/// How a path changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathModifier {
    /// `ReplaceFullPath`.
    ReplaceFullPath(String),
    /// `ReplacePrefixMatch`.
    ReplacePrefixMatch(String),
}

/// `RequestMirror`.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestMirror {
    /// `backendRef`; weight is not used.
    pub backend_ref: BackendRef,
    /// `percent` or `fraction`; `None` means every request.
    pub fraction: Option<Fraction>,
}

/// A share of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    /// Numerator.
    pub numerator: u32,
    /// Denominator, default 100.
    pub denominator: u32,
}

/// A backend of a rule, with the API's defaults applied.
#[derive(Debug, Clone, PartialEq)]
pub struct BackendRef {
    /// Group; empty for core.
    pub group: String,
    /// Kind, default `Service`.
    pub kind: String,
    /// Namespace; `None` means the route's.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// `port`.
    pub port: Option<u16>,
    /// `weight`, 0..1000000, default 1.
    pub weight: u32,
    /// `filters`.
    pub filters: Vec<Filter>,
    /// Path in the document.
    pub path: FieldPath,
}

/// `retry` of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteRetry {
    /// `codes`, 400..599, each once.
    pub codes: Vec<u16>,
    /// `attempts`: retries after the first try, at least 1.
    pub attempts: Option<u32>,
    /// `backoff`.
    pub backoff: Option<Duration>,
}

/// `timeouts` of a rule; zero disables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteTimeouts {
    /// `request`.
    pub request: Option<Duration>,
    /// `backendRequest`.
    pub backend_request: Option<Duration>,
}
