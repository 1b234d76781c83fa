// SPDX-License-Identifier: Apache-2.0
//! Retries: when, how often, where to, and what is said about it.

use std::time::Duration;

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            core::v3::HttpProtocolOptions,
            route::v3::{
                HeaderMatcher, RetryPolicy,
                header_matcher::HeaderMatchSpecifier,
                retry_policy::{
                    RateLimitedRetryBackOff, ResetHeader, RetryBackOff, RetryHostPredicate,
                    retry_host_predicate::ConfigType,
                },
            },
        },
        extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate,
    },
};

use crate::support::{
    Gateway,
    gateway::Resources,
    plane::decided,
    script::{Script, Step, nobody},
    xds,
};

const RESET: &str = "upstream connect error or disconnect/reset before headers. ";

pub(crate) fn policy(retry_on: &str, change: impl FnOnce(&mut RetryPolicy)) -> RetryPolicy {
    let mut policy = RetryPolicy {
        retry_on: retry_on.to_owned(),
        ..RetryPolicy::default()
    };
    change(&mut policy);
    policy
}

/// One route with this policy to one upstream.
pub(crate) fn retried(script: &Script, policy: RetryPolicy) -> Resources {
    let mut resources = Resources::simple(&[script.upstream.address]);
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.retry_policy = Some(policy);
    })])];
    resources
}

pub(crate) fn present(name: &str) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
        ..HeaderMatcher::default()
    }
}

#[test]
fn a_retry_that_helps_is_all_the_client_sees() {
    let script = Script::play(&[Step::Status(503), Step::Close, Step::Status(200)]);
    let gateway = Gateway::start(&retried(
        &script,
        policy("5xx", |policy| policy.num_retries = xds::number(2)),
    ));
    let mut client = gateway.client();
    let response = client.get("/");
    assert_eq!((response.status(), response.text()), (200, "ok"));
    assert_eq!(response.field("x-envoy-attempt-count"), None);
    assert_eq!(client.get("/").status(), 200);
    for (name, value) in [
        ("retry.upstream_rq_503", 1),
        ("retry.upstream_rq_completed", 1),
        ("upstream_rq_retry", 2),
        ("upstream_rq_retry_success", 1),
        ("upstream_rq_retry_backoff_exponential", 2),
        ("upstream_rq_retry_limit_exceeded", 0),
        ("upstream_rq_200", 2),
        ("upstream_rq_503", 0),
        ("upstream_rq_total", 4),
        ("upstream_rq_active", 0),
        ("circuit_breakers.default.rq_retry_open", 0),
    ] {
        gateway.expect(&format!("cluster.c.{name}"), value);
    }
}

#[test]
fn the_last_answer_is_given_when_retries_are_used_up() {
    let script = Script::play(&[Step::Status(503)]);
    let gateway = Gateway::start(&retried(
        &script,
        policy("5xx", |policy| policy.num_retries = xds::number(2)),
    ));
    let response = gateway.client().get("/");
    assert_eq!((response.status(), response.text()), (503, "ok"));
    assert_eq!(script.attempts(), 3);
    gateway.expect("cluster.c.upstream_rq_retry_limit_exceeded", 1);
    gateway.expect("cluster.c.upstream_rq_retry_success", 0);
    gateway.expect("cluster.c.upstream_rq_503", 1);
    gateway.expect("cluster.c.retry.upstream_rq_503", 2);
}

