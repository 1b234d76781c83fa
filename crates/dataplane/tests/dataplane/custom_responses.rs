// SPDX-License-Identifier: Apache-2.0
//! Answers in place of others, by status, field and origin.

use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::{
                core::v3::DataSource,
                core::v3::data_source::Specifier,
                route::v3::{DirectResponseAction, Route, route},
            },
            extensions::{
                filters::{
                    http::custom_response::v3::CustomResponse,
                    network::http_connection_manager::v3::http_connection_manager::UpgradeConfig,
                },
                http::custom_response::local_response_policy::v3::LocalResponsePolicy,
            },
            r#type::matcher::v3::{
                HttpResponseHeaderMatchInput, HttpResponseLocalReplyMatchInput,
                HttpResponseStatusCodeMatchInput,
            },
        },
        xds::{
            core::v3::TypedExtensionConfig,
            r#type::matcher::v3::{
                Matcher, StringMatcher,
                matcher::{
                    MatcherList, MatcherType, OnMatch,
                    matcher_list::{
                        FieldMatcher, Predicate,
                        predicate::{MatchType, PredicateList, SinglePredicate, single_predicate},
                    },
                    on_match,
                },
                string_matcher::MatchPattern,
            },
        },
    },
    prost::{Message, Name},
};

use crate::{
    support::{Gateway, Upstream, gateway::Resources, http2, xds},
    upgrades_http2::{ASK, shouting_http2, speaks_http2},
};

const CUSTOM: &str = "envoy.filters.http.custom_response";

fn when<M: Message + Name>(input: &M, text: &str) -> Predicate {
    let single = SinglePredicate {
        input: Some(TypedExtensionConfig {
            name: "input".to_owned(),
            typed_config: Some(any::pack(input)),
        }),
        matcher: Some(single_predicate::Matcher::ValueMatch(StringMatcher {
            match_pattern: Some(MatchPattern::Exact(text.to_owned())),
            ..StringMatcher::default()
        })),
    };
    Predicate {
        match_type: Some(MatchType::SinglePredicate(single)),
    }
}

fn status(text: &str) -> Predicate {
    when(&HttpResponseStatusCodeMatchInput {}, text)
}

fn local(text: &str) -> Predicate {
    when(&HttpResponseLocalReplyMatchInput {}, text)
}

fn joined(predicate: Vec<Predicate>, join: fn(PredicateList) -> MatchType) -> Predicate {
    Predicate {
        match_type: Some(join(PredicateList { predicate })),
    }
}

fn inline(text: &str) -> Option<DataSource> {
    Some(DataSource {
        specifier: Some(Specifier::InlineString(text.to_owned())),
        ..DataSource::default()
    })
}

fn replies(rules: Vec<(Predicate, LocalResponsePolicy)>) -> CustomResponse {
    let matchers = rules.into_iter().map(|(predicate, policy)| FieldMatcher {
        predicate: Some(predicate),
        on_match: Some(OnMatch {
            on_match: Some(on_match::OnMatch::Action(TypedExtensionConfig {
                name: "reply".to_owned(),
                typed_config: Some(any::pack(&policy)),
            })),
            ..OnMatch::default()
        }),
    });
    CustomResponse {
        custom_response_matcher: Some(Matcher {
            matcher_type: Some(MatcherType::MatcherList(MatcherList {
                matchers: matchers.collect(),
            })),
            on_no_match: None,
        }),
    }
}

fn start(upstream: &Upstream, replies: &CustomResponse, change: impl Fn(&mut Route)) -> Gateway {
    started(Resources::simple(&[upstream.address]), replies, change)
}

