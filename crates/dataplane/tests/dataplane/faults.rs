// SPDX-License-Identifier: Apache-2.0
//! Faults on purpose: delays and answers in place of the backend's.

use std::time::{Duration, Instant};

use sluicegate_xds::pb::envoy::{
    extensions::filters::{
        common::fault::v3::{FaultDelay, fault_delay::FaultDelaySecifier},
        http::fault::v3::{FaultAbort, HttpFault, fault_abort::ErrorType},
    },
    r#type::v3::{FractionalPercent, fractional_percent::DenominatorType},
};

use crate::support::{Gateway, Upstream, gateway::Resources, http2, xds};

const FAULT: &str = "envoy.filters.http.fault";

fn share(millionths: u32) -> Option<FractionalPercent> {
    Some(FractionalPercent {
        numerator: millionths,
        denominator: DenominatorType::Million as i32,
    })
}

fn abort(error_type: ErrorType, millionths: u32) -> Option<FaultAbort> {
    Some(FaultAbort {
        error_type: Some(error_type),
        percentage: share(millionths),
        ..FaultAbort::default()
    })
}

fn delay(seconds: f64, millionths: u32) -> Option<FaultDelay> {
    Some(FaultDelay {
        percentage: share(millionths),
        fault_delay_secifier: xds::seconds(seconds).map(FaultDelaySecifier::FixedDelay),
    })
}

/// `/` has the fault, `/free` has none. Answers tell the flags.
fn resources(upstream: &Upstream, fault: &HttpFault) -> Resources {
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners = vec![xds::listener(|manager| {
        let fault = xds::filter(FAULT, &HttpFault::default());
        manager.http_filters = vec![fault, xds::router(false)];
    })];
    let mut faulty = xds::route("/", "c", |_| {});
    xds::set_filter(&mut faulty, FAULT, fault);
    faulty.response_headers_to_add = vec![xds::header("x-flags", "%RESPONSE_FLAGS%", 0)];
    resources.routes = vec![xds::routes(vec![xds::route("/free", "c", |_| {}), faulty])];
    resources
}

fn start(upstream: &Upstream, fault: &HttpFault) -> Gateway {
    let gateway = Gateway::start(&resources(upstream, fault));
    gateway.assert_enforced();
    gateway
}

#[test]
fn an_aborted_request_never_reaches_the_backend() {
    let upstream = Upstream::ok();
    let gateway = start(
        &upstream,
        &HttpFault {
            abort: abort(ErrorType::HttpStatus(418), 1_000_000),
            ..HttpFault::default()
        },
    );
    let mut client = gateway.client();
    for _ in 0..2 {
        assert_eq!(
            client.exact("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "HTTP/1.1 418 Unknown\r\nx-flags: FI\r\ncontent-length: 18\r\n\
             content-type: text/plain\r\ndate: *\r\nserver: envoy\r\n\r\nfault filter abort"
        );
    }
    assert_eq!(client.get("/free").status(), 200);
    gateway.expect("http.test.fault.aborts_injected", 2);
    gateway.expect("http.test.fault.delays_injected", 0);
    gateway.expect("http.test.downstream_rq_4xx", 2);
    gateway.expect("cluster.c.upstream_rq_total", 1);
}

#[test]
fn grpc_is_told_in_its_own_words() {
    let request = |kind: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: 0\r\n\r\n")
    };
    let upstream = Upstream::ok();
    for (error, plain, grpc) in [
        (ErrorType::HttpStatus(503), 503, "14"),
        (ErrorType::GrpcStatus(0), 200, "0"),
        (ErrorType::GrpcStatus(1), 200, "1"),
        (ErrorType::GrpcStatus(14), 200, "14"),
    ] {
        let gateway = start(
            &upstream,
            &HttpFault {
                abort: abort(error, 1_000_000),
                ..HttpFault::default()
            },
        );
        let mut client = gateway.client();
        let response = client.ask(request("text/plain"));
        assert_eq!(response.status(), plain, "{error:?}");
        assert_eq!(response.text(), "fault filter abort");
        let response = client.ask(request("application/grpc"));
        assert_eq!(response.status(), 200);
        assert_eq!(response.field("grpc-status"), Some(grpc), "{error:?}");
        assert_eq!(response.field("grpc-message"), Some("fault filter abort"));
    }
}

#[test]
fn a_delayed_request_arrives_later_with_its_body_and_its_time_limit() {
    let upstream = Upstream::ok();
    let mut resources = resources(
        &upstream,
        &HttpFault {
            delay: delay(0.4, 1_000_000),
            ..HttpFault::default()
        },
    );
    // The time for a response does not run during the delay.
    for route in &mut resources.routes[0].virtual_hosts[0].routes {
        *route = {
            let mut limited = xds::route("/", "c", |action| action.timeout = xds::seconds(0.3));
            limited.typed_per_filter_config = route.typed_per_filter_config.clone();
            limited.response_headers_to_add = route.response_headers_to_add.clone();
            limited
        };
    }
    resources.routes[0].virtual_hosts[0].routes.remove(0);
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    let mut client = gateway.client();
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
    ] {
        let begun = Instant::now();
        let response = client.ask(request);
        assert!(begun.elapsed() >= Duration::from_millis(390));
        assert_eq!(response.status(), 200);
        assert_eq!(response.field("x-flags"), Some("DI"));
    }
    gateway.expect("http.test.fault.delays_injected", 2);
    gateway.expect("http.test.fault.active_faults", 0);
}

#[test]
fn a_request_can_be_delayed_and_aborted() {
    let upstream = Upstream::ok();
    let gateway = start(
        &upstream,
        &HttpFault {
            delay: delay(0.2, 1_000_000),
            abort: abort(ErrorType::HttpStatus(500), 1_000_000),
            ..HttpFault::default()
        },
    );
    let begun = Instant::now();
    let response = gateway.client().get("/");
    assert!(begun.elapsed() >= Duration::from_millis(190));
    assert_eq!(response.status(), 500);
    assert_eq!(response.field("x-flags"), Some("DI,FI"));
    gateway.expect("http.test.fault.delays_injected", 1);
    gateway.expect("http.test.fault.aborts_injected", 1);
}

#[test]
fn a_share_of_requests_is_aborted() {
    let upstream = Upstream::ok();
    for (millionths, least, most) in [(0, 0, 0), (500_000, 60, 140)] {
        let gateway = start(
            &upstream,
            &HttpFault {
                abort: abort(ErrorType::HttpStatus(500), millionths),
                ..HttpFault::default()
            },
        );
        let mut client = gateway.client();
        for _ in 0..200 {
            client.get("/");
        }
        let found = gateway.stat("http.test.fault.aborts_injected");
        assert!((least..=most).contains(&found), "{found}");
    }
}

#[test]
fn a_client_that_leaves_takes_its_delay_along() {
    let upstream = Upstream::ok();
    let gateway = start(
        &upstream,
        &HttpFault {
            delay: delay(60.0, 1_000_000),
            ..HttpFault::default()
        },
    );
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gateway.expect("http.test.fault.active_faults", 1);
    drop(client);
    gateway.expect("http.test.fault.active_faults", 0);
    gateway.expect("http.test.downstream_rq_active", 0);
}

#[test]
fn streams_of_http2_are_aborted_too() {
    let upstream = Upstream::ok();
    let gateway = start(
        &upstream,
        &HttpFault {
            abort: abort(ErrorType::HttpStatus(503), 1_000_000),
            ..HttpFault::default()
        },
    );
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        let response = client.get("/").await;
        assert_eq!(response.status, 503);
        assert_eq!(response.text(), "fault filter abort");
    });
}