#[test]
fn a_reset_after_retries_says_so() {
    for (step, status, reason) in [
        (Step::Close, 503, "connection termination"),
        (Step::Say("garbage\r\n\r\n"), 502, "protocol error"),
    ] {
        let script = Script::play(&[step]);
        let gateway = Gateway::start(&retried(&script, policy("5xx", |_| {})));
        let response = gateway.client().get("/");
        assert_eq!(response.status(), status);
        let wanted = format!("{RESET}retried and the latest reset reason: {reason}");
        assert_eq!(response.text(), wanted);
    }
    let mut resources = Resources::simple(&[nobody()]);
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.retry_policy = Some(policy("connect-failure", |_| {}));
    })])];
    let gateway = Gateway::start(&resources);
    let response = gateway.client().get("/");
    let wanted = format!("{RESET}retried and the latest reset reason: remote connection failure");
    assert_eq!(response.text(), wanted);
    gateway.expect("cluster.c.upstream_cx_connect_fail", 2);
    gateway.expect("cluster.c.upstream_rq_503", 1);
}

/// Row 10.
#[test]
fn a_per_try_timeout_is_retried() {
    let script = Script::play(&[Step::Hang]);
    let gateway = Gateway::start(&retried(
        &script,
        policy("gateway-error", |policy| {
            policy.per_try_timeout = xds::seconds(0.2);
        }),
    ));
    let response = gateway.client().get("/");
    assert_eq!(response.status(), 504);
    assert_eq!(response.text(), "upstream request timeout");
    assert_eq!(script.attempts(), 2);
    gateway.expect("cluster.c.upstream_rq_per_try_timeout", 2);
    gateway.expect("cluster.c.upstream_rq_timeout", 0);
    gateway.expect("cluster.c.upstream_rq_504", 1);
    gateway.expect("cluster.c.upstream_rq_retry_limit_exceeded", 1);
    gateway.expect("cluster.c.upstream_rq_tx_reset", 0);
    gateway.expect("cluster.c.upstream_cx_active", 0);
}

#[test]
fn limits_of_an_attempt_hold_without_retries() {
    type Change = fn(&mut RetryPolicy);
    let cases: [(Change, &str); 2] = [
        (
            |policy| policy.per_try_timeout = xds::seconds(0.2),
            "cluster.c.upstream_rq_per_try_timeout",
        ),
        (
            |policy| policy.per_try_idle_timeout = xds::seconds(0.2),
            "cluster.c.upstream_rq_per_try_idle_timeout",
        ),
    ];
    for (change, counter) in cases {
        let script = Script::play(&[Step::Hang]);
        let gateway = Gateway::start(&retried(&script, policy("", change)));
        assert_eq!(gateway.client().get("/").status(), 504);
        assert_eq!(script.attempts(), 1);
        gateway.expect(counter, 1);
    }
}

#[test]
fn the_idle_limit_of_an_attempt_goes_on_in_the_body_and_the_other_does_not() {
    let head = "HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\npart";
    let script = Script::play(&[Step::Head(head)]);
    let gateway = Gateway::start(&retried(
        &script,
        policy("5xx", |policy| {
            // In Envoy, one that passes in the body ends the other as well.
            policy.per_try_timeout =
                xds::seconds(decided("the idle limit of an attempt", 0.1, 9.0));
            policy.per_try_idle_timeout = xds::seconds(0.4);
        }),
    ));
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.rest().ends_with(b"part"));
    assert_eq!(script.attempts(), 1);
    gateway.expect("cluster.c.upstream_rq_per_try_idle_timeout", 1);
    gateway.expect("cluster.c.upstream_rq_per_try_timeout", 0);
}

#[test]
fn the_route_timeout_ends_a_wait() {
    let script = Script::play(&[Step::Status(503)]);
    let mut resources = retried(&script, RetryPolicy::default());
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.timeout = xds::seconds(0.2);
        action.retry_policy = Some(policy("5xx", |policy| {
            policy.rate_limited_retry_back_off = None;
            policy.retry_back_off = Some(RetryBackOff {
                base_interval: xds::seconds(3600.0),
                ..RetryBackOff::default()
            });
        }));
    })])];
    let gateway = Gateway::start(&resources);
    let response = gateway.client().get("/");
    assert_eq!(response.status(), 504);
    assert_eq!(response.text(), "upstream request timeout");
    gateway.expect("http.test.downstream_rq_5xx", 1);
    gateway.expect("cluster.c.upstream_rq_timeout", 0);
    gateway.expect("cluster.c.upstream_rq_504", 0);
    gateway.expect("cluster.c.retry.upstream_rq_503", 1);
    gateway.expect("cluster.c.circuit_breakers.default.rq_retry_open", 0);
}

