// SPDX-License-Identifier: Apache-2.0
//! The examples of the founding documents decode as written.

use std::time::Duration;

use crate::{
    kgateway::backend_config_policy::{
        CommonHttpProtocolOptions, HeaderFormat, HeadersWithUnderscoresAction,
        Http1ProtocolOptions, TargetKind, TcpKeepalive,
    },
    testing::{assert_verdicts, store},
};

const CONNECTION: &str = "kind: BackendConfigPolicy
apiVersion: gateway.kgateway.dev/v1alpha1
metadata:
  name: httpbin-connection
  namespace: httpbin   
spec:
  targetRefs:
    - name: httpbin
      group: \"\"
      kind: Service
  connectTimeout: 5s
  perConnectionBufferLimitBytes: 1024
  commonHttpProtocolOptions:
    idleTimeout: 10s  
    maxHeadersCount: 15
    maxStreamDuration: 30s
    maxRequestsPerConnection: 100 
    headersWithUnderscoresAction: RejectRequest
  tcpKeepalive:
    keepAliveProbes: 3
    keepAliveTime: 30s
    keepAliveInterval: 5s
  http1ProtocolOptions:
    enableTrailers: true
    overrideStreamErrorOnInvalidHttpMessage: true
    headerFormat: PreserveCaseHeaderKeyFormat
";

fn selector(kind: &str) -> String {
    format!(
        "kind: BackendConfigPolicy
apiVersion: gateway.kgateway.dev/v1alpha1
metadata:
  name: httpbin-policy
  namespace: httpbin
spec:
  targetSelectors:
    - group: networking.istio.io
      kind: {kind}
      matchLabels:
        app: httpbin
        service: httpbin
  connectTimeout: 5s
  commonHttpProtocolOptions:
    maxHeadersCount: 15
    maxRequestsPerConnection: 100
"
    )
}

#[test]
fn every_connection_setting() {
    let store = store(CONNECTION);
    assert_verdicts(
        "connection",
        &store.diagnostics,
        &[(
            "older-spelling",
            "spec.http1ProtocolOptions.headerFormat",
            "write `preserveHttp1HeaderCase: true`",
        )],
    );
    let policy = store
        .backend_config_policies
        .values()
        .next()
        .expect("a policy");
    let spec = &policy.spec;
    assert_eq!(spec.target_refs[0].value.kind, TargetKind::Service);
    assert_eq!(spec.target_refs[0].path.to_string(), "spec.targetRefs[0]");
    let timeout = spec.connect_timeout.as_ref().map(|unit| unit.value);
    assert_eq!(timeout, Some(Duration::from_secs(5)));
    let limit = spec
        .per_connection_buffer_limit_bytes
        .as_ref()
        .map(|unit| unit.value);
    assert_eq!(limit, Some(1024));
    let common = CommonHttpProtocolOptions {
        idle_timeout: Some(Duration::from_secs(10)),
        max_headers_count: Some(15),
        max_stream_duration: Some(Duration::from_secs(30)),
        max_requests_per_connection: Some(100),
        headers_with_underscores_action: Some(HeadersWithUnderscoresAction::RejectRequest),
    };
    let options = spec
        .common_http_protocol_options
        .as_ref()
        .map(|unit| unit.value);
    assert_eq!(options, Some(common));
    let keepalive = TcpKeepalive {
        keep_alive_probes: Some(3),
        keep_alive_time: Some(Duration::from_secs(30)),
        keep_alive_interval: Some(Duration::from_secs(5)),
    };
    assert_eq!(
        spec.tcp_keepalive.as_ref().map(|unit| unit.value),
        Some(keepalive)
    );
    let http1 = Http1ProtocolOptions {
        enable_trailers: Some(true),
        header_format: Some(HeaderFormat::PreserveCase),
        override_stream_error_on_invalid_http_message: Some(true),
    };
    assert_eq!(
        spec.http1_protocol_options.as_ref().map(|unit| unit.value),
        Some(http1)
    );
    assert!(!spec.secures_connection);
}

#[test]
fn both_selectors() {
    for (kind, expected) in [
        ("Service", TargetKind::Service),
        ("Hostname", TargetKind::Hostname),
    ] {
        let store = store(&selector(kind));
        let policy = store
            .backend_config_policies
            .values()
            .next()
            .expect("a policy");
        assert!(policy.is_valid());
        let target = &policy.spec.target_selectors[0].value;
        assert_eq!(target.kind, expected);
        assert_eq!(target.match_labels.len(), 2);
    }
}
