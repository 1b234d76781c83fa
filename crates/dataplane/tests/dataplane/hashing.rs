// SPDX-License-Identifier: Apache-2.0
//! Ring hash and Maglev choose the host that Envoy chooses.
//!
//! `tests/vectors` holds what a real Envoy 1.40 chose: the tests of the crate hold ours against
//! `hash_tables.json`, the ones here against `hash_policies.json`. And whenever there is an Envoy,
//! it is asked again. With `SLUICEGATE_RECORD=1`, what it says is written down.

use std::{collections::BTreeMap, env, fmt::Write, fs, net::SocketAddr, path::PathBuf};

use serde_json::{Value, json};
use sluicegate_xds::{
    json,
    pb::envoy::config::{cluster::v3::Cluster, route::v3::RouteAction},
};

use crate::support::{Client, Gateway, Upstream, envoy::Envoy, gateway::Resources, xds};

/// The file that a test keeps what Envoy said in.
fn vector(name: &str) -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests.join("vectors").join(name)
}

fn read(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(vector(name)).unwrap()).unwrap()
}

/// What Envoy said now is what is written down, or is written down now.
fn keep(name: &str, said: &Value) {
    if env::var("SLUICEGATE_RECORD").is_ok_and(|value| value == "1") {
        let text = serde_json::to_string_pretty(said).unwrap();
        fs::write(vector(name), text + "\n").unwrap();
    }
    assert_eq!(*said, read(name), "{name} is not what this Envoy says");
}

/// The letter of the host at a position; where there is none, it is a dash.
fn letter(at: usize) -> char {
    char::from(b'A' + u8::try_from(at).unwrap())
}

/// The addresses of a cluster's hosts, as Envoy writes them.
fn hosts(cluster: &Value) -> Vec<String> {
    let groups = cluster["load_assignment"]["endpoints"].as_array().unwrap();
    let endpoints = groups
        .iter()
        .flat_map(|group| group["lb_endpoints"].as_array().unwrap());
    endpoints
        .map(|endpoint| {
            let socket = &endpoint["endpoint"]["address"]["socket_address"];
            let ip = socket["address"].as_str().unwrap().parse().unwrap();
            let port = u16::try_from(socket["port_value"].as_u64().unwrap()).unwrap();
            SocketAddr::new(ip, port).to_string()
        })
        .collect()
}

/// Rows 54 and 59. A thousand keys over every set of hosts of the file. Nobody listens at the
/// hosts: which one was chosen shows all the same.
#[test]
fn envoy_still_says_what_is_written_down_about_tables() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let mut cases = read("hash_tables.json");
    let list = cases.as_array_mut().unwrap();
    let clusters: Vec<Value> = list.iter().map(|case| case["cluster"].clone()).collect();
    let routes: Vec<Value> = (0..)
        .zip(&clusters)
        .map(|(at, cluster): (usize, _)| {
            json!({
                "match": { "prefix": format!("/{at}/") },
                "route": {
                    "cluster": cluster["name"],
                    "hash_policy": [{ "header": { "header_name": "x-key" } }],
                },
            })
        })
        .collect();
    let envoy = Envoy::start(&binary, &clusters, &routes);
    for (at, case) in list.iter_mut().enumerate() {
        let hosts = hosts(&case["cluster"]);
        let mut client = envoy.client();
        let mut picks = String::new();
        for key in 0..1000 {
            let request = format!("GET /{at}/ HTTP/1.1\r\nHost: t\r\nX-Key: k{key}\r\n\r\n");
            let response = client.ask(request);
            let position = response.field("x-host").map(|chosen| {
                let position = hosts.iter().position(|host| host == chosen);
                position.expect("a host of the cluster")
            });
            picks.push(position.map_or('-', letter));
        }
        case["picks"] = picks.into();
    }
    keep("hash_tables.json", &cases);
}

/// A list of policies and the requests that try it.
struct Case {
    name: &'static str,
    policies: Value,
    /// What comes after the method of request number `n`, up to the end of its head.
    request: fn(usize) -> String,
}