/// Row 51. The bounds themselves are tested where waits are drawn.
#[test]
fn waits_stay_below_their_bounds() {
    let script = Script::play(&[Step::Status(503)]);
    let gateway = Gateway::start(&retried(
        &script,
        policy("5xx", |policy| {
            policy.num_retries = xds::number(100);
            policy.retry_back_off = Some(RetryBackOff {
                base_interval: xds::seconds(0.001),
                max_interval: xds::seconds(0.002),
            });
        }),
    ));
    gateway.client().get("/");
    let times = script.times.lock().unwrap();
    assert_eq!(times.len(), 101);
    // Waits by default, at most 250 ms each, would come to 12 s.
    assert!(times[100] - times[0] < Duration::from_secs(9));
}

#[test]
fn a_response_may_say_when_to_come_back() {
    let later = "HTTP/1.1 503 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    let script = Script::play(&[Step::Say(later), Step::Status(200)]);
    let gateway = Gateway::start(&retried(
        &script,
        policy("5xx", |policy| {
            policy.rate_limited_retry_back_off = Some(RateLimitedRetryBackOff {
                reset_headers: vec![ResetHeader {
                    name: "retry-after".to_owned(),
                    format: 0,
                }],
                max_interval: None,
            });
        }),
    ));
    assert_eq!(gateway.client().get("/").status(), 200);
    let times = script.times.lock().unwrap();
    assert!(times[1] - times[0] >= Duration::from_secs(1));
    gateway.expect("cluster.c.upstream_rq_retry_backoff_ratelimited", 1);
    gateway.expect("cluster.c.upstream_rq_retry_backoff_exponential", 0);
}

/// Row 52.
#[test]
fn previous_hosts_are_avoided() {
    let scripts: Vec<Script> = (0..3).map(|_| Script::play(&[Step::Status(503)])).collect();
    let addresses: Vec<_> = scripts.iter().map(|one| one.upstream.address).collect();
    let mut resources = retried(
        &scripts[0],
        policy("5xx", |policy| {
            policy.num_retries = xds::number(2);
            policy.host_selection_retry_max_attempts = 30;
            policy.retry_host_predicate = vec![RetryHostPredicate {
                name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
                config_type: Some(ConfigType::TypedConfig(any::pack(
                    &PreviousHostsPredicate::default(),
                ))),
            }];
        }),
    );
    resources.endpoints = vec![xds::endpoints("c", &addresses)];
    // Random, so that hosts would come again.
    resources.clusters[0].lb_policy = 3;
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    let mut client = gateway.client();
    for round in 1..=5 {
        assert_eq!(client.get("/").status(), 503);
        let attempts: Vec<_> = scripts.iter().map(Script::attempts).collect();
        assert_eq!(attempts, [round; 3]);
    }
}