fn started(
    mut resources: Resources,
    replies: &CustomResponse,
    change: impl Fn(&mut Route),
) -> Gateway {
    resources.listeners = vec![xds::listener(|manager| {
        let base = xds::filter(CUSTOM, &CustomResponse::default());
        manager.http_filters = vec![base, xds::router(false)];
        manager.upgrade_configs = vec![UpgradeConfig {
            upgrade_type: "websocket".to_owned(),
            ..UpgradeConfig::default()
        }];
    })];
    let mut route = xds::route("/", "c", |_| {});
    xds::set_filter(&mut route, CUSTOM, replies);
    route.response_headers_to_add = vec![xds::header("x-route", "%RESPONSE_FLAGS%", 0)];
    change(&mut route);
    resources.routes = vec![xds::routes(vec![xds::route("/free", "c", |_| {}), route])];
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    gateway
}

const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nX-Kind: a\r\n\
                         X-Origin: yes\r\nContent-Length: 6\r\n\r\nabsent";

#[test]
fn a_response_gets_another_face() {
    let upstream = Upstream::answering(NOT_FOUND);
    let policy = LocalResponsePolicy {
        body: inline("{\"code\": \"100%\"}"),
        status_code: xds::number(410),
        response_headers_to_add: vec![
            xds::header("content-type", "application/json", 2),
            xds::header("x-over", "1", 2),
        ],
        ..LocalResponsePolicy::default()
    };
    let gateway = start(&upstream, &replies(vec![(status("404"), policy)]), |_| {});
    let mut client = gateway.client();
    for _ in 0..2 {
        assert_eq!(
            client.exact("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "HTTP/1.1 410 Gone\r\nx-route: -\r\ncontent-type: application/json\r\nx-over: 1\r\n\
             content-length: 16\r\ndate: *\r\nserver: envoy\r\n\r\n{\"code\": \"100%\"}"
        );
    }
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.response(true);
    assert_eq!(
        (head.status(), head.field("content-length")),
        (410, Some("16"))
    );
    assert_eq!(client.get("/free").status(), 404);
    gateway.expect("cluster.c.upstream_rq_404", 4);
    gateway.expect("http.test.downstream_rq_4xx", 4);
    gateway.expect("cluster.c.upstream_rq_active", 0);
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        let answer = client.get("/").await;
        assert_eq!(
            (answer.status, answer.text()),
            (410, "{\"code\": \"100%\"}")
        );
    });
}

