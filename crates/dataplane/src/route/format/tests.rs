// SPDX-License-Identifier: Apache-2.0
//! Values and refusals recorded from Envoy.

use super::*;

fn written(text: &str, facts: &Facts<'_>) -> String {
    let format = Format::for_route(text, "r").expect("a format");
    let mut out = Vec::new();
    format.push(facts, b"", &mut out);
    String::from_utf8(out).expect("text")
}

/// Recorded from Envoy.
#[test]
fn values_are_written_as_envoy_writes_them() {
    let request = |name: &str| match name {
        "x-a" => Some(&b"avalue"[..]),
        ":authority" => Some(&b"h.example:80"[..]),
        _ => None,
    };
    let facts = Facts {
        request: Some(&request),
        peer: "127.0.0.1:39692".parse().ok(),
        client: "[2001:db8::1]:0".parse().ok(),
        local: "[::ffff:127.0.0.1]:21001".parse().ok(),
        cluster: Some("c"),
        protocol: Some(Protocol::Http1),
        ..Facts::default()
    };
    let cases = [
        ("a%REQ(x-miss)%b", "ab"),
        ("50%%", "50%"),
        ("%REQ(X-A)%/%%/%PROTOCOL%", "avalue/%/HTTP/1.1"),
        ("%REQ(x-miss?:authority):5%", "h.exa"),
        ("%RESP(x-a)%%UPSTREAM_HOST%x", "x"),
        ("%RESPONSE_CODE%%RESPONSE_FLAGS%", "0-"),
        ("%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "127.0.0.1:39692"),
        ("%DOWNSTREAM_REMOTE_ADDRESS%", "[2001:db8::1]:0"),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "2001:db8::1"),
        ("%DOWNSTREAM_LOCAL_ADDRESS%", "127.0.0.1:21001"),
        ("%DOWNSTREAM_LOCAL_PORT%", "21001"),
        ("%ROUTE_NAME%%UPSTREAM_CLUSTER%", "rc"),
        ("%ENVIRONMENT(NO_SUCH_VARIABLE)%", "-"),
    ];
    for (text, wanted) in cases {
        assert_eq!(written(text, &facts), wanted, "{text}");
    }
    let constant = Format::compile("a%%b").expect("a format");
    assert_eq!(constant.constant(), Some(&b"a%b"[..]));
}

/// Recorded from Envoy, in its words.
#[test]
fn what_is_not_a_formatter_is_refused() {
    let position = "Couldn't find valid command at position";
    let cases = [
        ("50%", position),
        ("%FOO%", "Not supported field in StreamInfo: FOO"),
        ("%foo%", position),
        ("% REQ(a)%", position),
        ("%%%", position),
        ("%REQ(a", position),
        ("%REQ(a):x%", position),
        ("%REQ%", "REQ requires parameters"),
        ("%REQ()%", "REQ requires parameters"),
        ("%RESP%", "RESP requires parameters"),
        (
            "%REQ(a?b?c)%",
            "More than 1 alternative header specified in token: a?b?c",
        ),
        ("%REQ(a:b)%", "Invalid header configuration."),
        (
            "%HOSTNAME(x)%",
            "HOSTNAME does not take any parameters or length",
        ),
        (
            "%PROTOCOL:2%",
            "PROTOCOL does not take any parameters or length",
        ),
        (
            "%START_TIME():3%",
            "START_TIME does not allow length to be specified.",
        ),
        ("%ENVIRONMENT%", "ENVIRONMENT requires parameters"),
    ];
    for (text, wanted) in cases {
        let error = Format::compile(text).expect_err(text);
        assert!(error.contains(wanted), "{text}: {error}");
    }
}
