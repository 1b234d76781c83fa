// SPDX-License-Identifier: Apache-2.0
//! Codes of the findings that attachment and translation give.
//!
//! In: a reason as conditions have it. Out: the code of the diagnostic: the same words in
//! kebab-case.

/// Every reason with its code and its meaning in one line, in alphabetical order of the reason.
pub const ALL: &[(&str, &str, &str)] = &[
    (
        "AddressNotUsable",
        "address-not-usable",
        "An address of a Gateway cannot be used.",
    ),
    (
        "BackendNotFound",
        "backend-not-found",
        "A backendRef names nothing that exists; its share of requests is answered 500, of connections closed.",
    ),
    (
        "ClassOfOthers",
        "class-of-others",
        "The class of a Gateway names another controller, which it is left to.",
    ),
    (
        "Conflicted",
        "conflicted",
        "An older policy has the same target.",
    ),
    (
        "HashWithoutInput",
        "hash-without-input",
        "A hash balancer has nothing to hash; every request gets a random host.",
    ),
    (
        "HostnameConflict",
        "hostname-conflict",
        "Two listeners of a Gateway have the same port and hostname; neither serves, except that the earlier one does where a ListenerSet has the other.",
    ),
    (
        "Invalid",
        "invalid-policy",
        "A policy cannot be honoured and contributes nothing.",
    ),
    (
        "InvalidCACertificateRef",
        "invalid-ca-certificate-ref",
        "A certificate authority cannot be read.",
    ),
    (
        "InvalidCertificateRef",
        "invalid-certificate-ref",
        "A certificate of a listener cannot be read.",
    ),
    (
        "InvalidKind",
        "invalid-kind",
        "A reference has a kind that cannot stand there.",
    ),
    (
        "InvalidParameters",
        "invalid-parameters",
        "A parametersRef names nothing that can be used; listeners serve without it.",
    ),
    (
        "InvalidRouteKinds",
        "invalid-route-kinds",
        "A listener allows a route kind that it cannot carry.",
    ),
    (
        "NeverEjects",
        "never-ejects",
        "Outlier detection cannot eject anything with so few endpoints.",
    ),
    (
        "NoCircuitBreaker",
        "no-circuit-breaker",
        "Best practice: a policy leaves a backend without any limit.",
    ),
    (
        "NoConnectionLimit",
        "no-connection-limit",
        "Best practice: a circuit breaker says nothing about connections.",
    ),
    (
        "NoEffect",
        "no-effect",
        "A setting is accepted and changes nothing on this backend.",
    ),
    (
        "NoHealthCheck",
        "no-health-check",
        "Best practice: a policy leaves a backend without an active health check.",
    ),
    (
        "NoMatchingListenerHostname",
        "no-matching-listener-hostname",
        "Route and listener have no hostname in common.",
    ),
    (
        "NoMatchingParent",
        "no-matching-parent",
        "A parentRef names a listener that does not exist.",
    ),
    (
        "NoPassiveHealthCheck",
        "no-passive-health-check",
        "Best practice: a policy leaves a backend without a passive health check.",
    ),
    (
        "NoRequestTimeout",
        "no-request-timeout",
        "Best practice: a policy leaves a rule without a request timeout.",
    ),
    (
        "NoValidCACertificate",
        "no-valid-ca-certificate",
        "A BackendTLSPolicy has no usable certificate authority; its backends answer 500.",
    ),
    (
        "NotAllowed",
        "not-allowed",
        "A Gateway does not take listeners of this ListenerSet's namespace.",
    ),
    (
        "NotAllowedByListeners",
        "not-allowed-by-listeners",
        "No listener of the parent takes this route.",
    ),
    (
        "OlderRoute",
        "older-route",
        "An older TCPRoute or TLSRoute has the connections that this one asks for.",
    ),
    (
        "Overridden",
        "overridden",
        "A setting loses to another policy.",
    ),
    (
        "PanicThreshold",
        "panic-threshold",
        "With one endpoint, an unhealthy endpoint is still used.",
    ),
    (
        "ParentNotAccepted",
        "parent-not-accepted",
        "The Gateway of a ListenerSet is not accepted.",
    ),
    (
        "ParentNotFound",
        "parent-not-found",
        "A parentRef names a Gateway or ListenerSet that does not exist.",
    ),
    (
        "PortUnavailable",
        "port-unavailable",
        "Another Gateway has the port.",
    ),
    (
        "ProtocolConflict",
        "protocol-conflict",
        "Two listeners of a port have different protocols; neither serves, except that the earlier one does where a ListenerSet has the other.",
    ),
    (
        "RefNotPermitted",
        "ref-not-permitted",
        "A reference into another namespace lacks a ReferenceGrant.",
    ),
    (
        "RefusedResource",
        "refused-resource",
        "Envoy would refuse this resource; it is held back.",
    ),
    (
        "RetryAmplification",
        "retry-amplification",
        "Retries may multiply the requests to a backend that fails.",
    ),
    (
        "SharedListener",
        "shared-listener",
        "What is said for one listener holds for others of its port, too.",
    ),
    (
        "SlowDetection",
        "slow-detection",
        "A health check waits longer than its interval.",
    ),
    (
        "SmallerLimitUsed",
        "smaller-limit-used",
        "Two settings limit the same thing; the smaller one counts.",
    ),
    (
        "TargetNotFound",
        "target-not-found",
        "A policy names a target that does not exist.",
    ),
    (
        "Truncated",
        "truncated",
        "A value has more digits than its use.",
    ),
    (
        "Unsupported",
        "unsupported-target",
        "A policy targets a kind that we do not serve.",
    ),
    (
        "UnsupportedAddress",
        "unsupported-address",
        "A Gateway asks for an address type that we do not have.",
    ),
    (
        "UnsupportedProtocol",
        "unsupported-protocol",
        "A listener or backend wants a protocol that we do not speak.",
    ),
    (
        "UnsupportedValue",
        "unsupported-value",
        "A value is part of the API and not implemented.",
    ),
    (
        "UnverifiedBackend",
        "unverified-backend",
        "TLS to the backend verifies nothing.",
    ),
    (
        "UnusableBackend",
        "unusable-backend",
        "A Backend has no member that can be used; routes to it answer 500.",
    ),
];

/// The code of a reason.
pub(super) fn of(reason: &str) -> &'static str {
    ALL.iter()
        .find(|(known, ..)| *known == reason)
        .map_or("doubtful", |(_, code, _)| code)
}
