// SPDX-License-Identifier: Apache-2.0
//! Numbers of single routes: `vhost.<virtual host>.route.<stat_prefix>`.

use sluicegate_xds::pb::envoy::config::route::v3::{
    Route, RouteAction, RouteConfiguration, RouteMatch, route_match::PathSpecifier,
};

use crate::{
    retries::policy,
    support::{
        Gateway,
        gateway::{Resources, eventually},
        script::{Script, Step, nobody},
        xds,
    },
};

/// A route for one path whose numbers are called `name`.
fn counted(name: &str, cluster: &str, change: impl FnOnce(&mut RouteAction)) -> Route {
    Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Path(format!("/{name}"))),
            ..RouteMatch::default()
        }),
        stat_prefix: name.to_owned(),
        ..xds::route("/", cluster, change)
    }
}

fn in_hosts(routes: Vec<Route>) -> Vec<RouteConfiguration> {
    vec![xds::routes(routes)]
}

#[test]
fn a_route_counts_codes_attempts_and_retries_of_its_own() {
    let script = Script::play(&[
        Step::Status(200),
        Step::Status(404),
        Step::Status(503),
        Step::Status(200),
        Step::Status(503),
        Step::Status(503),
        Step::Status(200),
    ]);
    let mut resources = Resources::simple(&[script.upstream.address]);
    resources.clusters.push(xds::cluster("dead", |_| {}));
    resources
        .endpoints
        .push(xds::endpoints("dead", &[nobody()]));
    resources.routes = in_hosts(vec![
        counted("plain", "c", |_| {}),
        counted("again", "c", |action| {
            action.retry_policy = Some(policy("5xx", |_| {}));
        }),
        counted("dead", "dead", |_| {}),
        xds::route("/", "c", |_| {}),
    ]);
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    let mut client = gateway.client();
    for (path, status) in [
        ("/plain", 200),
        ("/plain", 404),
        ("/again", 200),
        ("/again", 503),
        ("/dead", 503),
        ("/uncounted", 200),
    ] {
        assert_eq!(client.get(path).status(), status, "{path}");
    }
    for (name, value) in [
        ("plain.upstream_rq_200", 1),
        ("plain.upstream_rq_4xx", 1),
        ("plain.upstream_rq_completed", 2),
        ("plain.upstream_rq_total", 2),
        ("plain.upstream_rq_retry", 0),
        ("again.upstream_rq_200", 1),
        ("again.upstream_rq_503", 1),
        ("again.upstream_rq_total", 4),
        ("again.upstream_rq_retry", 2),
        ("again.upstream_rq_retry_success", 1),
        ("again.upstream_rq_retry_limit_exceeded", 1),
        ("dead.upstream_rq_503", 1),
        ("dead.upstream_rq_total", 0),
    ] {
        gateway.expect(&format!("vhost.all.route.{name}"), value);
    }
}

#[test]
fn a_route_counts_its_own_timeouts() {
    let script = Script::play(&[Step::Hang]);
    let mut resources = Resources::simple(&[script.upstream.address]);
    resources.routes = in_hosts(vec![
        counted("slow", "c", |action| action.timeout = xds::seconds(0.2)),
        counted("tries", "c", |action| {
            action.retry_policy = Some(policy("gateway-error", |policy| {
                policy.per_try_timeout = xds::seconds(0.2);
            }));
        }),
    ]);
    let gateway = Gateway::start(&resources);
    assert_eq!(gateway.client().get("/slow").status(), 504);
    assert_eq!(gateway.client().get("/tries").status(), 504);
    gateway.expect("vhost.all.route.slow.upstream_rq_timeout", 1);
    gateway.expect("vhost.all.route.slow.upstream_rq_504", 1);
    gateway.expect("vhost.all.route.tries.upstream_rq_timeout", 0);
    gateway.expect("vhost.all.route.tries.upstream_rq_504", 1);
    gateway.expect("vhost.all.route.tries.upstream_rq_total", 2);
}

/// An update that leaves the route does not set its numbers back; one that takes it away does.
#[test]
fn numbers_live_as_long_as_their_route() {
    let script = Script::play(&[Step::Status(200)]);
    let mut resources = Resources::simple(&[script.upstream.address]);
    let all = "vhost.all.route.a.upstream_rq_200";
    resources.routes = in_hosts(vec![counted("a", "c", |_| {})]);
    let gateway = Gateway::start(&resources);
    assert_eq!(gateway.client().get("/a").status(), 200);
    gateway.expect(all, 1);
    resources.routes = in_hosts(vec![counted("a", "c", |action| {
        action.timeout = xds::seconds(3.0)
    })]);
    gateway.publish(&resources);
    assert_eq!(gateway.client().get("/a").status(), 200);
    gateway.expect(all, 2);
    resources.routes = in_hosts(vec![xds::route("/", "c", |_| {})]);
    gateway.publish(&resources);
    assert_eq!(gateway.client().get("/a").status(), 200);
    // Counters of codes, which Envoy makes on demand, stay there.
    let total = "vhost.all.route.a.upstream_rq_total";
    eventually("its numbers are gone", || {
        gateway.stats().iter().all(|(name, _)| name != total)
    });
}
