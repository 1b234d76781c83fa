// SPDX-License-Identifier: Apache-2.0
//! Bad manifests, each against one rule that no golden case breaks: the kind, what its spec has, and
//! what the API server must say.

pub(crate) const BCP: &str = "BackendConfigPolicy";
pub(crate) const BTP: &str = "BackendTrafficPolicy";

/// The manifests.
pub(crate) const REFUSED: &[(&str, &str, &str)] = &[
    (
        BCP,
        "loadBalancer: {random: {}}, loadBalancerConfig: {maglev: {}}",
        "loadBalancer and loadBalancerConfig are names of one setting",
    ),
    (
        BCP,
        "tcpKeepalive: {keepAliveTime: 10ms}",
        "keepAliveTime: Invalid value: \"10ms\": must be at least 1s",
    ),
    (
        BCP,
        "dns: {refreshRate: 1s, jitter: 2s}",
        "jitter must be less than or equal to refreshRate",
    ),
    (
        BCP,
        "http2ProtocolOptions: {initialStreamWindowSize: 60Ki}",
        "must be between 65535 and 2147483647 bytes",
    ),
    (
        BCP,
        "http2ProtocolOptions: {initialStreamWindowSize: lots}",
        "must be between 65535 and 2147483647 bytes",
    ),
    (
        BCP,
        "http2ProtocolOptions: {connectionKeepalive: {timeout: 0s}}",
        "must be at least 1ms",
    ),
    (
        BCP,
        "tls: {sni: a}",
        "set exactly one of secretRef, files, insecureSkipVerify, wellKnownCACertificates",
    ),
    (
        BCP,
        "tls: {insecureSkipVerify: true, secretRef: {name: a}}",
        "set exactly one of secretRef, files",
    ),
    (
        BCP,
        "tls: {insecureSkipVerify: false, verifySubjectAltNames: [a]}",
        "verifySubjectAltNames needs a root CA",
    ),
    (
        BCP,
        "sslConfig: {sslFiles: {tlsCertificate: a, tlsKey: b}, verifySubjectAltName: [a]}",
        "verifySubjectAltNames needs a root CA",
    ),
    (
        BCP,
        "tls: {files: {rootCA: a}, tlsFiles: {rootCA: b}}",
        "files and tlsFiles are names of one setting",
    ),
    (
        BCP,
        "tls: {files: {rootCA: a}, sslFiles: {rootCA: b}}",
        "files and sslFiles are names of one setting",
    ),
    (
        BCP,
        "tls: {tlsFiles: {rootCA: a}, sslFiles: {rootCA: b}}",
        "tlsFiles and sslFiles are names of one setting",
    ),
    (
        BCP,
        "tls: {secretRef: {name: a}, verifySubjectAltNames: [a], verifySubjectAltName: [b]}",
        "verifySubjectAltNames and verifySubjectAltName are names of one setting",
    ),
    (
        BCP,
        "tls: {secretRef: {name: a}, parameters: {}, sslParameters: {minVersion: AUTO}}",
        "parameters and sslParameters are names of one setting",
    ),
    (
        BCP,
        "tls: {secretRef: {name: a}, simpleTLS: true, oneWayTLS: false}",
        "simpleTLS and oneWayTLS are names of one setting",
    ),
    (
        BCP,
        "tls: {files: {}}",
        "set at least one of tlsCertificate, tlsKey, rootCA",
    ),
    (
        BCP,
        "tls: {secretRef: {name: a}, parameters: {minVersion: '1.2', tlsMinVersion: '1.1'}}",
        "minVersion and tlsMinVersion are names of one setting",
    ),
    (
        BCP,
        "tls: {secretRef: {name: a}, parameters: {maxVersion: '1.2', tlsMaxVersion: '1.3'}}",
        "maxVersion and tlsMaxVersion are names of one setting",
    ),
    (
        BCP,
        "tls: {secretRef: {name: a}, parameters: {minVersion: '1.3', tlsMaxVersion: '1.2'}}",
        "minVersion must be less than or equal to maxVersion",
    ),
    (
        BCP,
        "loadBalancer: {random: {}, maglev: {}}",
        "set at most one of leastRequest, roundRobin, ringHash, maglev, random",
    ),
    (
        BCP,
        "loadBalancer: {roundRobin: {slowStart: {}, slowStartConfig: {window: 1s}}}",
        "slowStart and slowStartConfig are names of one setting",
    ),
    (
        BCP,
        "loadBalancer: {roundRobin: {slowStart: {aggression: '-1'}}}",
        "must be greater than 0, such as \"1.5\"",
    ),
    (
        BCP,
        "loadBalancer: {maglev: {hashPolicies: [{sourceIP: {}, header: {name: a}}]}}",
        "set exactly one of header, cookie, sourceIP",
    ),
    (
        BCP,
        "healthCheck: {timeout: 1s, interval: 1s, healthyThreshold: 1, unhealthyThreshold: 1}",
        "set exactly one of http, grpc",
    ),
    (
        "Backend",
        "type: Static",
        "set exactly one of static, priorityGroups, aws, gcp, dynamicForwardProxy",
    ),
    (
        "Backend",
        "type: AWS, static: {hosts: [{host: a, port: 1}]}",
        "type must agree with the block that is set",
    ),
    (
        BTP,
        "targetRef: {group: apps, kind: Gateway, name: a}",
        "group must be gateway.networking.k8s.io",
    ),
    (
        BTP,
        "targetSelectors: [{kind: Gateway, namespaces: {from: Selector}}]",
        "selector must be set when from is Selector",
    ),
    (
        BTP,
        "loadBalancer: {type: BackendUtilization}",
        "backendUtilization must be set when type is BackendUtilization",
    ),
    (
        BTP,
        "loadBalancer: {type: Random, backendUtilization: {}}",
        "backendUtilization may only be set when type is BackendUtilization",
    ),
    (
        BTP,
        "loadBalancer: {type: Random, dynamicModule: {}}",
        "dynamicModule may only be set when type is DynamicModule",
    ),
    (
        BTP,
        "loadBalancer: {type: DynamicModule, zoneAware: {weightedZones: []}}",
        "weightedZones may not be used when type is DynamicModule",
    ),
    (
        BTP,
        "loadBalancer: {type: DynamicModule, endpointOverride: {extractFrom: [{header: a}]}}",
        "endpointOverride may not be used when type is DynamicModule",
    ),
    (
        BTP,
        "loadBalancer: {type: ConsistentHash, consistentHash: {type: Header}}",
        "header must be set when type is Header: add header",
    ),
    (
        BTP,
        "loadBalancer: {type: ConsistentHash, consistentHash: {type: SourceIP, header: {name: a}}}",
        "header may only be set when type is Header",
    ),
    (
        BTP,
        "loadBalancer: {type: ConsistentHash, consistentHash: {type: Headers}}",
        "headers must be set when type is Headers",
    ),
    (
        BTP,
        "loadBalancer: {type: ConsistentHash, consistentHash: {type: SourceIP, headers: [{name: a}]}}",
        "headers may only be set when type is Headers",
    ),
    (
        BTP,
        "loadBalancer: {type: Maglev, consistentHash: {type: Cookie}}",
        "cookie must be set when type is Cookie",
    ),
    (
        BTP,
        "loadBalancer: {type: Maglev, consistentHash: {type: QueryParams}}",
        "queryParams must be set when type is QueryParams",
    ),
    (
        BTP,
        "loadBalancer: {type: Maglev, consistentHash: {type: SourceIP, queryParams: [{name: a}]}}",
        "queryParams may only be set when type is QueryParams",
    ),
    (
        BTP,
        "loadBalancer: {type: Random, zoneAware: {preferLocal: {}, weightedZones: [{zone: a, weight: 1}]}}",
        "preferLocal and weightedZones may not be set together",
    ),
    (
        BTP,
        "circuitBreaker: {maxRetries: 1, maxParallelRetries: 2}",
        "maxParallelRetries and maxRetries are names of one setting",
    ),
    (
        BTP,
        "healthCheck: {active: {type: HTTP}}",
        "http must be set when type is HTTP",
    ),
    (
        BTP,
        "healthCheck: {active: {type: HTTP, tcp: {}}}",
        "tcp may only be set when type is TCP",
    ),
    (
        BTP,
        "healthCheck: {active: {type: HTTP, grpc: {}}}",
        "grpc may only be set when type is GRPC",
    ),
    (
        BTP,
        "healthCheck: {active: {tcp: {send: {}}}}",
        "set exactly one of text, binary",
    ),
    (
        BTP,
        "healthCheck: {active: {tcp: {send: {type: Text, binary: YQ==}}}}",
        "binary may only be set when type is Binary",
    ),
    (
        BTP,
        "healthCheck: {passive: {consecutive5XxErrors: 1, consecutive5XXErrors: 2}}",
        "consecutive5XxErrors and consecutive5XXErrors are names of one setting",
    ),
    (
        BTP,
        "healthCheck: {passive: {consecutive5xxErrors: 1, consecutive5XXErrors: 2}}",
        "consecutive5xxErrors and consecutive5XXErrors are names of one setting",
    ),
    (
        BTP,
        "retry: {perRetry: {backOff: {baseInterval: 1s}, backoff: {baseInterval: 2s}}}",
        "perRetry.backOff.baseInterval and perRetry.backoff.baseInterval are names of one setting",
    ),
    (
        BTP,
        "retry: {perRetry: {backoff: {baseInterval: 1s}}, backoff: {baseInterval: 2s}}",
        "perRetry.backoff.baseInterval and backoff.baseInterval are names of one setting",
    ),
    (
        BTP,
        "retry: {perRetry: {backOff: {maxInterval: 1s}, backoff: {maxInterval: 2s}}}",
        "perRetry.backOff.maxInterval and perRetry.backoff.maxInterval are names of one setting",
    ),
    (
        BTP,
        "retry: {perRetry: {backOff: {maxInterval: 1s}}, backoff: {maxInterval: 2s}}",
        "perRetry.backOff.maxInterval and backoff.maxInterval are names of one setting",
    ),
    (
        BTP,
        "retry: {perRetry: {backoff: {maxInterval: 1s}}, backoff: {maxInterval: 2s}}",
        "perRetry.backoff.maxInterval and backoff.maxInterval are names of one setting",
    ),
    (
        BTP,
        "telemetry: {tracing: {customTags: {a: {type: Literal}}}}",
        "literal must be set when type is Literal",
    ),
    (
        BTP,
        "telemetry: {tracing: {customTags: {a: {type: Environment}}}}",
        "environment must be set when type is Environment",
    ),
    (
        BTP,
        "telemetry: {tracing: {customTags: {a: {type: RequestHeader}}}}",
        "requestHeader must be set when type is RequestHeader",
    ),
    (
        BTP,
        "rateLimit: {type: Global}",
        "global must be set when type is Global",
    ),
    (
        BTP,
        "rateLimit: {type: Local}",
        "local must be set when type is Local",
    ),
    (
        BTP,
        "rateLimit: {global: {rules: [{limit: {requests: 1, unit: Hour}, clientSelectors: [{}]}]}}",
        "set at least one of headers, methods, path, sourceCIDR, queryParams",
    ),
    (
        BTP,
        "rateLimit: {global: {rules: [{limit: {requests: 1, unit: Hour}, clientSelectors: [{sourceCIDR: {type: Distinct, value: 10.0.0.0/8, invert: true}}]}]}}",
        "invert may not be set when type is Distinct",
    ),
    (
        BTP,
        "rateLimit: {global: {rules: [{limit: {requests: 1, unit: Hour}, cost: {request: {from: Number}}}]}}",
        "set number when from is Number",
    ),
    (
        BTP,
        "rateLimit: {local: {rules: [{limit: {requests: 1, unit: Hour, fromMetadata: {namespace: a, key: b}}}]}}",
        "fromMetadata may only be set in global rules",
    ),
    (
        BTP,
        "rateLimit: {local: {rules: [{limit: {requests: 1, unit: Hour}, cost: {response: {from: Number, number: 1}}}]}}",
        "cost.response may only be set in global rules",
    ),
    (
        BTP,
        "bandwidthLimit: {}",
        "set at least one of request, response",
    ),
    (
        BTP,
        "bandwidthLimit: {request: {limit: {value: many, unit: Second}}}",
        "must be a number of bytes",
    ),
    (
        BTP,
        "compressor: [{type: Gzip}]",
        "gzip must be set when type is Gzip: add gzip",
    ),
    (
        BTP,
        "compressor: [{type: Brotli}]",
        "brotli must be set when type is Brotli",
    ),
    (
        BTP,
        "compressor: [{type: Zstd}]",
        "zstd must be set when type is Zstd",
    ),
    (
        BTP,
        "httpUpgrade: [{type: websocket, connect: {}}]",
        "connect may only be set when type is CONNECT",
    ),
    (
        BTP,
        "responseOverride: [{match: {statusCodes: [{value: 500}]}}]",
        "set exactly one of response, redirect",
    ),
    (
        BTP,
        "responseOverride: [{match: {}, redirect: {}}]",
        "set at least one of statusCodes, responseHeaders",
    ),
    (
        BTP,
        "responseOverride: [{match: {statusCodes: [{type: Range, value: 500}]}, redirect: {}}]",
        "set value when type is Value, range when type is Range",
    ),
    (
        BTP,
        "responseOverride: [{match: {statusCodes: [{type: Range, range: {start: 500, end: 500}}]}, redirect: {}}]",
        "end must be greater than start",
    ),
    (
        BTP,
        "responseOverride: [{match: {statusCodes: [{value: 500}]}, response: {body: {type: ValueRef, inline: a}}}]",
        "set inline when type is Inline, valueRef when type is ValueRef",
    ),
    (
        BTP,
        "responseOverride: [{match: {statusCodes: [{value: 500}]}, response: {body: {type: ValueRef, valueRef: {kind: Secret, name: a}}}}]",
        "must reference a ConfigMap",
    ),
];
