// SPDX-License-Identifier: Apache-2.0
//! Values that hold where a BackendTrafficPolicy has none.
//!
//! In: the path of a field under upstream's name, items of lists as `[]`. Out: its value, in words
//! where it is none, and whose default it is.

/// The default of a field, and whose it is.
pub(crate) fn default_of(field: &str) -> Option<(&'static str, &'static str)> {
    let row = ROWS.iter().find(|(name, ..)| *name == field)?;
    Some((row.1, row.2))
}

/// The fields that have a default.
pub(crate) fn with_default() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(name, ..)| *name)
}

const ENVOY: &str = "Envoy default";
const UPSTREAM: &str = "Envoy Gateway default";
const KGATEWAY: &str = "kgateway default";
const KERNEL: &str = "kernel default";
const OURS: &str = "ours";

const ROWS: &[(&str, &str, &str)] = &[
    ("targetRef.group", "gateway.networking.k8s.io", OURS),
    ("targetRefs[].group", "gateway.networking.k8s.io", OURS),
    (
        "targetSelectors[].group",
        "gateway.networking.k8s.io",
        UPSTREAM,
    ),
    ("targetSelectors[].namespaces.from", "Same", UPSTREAM),
    ("mergeType", "Replace", UPSTREAM),
    ("routingType", "Endpoint", UPSTREAM),
    (
        "loadBalancer",
        "that of the backend, else round robin",
        ENVOY,
    ),
    ("loadBalancer.consistentHash.tableSize", "65537", ENVOY),
    (
        "loadBalancer.consistentHash.cookie.ttl",
        "it makes none",
        ENVOY,
    ),
    (
        "loadBalancer.zoneAware.preferLocal.force.minEndpointsInZoneThreshold",
        "1",
        UPSTREAM,
    ),
    (
        "loadBalancer.zoneAware.preferLocal.minEndpointsThreshold",
        "6",
        ENVOY,
    ),
    (
        "loadBalancer.zoneAware.preferLocal.percentageEnabled",
        "100",
        ENVOY,
    ),
    (
        "loadBalancer.backendUtilization.blackoutPeriod",
        "10s",
        ENVOY,
    ),
    (
        "loadBalancer.backendUtilization.weightExpirationPeriod",
        "3m",
        ENVOY,
    ),
    (
        "loadBalancer.backendUtilization.weightUpdatePeriod",
        "1s",
        ENVOY,
    ),
    (
        "loadBalancer.backendUtilization.keepResponseHeaders",
        "false",
        UPSTREAM,
    ),
    (
        "loadBalancer.backendUtilization.outOfBand.reportingPeriod",
        "10s",
        ENVOY,
    ),
    (
        "loadBalancer.backendUtilization.outOfBand.port",
        "the serving port",
        ENVOY,
    ),
    ("circuitBreaker.maxConnections", "1024", ENVOY),
    ("circuitBreaker.maxPendingRequests", "1024", ENVOY),
    ("circuitBreaker.maxParallelRequests", "1024", ENVOY),
    ("circuitBreaker.maxParallelRetries", "1024", UPSTREAM),
    ("circuitBreaker.maxConnectionPools", "no limit", ENVOY),
    ("circuitBreaker.maxRequestsPerConnection", "no limit", ENVOY),
    ("circuitBreaker.perEndpoint", "no limit", ENVOY),
    (
        "circuitBreaker.perEndpoint.maxConnections",
        "1024",
        UPSTREAM,
    ),
    ("circuitBreaker.retryBudget.minRetryConcurrency", "3", ENVOY),
    ("healthCheck.panicThreshold", "50", ENVOY),
    ("healthCheck.active", "none", ENVOY),
    ("healthCheck.active.timeout", "1s", UPSTREAM),
    ("healthCheck.active.interval", "3s", UPSTREAM),
    ("healthCheck.active.unhealthyThreshold", "3", UPSTREAM),
    ("healthCheck.active.healthyThreshold", "1", UPSTREAM),
    (
        "healthCheck.active.http.hostname",
        "that of the host, or of the route",
        OURS,
    ),
    ("healthCheck.active.http.method", "GET", ENVOY),
    ("healthCheck.active.http.expectedStatuses", "200", ENVOY),
    (
        "healthCheck.active.healthCheckLog.matches",
        "every check",
        UPSTREAM,
    ),
    (
        "healthCheck.active.healthCheckLog.sinks",
        "standard output",
        UPSTREAM,
    ),
    ("healthCheck.passive", "none", ENVOY),
    ("healthCheck.passive.consecutive5XxErrors", "5", ENVOY),
    ("healthCheck.passive.interval", "3s", UPSTREAM),
    ("healthCheck.passive.baseEjectionTime", "30s", ENVOY),
    ("healthCheck.passive.maxEjectionPercent", "10", ENVOY),
    (
        "healthCheck.passive.splitExternalLocalOriginErrors",
        "false",
        ENVOY,
    ),
    (
        "healthCheck.passive.consecutiveLocalOriginFailures",
        "5",
        ENVOY,
    ),
    (
        "healthCheck.passive.consecutiveGatewayErrors",
        "none",
        UPSTREAM,
    ),
    (
        "healthCheck.passive.failurePercentageThreshold",
        "none",
        UPSTREAM,
    ),
    ("healthCheck.passive.alwaysEjectOneEndpoint", "false", ENVOY),
    ("tcpKeepalive", "off", ENVOY),
    ("tcpKeepalive.probes", "9", KERNEL),
    ("tcpKeepalive.idleTime", "2h", KERNEL),
    ("tcpKeepalive.interval", "75s", KERNEL),
    ("connection.bufferLimit", "1Mi", ENVOY),
    ("connection.socketBufferLimit", "the kernel's own", KERNEL),
    ("connection.preconnect.perEndpointPercent", "100", ENVOY),
    ("connection.connectionLimit", "no limit", OURS),
    (
        "connection.connectionLimit.closeDelay",
        "closed at once",
        OURS,
    ),
    ("http2.initialStreamWindowSize", "64Ki", UPSTREAM),
    ("http2.initialConnectionWindowSize", "1Mi", UPSTREAM),
    ("http2.maxConcurrentStreams", "1024", ENVOY),
    ("http2.onInvalidMessage", "TerminateConnection", ENVOY),
    ("http2.connectionKeepalive", "no PINGs", ENVOY),
    ("http2.connectionKeepalive.intervalJitter", "15", ENVOY),
    ("dns.dnsRefreshRate", "60s", ENVOY),
    ("dns.respectDnsTtl", "false", ENVOY),
    ("dns.lookupFamily", "IPv4Preferred", UPSTREAM),
    ("proxyProtocol", "no PROXY header", ENVOY),
    ("timeout.tcp.connectTimeout", "5s", KGATEWAY),
    ("timeout.http.requestTimeout", "15s", ENVOY),
    ("timeout.http.connectionIdleTimeout", "1h", ENVOY),
    ("timeout.http.maxConnectionDuration", "no limit", ENVOY),
    ("timeout.http.maxStreamDuration", "no limit", ENVOY),
    (
        "timeout.http.streamIdleTimeout",
        "5m; beside `requestTimeout` that, or 1h if longer",
        UPSTREAM,
    ),
    ("retry", "none", ENVOY),
    ("retry.numRetries", "2", UPSTREAM),
    (
        "retry.retryOn.triggers",
        "[connect-failure, refused-stream, unavailable, cancelled, retriable-status-codes]",
        UPSTREAM,
    ),
    (
        "retry.retryOn.httpStatusCodes",
        "503 without `retryOn`, else none",
        UPSTREAM,
    ),
    ("retry.perRetry.timeout", "none", ENVOY),
    ("retry.perRetry.backOff.baseInterval", "25ms", ENVOY),
    (
        "retry.perRetry.backOff.maxInterval",
        "ten times the base",
        ENVOY,
    ),
    ("useClientProtocol", "false", UPSTREAM),
    ("rateLimit.type", "both", UPSTREAM),
    (
        "rateLimit.global.rules[].clientSelectors",
        "all that no other rule matches",
        UPSTREAM,
    ),
    (
        "rateLimit.global.rules[].clientSelectors[].headers[].type",
        "Exact",
        UPSTREAM,
    ),
    (
        "rateLimit.global.rules[].clientSelectors[].path.type",
        "PathPrefix",
        UPSTREAM,
    ),
    (
        "rateLimit.global.rules[].clientSelectors[].path.value",
        "/",
        UPSTREAM,
    ),
    (
        "rateLimit.global.rules[].clientSelectors[].sourceCIDR.type",
        "Exact",
        UPSTREAM,
    ),
    (
        "rateLimit.global.rules[].clientSelectors[].queryParams[].type",
        "Exact",
        UPSTREAM,
    ),
    ("rateLimit.global.rules[].cost", "1", UPSTREAM),
    (
        "rateLimit.local.rules[].clientSelectors",
        "all that no other rule matches",
        UPSTREAM,
    ),
    (
        "rateLimit.local.rules[].clientSelectors[].headers[].type",
        "Exact",
        UPSTREAM,
    ),
    (
        "rateLimit.local.rules[].clientSelectors[].path.type",
        "PathPrefix",
        UPSTREAM,
    ),
    (
        "rateLimit.local.rules[].clientSelectors[].path.value",
        "/",
        UPSTREAM,
    ),
    (
        "rateLimit.local.rules[].clientSelectors[].sourceCIDR.type",
        "Exact",
        UPSTREAM,
    ),
    (
        "rateLimit.local.rules[].clientSelectors[].queryParams[].type",
        "Exact",
        UPSTREAM,
    ),
    ("rateLimit.local.rules[].cost", "1", UPSTREAM),
    ("bandwidthLimit.response.responseTrailers", "none", UPSTREAM),
    ("faultInjection.delay.percentage", "100", UPSTREAM),
    ("faultInjection.abort.percentage", "100", UPSTREAM),
    ("admissionControl", "off", ENVOY),
    ("admissionControl.samplingWindow", "30s", ENVOY),
    ("admissionControl.minSuccessRate", "95", ENVOY),
    ("admissionControl.rejectionAggression", "1", ENVOY),
    ("admissionControl.minRequestRate", "0", ENVOY),
    ("admissionControl.maxRejectionPercent", "80", ENVOY),
    ("compressor[].minContentLength", "30", ENVOY),
    ("compression[].minContentLength", "30", ENVOY),
    ("httpUpgrade", "websocket", UPSTREAM),
    ("httpUpgrade[].connect.terminate", "false", ENVOY),
    ("responseOverride[].source", "All", UPSTREAM),
    (
        "responseOverride[].match.statusCodes[].type",
        "Value",
        UPSTREAM,
    ),
    (
        "responseOverride[].match.responseHeaders[].value.type",
        "Exact",
        UPSTREAM,
    ),
    ("responseOverride[].response.body.type", "Inline", UPSTREAM),
    ("responseOverride[].redirect.statusCode", "302", UPSTREAM),
    (
        "telemetry.tracing.samplingFraction.denominator",
        "100",
        UPSTREAM,
    ),
    (
        "telemetry.tracing.clientSamplingFraction.denominator",
        "100",
        UPSTREAM,
    ),
    (
        "telemetry.tracing.overallSamplingFraction.denominator",
        "100",
        UPSTREAM,
    ),
    (
        "telemetry.tracing.samplingFraction",
        "that of the listener",
        OURS,
    ),
    ("telemetry.tracing.clientSamplingFraction", "0", UPSTREAM),
    ("telemetry.tracing.overallSamplingFraction", "100", ENVOY),
    ("telemetry.metrics.routeStatName", "none", ENVOY),
];
