// SPDX-License-Identifier: Apache-2.0
//! What Services and addresses in status say of where Gateways listen.

use std::{net::IpAddr, sync::Arc};

use sluicegate_manifest::{SourceText, parse};
use sluicegate_resource::{Decoder, UnknownFields};

use super::ListenAddress;
use crate::{Attacher, Graph, Listening, Options};

fn gateway(name: &str, addresses: &[&str]) -> String {
    let value = |it: &&str| format!("{{type: IPAddress, value: '{it}'}}");
    let addresses: Vec<String> = addresses.iter().map(value).collect();
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: default}}
spec: {{gatewayClassName: edge, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}
status: {{addresses: [{}]}}
",
        addresses.join(", ")
    )
}

fn graph(texts: &[String], options: Options) -> Graph {
    let source = Arc::new(SourceText::new("test.yaml", texts.join("---\n")));
    let store = Decoder::new(UnknownFields::Error).decode(&parse(source).documents);
    Attacher::new(options).attach(&store)
}

/// Where each Gateway is; an error for a port that is another's.
fn seen(texts: &[String]) -> Vec<Result<String, &'static str>> {
    let options = Options {
        listening: Listening::AsSeen,
        ..Options::default()
    };
    let graph = graph(texts, options);
    let listeners = graph.gateways.iter().flat_map(|it| &it.listeners);
    let of = |it: &crate::Listener| match &it.verdict.accepted {
        crate::verdict::Outcome::No(reason, _) => Err(*reason),
        _ => Ok(it.at.to_string()),
    };
    listeners.map(of).collect()
}

#[test]
fn different_addresses_in_status_are_those_of_a_pool() {
    let lost = Err("PortUnavailable");
    let (one, two) = (["192.0.2.1"], ["2001:db8::2"]);
    let own = [gateway("a", &one), gateway("b", &two)];
    let at = |text: &str| Ok(text.to_owned());
    assert_eq!(seen(&own), [at("192.0.2.1:80"), at("[2001:db8::2]:80")]);
    // Those of a data plane are the same for each, and can be many.
    for theirs in [&one[..], &["192.0.2.1", "192.0.2.2"]] {
        let same = [gateway("a", theirs), gateway("b", theirs)];
        assert_eq!(seen(&same), [at("80"), lost.clone()]);
    }
    let unknown = [gateway("a", &one), gateway("b", &[])];
    assert_eq!(seen(&unknown), [at("80"), lost]);
}

#[test]
fn a_service_that_was_made_for_a_gateway_maps_its_ports() {
    let service = |of: &str| {
        format!(
            "apiVersion: v1
kind: Service
metadata: {{name: s, namespace: edge, annotations: {{sluicegate.dev/gateway: {of}}}}}
spec: {{ports: [{{port: 80}}]}}
"
        )
    };
    let both = |of: &str| [gateway("a", &[]), gateway("b", &[]), service(of)];
    let mapped = seen(&both("default/b"));
    let port: u16 = mapped[1].as_ref().unwrap().parse().unwrap();
    assert!((20_000..30_000).contains(&port), "{port}");
    // One that was left behind says nothing.
    assert!(seen(&both("default/c"))[1].is_err());
}

#[test]
fn who_has_no_address_of_the_pool_listens_nowhere_and_has_no_port() {
    let options = Options {
        listening: Listening::OwnAddress(std::collections::BTreeMap::new()),
        address_pool: vec!["192.0.2.1/32".parse().unwrap()],
        ..Options::default()
    };
    let graph = graph(&[gateway("a", &[]), gateway("b", &["192.0.2.1"])], options);
    let listens: Vec<bool> = graph.gateways.iter().map(|it| it.listens).collect();
    assert_eq!(listens, [false, true]);
    let accepted = graph.gateways.iter().flat_map(|it| &it.listeners);
    assert!(accepted.clone().all(|it| it.verdict.accepted.is_ok()));
    let known = ("192.0.2.1".parse::<IpAddr>().unwrap(), &graph.gateways[1]);
    assert_eq!(known.1.given, Some(Ok(known.0)));
    assert!(matches!(&graph.listening, Listening::OwnAddress(known) if known.len() == 1));
}

#[test]
fn listen_addresses_are_written_and_read_alike() {
    for text in ["80", "192.0.2.1:80", "[2001:db8::1]:443"] {
        let at: ListenAddress = text.parse().unwrap();
        assert_eq!(at.to_string(), text);
    }
    assert!("192.0.2.1".parse::<ListenAddress>().is_err());
}
