// SPDX-License-Identifier: Apache-2.0
//! What becomes filters, and what is told about requests.

use std::time::Duration;

use super::{super::model, seconds};
use crate::{
    envoygateway::backend_traffic_policy::{
        Abort, AbortStatus, AdmissionControl, Bandwidth, BandwidthLimit, ClientSelector,
        CompressionAlgorithm, Compressor, Delay, FaultInjection, HttpUpgrade, MetadataKey,
        RateLimitCost, RateLimitUnit, ResponseAction, ResponseBody, ResponseRedirect,
        ResponseSource, SourceCidr, StatusRange, StringMatch, Telemetry, Tracing, ValueMatch,
        XRateLimitHeaders,
    },
    telemetry::{CustomTag, SpanNames},
};

#[test]
fn rate_limits() {
    let found = model(
        "rateLimit: {global: {rules: [{shared: true, shadowMode: true, xRateLimitHeaders: 'Off', \
         limit: {requests: 5, unit: Week, fromMetadata: {namespace: a, key: b}}, \
         cost: {request: {from: Number, number: 2}, response: {from: Metadata, metadata: {namespace: c, key: d}}}, \
         clientSelectors: [{headers: [{name: x-a, value: b, invert: true}, {name: x-c, type: Distinct}], methods: [{value: GET, invert: true}], \
         path: {}, sourceCIDR: {type: Distinct, value: 10.0.0.0/8}, queryParams: [{name: q, type: RegularExpression, value: '[0-9]+'}]}]}]}, \
         local: {rules: [{limit: {requests: 1, unit: Year}, clientSelectors: [{path: {type: Exact, value: /a}, sourceCIDR: {value: 'fd00::/8', invert: true}}]}]}}",
    );
    let limits = found.rate_limit.expect("a block").value;
    let key = |namespace: &str, key: &str| MetadataKey {
        namespace: namespace.to_owned(),
        key: key.to_owned(),
    };
    let [rule] = limits.global.as_slice() else {
        panic!("one rule");
    };
    assert_eq!((rule.shared, rule.shadow_mode), (Some(true), Some(true)));
    assert_eq!(rule.x_rate_limit_headers, Some(XRateLimitHeaders::Off));
    assert_eq!(
        (rule.limit.requests, rule.limit.unit),
        (5, RateLimitUnit::Week)
    );
    assert_eq!(rule.limit.from_metadata, Some(key("a", "b")));
    assert_eq!(rule.request_cost, Some(RateLimitCost::Number(2)));
    assert_eq!(
        rule.response_cost,
        Some(RateLimitCost::Metadata(key("c", "d")))
    );
    let selector = ClientSelector {
        headers: vec![
            ("x-a".to_owned(), ValueMatch::Exact("b".to_owned(), true)),
            ("x-c".to_owned(), ValueMatch::Distinct),
        ],
        methods: vec![("GET".to_owned(), true)],
        path: Some(ValueMatch::PathPrefix("/".to_owned(), false)),
        source_cidr: Some(SourceCidr {
            value: "10.0.0.0/8".to_owned(),
            distinct: true,
            invert: false,
        }),
        query_params: vec![(
            "q".to_owned(),
            ValueMatch::RegularExpression("[0-9]+".to_owned(), false),
        )],
    };
    assert_eq!(rule.client_selectors, [selector]);
    let selector = &limits.local[0].client_selectors[0];
    assert_eq!(
        selector.path,
        Some(ValueMatch::Exact("/a".to_owned(), false))
    );
    assert!(
        selector
            .source_cidr
            .as_ref()
            .is_some_and(|source| source.invert)
    );
}

#[test]
fn limits_faults_and_admission() {
    let found = model(
        "bandwidthLimit: {request: {limit: {value: 6Mi, unit: Minute}}, response: {limit: {value: 2048, unit: Second}, responseTrailers: {prefix: x}}}\n\
         faultInjection: {delay: {fixedDelay: 2s, percentage: 0.5}, abort: {grpcStatus: 14}}\n\
         admissionControl: {samplingWindow: 1s, minSuccessRate: 90, rejectionAggression: 1.5, minRequestRate: 5, maxRejectionPercent: 70, \
         successCriteria: {http: {statusCodes: [200, 404]}, grpc: {statusCodes: [Ok, NOT_FOUND, DeadlineExceeded]}}}",
    );
    let bandwidth = |kib_per_second| Some(Bandwidth { kib_per_second });
    let expected = BandwidthLimit {
        request: bandwidth(102),
        response: bandwidth(2),
        response_trailers: Some(Some("x".to_owned())),
    };
    assert_eq!(found.bandwidth_limit.expect("a block").value, expected);
    let expected = FaultInjection {
        delay: Some(Delay {
            fixed_delay: Duration::from_secs(2),
            percentage: Some(0.5),
        }),
        abort: Some(Abort {
            status: AbortStatus::Grpc(14),
            percentage: None,
        }),
    };
    assert_eq!(found.fault_injection.expect("a block").value, expected);
    let expected = AdmissionControl {
        sampling_window: seconds(1),
        min_success_rate: Some(90.0),
        rejection_aggression: Some(1.5),
        min_request_rate: Some(5),
        max_rejection_percent: Some(70.0),
        http_success: Some(vec![200, 404]),
        grpc_success: Some(vec![0, 5, 4]),
    };
    assert_eq!(found.admission_control.expect("a block").value, expected);
}

