// SPDX-License-Identifier: Apache-2.0
//! Values that are accepted, and the defaults that the API server would have filled in.

use std::time::Duration;

use crate::{
    kgateway::backend_config_policy::{
        Http2ProtocolOptions, LoadBalancerAlgorithm, OutlierDetection, ProxyProtocolVersion,
        TcpKeepalive, TlsSource, ZoneAware,
    },
    testing::{assert_verdicts, policy},
    value::Written,
};

fn value<T: Clone>(unit: &Option<Written<T>>) -> Option<T> {
    unit.as_ref().map(|unit| unit.value.clone())
}

#[test]
fn edge_values_are_accepted() {
    let cases = [
        "{}",
        "connectTimeout: 1h30m",
        "connectTimeout: 1ms",
        "perConnectionBufferLimitBytes: 0",
        "tcpKeepalive: {keepAliveTime: 1500ms}",
        "dns: {refreshRate: 2ms}",
        "dns: {jitter: 5s}",
        "dns: {refreshRate: 5s, jitter: 5s, respectTTL: true}",
        "commonHttpProtocolOptions: {idleTimeout: 0s, maxStreamDuration: 0s, maxRequestsPerConnection: 0}",
        "commonHttpProtocolOptions: {headersWithUnderscoresAction: RejectRequest}",
        "http2ProtocolOptions: {initialStreamWindowSize: 64Ki, initialConnectionWindowSize: 65535}",
        "http2ProtocolOptions: {connectionKeepalive: {timeout: 1ms}}",
        "tls: {secretRef: {name: a}, verifySubjectAltNames: [a]}",
        "tls: {wellKnownCACertificates: System, verifySubjectAltNames: [a], alpnProtocols: [h2]}",
        "tls: {insecureSkipVerify: false}",
        "tls: {insecureSkipVerify: true, parameters: {minVersion: AUTO, maxVersion: '1.0'}}",
        "tls: {insecureSkipVerify: true, parameters: {cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256, TLS_RSA_WITH_AES_128_CBC_SHA, '[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]'], ecdhCurves: [X25519, P-256], signatureAlgorithms: [rsa_pss_rsae_sha256, ECDSA+SHA256]}}",
        "loadBalancer: {leastRequest: {choiceCount: 1}}",
        "loadBalancer: {random: {}, updateMergeWindow: 0s}",
        "loadBalancer: {ringHash: {minimumRingSize: 8, maximumRingSize: 8388608}}",
        "healthCheck: {timeout: 1s, interval: 1s, unhealthyThreshold: 0, healthyThreshold: 0, grpc: {}}",
        "outlierDetection: {consecutive5xx: 0, maxEjectionPercent: 0}",
        "circuitBreakers: {maxRetries: 0}",
    ];
    for spec in cases {
        assert_verdicts(spec, &policy(spec).diagnostics, &[]);
    }
}

#[test]
fn null_is_absent() {
    let policy = policy("connectTimeout: null\ntargetRefs: null\ntls:");
    assert_verdicts("null", &policy.diagnostics, &[]);
    assert_eq!(policy.spec.connect_timeout, None);
    assert!(policy.spec.secures_connection, "the author had TLS in mind");
}

#[test]
fn defaults_are_the_api_servers() {
    let policy = policy(concat!(
        "upstreamProxyProtocol: {}\n",
        "outlierDetection: {}\n",
        "tcpKeepalive: {}\n",
        "http2ProtocolOptions: {}\n",
        "loadBalancer: {leastRequest: {}, zoneAware: {preferLocal: {force: {}}}}",
    ));
    let spec = &policy.spec;
    assert_eq!(
        value(&spec.upstream_proxy_protocol),
        Some(ProxyProtocolVersion::V1)
    );
    assert_eq!(value(&spec.tcp_keepalive), Some(TcpKeepalive::default()));
    assert_eq!(
        value(&spec.http2_protocol_options),
        Some(Http2ProtocolOptions::default())
    );
    let outlier = OutlierDetection {
        consecutive_5xx: 5,
        enforcing_consecutive_5xx: None,
        split_external_local_origin_errors: None,
        consecutive_local_origin_failure: None,
        enforcing_consecutive_local_origin_failure: None,
        interval: Duration::from_secs(10),
        base_ejection_time: Duration::from_secs(30),
        max_ejection_percent: 10,
    };
    assert_eq!(value(&spec.outlier_detection), Some(outlier));
    let load_balancer = value(&spec.load_balancer).expect("a load balancer");
    let least_request = LoadBalancerAlgorithm::LeastRequest {
        choice_count: 2,
        slow_start: None,
    };
    assert_eq!(load_balancer.algorithm, Some(least_request));
    let zone_aware = ZoneAware {
        min_endpoints_threshold: 6,
        routing_enabled: 100,
        force_min_endpoints: Some(1),
    };
    assert_eq!(load_balancer.zone_aware, Some(zone_aware));
}

#[test]
fn quantities_are_rounded_up() {
    let policy = policy("http2ProtocolOptions: {initialStreamWindowSize: '65535500m'}");
    let options = value(&policy.spec.http2_protocol_options);
    assert_eq!(
        options.and_then(|options| options.initial_stream_window_size),
        Some(65536)
    );
}

#[test]
fn suites_of_tls_1_3_are_left_out_with_a_warning() {
    let policy = policy(
        "tls: {insecureSkipVerify: true, parameters: {cipherSuites: [TLS_AES_128_GCM_SHA256, AES128-SHA]}}",
    );
    assert_verdicts(
        "TLS 1.3",
        &policy.diagnostics,
        &[(
            "no-effect",
            "spec.tls.parameters.cipherSuites[0]",
            "always offered",
        )],
    );
    let tls = value(&policy.spec.tls).expect("TLS");
    assert_eq!(tls.source, TlsSource::InsecureSkipVerify(true));
    assert_eq!(
        tls.parameters.expect("parameters").cipher_suites,
        ["AES128-SHA"]
    );
}

#[test]
fn doubtful_settings_get_a_warning() {
    let cases = [
        (
            "targetSelectors: [{group: '', kind: Service, matchLabels: {}}]",
            (
                "no-effect",
                "spec.targetSelectors[0].matchLabels",
                "select nothing",
            ),
        ),
        (
            "tls: {insecureSkipVerify: true, verifySubjectAltNames: [a]}",
            (
                "no-effect",
                "spec.tls",
                "`verifySubjectAltNames` has no effect",
            ),
        ),
        (
            "outlierDetection: {enforcingConsecutiveLocalOriginFailure: 5}",
            (
                "no-effect",
                "spec.outlierDetection.enforcingConsecutiveLocalOriginFailure",
                "without `splitExternalLocalOriginErrors: true`",
            ),
        ),
    ];
    for (spec, expected) in cases {
        let policy = policy(spec);
        assert!(policy.is_valid(), "{spec}");
        assert_verdicts(spec, &policy.diagnostics, &[expected]);
    }
}
