// SPDX-License-Identifier: Apache-2.0
//! What a client refuses is held back alone.

use sluicegate_ads::Refusal;

use crate::client::{Ads, Cds, Eds, names, snapshot};

fn refused(ads: &Ads) -> Vec<(String, String)> {
    let refusals = ads.server.ledger().refusals().into_iter();
    refusals
        .map(
            |Refusal {
                 name, text, node, ..
             }| {
                assert_eq!(node, "node");
                (name.to_string(), text)
            },
        )
        .collect()
}

#[tokio::test]
async fn the_accused_is_held_back_until_it_changes_in_delta() {
    let ads = Ads::start(snapshot(&[
        (Cds, "a", "1"),
        (Cds, "bad", "1"),
        (Cds, "c", "1"),
    ]))
    .await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &[]).await;
    let response = client.response(Cds).await;
    client
        .refuse(&response, "Error adding/updating cluster(s) bad: no")
        .await;
    // What came with it may not be in force: it is sent again.
    assert_eq!(client.take(Cds).await.0, ["a", "c"]);
    let text = "Error adding/updating cluster(s) bad: no".to_owned();
    assert_eq!(refused(&ads), [("bad".to_owned(), text)]);
    // The same version is not, whatever else changes.
    ads.publish(snapshot(&[
        (Cds, "a", "2"),
        (Cds, "bad", "1"),
        (Cds, "c", "1"),
    ]));
    assert_eq!(client.take(Cds).await.0, ["a"]);
    client.quiet().await;
    // A new version is.
    ads.publish(snapshot(&[
        (Cds, "a", "2"),
        (Cds, "bad", "2"),
        (Cds, "c", "1"),
    ]));
    let response = client.response(Cds).await;
    assert_eq!(names(&response), ["bad"]);
    client.accept(&response).await;
    client.quiet().await;
    assert!(refused(&ads).is_empty());
    let node = &ads.server.ledger().nodes()[0];
    assert_eq!(node.of(Cds).nacks, 1);
    assert_eq!(
        node.of(Cds).sent.unwrap().0,
        node.of(Cds).accepted.unwrap().0
    );
    assert_eq!(ads.stat("ads.cds.nacked"), 1);
}

#[tokio::test]
async fn the_accused_keeps_its_last_good_version_in_the_state_of_the_world() {
    let ads = Ads::start(snapshot(&[(Cds, "a", "1"), (Cds, "b", "1")])).await;
    let mut client = ads.world().await;
    client.ask(Cds, &[], None).await;
    let good = client.response(Cds, &["a", "b"]).await;
    client.ask(Cds, &[], Some(&good)).await;
    ads.publish(snapshot(&[
        (Cds, "a", "2"),
        (Cds, "b", "2"),
        (Cds, "new", "1"),
    ]));
    let bad = client.response(Cds, &["a", "b", "new"]).await;
    client.refuse(&bad, &[], "b: no, new: no").await;
    let mended = client.response(Cds, &["a", "b"]).await;
    assert_eq!(mended.resources[0], bad.resources[0]);
    assert_eq!(mended.resources[1], good.resources[1]);
    assert_ne!(mended.version_info, bad.version_info);
    client.ask(Cds, &[], Some(&mended)).await;
    client.quiet().await;
    assert_eq!(refused(&ads).len(), 2);
}

/// Envoy does not always say which: smaller and smaller responses do.
#[tokio::test]
async fn a_nameless_refusal_is_narrowed_down() {
    let all: Vec<String> = (0..20).map(|number| format!("c{number:02}")).collect();
    let of = |content| {
        let clusters: Vec<_> = all
            .iter()
            .map(|name| (Cds, name.as_str(), content))
            .collect();
        snapshot(&clusters)
    };
    let ads = Ads::start(of("1")).await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &[]).await;
    let mut accepted = Vec::new();
    let mut refusals = 0;
    while accepted.len() < 18 {
        let response = client.response(Cds).await;
        let names = names(&response);
        let bad = ["c07", "c13"]
            .iter()
            .any(|bad| names.iter().any(|name| name == bad));
        if bad {
            refusals += 1;
            client.refuse(&response, "something is wrong").await;
        } else {
            client.accept(&response).await;
            accepted.extend(names);
        }
    }
    client.quiet().await;
    let refused: Vec<String> = refused(&ads).into_iter().map(|(name, _)| name).collect();
    assert_eq!(refused, ["c07", "c13"]);
    assert!(refusals <= 12, "{refusals} refusals");
    // From then on, responses are whole again.
    ads.publish(of("2"));
    assert_eq!(names(&client.response(Cds).await).len(), 20);
}

#[tokio::test]
async fn other_types_go_on() {
    let ads = Ads::start(snapshot(&[(Cds, "a", "1"), (Eds, "a", "1")])).await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &[]).await;
    let response = client.response(Cds).await;
    client.refuse(&response, "no").await;
    client.subscribe(Eds, &["a"]).await;
    assert_eq!(client.take(Eds).await.0, ["a"]);
    client.quiet().await;
    assert_eq!(refused(&ads).len(), 1);
}

/// Whoever watches is told without asking.
#[tokio::test]
async fn changes_of_the_ledger_are_announced() {
    let ads = Ads::start(snapshot(&[(Cds, "a", "1")])).await;
    let mut changes = ads.server.ledger().changes();
    let mut client = ads.delta().await;
    client.subscribe(Cds, &[]).await;
    let response = client.response(Cds).await;
    changes.mark_unchanged();
    client.refuse(&response, "no").await;
    changes.changed().await.unwrap();
    assert_eq!(refused(&ads), [("a".to_owned(), "no".to_owned())]);
    changes.mark_unchanged();
    drop(client);
    changes.changed().await.unwrap();
    assert!(refused(&ads).is_empty(), "the node is gone");
    assert!(!ads.server.ledger().nodes()[0].is_connected());
}
