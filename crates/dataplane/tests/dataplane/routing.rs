// SPDX-License-Identifier: Apache-2.0
//! Routes: conditions, rewrites, redirects, weights, header changes, mirrors.

use sluicegate_xds::pb::envoy::config::core::v3::{DataSource, data_source::Specifier};
use sluicegate_xds::pb::envoy::config::route::v3::{
    DirectResponseAction, HeaderMatcher, QueryParameterMatcher, RedirectAction, Route, RouteMatch,
    WeightedCluster,
    header_matcher::HeaderMatchSpecifier,
    query_parameter_matcher::QueryParameterMatchSpecifier,
    redirect_action, route,
    route_action::{ClusterSpecifier, RequestMirrorPolicy},
    route_match::PathSpecifier,
    weighted_cluster::ClusterWeight,
};
use sluicegate_xds::pb::envoy::r#type::matcher::v3::{
    RegexMatchAndSubstitute, RegexMatcher, StringMatcher, string_matcher::MatchPattern,
};

use crate::support::{
    Gateway, Upstream,
    gateway::{Resources, eventually},
    plane::differs,
    xds,
};

fn direct(status: u32, matcher: RouteMatch) -> Route {
    Route {
        r#match: Some(matcher),
        action: Some(route::Action::DirectResponse(DirectResponseAction {
            status,
            ..DirectResponseAction::default()
        })),
        ..Route::default()
    }
}

fn on_path(path: PathSpecifier) -> RouteMatch {
    RouteMatch {
        path_specifier: Some(path),
        ..RouteMatch::default()
    }
}

fn regex(text: &str) -> RegexMatcher {
    RegexMatcher {
        regex: text.to_owned(),
        ..RegexMatcher::default()
    }
}

fn exact(text: &str) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(MatchPattern::Exact(text.to_owned())),
        ..StringMatcher::default()
    }
}

#[test]
fn the_first_route_whose_conditions_hold_is_taken() {
    let mut resources = Resources::simple(&[]);
    let header = |name: &str, specifier| HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(specifier),
        ..HeaderMatcher::default()
    };
    resources.routes = vec![xds::routes(vec![
        direct(201, on_path(PathSpecifier::Path("/exact".to_owned()))),
        direct(
            202,
            on_path(PathSpecifier::PathSeparatedPrefix("/abc".to_owned())),
        ),
        direct(203, on_path(PathSpecifier::SafeRegex(regex("/r[0-9]+")))),
        direct(
            206,
            RouteMatch {
                headers: vec![
                    header("X-A", HeaderMatchSpecifier::StringMatch(exact("2"))),
                    header(":method", HeaderMatchSpecifier::StringMatch(exact("POST"))),
                ],
                ..on_path(PathSpecifier::Prefix("/h".to_owned()))
            },
        ),
        direct(
            207,
            RouteMatch {
                query_parameters: vec![QueryParameterMatcher {
                    name: "q".to_owned(),
                    query_parameter_match_specifier: Some(
                        QueryParameterMatchSpecifier::StringMatch(exact("v")),
                    ),
                }],
                ..on_path(PathSpecifier::Prefix("/h".to_owned()))
            },
        ),
        direct(208, on_path(PathSpecifier::Prefix("/h".to_owned()))),
    ])];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    for (path, status) in [
        ("/exact", 201),
        ("/exact?x", 201),
        ("/exact/", 404),
        ("/abc", 202),
        ("/abc/", 202),
        ("/abc/d", 202),
        ("/abcd", 404),
        ("/r12", 203),
        ("/r12x", 404),
        ("/h?q=v&q=w", 207),
        ("/h?a&q=v", 207),
        ("/h?q=w&q=v", 208),
        ("/h", 208),
    ] {
        assert_eq!(client.get(path).status(), status, "{path}");
    }
    let response = client
        .ask("POST /h HTTP/1.1\r\nHost: a\r\nx-a: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nxx");
    assert_eq!(response.status(), 206);
    if differs("a direct answer to a request with a body") {
        assert!(client.closed());
        return;
    }
    assert_eq!(client.get("/exact").status(), 201, "the body was read away");
}

