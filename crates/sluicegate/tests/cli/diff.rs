// SPDX-License-Identifier: Apache-2.0
//! `diff`.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Write as _},
    net::TcpListener,
    thread,
};

use serde_json::{Value, json};

use crate::{
    manifests::RIVALS,
    site::{gateway, service},
    support::{File, HTTPBIN, Run, run, run_with},
};

#[test]
fn nothing_changes_from_itself_to_itself() {
    let run = run(&["diff", HTTPBIN, HTTPBIN]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "no change\n"));
}

#[test]
fn a_changed_field_has_its_cluster_and_its_line() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/httpbin/");
    let read = |name: &str| std::fs::read_to_string(format!("{root}{name}")).unwrap();
    let policy = read("policy.yaml").replace("idleTimeout: 10s", "idleTimeout: 11s");
    let text = [read("gateway.yaml"), read("httpbin.yaml"), policy].join("\n---\n");
    let run = run_with(&["diff", HTTPBIN, "-"], &text);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let options =
        "typed_extension_protocol_options[envoy.extensions.upstreams.http.v3.HttpProtocolOptions]";
    let told = format!(
        "clusters\n~ {options}.common_http_protocol_options.idle_timeout  10s → 11s\n    \
         in kube_httpbin_httpbin_8000, kube_httpbin_httpbin_9000\n    \
         because BackendConfigPolicy httpbin/httpbin-connection commonHttpProtocolOptions.idleTimeout\n      \
         before examples/httpbin/policy.yaml:14  10s\n      after  <stdin>:"
    );
    run.says(&[
        &told,
        "endpoints\n= kube_httpbin_httpbin_8000, kube_httpbin_httpbin_9000   sent again: the cluster changed\n",
    ]);
}

#[test]
fn machines_get_names_and_kinds() {
    let run = run_with(&["diff", "-o", "json", "-", HTTPBIN], RIVALS);
    let json = run.json();
    let added = json.as_array().unwrap();
    assert!(added.iter().all(|it| it["change"] == "added"), "{json:#}");
    let routes = of(&json, "routes", &Value::Null);
    assert_eq!(routes["names"][0], "listener~8080");
    assert_eq!(
        routes["causes"][0]["object"],
        "Gateway kgateway-system/http"
    );
}

#[test]
fn sides_are_two() {
    assert_eq!(run(&["diff", HTTPBIN]).code, 2);
    assert_eq!(run(&["diff", "-", "-"]).code, 2);
    let both = run(&["diff", "--kubernetes", HTTPBIN, HTTPBIN]);
    assert_eq!(both.code, 2);
    assert!(
        both.stderr.contains("--kubernetes is OLD"),
        "{}",
        both.stderr
    );
    assert_eq!(run(&["diff", "http://127.0.0.1:1", HTTPBIN]).code, 3);
}

/// A process that has one listener, and no page of ours; its URL.
fn process(listener: &str) -> String {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    let listener =
        json!({ "name": listener, "active_state": { "listener": { "name": listener } } });
    let dump = json!({ "configs": [{ "dynamic_listeners": [listener] }] }).to_string();
    thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.expect("a client");
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().expect("a clone"));
            // The whole head: what is not read would reset the connection.
            let mut head = Vec::new();
            while reader.read_line(&mut line).expect("a head") > 2 {
                head.push(std::mem::take(&mut line));
            }
            let (status, body) = match head[0].contains(" /config_dump") {
                true => ("200 OK", dump.as_str()),
                false => ("404 Not Found", "invalid path. admin commands are:\n"),
            };
            let _ = write!(stream, "HTTP/1.1 {status}\r\n\r\n{body}");
        }
    });
    url
}

