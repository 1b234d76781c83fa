// SPDX-License-Identifier: Apache-2.0
//! Connection, DNS and PROXY protocol.

use super::refuses;

#[test]
fn rules() {
    refuses(&[
        (
            "connectTimeout: 0s",
            ("invalid-value", "spec.connectTimeout", "greater than 0s"),
        ),
        (
            "connectTimeout: 5",
            ("invalid-type", "spec.connectTimeout", "write \"5s\""),
        ),
        (
            "connectTimeout: '5'",
            ("invalid-value", "spec.connectTimeout", "write \"5s\""),
        ),
        (
            "connectTimeout: '0'",
            ("invalid-value", "spec.connectTimeout", "write \"0s\""),
        ),
        (
            "connectTimeout: 200.5s",
            (
                "invalid-value",
                "spec.connectTimeout",
                "write \"200s500ms\"",
            ),
        ),
        (
            "connectTimeout: 1.5s",
            ("invalid-value", "spec.connectTimeout", "write \"1500ms\""),
        ),
        (
            "connectTimeout: 100000s",
            ("invalid-value", "spec.connectTimeout", "in hours"),
        ),
        (
            "connectTimeout: -1s",
            (
                "invalid-value",
                "spec.connectTimeout",
                "invalid duration value",
            ),
        ),
        (
            "connectTimeout: 5us",
            ("invalid-value", "spec.connectTimeout", "units"),
        ),
        (
            "connectTimeout: true",
            ("invalid-type", "spec.connectTimeout", "type string"),
        ),
        (
            "perConnectionBufferLimitBytes: -1",
            (
                "invalid-value",
                "spec.perConnectionBufferLimitBytes",
                "greater than or equal to 0",
            ),
        ),
        (
            "perConnectionBufferLimitBytes: 2147483648",
            (
                "invalid-value",
                "spec.perConnectionBufferLimitBytes",
                "equal to 2147483647",
            ),
        ),
        (
            "perConnectionBufferLimitBytes: '1024'",
            (
                "invalid-type",
                "spec.perConnectionBufferLimitBytes",
                "write 1024 without quotes",
            ),
        ),
        (
            "perConnectionBufferLimitBytes: 1.5",
            (
                "invalid-type",
                "spec.perConnectionBufferLimitBytes",
                "type integer",
            ),
        ),
        (
            "tcpKeepalive: {keepAliveProbes: -1}",
            (
                "invalid-value",
                "spec.tcpKeepalive.keepAliveProbes",
                "equal to 0",
            ),
        ),
        (
            "tcpKeepalive: {keepAliveTime: 999ms}",
            (
                "invalid-value",
                "spec.tcpKeepalive.keepAliveTime",
                "must be at least 1s",
            ),
        ),
        (
            "tcpKeepalive: {keepAliveInterval: 0s}",
            (
                "invalid-value",
                "spec.tcpKeepalive.keepAliveInterval",
                "must be at least 1s",
            ),
        ),
        (
            "tcpKeepalive: 5s",
            ("invalid-type", "spec.tcpKeepalive", "type object"),
        ),
        (
            "dns: {refreshRate: 1ms}",
            ("invalid-value", "spec.dns.refreshRate", "at least 2ms"),
        ),
        (
            "dns: {refreshRate: 1s, jitter: 2s}",
            (
                "invalid-value",
                "spec.dns.jitter",
                "less than or equal to refreshRate",
            ),
        ),
        (
            "dns: {respectTTL: 'yes'}",
            (
                "invalid-type",
                "spec.dns.respectTTL",
                "write true without quotes",
            ),
        ),
        (
            "upstreamProxyProtocol: {version: v2}",
            (
                "unsupported-value",
                "spec.upstreamProxyProtocol.version",
                "did you mean `V2`?",
            ),
        ),
        (
            "upstreamProxyProtocol: {version: V3}",
            (
                "unsupported-value",
                "spec.upstreamProxyProtocol.version",
                "Unsupported value: \"V3\": supported values: \"V1\", \"V2\"",
            ),
        ),
    ]);
}
