// SPDX-License-Identifier: Apache-2.0
//! `explain`.

use crate::{
    manifests::{BROKEN, RIVALS},
    support::{File, HTTPBIN, run, run_with},
};

#[test]
fn every_leaf_has_value_line_and_envoy_field() {
    let run = run(&["explain", "-f", HTTPBIN, "backend", "httpbin/httpbin:8000"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.says(&[
        "backend httpbin/httpbin:8000   cluster kube_httpbin_httpbin_8000   HTTP/1.1\n\
         used by HTTPRoute httpbin/httpbin\n\
         set by BackendConfigPolicy httpbin/httpbin-connection\n",
        "\ncommonHttpProtocolOptions.idleTimeout                         10s                          \
         examples/httpbin/policy.yaml:14  common_http_protocol_options.idle_timeout\n",
        "\nhttp1ProtocolOptions.headerFormat                             PreserveCaseHeaderKeyFormat  \
         examples/httpbin/policy.yaml:26  http_protocol_options.header_key_format\n",
        "\ncircuitBreakers.maxRetries          3                 Envoy default  \
         circuit_breakers.thresholds.max_retries\n",
    ]);
    let line = "NOT SET BY A POLICY\n";
    let (set, unset) = run.stdout.split_once(line).unwrap();
    assert!(!unset.contains("connectTimeout") && set.contains("connectTimeout"));
}

#[test]
fn losers_and_idle_settings_are_told_with_the_reason() {
    let file = File::new(RIVALS);
    let path = file.path();
    let run = run(&[
        "explain",
        "-f",
        HTTPBIN,
        "-f",
        &path,
        "service",
        "httpbin:8000",
    ]);
    run.says(&[
        "beats BackendConfigPolicy httpbin/httpbin-connection (examples/httpbin/policy.yaml:11), \
         which has connectTimeout 5s: policy-weight 10 beats 0",
        "beats BackendConfigPolicy httpbin/young",
        "no effect: Service httpbin/httpbin port 8000 speaks HTTP/1.1",
        "maxEjectionPercent 10 of 1 endpoint(s)",
        "API default",
        "UnverifiedBackend",
    ]);
}

#[test]
fn machines_get_the_same_facts() {
    let file = File::new(RIVALS);
    let path = file.path();
    let run = run(&[
        "explain",
        "-f",
        HTTPBIN,
        "-f",
        &path,
        "backend",
        "kube_httpbin_httpbin_8000",
        "-o",
        "json",
    ]);
    let json = run.json();
    let facts = &json[0];
    assert_eq!(facts["cluster"], "kube_httpbin_httpbin_8000");
    let unit = &facts["units"][0];
    assert_eq!(unit["unit"], "connectTimeout");
    assert_eq!(unit["policy"], "BackendConfigPolicy httpbin/platform");
    assert_eq!(unit["settings"][0]["value"], "7s");
    assert_eq!(unit["settings"][0]["envoyField"], "connect_timeout");
    assert_eq!(unit["beaten"][0]["why"], "policy-weight 10 beats 0");
}

#[test]
fn closed_backend_says_why() {
    let run = run_with(
        &[
            "explain",
            "-f",
            HTTPBIN,
            "-f",
            "-",
            "backend",
            "httpbin:8000",
        ],
        BROKEN,
    );
    run.says(&[
        "closed: every request is answered 500\n  BackendConfigPolicy httpbin/b is invalid and secures",
        "INVALID POLICIES\nBackendConfigPolicy httpbin/b",
    ]);
}

#[test]
fn name_without_port_means_every_port() {
    let run = run(&["explain", "-f", HTTPBIN, "backend", "httpbin/httpbin"]);
    run.says(&[
        "backend httpbin/httpbin:8000",
        "backend httpbin/httpbin:9000",
    ]);
}

#[test]
fn unknown_name_gets_a_suggestion_and_the_list() {
    let run = run(&["explain", "-f", HTTPBIN, "backend", "htpbin:8000"]);
    assert_eq!(run.code, 2);
    let expected = "\
error: no backend htpbin:8000; did you mean httpbin:8000?
there is:
  httpbin/httpbin:8000
  httpbin/httpbin:9000
";
    assert_eq!(run.stderr, expected);
}

#[test]
fn route_shows_parents_and_limits() {
    let good = run(&["explain", "-f", HTTPBIN, "route", "httpbin"]);
    let expected = "\
HTTPRoute httpbin/httpbin   examples/httpbin/gateway.yaml:20

PARENT                        VERDICT
Gateway kgateway-system/http  Accepted

LISTENER                            PORT  HOSTNAMES
Gateway kgateway-system/http, http  8080  *

RULE 0
  match    path /*
  timeout  15s (Envoy default)
  BACKEND               WEIGHT  CONNECT  IDLE  STREAM  CLUSTER
  httpbin/httpbin:8000  1       5s       10s   30s     kube_httpbin_httpbin_8000
";
    assert_eq!(good.stdout, expected);
    let bad = run_with(
        &["explain", "-f", HTTPBIN, "-f", "-", "route", "httpbin/r"],
        BROKEN,
    );
    bad.says(&[
        "NoMatchingParent: Gateway kgateway-system/http has no such listener",
        "httpbix:8000  1       -        -     -       -\n    answers 500: BackendNotFound: Service \
         httpbin/httpbix does not exist\n",
    ]);
}

#[test]
fn routes_of_two_kinds_may_have_one_name() {
    let case = "tests/cases/grpcroute/manifests";
    let both = run(&["explain", "-f", case, "route", "shop"]);
    let expected = "error: shop is ambiguous: GRPCRoute/default/shop, HTTPRoute/default/shop\n";
    assert_eq!((both.code, both.stderr.as_str()), (2, expected));
    let one = run(&["explain", "-f", case, "route", "grpcroute/default/shop"]);
    one.says(&[
        "GRPCRoute default/shop",
        "match    gRPC service = shop.v1.Orders, gRPC method = Place, header tier = gold",
        "no backend: answers UNAVAILABLE\n",
        "kube_default_web_80|grpc|btp|default|route",
    ]);
}

/// The case of policies above routes of connections.
const CONNECTIONS: &str = "tests/cases/btp-connections-of-routes/manifests";

#[test]
fn a_route_of_connections_tells_which_settings_are_for_requests() {
    let limited = run(&["explain", "-f", CONNECTIONS, "route", "tcproute/default/db"]);
    limited.says(&[
        "TCPRoute default/db",
        "kube_default_db_5432|btp|default|db",
        "5s (BackendTrafficPolicy default/db)",
        "no effect",
        "TCPRoutes carry connections, not requests",
    ]);
    assert!(!limited.stdout.contains("timeout  "), "{}", limited.stdout);
    let hashed = run(&["explain", "-f", CONNECTIONS, "route", "cache"]);
    hashed.says(&["only SourceIP can be hashed"]);
    let routes = "tests/cases/tcproute/manifests";
    let late = run(&["explain", "-f", routes, "route", "everywhere"]);
    late.says(&["an older route has *: TCPRoute default/db"]);
    let broken = run(&["explain", "-f", routes, "route", "half"]);
    broken.says(&["closes connections: BackendNotFound: Service default/missing does not exist"]);
}

#[test]
fn policy_shows_targets_and_shares() {
    let file = File::new(RIVALS);
    let path = file.path();
    let run = run(&["explain", "-f", HTTPBIN, "-f", &path, "policy", "young"]);
    run.says(&[
        "Service httpbin/httpbin  Merged",
        "ON httpbin/httpbin:8000\nconnectTimeout  lost      to BackendConfigPolicy httpbin/platform: \
         policy-weight 10 beats 0\ntls             in force\n",
    ]);
}

/// The case where policies of both kinds meet.
const BOTH: &str = "tests/cases/btp-with-backendconfigpolicy/manifests";
const FILTERS: &str = "tests/cases/btp-filters/manifests";

#[test]
fn a_route_tells_which_traffic_policy_holds_and_what_it_beats() {
    let loses = run(&["explain", "-f", BOTH, "route", "limit"]);
    loses.says(&[
        "policy BackendTrafficPolicy default/limit (",
        "of the route\n",
        "replaces BackendTrafficPolicy default/of-gateway (",
        "of the Gateway: the more specific policy replaces it as a whole\n",
        "lost to BackendConfigPolicy default/limit (",
        "which has circuitBreakers.maxConnections 100: a limit: the smaller value wins\n",
        "cluster kube_default_limit_80|btp|default|limit\n",
    ]);
    let wins = run(&["explain", "-f", BOTH, "route", "wait-longer"]);
    wins.says(&[
        "10s (BackendTrafficPolicy default/wait-longer)",
        "in force beats BackendConfigPolicy default/wait (",
        "which has connectTimeout 5s: behaviour of traffic: route before backend before listener \
         before Gateway\n",
    ]);
}

#[test]
fn a_route_tells_what_nobody_enforces() {
    let run = run(&["explain", "-f", FILTERS, "route", "upgrades"]);
    run.says(&[
        "rateLimit.global ",
        "not enforced: no rate limit service is asked; `rateLimit.local` limits in each process",
    ]);
}

#[test]
fn a_backend_tells_what_routes_make_of_it() {
    let run = run(&["explain", "-f", BOTH, "backend", "wait"]);
    run.says(&[
        "ON THE WAY FROM ROUTES",
        "on HTTPRoute default/wait\n",
        "on HTTPRoute default/wait-longer\n",
        "lost to BackendConfigPolicy default/wait (",
    ]);
}

#[test]
fn a_traffic_policy_tells_what_became_of_it() {
    let of_gateway = run(&["explain", "-f", BOTH, "policy", "of-gateway"]);
    of_gateway.says(&[
        "Gateway default/gateway  Accepted\n",
        "overridden: by BackendTrafficPolicy default/wait-longer on HTTPRoute default/wait-longer",
    ]);
    // A BackendConfigPolicy of that name comes first.
    let backend = run(&["explain", "-f", BOTH, "policy", "limit"]);
    backend.says(&["ON default/limit:80"]);
    let traffic = run(&["explain", "-f", BOTH, "btp", "limit"]);
    traffic.says(&["overridden: spec.circuitBreaker.maxConnections 2048 loses to"]);
    assert_eq!(run(&["explain", "-f", BOTH, "btp", "nobody"]).code, 2);
}

#[test]
fn a_setting_that_changes_nothing_is_told_with_what_happens_instead() {
    let case = "tests/cases/btp-filters/manifests";
    let told = run(&["explain", "-f", case, "btp", "upgrades"]);
    told.says(&[
        "warning: spec.rateLimit.global: ",
        "`rateLimit.local` limits in each process of the gateway",
    ]);
}

/// A policy that asks for what nobody enforces, and one of the backend that may have a balancer.
fn utilization(balancer: &str) -> File {
    File::new(&format!(
        "\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: load, namespace: httpbin}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: httpbin}}]
  loadBalancer: {{type: BackendUtilization, backendUtilization: {{blackoutPeriod: 5s}}}}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{name: balanced, namespace: httpbin}}
spec:
  targetRefs: [{{group: '', kind: Service, name: httpbin}}]
  {balancer}
"
    ))
}

#[test]
fn a_balancer_that_nobody_enforces_is_nowhere_in_force() {
    let why = "load reports of endpoints are not read; the balancer of the backend stays: ";
    for (balancer, stays) in [
        ("tcpKeepalive: {}", "round robin (Envoy default)"),
        (
            "loadBalancer: {random: {}}",
            "BackendConfigPolicy httpbin/balanced (",
        ),
    ] {
        let file = utilization(balancer);
        let explain = |kind: &str, name: &str, format: &str| {
            let files = ["explain", "-f", HTTPBIN, "-f", &file.path()];
            let run = run(&[&files[..], &[kind, name, "-o", format]].concat());
            assert_eq!(run.code, 0, "{}", run.stderr);
            run
        };
        for (kind, name) in [("route", "httpbin"), ("backend", "httpbin:8000")] {
            let told = explain(kind, name, "table");
            told.says(&[&format!("not enforced: {why}{stays}")]);
            let mut rows = told.stdout.lines().filter(|it| it.contains("loadBalancer"));
            let in_force = |it: &&str| it.contains("BackendUtilization") && it.contains("in force");
            assert_eq!(rows.find(in_force), None, "{}", told.stdout);
            let json = explain(kind, name, "json").json();
            let facts = match kind {
                "route" => &json["rules"][0]["traffic"][0],
                _ => &json[0]["traffic"][0],
            };
            let settings = facts["settings"].as_array().unwrap().iter();
            let mut settings = settings.filter(|it| it["field"] == "loadBalancer");
            let setting = settings.next().unwrap();
            assert_eq!(setting["state"], "not enforced", "{json:#}");
            assert!(setting["envoyField"].is_null(), "{json:#}");
            let detail = setting["detail"].as_str().unwrap();
            assert!(detail.contains(stays), "{detail}");
        }
        let policy = explain("traffic-policy", "load", "table");
        policy.says(&["changes no traffic yet: load reports of endpoints are not read"]);
        assert!(!policy.stdout.contains("in force"), "{}", policy.stdout);
        assert!(!policy.stdout.contains("loses to"), "{}", policy.stdout);
    }
}

#[test]
fn a_route_tells_the_field_that_a_setting_becomes() {
    let loses = run(&["explain", "-f", BOTH, "route", "wait-longer"]);
    loses.says(&["STATE     ENVOY FIELD\n", "in force  connect_timeout\n"]);
    let backend = run(&["explain", "-f", BOTH, "backend", "wait"]);
    backend.says(&["in force  connect_timeout\n", "lost      -\n"]);
}