fn cases() -> Vec<Case> {
    let case = |name, policies, request| Case {
        name,
        policies,
        request,
    };
    let header = json!({ "header": { "header_name": "x-a" } });
    let second = json!({ "header": { "header_name": "x-b" } });
    let cookie = json!({ "cookie": { "name": "sess" } });
    let query = json!({ "query_parameter": { "name": "q" } });
    let source = json!({ "connection_properties": { "source_ip": true } });
    let terminal = |policy: &Value| {
        let mut policy = policy.clone();
        policy["terminal"] = true.into();
        policy
    };
    let rewritten = json!({ "header": {
        "header_name": "x-a",
        "regex_rewrite": { "pattern": { "regex": "^v(\\d)(\\d*)$" }, "substitution": "\\2-\\1" },
    } });
    vec![
        case("header", json!([header]), |n| {
            head("/", &format!("X-A: v{n}"))
        }),
        case("header, empty", json!([header]), |_| head("/", "X-A:")),
        case("header of several values", json!([header]), |n| {
            head("/", &format!("x-a: z{n}\r\nx-a: a{n}\r\nx-a: m"))
        }),
        case("header, rewritten", json!([rewritten]), |n| {
            head("/", &format!("x-a: v{n}\r\nx-b: v"))
        }),
        case(
            "header, rewritten, of several values",
            json!([rewritten]),
            |n| head("/", &format!("x-a: v{n}\r\nx-a: v1{n}")),
        ),
        case(
            "path",
            json!([{ "header": { "header_name": ":path" } }]),
            |n| head(&format!("/p{n}?x=y"), "x-a: v"),
        ),
        case(
            "authority",
            json!([{ "header": { "header_name": ":authority" } }]),
            |n| format!("/ HTTP/1.1\r\nHost: h{n}.example\r\n\r\n"),
        ),
        case(
            "host",
            json!([{ "header": { "header_name": "Host" } }]),
            |n| format!("/ HTTP/1.1\r\nHost: h{n}.example\r\n\r\n"),
        ),
        case("cookie", json!([cookie]), |n| {
            head("/", &format!("Cookie: other=1; sess=s{n}; sess=later"))
        }),
        case("cookie in quotes", json!([cookie]), |n| {
            head("/", &format!("Cookie: sess=\"s{n}\"; x=y"))
        }),
        case("cookie in the second field", json!([cookie]), |n| {
            head("/", &format!("Cookie: a=b\r\nCookie: sess=s{n}"))
        }),
        case("query", json!([query]), |n| {
            head(&format!("/?a=b&q=v{n}&q=2"), "x-a: 1")
        }),
        case("query, escaped", json!([query]), |n| {
            head(&format!("/x?q=%41+{n}%20"), "x-a: 1")
        }),
        case("query without a value", json!([query, header]), |n| {
            head("/?q&r=1", &format!("x-a: {n}"))
        }),
        case("query with an empty value", json!([query, header]), |n| {
            head("/?q=", &format!("x-a: {n}"))
        }),
        case("source address", json!([source]), |n| {
            head(
                "/",
                &format!("X-Forwarded-For: 10.9.8.7, 10.0.{}.{}", n / 250, n % 250),
            )
        }),
        case("source address of IPv6", json!([source]), |n| {
            head("/", &format!("X-Forwarded-For: fd00::0:{n:x}"))
        }),
        case("two policies", json!([header, second]), |n| {
            head("/", &format!("x-a: v{n}\r\nx-b: w{}", n % 7))
        }),
        case("two policies, one silent", json!([second, header]), |n| {
            head("/", &format!("x-a: v{n}"))
        }),
        case("the same policy twice", json!([header, header]), |n| {
            head("/", &format!("x-a: v{n}"))
        }),
        case(
            "three policies of different kinds",
            json!([cookie, query, header]),
            |n| {
                head(
                    &format!("/?q={n}"),
                    &format!("x-a: v{}\r\ncookie: sess=c", n % 3),
                )
            },
        ),
        case("terminal", json!([terminal(&header), second]), |n| {
            head("/", &format!("x-a: v{}\r\nx-b: w{n}", n % 5))
        }),
        case(
            "terminal, silent",
            json!([terminal(&cookie), second]),
            |n| head("/", &format!("x-b: w{n}")),
        ),
        case(
            "terminal in the middle",
            json!([header, terminal(&second), query]),
            |n| {
                head(
                    &format!("/?q={n}"),
                    &format!("x-a: v{n}\r\nx-b: w{}", n % 3),
                )
            },
        ),
    ]
}

