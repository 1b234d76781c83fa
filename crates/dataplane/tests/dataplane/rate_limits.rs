// SPDX-License-Identifier: Apache-2.0
//! Local rate limits: buckets, conditions, and what clients are told.

use std::{net::SocketAddr, time::Duration};

use sluicegate_xds::pb::{
    envoy::{
        config::{
            core::v3::RuntimeFractionalPercent,
            route::v3::{
                HeaderMatcher, QueryParameterMatcher, RateLimit,
                header_matcher::HeaderMatchSpecifier,
                query_parameter_matcher::QueryParameterMatchSpecifier,
                rate_limit::{
                    Action, HitsAddend,
                    action::{
                        ActionSpecifier, HeaderValueMatch, QueryParameterValueMatch,
                        QueryParameters, RemoteAddress, RemoteAddressMatch, RequestHeaders,
                    },
                },
            },
        },
        extensions::{
            common::ratelimit::v3::{LocalRateLimitDescriptor, rate_limit_descriptor::Entry},
            filters::http::local_ratelimit::v3::LocalRateLimit,
        },
        r#type::{
            matcher::v3::{AddressMatcher, StringMatcher, string_matcher::MatchPattern},
            v3::{FractionalPercent, TokenBucket},
        },
    },
    google::protobuf::UInt64Value,
    xds::core::v3::CidrRange,
};

use crate::support::{Client, Gateway, Upstream, gateway::Resources, xds};

const LIMIT: &str = "envoy.filters.http.local_ratelimit";
const STATS: &str = "limiter.http_local_rate_limit";

fn always() -> Option<RuntimeFractionalPercent> {
    Some(RuntimeFractionalPercent {
        default_value: Some(FractionalPercent {
            numerator: 100,
            denominator: 0,
        }),
        ..RuntimeFractionalPercent::default()
    })
}

fn hourly(tokens: u32) -> Option<TokenBucket> {
    bucket(tokens, 3600.0)
}

fn bucket(tokens: u32, seconds: f64) -> Option<TokenBucket> {
    Some(TokenBucket {
        max_tokens: tokens,
        tokens_per_fill: xds::number(tokens),
        fill_interval: xds::seconds(seconds),
    })
}

fn limit(token_bucket: Option<TokenBucket>) -> LocalRateLimit {
    LocalRateLimit {
        stat_prefix: "limiter".to_owned(),
        token_bucket,
        filter_enabled: always(),
        filter_enforced: always(),
        enable_x_ratelimit_headers: 1,
        always_consume_default_token_bucket: xds::no(),
        max_dynamic_descriptors: xds::number(3),
        ..LocalRateLimit::default()
    }
}

/// Adds a limit for what these actions make of a request.
fn rule(
    limit: &mut LocalRateLimit,
    tokens: u32,
    actions: Vec<ActionSpecifier>,
    entries: &[(&str, &str)],
) {
    let actions = actions.into_iter().map(|specifier| Action {
        action_specifier: Some(specifier),
    });
    limit.rate_limits.push(RateLimit {
        actions: actions.collect(),
        ..RateLimit::default()
    });
    let entries = entries.iter().map(|(key, value)| Entry {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    });
    limit.descriptors.push(LocalRateLimitDescriptor {
        entries: entries.collect(),
        token_bucket: hourly(tokens),
        ..LocalRateLimitDescriptor::default()
    });
}

fn exact(text: &str) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(MatchPattern::Exact(text.to_owned())),
        ..StringMatcher::default()
    }
}

fn header(name: &str, value: &str, invert: bool) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        invert_match: invert,
        treat_missing_header_as_empty: invert,
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(exact(value))),
    }
}

fn headers(headers: Vec<HeaderMatcher>) -> ActionSpecifier {
    ActionSpecifier::HeaderValueMatch(HeaderValueMatch {
        descriptor_key: "headers".to_owned(),
        descriptor_value: "yes".to_owned(),
        headers,
        ..HeaderValueMatch::default()
    })
}

fn distinct(name: &str) -> ActionSpecifier {
    ActionSpecifier::RequestHeaders(RequestHeaders {
        header_name: name.to_owned(),
        descriptor_key: name.to_owned(),
        skip_if_absent: false,
    })
}

fn resources(upstream: SocketAddr, limit: &LocalRateLimit) -> Resources {
    let mut resources = Resources::simple(&[upstream]);
    resources.listeners = vec![xds::listener(|manager| {
        let base = LocalRateLimit {
            stat_prefix: "limiter".to_owned(),
            ..LocalRateLimit::default()
        };
        manager.http_filters = vec![xds::filter(LIMIT, &base), xds::router(false)];
        manager.use_remote_address = xds::yes();
    })];
    let mut limited = xds::route("/", "c", |_| {});
    xds::set_filter(&mut limited, LIMIT, limit);
    resources.routes = vec![xds::routes(vec![xds::route("/free", "c", |_| {}), limited])];
    resources
}