/// A real Envoy of a controller that maps ports or has a pool.
#[test]
fn listeners_that_a_controller_may_have_moved_are_doubted() {
    let doubt = "does not tell where its Gateways listen: ";
    for given in ["listener~20123", "listener~192.0.2.7:8080"] {
        let url = process(given);
        for sides in [[url.as_str(), HTTPBIN], [HTTPBIN, url.as_str()]] {
            let run = run(&[&["diff", "-o", "json"], &sides[..]].concat());
            assert_eq!(run.code, 0, "{}", run.stderr);
            let line = format!("{url} {doubt}{given} may differ");
            assert!(run.stderr.contains(&line), "{}", run.stderr);
            assert!(run.json().is_array());
        }
        let same = run(&["diff", &url, &url]);
        assert_eq!(same.stderr, "");
    }
    // A port that somebody wrote is no doubt.
    for written in ["listener~8080", "listener~8081"] {
        let run = run(&["diff", &process(written), HTTPBIN]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    }
}

/// A Gateway, a route, a Service with an endpoint.
fn site() -> String {
    let service = service(([10, 0, 0, 1], 8080).into());
    format!("{}---\n{service}---\n", gateway(8080))
}

const STRICT: &str = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: strict}
spec:
  targetRefs: [{group: '', kind: Service, name: web}]
  connectTimeout: 3s
---
";

/// The changes from one text below the site to another, and the files of both.
fn between(old: &str, new: &str) -> (Run, [File; 2]) {
    let files = [old, new].map(|text| File::new(&format!("{}{text}", site())));
    let [old, new] = &files;
    (
        run(&["diff", "-o", "json", &old.path(), &new.path()]),
        files,
    )
}

/// The one change of a type and a field.
fn of<'j>(json: &'j Value, kind: &str, field: &Value) -> &'j Value {
    let all = json.as_array().expect("a list").iter();
    let mut found = all.filter(|it| it["type"] == kind && it["field"] == *field);
    let one = found.next();
    assert!(
        one.is_some() && found.next().is_none(),
        "{kind} {field}: {json:#}"
    );
    one.expect("one")
}

/// `file:line` of the first line below the site that holds `text`, and is the `nth` of them.
fn line(file: &File, text: &str) -> String {
    let path = file.path();
    let content = std::fs::read_to_string(&path).expect("the file");
    let after = site().lines().count();
    let mut lines = content.lines().enumerate().skip(after);
    let (at, _) = lines.find(|(_, line)| line.contains(text)).expect("a line");
    format!("{path}:{}", at + 1)
}

#[test]
fn a_removed_policy_gives_way_to_the_default_or_to_the_next() {
    let (run, [old, _]) = between(STRICT, "");
    let json = run.json();
    let change = of(&json, "clusters", &"connect_timeout".into());
    assert_eq!(
        (&change["old"], &change["new"]),
        (&"3s".into(), &"5s".into())
    );
    let cause = &change["causes"][0];
    assert_eq!(cause["object"], "BackendConfigPolicy default/strict");
    assert_eq!(cause["field"], "connectTimeout");
    assert_eq!(cause["before"]["source"], line(&old, "connectTimeout"));
    assert_eq!(
        (&cause["after"], &cause["note"]),
        (&Value::Null, &"removed".into())
    );

    let second = STRICT.replace("strict", "z-lax").replace("3s", "9s");
    let (run, [_, new]) = between(&format!("{STRICT}{second}"), &second);
    let json = run.json();
    let causes = of(&json, "clusters", &"connect_timeout".into())["causes"].clone();
    let [gone, next] = causes.as_array().unwrap().as_slice() else {
        panic!("{causes:#}");
    };
    assert_eq!(gone["note"], "removed");
    assert_eq!(next["object"], "BackendConfigPolicy default/z-lax");
    assert_eq!(next["note"], "was not in force");
    assert_eq!(next["after"]["source"], line(&new, "connectTimeout"));
}

