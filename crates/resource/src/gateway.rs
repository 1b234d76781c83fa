// SPDX-License-Identifier: Apache-2.0
//! Gateway API kinds of `gateway.networking.k8s.io` (v1; v1beta1 and v1alpha3 where served).
//!
//! In: documents. Out: the kinds with the API's defaults applied.

mod backend_tls_policy;
#[allow(clippy::module_inception, reason = "the file is named for the kind")]
mod gateway;
mod gateway_class;
mod listener_set;
pub(crate) mod reference;
mod reference_grant;
mod route;

pub use backend_tls_policy::{
    BackendTlsPolicy, BackendTlsTarget, BackendTlsValidation, CaCertificateRef, SubjectAltName,
};
pub use gateway::{
    AllowedRoutes, FromNamespaces, Gateway, Listener, ListenerTls, NamespaceSelector,
    ObjectReference, RouteKind, SelectorRequirement,
};
pub use gateway_class::GatewayClass;
pub use listener_set::ListenerSet;
pub use reference_grant::{GrantFrom, GrantTo, ReferenceGrant};
pub use route::{
    BackendRef, Carried, Filter, Fraction, GrpcMethod, HeaderMatch, HeaderModifier, HeaderValue,
    Matcher, ParentRef, PathMatch, PathModifier, QueryParamMatch, RequestMirror, RequestRedirect,
    Route, RouteMatch, RouteRetry, RouteRule, RouteTimeouts, UrlRewrite,
};

pub(crate) use route::{header_match, lone_backend};

#[cfg(test)]
mod tests;