#[test]
fn compression_upgrades_and_buffers() {
    let compressor = |algorithm, min_content_length| Compressor {
        algorithm,
        min_content_length,
    };
    let found = model(
        "compressor: [{type: Zstd, zstd: {}, minContentLength: 100}, {type: Brotli, brotli: {}}]",
    );
    let expected = [
        compressor(CompressionAlgorithm::Zstd, Some(100)),
        compressor(CompressionAlgorithm::Brotli, None),
    ];
    assert_eq!(found.compressors.expect("a list").value, expected);
    let found = model(
        "compression: [{type: Gzip}]\nhttpUpgrade: [{type: CONNECT, connect: {terminate: true}}, {type: spdy/3.1}]",
    );
    let expected = [compressor(CompressionAlgorithm::Gzip, None)];
    assert_eq!(found.compressors.expect("a list").value, expected);
    let upgrade = |kind: &str, terminate| HttpUpgrade {
        kind: kind.to_owned(),
        terminate,
    };
    let expected = [upgrade("CONNECT", Some(true)), upgrade("spdy/3.1", None)];
    assert_eq!(found.http_upgrade.expect("a list").value, expected);
    let found = model("requestBuffer: {limit: 4Ki}");
    assert_eq!(found.request_buffer_limit.expect("set").value, 4096);
}

#[test]
fn response_overrides() {
    let found = model(
        "responseOverride:\n\
         - match: {statusCodes: [{value: 404}, {type: Range, range: {start: 500, end: 511}}], responseHeaders: [{name: x-a, value: {type: Prefix, value: b}}]}\n\
         \x20 source: Backend\n\
         \x20 response: {contentType: text/plain, statusCode: 503, header: {set: [{name: a, value: b}]}, body: {inline: sorry}}\n\
         - match: {statusCodes: [{value: 401}]}\n\
         \x20 redirect: {scheme: https, hostname: a.example, port: 8443, statusCode: 301, path: {type: ReplaceFullPath, replaceFullPath: /login}}\n\
         - match: {statusCodes: [{value: 402}]}\n\
         \x20 response: {body: {type: ValueRef, valueRef: {group: '', kind: ConfigMap, name: bodies}}}",
    );
    let overrides = found.response_override.expect("a list").value;
    let [first, second, third] = overrides.as_slice() else {
        panic!("three");
    };
    let range = |start, end| StatusRange { start, end };
    assert_eq!(
        first.matches.status_codes,
        [range(404, 404), range(500, 511)]
    );
    let header = ("x-a".to_owned(), StringMatch::Prefix("b".to_owned()));
    assert_eq!(first.matches.response_headers, [header]);
    assert_eq!(first.source, Some(ResponseSource::Backend));
    let ResponseAction::Response(response) = &first.action else {
        panic!("a response");
    };
    assert_eq!(response.content_type.as_deref(), Some("text/plain"));
    assert_eq!(response.status_code, Some(503));
    assert_eq!(
        response.body,
        Some(ResponseBody::Inline("sorry".to_owned()))
    );
    assert_eq!(
        response.header.as_ref().map(|header| header.set.len()),
        Some(1)
    );
    let redirect = ResponseRedirect {
        scheme: Some("https".to_owned()),
        hostname: Some("a.example".to_owned()),
        path: Some("/login".to_owned()),
        port: Some(8443),
        status_code: Some(301),
    };
    assert_eq!(second.action, ResponseAction::Redirect(redirect));
    let ResponseAction::Response(response) = &third.action else {
        panic!("a response");
    };
    assert_eq!(
        response.body,
        Some(ResponseBody::ConfigMap("bodies".to_owned()))
    );
}

#[test]
fn telemetry() {
    let found = model(
        "telemetry: {metrics: {routeStatName: '%ROUTE_KIND%/%ROUTE_NAME%'}, tracing: {samplingFraction: {numerator: 1, denominator: 4}, \
         clientSamplingFraction: {numerator: 5}, overallSamplingFraction: {numerator: 100}, tags: {a: b}, spanName: {client: c, server: s}, \
         customTags: {l: {type: Literal, literal: {value: v}}, e: {type: Environment, environment: {name: E}}, h: {type: RequestHeader, requestHeader: {name: x-h, defaultValue: d}}}}}",
    );
    let tags = [
        ("a", CustomTag::Format("b".to_owned())),
        ("l", CustomTag::Literal("v".to_owned())),
        (
            "e",
            CustomTag::Environment {
                name: "E".to_owned(),
                default_value: None,
            },
        ),
        (
            "h",
            CustomTag::RequestHeader {
                name: "x-h".to_owned(),
                default_value: Some("d".to_owned()),
            },
        ),
    ];
    let tracing = Tracing {
        sampling: Some(25.0),
        client_sampling: Some(5.0),
        overall_sampling: Some(100.0),
        custom_tags: tags.map(|(name, tag)| (name.to_owned(), tag)).into(),
        span_names: SpanNames {
            client: Some("c".to_owned()),
            server: Some("s".to_owned()),
        },
    };
    let expected = Telemetry {
        tracing: Some(tracing),
        route_stat_name: Some("%ROUTE_KIND%/%ROUTE_NAME%".to_owned()),
    };
    assert_eq!(found.telemetry.expect("a block").value, expected);
}