#[test]
fn virtual_hosts_are_chosen_by_host() {
    let mut resources = Resources::simple(&[]);
    let hosts = [(201, "a.example"), (202, "*.example"), (203, "*")];
    let mut config = xds::routes(Vec::new());
    let template = config.virtual_hosts.remove(0);
    for (status, domain) in hosts {
        let mut host = template.clone();
        host.name = domain.to_owned();
        host.domains = vec![domain.to_owned()];
        host.routes = vec![direct(
            status,
            on_path(PathSpecifier::Prefix("/".to_owned())),
        )];
        config.virtual_hosts.push(host);
    }
    config.ignore_port_in_host_matching = true;
    resources.routes = vec![config];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    for (host, status) in [
        ("a.example", 201),
        ("A.example:80", 201),
        ("b.example", 202),
        ("x", 203),
    ] {
        let response = client.ask(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(response.status(), status, "{host}");
    }
}

#[test]
fn weights_decide_and_bring_their_own_headers() {
    let (a, b) = (Upstream::ok(), Upstream::ok());
    let mut resources = Resources::simple(&[a.address]);
    resources.clusters.push(xds::cluster("d", |_| {}));
    resources.endpoints.push(xds::endpoints("d", &[b.address]));
    let one = |name: &str, weight| ClusterWeight {
        name: name.to_owned(),
        weight: xds::number(weight),
        request_headers_to_add: vec![xds::header("X-Share", name, 2)],
        response_headers_to_add: vec![xds::header("X-From", name, 0)],
        ..ClusterWeight::default()
    };
    resources.routes = vec![xds::routes(vec![xds::route("/", "", |action| {
        action.cluster_specifier = Some(ClusterSpecifier::WeightedClusters(WeightedCluster {
            clusters: vec![one("c", 3), one("d", 1), one("zero", 0)],
            ..WeightedCluster::default()
        }));
    })])];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    for _ in 0..400 {
        let response = client.get("/");
        assert_eq!(response.status(), 200);
        assert!(response.field("x-from").is_some());
    }
    assert!((250..350).contains(&a.count()), "{}", a.count());
    assert!(
        a.heads
            .lock()
            .unwrap()
            .iter()
            .all(|head| head.contains("x-share: c"))
    );
    assert!(
        b.heads
            .lock()
            .unwrap()
            .iter()
            .all(|head| head.contains("x-share: d"))
    );
}

#[test]
fn a_share_of_a_missing_cluster_fails_alone() {
    let a = Upstream::ok();
    let mut resources = Resources::simple(&[a.address]);
    let one = |name: &str| ClusterWeight {
        name: name.to_owned(),
        weight: xds::number(1),
        ..ClusterWeight::default()
    };
    resources.routes = vec![xds::routes(vec![xds::route("/", "", |action| {
        action.cluster_not_found_response_code = 2;
        action.cluster_specifier = Some(ClusterSpecifier::WeightedClusters(WeightedCluster {
            clusters: vec![one("c"), one("invalid")],
            ..WeightedCluster::default()
        }));
    })])];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    let statuses: Vec<u16> = (0..200).map(|_| client.get("/").status()).collect();
    let good = statuses.iter().filter(|status| **status == 200).count();
    assert!((60..140).contains(&good), "{good}");
    assert!(statuses.iter().all(|status| [200, 500].contains(status)));
}

#[test]
fn headers_change_at_every_level() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\nX-Gone: 1\r\nX-Set: old\r\nContent-Length: 0\r\n\r\n",
    );
    let mut resources = Resources::simple(&[upstream.address]);
    let mut route = xds::route("/", "c", |_| {});
    route.request_headers_to_remove = vec!["x-gone".to_owned()];
    route.request_headers_to_add = vec![
        xds::header("X-Set", "new", 2),
        xds::header("X-Add", "route", 0),
        xds::header("X-Absent", "unused", 1),
        xds::header("X-Percent", "50%%", 0),
    ];
    route.response_headers_to_remove = vec!["X-Gone".to_owned()];
    route.response_headers_to_add = vec![xds::header("x-set", "new", 2)];
    resources.routes = vec![xds::routes(vec![route])];
    resources.routes[0].virtual_hosts[0].request_headers_to_add =
        vec![xds::header("x-add", "host", 0)];
    let gateway = Gateway::start(&resources);
    let response = gateway.client().ask(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Gone: 1\r\nX-Set: old\r\nx-add: client\r\nX-Absent: there\r\n\r\n",
    );
    assert_eq!(
        upstream.head(),
        "GET / HTTP/1.1\nhost: a\nx-add: client\nx-absent: there\nx-forwarded-proto: http\n\
         x-request-id: *\nx-envoy-expected-rq-timeout-ms: 15000\nx-set: new\nx-add: route\n\
         x-percent: 50%\nx-add: host"
    );
    assert_eq!(
        response.lines(),
        [
            "content-length: 0",
            "x-envoy-upstream-service-time: *",
            "x-set: new",
            "date: *",
            "server: envoy"
        ]
    );
}

