// SPDX-License-Identifier: Apache-2.0
//! Which version of HTTP is spoken to a cluster (`HttpProtocolOptions`).
//!
//! In: a cluster and its protocol options. Out: the choice among versions with the options of each,
//! and whether requests decide the names that TLS uses.

#![expect(deprecated, reason = "control planes still send this field")]

use sluicegate_xds::pb::envoy::{
    config::{
        cluster::v3::Cluster,
        core::v3::{Http1ProtocolOptions, Http2ProtocolOptions},
    },
    extensions::upstreams::http::v3::{
        HttpProtocolOptions,
        http_protocol_options::{UpstreamProtocolOptions, explicit_http_config::ProtocolConfig},
    },
};

use crate::pool::Protocol;

/// Which version of HTTP is spoken to the hosts of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP/1.
    Http1,
    /// HTTP/2.
    Http2,
    /// The client's (`use_downstream_protocol_config`).
    LikeClient,
    /// What ALPN says (`auto_config`).
    Negotiated,
}

impl Speaks {
    /// What a request of a client needs; `http2` says what the client speaks.
    pub(crate) fn protocol(self, http2: bool) -> Protocol {
        match self {
            Self::Http1 => Protocol::Http1,
            Self::Http2 => Protocol::Http2,
            Self::Negotiated => Protocol::Negotiated,
            Self::LikeClient if http2 => Protocol::Http2,
            Self::LikeClient => Protocol::Http1,
        }
    }
}

/// HTTP/1 options, wherever they stand.
pub(super) fn http1_options(options: &HttpProtocolOptions) -> Http1ProtocolOptions {
    match &options.upstream_protocol_options {
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)) => {
            match &explicit.protocol_config {
                Some(ProtocolConfig::HttpProtocolOptions(http1)) => http1.clone(),
                _ => Http1ProtocolOptions::default(),
            }
        }
        Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(both)) => {
            both.http_protocol_options.clone().unwrap_or_default()
        }
        Some(UpstreamProtocolOptions::AutoConfig(auto)) => {
            auto.http_protocol_options.clone().unwrap_or_default()
        }
        None => Http1ProtocolOptions::default(),
    }
}

/// The version that is spoken, with the settings for HTTP/2 where that may be.
pub(super) fn versions(
    cluster: &Cluster,
    options: &HttpProtocolOptions,
) -> Result<(Speaks, Option<Http2ProtocolOptions>), String> {
    let of = |http2: Option<&Http2ProtocolOptions>| match http2 {
        Some(http2) => (Speaks::Http2, Some(http2.clone())),
        None => (Speaks::Http1, None),
    };
    match &options.upstream_protocol_options {
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)) => {
            match &explicit.protocol_config {
                Some(ProtocolConfig::Http3ProtocolOptions(_)) => {
                    Err("HTTP/3 to upstreams is not implemented".to_owned())
                }
                Some(ProtocolConfig::Http2ProtocolOptions(http2)) => Ok(of(Some(http2))),
                _ => Ok(of(None)),
            }
        }
        Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(both)) => {
            let http2 = both.http2_protocol_options.clone().unwrap_or_default();
            Ok((Speaks::LikeClient, Some(http2)))
        }
        Some(UpstreamProtocolOptions::AutoConfig(auto)) => {
            let http2 = auto.http2_protocol_options.clone().unwrap_or_default();
            Ok((Speaks::Negotiated, Some(http2)))
        }
        None => Ok(of(cluster.http2_protocol_options.as_ref())),
    }
}

/// `auto_sni` and `auto_san_validation`.
pub(super) fn names_of_requests(options: &HttpProtocolOptions) -> Result<(bool, bool), String> {
    let Some(http) = &options.upstream_http_protocol_options else {
        return Ok((false, false));
    };
    let (sni, san) = (http.auto_sni, http.auto_san_validation);
    if san && !sni {
        return Err("auto_san_validation without auto_sni is not implemented".to_owned());
    }
    if sni && !http.override_auto_sni_header.is_empty() {
        return Err("override_auto_sni_header is not implemented".to_owned());
    }
    Ok((sni, san))
}
