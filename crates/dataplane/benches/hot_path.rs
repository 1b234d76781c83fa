// SPDX-License-Identifier: Apache-2.0
//! What the steps of a request cost: parsing and writing heads, matching a route, picking a host.
//!
//! `cargo bench -p sluicegate-dataplane --features bench` gives times. With `REPEAT=step:count` one
//! step is run that often and nothing else, so that `bench/instructions.py` can count instructions.

use std::hint::black_box;

use criterion::Criterion;
use sluicegate_dataplane::bench::{Heads, Matching, Picking};
use sluicegate_xds::pb::{
    envoy::{
        config::route::v3::{
            Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route,
            route_action::ClusterSpecifier, route_match::PathSpecifier,
        },
        extensions::filters::network::http_connection_manager::v3::{
            HttpConnectionManager, http_connection_manager::RouteSpecifier,
        },
    },
    google::protobuf::BoolValue,
};

/// A step that can be repeated.
type Step = Box<dyn FnMut()>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Ok(repeat) = std::env::var("REPEAT") {
        let (wanted, count) = repeat.split_once(':').ok_or("REPEAT=step:count")?;
        let count: u64 = count.parse()?;
        let (_, mut step) = steps()?
            .into_iter()
            .find(|(name, _)| name == wanted)
            .ok_or("no such step")?;
        (0..count).for_each(|_| step());
        return Ok(());
    }
    if std::env::args().any(|argument| argument == "--steps") {
        for (name, _) in steps()? {
            println!("{name}");
        }
        return Ok(());
    }
    let mut criterion = Criterion::default().configure_from_args();
    for (name, mut step) in steps()? {
        criterion.bench_function(&name, |bencher| bencher.iter(&mut step));
    }
    criterion.final_summary();
    Ok(())
}

fn steps() -> Result<Vec<(String, Step)>, String> {
    let mut steps: Vec<(String, Step)> = Vec::new();
    let manager = HttpConnectionManager {
        route_specifier: Some(RouteSpecifier::RouteConfig(RouteConfiguration::default())),
        use_remote_address: Some(BoolValue { value: true }),
        ..HttpConnectionManager::default()
    };
    let heads = || Heads::new(&manager);

    let mut parse = heads()?;
    steps.push((
        "parse-request".to_owned(),
        Box::new(move || assert!(parse.parse_request(black_box(REQUEST)))),
    ));
    let mut parse = heads()?;
    steps.push((
        "parse-response".to_owned(),
        Box::new(move || assert!(parse.parse_response(black_box(RESPONSE)))),
    ));
    let mut write = heads()?;
    write.parse_request(REQUEST);
    steps.push((
        "write-request".to_owned(),
        Box::new(move || assert!(write.write_request(black_box(REQUEST)) > REQUEST.len())),
    ));
    let mut write = heads()?;
    write.parse_response(RESPONSE);
    steps.push((
        "write-response".to_owned(),
        Box::new(move || assert!(write.write_response(black_box(RESPONSE)) > RESPONSE.len())),
    ));
    let matching = Matching::new(&routes(), REQUEST)?;
    steps.push((
        "match-22-hosts-10-prefixes".to_owned(),
        Box::new(move || assert!(black_box(&matching).find())),
    ));
    for policy in [
        "ROUND_ROBIN",
        "LEAST_REQUEST",
        "RANDOM",
        "RING_HASH",
        "MAGLEV",
    ] {
        let mut picking = Picking::new(policy, 1000).ok_or("no such policy")?;
        steps.push((
            format!(
                "pick-{}-1000-hosts",
                policy.to_lowercase().replace('_', "-")
            ),
            Box::new(move || assert!(black_box(&mut picking).pick().is_some())),
        ));
    }
    Ok(steps)
}

/// 22 virtual hosts of 10 prefixes each; the request takes the last one of its host.
fn routes() -> RouteConfiguration {
    let prefixes = (0..9).map(|at| format!("/prefix-{at}/"));
    let routes: Vec<_> = prefixes
        .chain(["/api/".to_owned()])
        .map(|prefix| Route {
            r#match: Some(RouteMatch {
                path_specifier: Some(PathSpecifier::Prefix(prefix)),
                ..RouteMatch::default()
            }),
            action: Some(route::Action::Route(RouteAction {
                cluster_specifier: Some(ClusterSpecifier::Cluster("backend".to_owned())),
                ..RouteAction::default()
            })),
            ..Route::default()
        })
        .collect();
    let hosts = (0..21).map(|at| format!("host-{at}.example.com"));
    let virtual_hosts = hosts
        .chain(["bench.example.com".to_owned()])
        .map(|domain| VirtualHost {
            name: domain.clone(),
            domains: vec![domain],
            routes: routes.clone(),
            ..VirtualHost::default()
        });
    RouteConfiguration {
        virtual_hosts: virtual_hosts.collect(),
        ..RouteConfiguration::default()
    }
}

/// The head that a browser would send.
const REQUEST: &[u8] = b"GET /api/v1/items/4711?view=full HTTP/1.1\r\n\
Host: bench.example.com\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Accept-Language: en-US,en;q=0.7,de;q=0.3\r\n\
Accept-Encoding: gzip, deflate, br\r\n\
Referer: https://bench.example.com/catalogue/items?page=17&sort=price\r\n\
Cookie: session=7c1f0e52b8d94a63a0f5; theme=dark; consent=all\r\n\
Cache-Control: no-cache\r\n\r\n";

/// The head that an application server would answer with.
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
Server: origin/1.0\r\n\
Date: Sat, 21 Nov 2026 12:00:00 GMT\r\n\
Content-Type: application/json; charset=utf-8\r\n\
Content-Length: 1024\r\n\
Cache-Control: private, max-age=0\r\n\
ETag: \"7c1f0e52b8d9\"\r\n\
Vary: Accept-Encoding\r\n\
X-Frame-Options: DENY\r\n\r\n";