#[test]
fn a_policy_that_becomes_invalid_says_so() {
    let (run, [old, new]) = between(STRICT, &STRICT.replace("3s", "soon"));
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(run.stderr.contains("sluicegate check"), "{}", run.stderr);
    let json = run.json();
    let cause = &of(&json, "clusters", &"connect_timeout".into())["causes"][0];
    assert_eq!(cause["before"]["source"], line(&old, "connectTimeout"));
    assert_eq!(cause["after"]["value"], "soon");
    assert_eq!(cause["after"]["source"], line(&new, "connectTimeout"));
    let note = cause["note"].as_str().unwrap();
    assert!(note.starts_with("the policy is invalid: "), "{note}");
}

#[test]
fn a_policy_that_turns_to_another_target_is_told_by_its_target() {
    let elsewhere = STRICT.replace("name: web", "name: other");
    let (run, [_, new]) = between(STRICT, &elsewhere);
    let json = run.json();
    let causes = of(&json, "clusters", &"connect_timeout".into())["causes"].clone();
    assert_eq!(causes[0]["note"], "is not in force");
    assert_eq!(causes[1]["field"], "targetRefs[0].name");
    assert_eq!(causes[1]["after"]["source"], line(&new, "targetRefs"));
}

/// Another Service and its route.
const MORE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: more}
spec:
  ports: [{name: http, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: more}
spec:
  parentRefs: [{name: http}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /more}}]
    backendRefs: [{name: more, port: 80}]
";

#[test]
fn an_added_route_and_an_added_service_are_named() {
    let (run, [_, new]) = between("", MORE);
    let json = run.json();
    let cluster = of(&json, "clusters", &Value::Null);
    assert_eq!(cluster["names"][0], "kube_default_more_80");
    assert_eq!(cluster["causes"][0]["object"], "Service default/more");
    let path = "virtual_hosts[listener~8080~*].routes[default/more/rule/0/match/0]";
    let route = of(&json, "routes", &path.into());
    assert_eq!(route["change"], "item-added");
    assert_eq!(route["causes"].as_array().unwrap().len(), 1, "{route:#}");
    assert_eq!(route["causes"][0]["object"], "HTTPRoute default/more");
    // At its name, the line below its kind.
    let source = route["causes"][0]["after"]["source"].as_str().unwrap();
    let line = |place: &str| -> usize { place.rsplit(':').next().unwrap().parse().unwrap() };
    assert_eq!(line(source), line(&self::line(&new, "kind: HTTPRoute")) + 1);
}

#[test]
fn what_is_no_policy_is_named_as_the_resource() {
    let moved = File::new(&site().replace("10.0.0.1", "10.0.0.2"));
    let old = File::new(&site());
    let json = run(&["diff", "-o", "json", &old.path(), &moved.path()]).json();
    let changes = json.as_array().unwrap();
    assert_eq!(changes.len(), 2, "{json:#}");
    for change in changes {
        let cause = &change["causes"][0];
        assert_eq!(cause["object"], "EndpointSlice default/web-1");
        assert_eq!(cause["field"], "endpoints[0].addresses");
    }
}

/// A policy of the Gateway, and one of the route that is merged with it.
fn merged(parent: &str, own: &str) -> String {
    format!(
        "\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: parent}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: http}}]
  circuitBreaker:
    maxConnections: {parent}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: own}}
spec:
  mergeType: StrategicMerge
  targetRefs: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}}]
  circuitBreaker:
    maxPendingRequests: 7
  timeout:
    http:
      requestTimeout: {own}
---
"
    )
}