fn start(upstream: &Upstream, limit: &LocalRateLimit) -> Gateway {
    let gateway = Gateway::start(&resources(upstream.address, limit));
    gateway.assert_enforced();
    gateway
}

/// Statuses of requests with these fields.
fn statuses(client: &mut Client, requests: &[&str]) -> Vec<u16> {
    let ask = |fields: &&str| {
        let (path, fields) = fields.split_once(' ').unwrap_or((fields, ""));
        let fields = fields.split_whitespace();
        let lines: String = fields
            .map(|field| format!("{}\r\n", field.replace(':', ": ")))
            .collect();
        client
            .ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n"))
            .status()
    };
    requests.iter().map(ask).collect()
}

#[test]
fn who_is_over_the_limit_gets_429() {
    let upstream = Upstream::ok();
    let gateway = start(&upstream, &limit(hourly(2)));
    let mut client = gateway.client();
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for left in ["1", "0"] {
        let response = client.ask(request);
        assert_eq!(response.status(), 200);
        assert_eq!(response.field("x-ratelimit-limit"), Some("2"));
        assert_eq!(response.field("x-ratelimit-remaining"), Some(left));
        let reset: u32 = response
            .field("x-ratelimit-reset")
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(reset == 0, left == "1", "{reset}");
        assert!(reset <= 1800, "{reset}");
    }
    let response = client.ask(request);
    assert_eq!(
        (response.status(), response.text()),
        (429, "local_rate_limited")
    );
    assert_eq!(response.field("x-ratelimit-limit"), Some("2"));
    assert_eq!(response.field("x-ratelimit-remaining"), Some("0"));
    assert_eq!(response.field("x-envoy-ratelimited"), None);
    assert_eq!(statuses(&mut client, &["/", "/free"]), [429, 200]);
    let grpc = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n\
                Content-Length: 0\r\n\r\n";
    let response = client.ask(grpc);
    assert_eq!(response.field("grpc-status"), Some("14"));
    assert_eq!(response.field("grpc-message"), Some("local_rate_limited"));
    assert_eq!(response.field("x-ratelimit-remaining"), Some("0"));
    gateway.expect(&format!("{STATS}.enabled"), 5);
    gateway.expect(&format!("{STATS}.ok"), 2);
    gateway.expect(&format!("{STATS}.rate_limited"), 3);
    gateway.expect(&format!("{STATS}.enforced"), 3);
}

#[test]
fn a_bucket_fills_again() {
    let upstream = Upstream::ok();
    let gateway = start(&upstream, &limit(bucket(2, 1.0)));
    let mut client = gateway.client();
    assert_eq!(statuses(&mut client, &["/", "/"]), [200, 200]);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(statuses(&mut client, &["/", "/"]), [200, 200]);
}

#[test]
fn conditions_choose_the_bucket() {
    let upstream = Upstream::ok();
    let mut both = limit(hourly(1000));
    rule(
        &mut both,
        1,
        vec![headers(vec![
            header("x-a", "1", false),
            header("x-b", "2", true),
            header(":method", "GET", false),
        ])],
        &[("headers", "yes")],
    );
    rule(
        &mut both,
        2,
        vec![ActionSpecifier::QueryParameterValueMatch(
            QueryParameterValueMatch {
                descriptor_key: "query".to_owned(),
                descriptor_value: "yes".to_owned(),
                expect_match: xds::yes(),
                query_parameters: vec![QueryParameterMatcher {
                    name: "q".to_owned(),
                    query_parameter_match_specifier: Some(
                        QueryParameterMatchSpecifier::StringMatch(exact("1")),
                    ),
                }],
                ..QueryParameterValueMatch::default()
            },
        )],
        &[("query", "yes")],
    );
    let gateway = start(&upstream, &both);
    let mut client = gateway.client();
    assert_eq!(
        statuses(
            &mut client,
            &["/ x-a:1", "/ x-a:1", "/ x-a:1 x-b:2", "/ x-a:2", "/"]
        ),
        [200, 429, 200, 200, 200]
    );
    assert_eq!(
        statuses(&mut client, &["/?q=1", "/?a=b&q=1", "/?q=1", "/?q=2"]),
        [200, 200, 429, 200]
    );
}

