// SPDX-License-Identifier: Apache-2.0
//! Admission control of a cluster: requests that are turned away while others fail.
//!
//! Probabilities are 0 or 1 here, so that nothing is left to chance.

use bytes::Bytes;
use h2::server;
use http::{HeaderMap, Response};
use sluicegate_xds::pb::envoy::{
    config::{
        cluster::v3::Cluster,
        core::v3::{
            Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions, RuntimeDouble,
            RuntimePercent, RuntimeUInt32,
        },
    },
    extensions::filters::http::{
        admission_control::v3::{
            AdmissionControl,
            admission_control::{
                EvaluationCriteria, SuccessCriteria,
                success_criteria::{GrpcCriteria, HttpCriteria},
            },
        },
        upstream_codec::v3::UpstreamCodec,
    },
    r#type::v3::{Int32Range, Percent},
};

use crate::{
    retries::policy,
    support::{
        Gateway,
        gateway::Resources,
        http2,
        script::{Script, Step},
        xds,
    },
};

fn percent(value: f64, key: &str) -> Option<RuntimePercent> {
    Some(RuntimePercent {
        default_value: Some(Percent { value }),
        runtime_key: key.to_owned(),
    })
}

/// A failure is as good as certain to be followed by a rejection: the probability of 1/2 or more is
/// raised to the power of one by a million, beyond four digits.
fn strict() -> AdmissionControl {
    AdmissionControl {
        aggression: Some(RuntimeDouble {
            default_value: 1_000_000.0,
            runtime_key: "aggression".to_owned(),
        }),
        sr_threshold: percent(100.0, "sr"),
        max_rejection_probability: percent(100.0, "most"),
        evaluation_criteria: Some(EvaluationCriteria::SuccessCriteria(
            SuccessCriteria::default(),
        )),
        ..AdmissionControl::default()
    }
}

/// Counts and rejects nothing.
fn lenient() -> AdmissionControl {
    AdmissionControl {
        max_rejection_probability: percent(0.0, "most"),
        ..strict()
    }
}

fn install(cluster: &mut Cluster, control: &AdmissionControl) {
    xds::change_http(cluster, |options| {
        options.http_filters = vec![
            xds::filter("envoy.filters.http.admission_control", control),
            xds::filter("envoy.filters.http.upstream_codec", &UpstreamCodec {}),
        ];
        // Nothing of a route could switch them on.
        for filter in &mut options.http_filters {
            filter.disabled = false;
        }
    });
}

fn resources(script: &Script, control: &AdmissionControl) -> Resources {
    let mut resources = Resources::simple(&[script.upstream.address]);
    let cluster = &mut resources.clusters[0];
    xds::http(
        cluster,
        HttpProtocolOptions::default(),
        Http1ProtocolOptions::default(),
    );
    install(cluster, control);
    resources
}

fn start(resources: &Resources) -> Gateway {
    let gateway = Gateway::start(resources);
    gateway.assert_enforced();
    gateway
}

fn expect(gateway: &Gateway, success: i64, failure: i64, rejected: i64) {
    for (name, value) in [
        ("success", success),
        ("failure", failure),
        ("rejected", rejected),
    ] {
        gateway.expect(&format!("cluster.c.admission_control.rq_{name}"), value);
    }
}