fn head(path: &str, fields: &str) -> String {
    format!("{path} HTTP/1.1\r\nHost: t\r\n{fields}\r\n\r\n")
}

/// Five hosts whose keys do not depend on their ports.
fn cluster(addresses: &[SocketAddr]) -> Value {
    let endpoint = |(at, address): (usize, &SocketAddr)| {
        json!({
            "endpoint": { "address": { "socket_address": {
                "address": address.ip().to_string(),
                "port_value": address.port(),
            } } },
            "metadata": { "filter_metadata": { "envoy.lb": { "hash_key": format!("key{at}") } } },
        })
    };
    let endpoints: Vec<Value> = addresses.iter().enumerate().map(endpoint).collect();
    json!({
        "name": "c",
        "type": "STATIC",
        "connect_timeout": "5s",
        "lb_policy": "RING_HASH",
        "load_assignment": {
            "cluster_name": "c",
            "endpoints": [{ "lb_endpoints": endpoints }],
        },
    })
}

fn upstreams() -> Vec<Upstream> {
    (0..5)
        .map(|at| {
            Upstream::start(move |exchange| {
                let mut text = String::new();
                let letter = letter(at);
                write!(text, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{letter}").unwrap();
                std::io::Write::write_all(exchange.stream, text.as_bytes()).is_ok()
            })
        })
        .collect()
}

/// The hosts that serve the requests of a case.
fn served(client: &mut Client, case: &Case) -> String {
    (0..REQUESTS)
        .map(|n| {
            let response = client.ask(format!("GET {}", (case.request)(n)));
            assert_eq!(response.status(), 200, "{}", case.name);
            response.text().to_owned()
        })
        .collect()
}

/// Rows 55 and 56.
#[test]
fn requests_go_where_envoy_sends_them() {
    let upstreams = upstreams();
    let addresses: Vec<SocketAddr> = upstreams.iter().map(|one| one.address).collect();
    let mut resources = Resources::simple(&[]);
    resources.endpoints.clear();
    let cluster: Cluster = json::from_str(&cluster(&addresses).to_string()).unwrap();
    resources.clusters = vec![cluster];
    let recorded = read("hash_policies.json");
    let gateway = Gateway::start(&resources);
    let mut wrong = BTreeMap::new();
    for case in cases() {
        let action = json!({ "cluster": "c", "hash_policy": case.policies });
        let action: RouteAction = json::from_str(&action.to_string()).unwrap();
        let route = xds::route("/", "c", |route| *route = action);
        resources.routes = vec![xds::routes(vec![route])];
        gateway.publish(&resources);
        let ours = served(&mut gateway.client(), &case);
        if recorded[case.name] != *ours {
            wrong.insert(case.name, ours);
        }
    }
    assert!(wrong.is_empty(), "not as recorded: {wrong:#?}");
}

/// Rows 55 and 56.
#[test]
fn envoy_still_says_what_is_written_down_about_policies() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let upstreams = upstreams();
    let addresses: Vec<SocketAddr> = upstreams.iter().map(|one| one.address).collect();
    let mut said = json!({});
    for case in cases() {
        let route = json!({
            "match": { "prefix": "/" },
            "route": { "cluster": "c", "hash_policy": case.policies },
        });
        let envoy = Envoy::start(&binary, &[cluster(&addresses)], &[route]);
        said[case.name] = served(&mut envoy.client(), &case).into();
    }
    keep("hash_policies.json", &said);
}

/// Of each case.
const REQUESTS: usize = 60;
