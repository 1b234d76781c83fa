// SPDX-License-Identifier: Apache-2.0
//! HTTP options.

use super::refuses;

#[test]
fn rules() {
    const COMMON: &str = "spec.commonHttpProtocolOptions";
    let common = |name: &str| format!("{COMMON}.{name}");
    let (count, requests) = (
        common("maxHeadersCount"),
        common("maxRequestsPerConnection"),
    );
    let action = common("headersWithUnderscoresAction");
    refuses(&[
        (
            "commonHttpProtocolOptions: {maxHeadersCount: 0}",
            ("invalid-value", &count, "greater than or equal to 1"),
        ),
        (
            "commonHttpProtocolOptions: {maxRequestsPerConnection: -1}",
            ("invalid-value", &requests, "greater than or equal to 0"),
        ),
        (
            "commonHttpProtocolOptions: {headersWithUnderscoresAction: REJECT_REQUEST}",
            (
                "unsupported-value",
                &action,
                "did you mean `RejectRequest`?",
            ),
        ),
        (
            "http1ProtocolOptions: {}\nhttp2ProtocolOptions: {}",
            (
                "invalid-value",
                "spec",
                "at most one of http1ProtocolOptions or http2",
            ),
        ),
        (
            "http1ProtocolOptions: {enableTrailers: 1}",
            (
                "invalid-type",
                "spec.http1ProtocolOptions.enableTrailers",
                "type boolean",
            ),
        ),
        (
            "http2ProtocolOptions: {initialStreamWindowSize: 65534}",
            (
                "invalid-value",
                "spec.http2ProtocolOptions.initialStreamWindowSize",
                "between 65535",
            ),
        ),
        (
            "http2ProtocolOptions: {initialConnectionWindowSize: 2Gi}",
            (
                "invalid-value",
                "spec.http2ProtocolOptions.initialConnectionWindowSize",
                "and 2147483647 inclusive",
            ),
        ),
        (
            "http2ProtocolOptions: {initialStreamWindowSize: lots}",
            (
                "invalid-value",
                "spec.http2ProtocolOptions.initialStreamWindowSize",
                "a quantity",
            ),
        ),
        (
            "http2ProtocolOptions: {maxConcurrentStreams: 0}",
            (
                "invalid-value",
                "spec.http2ProtocolOptions.maxConcurrentStreams",
                "equal to 1",
            ),
        ),
        (
            "http2ProtocolOptions: {connectionKeepalive: {interval: 5s}}",
            (
                "required-value",
                "spec.http2ProtocolOptions.connectionKeepalive.timeout",
                "Required value",
            ),
        ),
        (
            "http2ProtocolOptions: {connectionKeepalive: {timeout: 0s}}",
            (
                "invalid-value",
                "spec.http2ProtocolOptions.connectionKeepalive.timeout",
                "at least 1ms",
            ),
        ),
    ]);
}