#[test]
fn grpc_is_told_the_new_status() {
    let upstream = Upstream::answering(NOT_FOUND);
    let policy = LocalResponsePolicy {
        body: inline("100%\u{e4}"),
        status_code: xds::number(503),
        ..LocalResponsePolicy::default()
    };
    let gateway = start(&upstream, &replies(vec![(status("404"), policy)]), |_| {});
    let response = gateway.client().ask(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(response.status(), 200);
    assert_eq!(response.field("grpc-status"), Some("14"));
    assert_eq!(response.field("grpc-message"), Some("100%25%C3%A4"));
}

#[test]
fn grpc_is_known_by_200_where_a_failure_is_told() {
    let upstream = Upstream::start(|_| false);
    let policy = || LocalResponsePolicy {
        body: inline("away"),
        ..LocalResponsePolicy::default()
    };
    let rules = vec![(status("503"), policy()), (status("200"), policy())];
    let gateway = start(&upstream, &replies(rules[..1].to_vec()), |_| {});
    let ask = |gateway: &Gateway| {
        let response = gateway.client().ask(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n",
        );
        let field = |name| response.field(name).map(str::to_owned);
        (
            response.status(),
            field("grpc-status"),
            field("grpc-message"),
        )
    };
    let (status, code, message) = ask(&gateway);
    assert_eq!((status, code.as_deref()), (200, Some("14")));
    assert_ne!(message.as_deref(), Some("away"));
    let gateway = start(&upstream, &replies(rules), |_| {});
    let (status, code, message) = ask(&gateway);
    assert_eq!((status, code.as_deref()), (200, Some("2")));
    assert_eq!(message.as_deref(), Some("away"));
}

#[test]
fn what_remains_of_a_request_does_not_spoil_the_next() {
    let upstream = Upstream::answering(NOT_FOUND);
    let policy = LocalResponsePolicy {
        body: inline("gone"),
        ..LocalResponsePolicy::default()
    };
    let gateway = start(&upstream, &replies(vec![(status("404"), policy)]), |_| {});
    let mut client = gateway.client();
    for _ in 0..2 {
        let response = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!((response.status(), response.text()), (404, "gone"));
    }
    assert_eq!(client.get("/free").text(), "absent");
}

#[test]
fn the_first_rule_that_holds_counts() {
    let kind = |text: &str| {
        let input = HttpResponseHeaderMatchInput {
            header_name: "X-Kind".to_owned(),
        };
        when(&input, text)
    };
    let numbered = |code: u32| LocalResponsePolicy {
        status_code: xds::number(code),
        ..LocalResponsePolicy::default()
    };
    let upstream = Upstream::answering(NOT_FOUND);
    for (predicate, expected) in [
        (status("500"), 499),
        (local("true"), 499),
        (local("false"), 201),
        (kind("b"), 499),
        (kind("a"), 201),
        (
            joined(vec![status("404"), kind("b")], MatchType::AndMatcher),
            499,
        ),
        (
            joined(vec![status("404"), kind("a")], MatchType::AndMatcher),
            201,
        ),
        (
            joined(vec![status("500"), kind("a")], MatchType::OrMatcher),
            201,
        ),
    ] {
        let rules = vec![(predicate, numbered(201)), (status("404"), numbered(499))];
        let gateway = start(&upstream, &replies(rules), |_| {});
        let response = gateway.client().get("/");
        assert_eq!((response.status(), response.text()), (expected, ""));
    }
}

/// The backend says 200 to it, by HTTP/2.
#[test]
fn an_upgrade_is_no_response() {
    let upstream = shouting_http2(200);
    let mut resources = Resources::simple(&[upstream.address]);
    speaks_http2(&mut resources.clusters[0]);
    let policy = LocalResponsePolicy {
        body: inline("ours"),
        ..LocalResponsePolicy::default()
    };
    let gateway = started(resources, &replies(vec![(status("200"), policy)]), |_| {});
    let mut client = gateway.client();
    assert_eq!(client.ask(ASK).status(), 101);
    client.send("there");
    client.until(|bytes| (bytes == b"HI THERE").then_some(8));
}

#[test]
fn answers_made_here_get_another_face_too() {
    let upstream = Upstream::answering("HTTP/1.1 503 No\r\nContent-Length: 6\r\n\r\ntheirs");
    let rule = || {
        let policy = LocalResponsePolicy {
            body: inline("ours"),
            ..LocalResponsePolicy::default()
        };
        let predicate = joined(vec![status("503"), local("true")], MatchType::AndMatcher);
        replies(vec![(predicate, policy)])
    };
    let gateway = start(&upstream, &rule(), |_| {});
    assert_eq!(gateway.client().get("/").text(), "theirs");
    let gateway = start(&upstream, &rule(), |route| {
        route.action = Some(route::Action::DirectResponse(DirectResponseAction {
            status: 503,
            body: inline("direct"),
            ..DirectResponseAction::default()
        }));
    });
    assert_eq!(
        gateway.client().exact("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\
         content-type: text/plain\r\ndate: *\r\nserver: envoy\r\n\r\nours"
    );
}

#[test]
fn a_failure_can_send_the_client_elsewhere() {
    let upstream = Upstream::start(|_| false);
    let policy = LocalResponsePolicy {
        status_code: xds::number(302),
        response_headers_to_add: vec![xds::header(
            "location",
            "https://%REQ(:AUTHORITY)%%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
            2,
        )],
        ..LocalResponsePolicy::default()
    };
    let gateway = start(&upstream, &replies(vec![(status("503"), policy)]), |_| {});
    let response = gateway.client().get("/a?b=c");
    assert_eq!((response.status(), response.text()), (302, ""));
    assert_eq!(response.field("location"), Some("https://test/a?b=c"));
    assert_eq!(response.field("x-route"), Some("UC"));
    gateway.expect("cluster.c.upstream_rq_503", 1);
}
