// SPDX-License-Identifier: Apache-2.0
//! Response flags.
//!
//! In: a flag in its short form. Out: its long form, or word that there is no such flag.

/// The long form of a flag; a flag that is none stands for itself.
pub(crate) fn long_flag(short: &str) -> &str {
    let mut flags = FLAGS.iter();
    let found = flags.find(|(known, _)| *known == short);
    match (found, short) {
        (Some((_, long)), _) => long,
        (None, "") => "-",
        (None, other) => other,
    }
}

/// Whether there is such a flag.
pub(crate) fn is_flag(short: &str) -> bool {
    FLAGS.iter().any(|(known, _)| *known == short)
}

/// In Envoy's order.
const FLAGS: [(&str, &str); 29] = [
    ("LH", "FailedLocalHealthCheck"),
    ("UH", "NoHealthyUpstream"),
    ("UT", "UpstreamRequestTimeout"),
    ("LR", "LocalReset"),
    ("UR", "UpstreamRemoteReset"),
    ("UF", "UpstreamConnectionFailure"),
    ("UC", "UpstreamConnectionTermination"),
    ("UO", "UpstreamOverflow"),
    ("NR", "NoRouteFound"),
    ("DI", "DelayInjected"),
    ("FI", "FaultInjected"),
    ("RL", "RateLimited"),
    ("UAEX", "UnauthorizedExternalService"),
    ("RLSE", "RateLimitServiceError"),
    ("DC", "DownstreamConnectionTermination"),
    ("URX", "UpstreamRetryLimitExceeded"),
    ("SI", "StreamIdleTimeout"),
    ("IH", "InvalidEnvoyRequestHeaders"),
    ("DPE", "DownstreamProtocolError"),
    ("UMSDR", "UpstreamMaxStreamDurationReached"),
    ("RFCF", "ResponseFromCacheFilter"),
    ("NFCF", "NoFilterConfigFound"),
    ("DT", "DurationTimeout"),
    ("UPE", "UpstreamProtocolError"),
    ("NC", "NoClusterFound"),
    ("OM", "OverloadManagerTerminated"),
    ("DF", "DnsResolutionFailed"),
    ("DO", "DropOverload"),
    ("DR", "DownstreamRemoteReset"),
];