#[test]
fn of_merged_policies_the_one_that_sets_the_field_is_told() {
    let (run, [old, new]) = between(&merged("100", "1s"), &merged("200", "2s"));
    let json = run.json();
    let field = "circuit_breakers.thresholds[0].max_connections";
    let cluster = of(&json, "clusters", &field.into());
    assert_eq!(cluster["names"][0], "kube_default_web_80|btp|default|own");
    let causes = cluster["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 1, "{causes:#?}");
    assert_eq!(causes[0]["object"], "BackendTrafficPolicy default/parent");
    assert_eq!(causes[0]["field"], "circuitBreaker.maxConnections");
    for (side, file) in [("before", &old), ("after", &new)] {
        assert_eq!(causes[0][side]["source"], line(file, "maxConnections"));
    }
    let path = "virtual_hosts[listener~8080~*].routes[default/web/rule/0/match/0].route.timeout";
    let route = of(&json, "routes", &path.into());
    assert_eq!((&route["old"], &route["new"]), (&"1s".into(), &"2s".into()));
    let cause = &route["causes"][0];
    assert_eq!(cause["object"], "BackendTrafficPolicy default/own");
    assert_eq!(cause["after"]["source"], line(&new, "requestTimeout"));
}

/// The clusters that a policy made go with it, for one and the same reason.
#[test]
fn a_removed_policy_of_the_gateway_takes_its_clusters_along() {
    let all = merged("100", "1s");
    let (parent, _) = all.split_once("---").expect("two policies");
    let rest = format!("{MORE}---\n{STRICT}");
    let (run, [old, _]) = between(&format!("{rest}{parent}"), &rest);
    let json = run.json();
    let gone = of(&json, "clusters", &Value::Null);
    assert_eq!(
        (&gone["change"], &gone["count"]),
        (&"removed".into(), &2.into())
    );
    let causes = gone["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 1, "{causes:#?}");
    assert_eq!(causes[0]["object"], "BackendTrafficPolicy default/parent");
    assert_eq!(causes[0]["note"], "removed");
    assert_eq!(causes[0]["before"]["source"], line(&old, "maxConnections"));
    for route in json
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["type"] == "routes")
    {
        assert_eq!(
            route["causes"][0]["object"], causes[0]["object"],
            "{route:#}"
        );
    }
}

#[test]
fn secrets_are_not_shown() {
    let secret = |key: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{password: {key}}}\n"
        )
    };
    let (run, _files) = between(&secret("hunter1"), &secret("hunter2"));
    assert!(!run.stdout.contains("hunter"), "{}", run.stdout);
}

/// 1,000 Services with a policy each, below one policy of the Gateway.
fn fleet(limit: u32) -> String {
    let mut text = merged(&limit.to_string(), "1s");
    for index in 0..1000 {
        let _ = write!(
            text,
            "\
apiVersion: v1
kind: Service
metadata: {{name: s{index}}}
spec:
  ports: [{{name: http, port: 80}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r{index}}}
spec:
  parentRefs: [{{name: http}}]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: /s{index}}}}}]
    backendRefs: [{{name: s{index}, port: 80}}]
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{name: p{index}}}
spec:
  targetRefs: [{{group: '', kind: Service, name: s{index}}}]
  connectTimeout: 3s
---
"
        );
    }
    text
}

#[test]
fn one_field_of_a_thousand_clusters_is_one_change() {
    let (run, [old, new]) = between(&fleet(100), &fleet(200));
    let json = run.json();
    let field = "circuit_breakers.thresholds[0].max_connections";
    let all = json.as_array().unwrap().iter();
    let mut clusters: Vec<&Value> = all.filter(|it| it["type"] == "clusters").collect();
    clusters.sort_by_key(|it| it["count"].as_u64());
    // The site's own route is merged with a policy, and so has a name of its own in the same change.
    let [change] = clusters.as_slice() else {
        panic!("{clusters:#?}");
    };
    assert_eq!(
        (&change["field"], &change["count"]),
        (&field.into(), &1001.into())
    );
    assert_eq!(change["names"].as_array().unwrap().len(), 1001);
    let cause = &change["causes"][0];
    assert_eq!(cause["object"], "BackendTrafficPolicy default/parent");
    assert_eq!(cause["before"]["source"], line(&old, "maxConnections"));
    assert_eq!(cause["after"]["source"], line(&new, "maxConnections"));
    let text = crate::support::run(&["diff", &old.path(), &new.path()]);
    text.says(&[
        "  100 → 200\n    in 1001: kube_default_s0_80|btp|default|parent, ",
        " and 996 more\n",
    ]);
}