/// Row 53.
#[test]
fn attempts_are_counted_in_headers() {
    let script = Script::play(&[Step::Status(503), Step::Hang, Step::Status(200)]);
    let mut resources = retried(&script, RetryPolicy::default());
    let mut routes = xds::routes(vec![xds::route("/", "c", |action| {
        action.timeout = xds::seconds(10.0);
    })]);
    let host = &mut routes.virtual_hosts[0];
    host.include_request_attempt_count = true;
    host.include_attempt_count_in_response = true;
    host.response_headers_to_add = vec![xds::header("x-added", "1", 2)];
    host.retry_policy = Some(policy("5xx", |policy| {
        policy.num_retries = xds::number(2);
        policy.per_try_timeout = xds::seconds(0.3);
    }));
    resources.routes = vec![routes];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    let response = client.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Envoy-Attempt-Count: 9\r\n\r\n");
    assert_eq!(response.status(), 200);
    let lines = response.lines();
    let at = |name: &str| lines.iter().position(|line| line.starts_with(name));
    assert_eq!(
        at("x-envoy-attempt-count: 3"),
        Some(at("x-added").unwrap() + 1)
    );
    let heads = script.upstream.heads.lock().unwrap().clone();
    for (head, number) in heads.iter().zip(1..) {
        let wanted = format!(
            "GET / HTTP/1.1\nhost: a\nx-envoy-attempt-count: {number}\n\
             x-forwarded-proto: http\nx-request-id: *\nx-envoy-expected-rq-timeout-ms: 300"
        );
        assert_eq!(*head, wanted);
    }
    // Answers made here tell it as well.
    drop(script);
    resources.endpoints = vec![xds::endpoints("c", &[nobody()])];
    gateway.publish(&resources);
    let response = client.get("/");
    assert_eq!(
        response.lines()[..2],
        ["x-added: 1", "x-envoy-attempt-count: 3"]
    );
}

#[test]
fn what_is_left_of_the_timeout_is_announced_again() {
    let script = Script::play(&[Step::Close, Step::Status(200)]);
    let gateway = Gateway::start(&retried(
        &script,
        policy("reset", |policy| {
            policy.retry_back_off = Some(RetryBackOff {
                base_interval: xds::seconds(0.2),
                ..RetryBackOff::default()
            });
        }),
    ));
    assert_eq!(gateway.client().get("/").status(), 200);
    let heads = script.upstream.heads.lock().unwrap();
    let left = heads.iter().map(|head| {
        let line = head.lines().last().unwrap();
        line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()
    });
    let left: Vec<u32> = left.collect();
    assert!(
        left[0] == 15000 && left[1] <= 15000 && left[1] > 10000,
        "{left:?}"
    );
}

#[test]
fn requests_may_have_to_ask_for_retries() {
    let script = Script::play(&[Step::Status(503)]);
    let gateway = Gateway::start(&retried(
        &script,
        policy("5xx", |policy| {
            policy.retriable_request_headers = vec![present("x-retry")];
        }),
    ));
    let mut client = gateway.client();
    client.get("/");
    assert_eq!(script.attempts(), 1);
    client.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Retry: 1\r\n\r\n");
    assert_eq!(script.attempts(), 3);
}

#[test]
fn the_policy_of_a_cluster_replaces_the_routes() {
    let script = Script::play(&[Step::Status(503)]);
    let mut resources = retried(&script, policy("5xx", |_| {}));
    let common = HttpProtocolOptions::default();
    let cluster = &mut resources.clusters[0];
    xds::common_http(cluster, common);
    xds::change_http(cluster, |options| {
        options.retry_policy = Some(policy("5xx", |policy| {
            policy.num_retries = xds::number(3);
        }));
    });
    let gateway = Gateway::start(&resources);
    assert_eq!(gateway.client().get("/").status(), 503);
    assert_eq!(script.attempts(), 4);
}

/// Only a body that was not read costs the connection.
#[test]
fn attempts_without_a_body_keep_their_connection() {
    let empty = "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n";
    for (step, connections) in [(Step::Say(empty), 1), (Step::Status(503), 2)] {
        let script = Script::play(&[step, Step::Status(200)]);
        let gateway = Gateway::start(&retried(&script, policy("5xx", |_| {})));
        assert_eq!(gateway.client().get("/").status(), 200);
        assert_eq!(script.upstream.connections(), connections);
        let lost = i64::try_from(connections).unwrap() - 1;
        gateway.expect("cluster.c.upstream_cx_destroy_local_with_active_rq", lost);
        gateway.expect("cluster.c.upstream_rq_tx_reset", 0);
    }
}