#[test]
fn every_value_has_a_bucket_and_the_least_used_one_is_forgotten() {
    let upstream = Upstream::ok();
    let mut each = limit(hourly(1000));
    rule(&mut each, 1, vec![distinct("x-user")], &[("x-user", "")]);
    let gateway = start(&upstream, &each);
    let mut client = gateway.client();
    let of = |user: u32| format!("/ x-user:{user}");
    let ask = |client: &mut Client, user| statuses(client, &[&of(user)])[0];
    for user in 1..=3 {
        assert_eq!((ask(&mut client, user), ask(&mut client, user)), (200, 429));
    }
    assert_eq!(statuses(&mut client, &["/", "/"]), [200, 200]);
    // A fourth takes the place of the first.
    assert_eq!(ask(&mut client, 4), 200);
    assert_eq!(ask(&mut client, 3), 429);
    assert_eq!(ask(&mut client, 1), 200);
}

#[test]
fn parameters_and_addresses_make_entries_too() {
    let upstream = Upstream::ok();
    let range = |address: &str, invert_match| {
        ActionSpecifier::RemoteAddressMatch(RemoteAddressMatch {
            descriptor_key: "range".to_owned(),
            descriptor_value: "yes".to_owned(),
            address_matcher: Some(AddressMatcher {
                ranges: vec![CidrRange {
                    address_prefix: address.to_owned(),
                    prefix_len: xds::number(8),
                }],
                invert_match,
            }),
            ..RemoteAddressMatch::default()
        })
    };
    let parameter = || {
        ActionSpecifier::QueryParameters(QueryParameters {
            query_parameter_name: "q".to_owned(),
            descriptor_key: "q".to_owned(),
            skip_if_absent: false,
        })
    };
    for (address, invert, counts) in [
        ("127.0.0.0", false, true),
        ("127.0.0.0", true, false),
        ("10.0.0.0", false, false),
        ("10.0.0.0", true, true),
    ] {
        let mut limit = limit(hourly(1000));
        let client = ActionSpecifier::RemoteAddress(RemoteAddress {});
        rule(
            &mut limit,
            1,
            vec![range(address, invert), client, parameter()],
            &[("range", "yes"), ("remote_address", ""), ("q", "")],
        );
        let gateway = start(&upstream, &limit);
        let mut client = gateway.client();
        let second = if counts { 429 } else { 200 };
        assert_eq!(
            statuses(&mut client, &["/?q=1", "/?q=1", "/?q=2", "/", "/"]),
            [200, second, 200, 200, 200]
        );
    }
}

#[test]
fn the_smallest_rate_is_asked_first_and_each_that_is_asked_counts() {
    let upstream = Upstream::ok();
    let mut both = limit(hourly(1000));
    rule(
        &mut both,
        3,
        vec![headers(vec![header("x-a", "1", false)])],
        &[("headers", "yes")],
    );
    rule(&mut both, 2, vec![distinct("x-user")], &[("x-user", "")]);
    let gateway = start(&upstream, &both);
    let mut client = gateway.client();
    assert_eq!(
        statuses(
            &mut client,
            &[
                "/ x-a:1 x-user:1",
                "/ x-a:1 x-user:1",
                "/ x-a:1 x-user:1",
                "/ x-a:1",
                "/ x-a:1",
            ]
        ),
        [200, 200, 429, 200, 429]
    );
}

#[test]
fn a_request_can_cost_more_and_shadows_only_count() {
    let upstream = Upstream::ok();
    let mut costly = limit(hourly(1000));
    rule(
        &mut costly,
        5,
        vec![headers(vec![header("x-a", "1", false)])],
        &[("headers", "yes")],
    );
    costly.rate_limits[0].hits_addend = Some(HitsAddend {
        number: Some(UInt64Value { value: 2 }),
        ..HitsAddend::default()
    });
    let mut shadow = costly.clone();
    shadow.descriptors[0].shadow_mode = true;
    let requests = ["/ x-a:1", "/ x-a:1", "/ x-a:1"];
    let gateway = start(&upstream, &costly);
    assert_eq!(statuses(&mut gateway.client(), &requests), [200, 200, 429]);
    let gateway = start(&upstream, &shadow);
    assert_eq!(statuses(&mut gateway.client(), &requests), [200, 200, 200]);
    for (name, value) in [
        ("enabled", 3),
        ("enforced", 0),
        ("ok", 2),
        ("rate_limited", 1),
        ("shadow_mode", 1),
    ] {
        gateway.expect(&format!("{STATS}.{name}"), value);
    }
    // The others decide all the same.
    rule(
        &mut shadow,
        100,
        vec![distinct("x-user")],
        &[("x-user", "")],
    );
    shadow.descriptors[0].token_bucket = hourly(2);
    shadow.rate_limits[1].hits_addend = Some(HitsAddend {
        number: Some(UInt64Value { value: 60 }),
        ..HitsAddend::default()
    });
    let gateway = start(&upstream, &shadow);
    let requests = ["/ x-a:1 x-user:1"; 3];
    assert_eq!(statuses(&mut gateway.client(), &requests), [200, 429, 429]);
}