/// Values recorded from Envoy.
#[test]
fn requests_are_rejected_after_failures() {
    let script = Script::play(&[Step::Status(200), Step::Status(500)]);
    let mut resources = resources(&script, &strict());
    let virtual_host = &mut resources.routes[0].virtual_hosts[0];
    virtual_host.routes[0].response_headers_to_add =
        vec![xds::header("x-details", "%RESPONSE_CODE_DETAILS%", 0)];
    let gateway = start(&resources);
    let mut client = gateway.client();
    assert_eq!(client.get("/").status(), 200);
    assert_eq!(client.get("/").status(), 500);
    for _ in 0..2 {
        assert_eq!(
            client.exact("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "HTTP/1.1 503 Service Unavailable\r\nx-details: denied_by_admission_control\r\n\
             date: *\r\nserver: envoy\r\ncontent-length: 0\r\n\r\n"
        );
    }
    gateway.expect("http.test.downstream_rq_5xx", 3);
    let rejected = client.ask(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(rejected.status(), 200);
    assert_eq!(rejected.field("grpc-status"), Some("14"));
    expect(&gateway, 1, 1, 3);
    assert_eq!(script.attempts(), 2);
    gateway.expect("cluster.c.upstream_rq_completed", 2);
}

#[test]
fn without_failures_or_below_the_rate_nobody_is_rejected() {
    let script = Script::play(&[Step::Status(200)]);
    let gateway = start(&resources(&script, &strict()));
    let mut client = gateway.client();
    for _ in 0..20 {
        assert_eq!(client.get("/").status(), 200);
    }
    expect(&gateway, 20, 0, 0);

    let script = Script::play(&[Step::Status(500)]);
    let rare = AdmissionControl {
        rps_threshold: Some(RuntimeUInt32 {
            default_value: 1_000_000,
            runtime_key: "rps".to_owned(),
        }),
        ..strict()
    };
    let gateway = start(&resources(&script, &rare));
    let mut client = gateway.client();
    for _ in 0..20 {
        assert_eq!(client.get("/").status(), 500);
    }
    expect(&gateway, 0, 20, 0);
}

#[test]
fn every_attempt_counts_and_a_rejection_leads_to_no_other_one() {
    let script = Script::play(&[Step::Status(500)]);
    let mut resources = resources(&script, &strict());
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.retry_policy = Some(policy("5xx", |it| it.num_retries = xds::number(5)));
    })])];
    let gateway = start(&resources);
    assert_eq!(gateway.client().get("/").status(), 503);
    expect(&gateway, 0, 1, 1);
    assert_eq!(script.attempts(), 1);
    gateway.expect("cluster.c.upstream_rq_retry", 1);
    gateway.expect("cluster.c.upstream_rq_retry_limit_exceeded", 0);
}

/// Values recorded from Envoy.
#[test]
fn what_is_a_success_can_be_set() {
    const TRAILERS_ONLY: [Step; 3] = [
        Step::Say(
            "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 4\r\ncontent-length: 0\r\n\r\n",
        ),
        Step::Say(
            "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 5\r\ncontent-length: 0\r\n\r\n",
        ),
        Step::Say(
            "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: x\r\ncontent-length: 0\r\n\r\n",
        ),
    ];
    let ask = |criteria: SuccessCriteria, steps: &[Step]| {
        let script = Script::play(steps);
        let control = AdmissionControl {
            evaluation_criteria: Some(EvaluationCriteria::SuccessCriteria(criteria)),
            ..lenient()
        };
        let gateway = start(&resources(&script, &control));
        let mut client = gateway.client();
        for _ in steps {
            client.get("/");
        }
        gateway
    };
    let statuses = [200, 201, 301, 404, 499, 500, 503].map(Step::Status);
    expect(&ask(SuccessCriteria::default(), &statuses), 5, 2, 0);
    expect(&ask(SuccessCriteria::default(), &TRAILERS_ONLY), 1, 2, 0);
    let listed = SuccessCriteria {
        http_criteria: Some(HttpCriteria {
            http_success_status: [(200, 202), (503, 504)]
                .map(|(start, end)| Int32Range { start, end })
                .to_vec(),
        }),
        grpc_criteria: Some(GrpcCriteria {
            grpc_success_status: vec![4],
        }),
    };
    expect(&ask(listed.clone(), &statuses), 3, 4, 0);
    expect(&ask(listed, &TRAILERS_ONLY), 1, 2, 0);
}

#[test]
fn an_attempt_without_a_response_teaches_nothing() {
    let script = Script::play(&[Step::Close, Step::Status(200)]);
    let gateway = start(&resources(&script, &strict()));
    assert_eq!(gateway.client().get("/").status(), 503);
    assert_eq!(gateway.client().get("/").status(), 200);
    expect(&gateway, 1, 0, 0);
}

#[test]
fn a_grpc_status_behind_the_body_counts() {
    let upstream =
        http2::Upstream::start(server::Builder::new(), |request, mut respond| async move {
            let status = request.uri().path().trim_start_matches('/').to_owned();
            let mut response = Response::new(());
            let kind = "application/grpc".parse().unwrap();
            response.headers_mut().insert("content-type", kind);
            let mut send = respond.send_response(response, false).unwrap();
            send.send_data(Bytes::from_static(b"hello"), false).unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", status.parse().unwrap());
            send.send_trailers(trailers).unwrap();
        });
    let mut resources = Resources::simple(&[upstream.address]);
    let cluster = &mut resources.clusters[0];
    let common = HttpProtocolOptions::default();
    xds::http2(cluster, common, Http2ProtocolOptions::default());
    install(cluster, &lenient());
    let gateway = start(&resources);
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        for (status, success, failure) in [(0, 1, 0), (14, 1, 1), (5, 2, 1), (13, 2, 2)] {
            let answer = client.get(&format!("/{status}")).await;
            assert_eq!(answer.status, 200);
            expect(&gateway, success, failure, 0);
        }
    });
}