#[test]
fn paths_and_hosts_are_rewritten() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.routes = vec![xds::routes(vec![
        xds::route("/prefix", "c", |action| {
            action.prefix_rewrite = "/new".to_owned()
        }),
        xds::route("/full", "c", |action| {
            action.path_rewrite = "/all".to_owned()
        }),
        xds::route("/regex", "c", |action| {
            action.regex_rewrite = Some(RegexMatchAndSubstitute {
                pattern: Some(regex("^/regex/([a-z]+)")),
                substitution: "/\\1/$".to_owned(),
            });
        }),
    ])];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    for path in ["/prefix/a?q", "/full/x?q", "/regex/abc/d?q"] {
        assert_eq!(client.get(path).status(), 200);
    }
    let heads = upstream.heads.lock().unwrap();
    let lines: Vec<&str> = heads
        .iter()
        .map(|head| head.lines().next().unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            "GET /new/a?q HTTP/1.1",
            "GET /all?q HTTP/1.1",
            "GET /abc/$/d?q HTTP/1.1"
        ]
    );
    assert!(
        heads[0].ends_with("x-envoy-original-path: /prefix/a?q"),
        "{}",
        heads[0]
    );
}

#[test]
fn redirects_and_direct_responses_are_answered_here() {
    let mut resources = Resources::simple(&[]);
    let redirect = |prefix: &str, redirect: RedirectAction| Route {
        r#match: Some(on_path(PathSpecifier::Prefix(prefix.to_owned()))),
        action: Some(route::Action::Redirect(redirect)),
        ..Route::default()
    };
    let mut body = direct(418, on_path(PathSpecifier::Prefix("/tea".to_owned())));
    body.action = Some(route::Action::DirectResponse(DirectResponseAction {
        status: 418,
        body: Some(DataSource {
            specifier: Some(Specifier::InlineString("short".to_owned())),
            ..DataSource::default()
        }),
        ..DirectResponseAction::default()
    }));
    body.response_headers_to_add = vec![xds::header("x-a", "b", 0)];
    resources.routes = vec![xds::routes(vec![
        redirect(
            "/https",
            RedirectAction {
                scheme_rewrite_specifier: Some(
                    redirect_action::SchemeRewriteSpecifier::SchemeRedirect("https".to_owned()),
                ),
                port_redirect: 443,
                ..RedirectAction::default()
            },
        ),
        redirect(
            "/prefix",
            RedirectAction {
                host_redirect: "other".to_owned(),
                response_code: 1,
                path_rewrite_specifier: Some(redirect_action::PathRewriteSpecifier::PrefixRewrite(
                    "/p".to_owned(),
                )),
                ..RedirectAction::default()
            },
        ),
        body,
    ])];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    let response = client.get("/https/a?b");
    assert_eq!(
        response.head,
        "HTTP/1.1 301 Moved Permanently\nlocation: https://test:443/https/a?b\ndate: *\nserver: envoy\ncontent-length: 0"
    );
    let response = client.get("/prefix/a?b");
    assert_eq!(
        (response.status(), response.field("location")),
        (302, Some("http://other/p/a?b"))
    );
    let response = client.get("/tea");
    assert_eq!(response.text(), "short");
    assert_eq!(
        response.head,
        "HTTP/1.1 418 Unknown\nx-a: b\ncontent-length: 5\ncontent-type: text/plain\ndate: *\nserver: envoy"
    );
    gateway.expect("http.test.rq_direct_response", 3);
    gateway.expect("http.test.rq_redirect", 0);
}

#[test]
fn mirrors_get_a_copy_and_change_nothing() {
    let (main, shadow) = (
        Upstream::ok(),
        Upstream::start(|exchange| {
            let body = exchange.read_body();
            assert_eq!(body.len(), 5000);
            use std::io::Write;
            exchange
                .stream
                .write_all(b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nbody")
                .is_ok()
        }),
    );
    let mut resources = Resources::simple(&[main.address]);
    resources.clusters.push(xds::cluster("m", |_| {}));
    resources.clusters.push(xds::cluster("broken", |_| {}));
    resources
        .endpoints
        .push(xds::endpoints("m", &[shadow.address]));
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.request_mirror_policies = ["m", "broken"]
            .map(|cluster| RequestMirrorPolicy {
                cluster: cluster.to_owned(),
                ..RequestMirrorPolicy::default()
            })
            .to_vec();
    })])];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    for _ in 0..2 {
        let body = "x".repeat(5000);
        let response = client.ask(format!(
            "POST /p HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5000\r\n\r\n{body}"
        ));
        assert_eq!((response.status(), response.text()), (200, "ok"));
        eventually("the copy arrives", || shadow.count() == main.count());
        gateway.expect(
            "cluster.m.internal.upstream_rq_500",
            i64::try_from(main.count()).unwrap(),
        );
    }
    assert!(shadow.heads.lock().unwrap()[0].starts_with("POST /p HTTP/1.1\nhost: a-shadow:80\n"));
    assert_eq!(shadow.connections(), 1);
    gateway.expect("cluster.broken.internal.upstream_rq_503", 2);
    gateway.expect("cluster.c.upstream_rq_200", 2);
}
