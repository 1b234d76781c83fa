// SPDX-License-Identifier: Apache-2.0
//! Who may connect, and what is remembered of whom.

use sluicegate_xds::pb::envoy::config::core::v3::Node;
use tonic::Code;

use crate::client::{Ads, Cds, GATEWAY, node, snapshot};

#[tokio::test]
async fn a_node_without_a_gateway_is_told_which_there_are() {
    let ads = Ads::start(snapshot(&[])).await;
    let mut client = ads.delta().await;
    client.node = Some(Node {
        id: "lost".to_owned(),
        ..Node::default()
    });
    client.subscribe(Cds, &[]).await;
    let status = client.next().await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let text = status.message();
    assert!(
        text.contains("\"lost\"") && text.contains(GATEWAY),
        "{text}"
    );
    let shown = ads.server.ledger().to_text();
    assert!(shown.contains(text), "{shown}");
    assert_eq!(ads.stat("ads.streams_refused"), 1);
}

#[tokio::test]
async fn a_stream_without_a_node_is_refused() {
    let ads = Ads::start(snapshot(&[])).await;
    let mut client = ads.world().await;
    client.node = None;
    client.ask(Cds, &[], None).await;
    let status = client.next().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_gateway_that_goes_ends_its_streams() {
    let ads = Ads::start(snapshot(&[])).await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &[]).await;
    client.take(Cds).await;
    ads.publish_nothing();
    let status = client.next().await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().contains(GATEWAY), "{}", status.message());
}

#[tokio::test]
async fn stopping_ends_streams_and_frees_the_address() {
    let ads = Ads::start(snapshot(&[])).await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &[]).await;
    client.take(Cds).await;
    let address = ads.server.address();
    let (status, ()) = tokio::join!(client.next(), ads.server.stop());
    assert_eq!(status.unwrap_err().code(), Code::Unavailable);
    std::net::TcpListener::bind(address).unwrap();
}

#[tokio::test]
async fn the_ledger_knows_a_node_once() {
    let ads = Ads::start(snapshot(&[(Cds, "a", "1")])).await;
    for _ in 0..3 {
        let mut client = ads.delta().await;
        client.subscribe(Cds, &["*"]).await;
        client.take(Cds).await;
        client.quiet().await;
        let connected = ads.server.ledger().nodes();
        let connected = connected.iter().filter(|it| it.is_connected()).count();
        assert_eq!(connected, 1);
        let mut changes = ads.server.ledger().changes();
        drop(client);
        while ads
            .server
            .ledger()
            .nodes()
            .iter()
            .any(|it| it.is_connected())
        {
            changes.changed().await.unwrap();
        }
    }
    let nodes = ads.server.ledger().nodes();
    let [only] = nodes.as_slice() else {
        panic!("{nodes:?}");
    };
    assert_eq!(only.id, node().id);
    assert_eq!(only.gateway.to_string(), GATEWAY);
    assert!(only.delta && only.of(Cds).wildcard);
    assert_eq!(
        only.of(Cds).sent.unwrap().0,
        only.of(Cds).accepted.unwrap().0
    );
    let json = ads.server.ledger().to_json();
    assert_eq!(json["nodes"][0]["types"]["cds"]["nacks"], 0);
    assert_eq!(json["nodes"][0]["connected"], false);
}
