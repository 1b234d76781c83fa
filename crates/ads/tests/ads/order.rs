// SPDX-License-Identifier: Apache-2.0
//! Make before break, and endpoints that follow their cluster.

use crate::client::{Ads, Cds, Delta, Eds, Lds, Rds, World, snapshot};

/// One resource of each type, and a client that has them all.
async fn start() -> (Ads, Delta) {
    let ads = Ads::start(snapshot(&[
        (Cds, "a", "eds"),
        (Eds, "a", "1"),
        (Lds, "l", "1"),
        (Rds, "r", "1"),
    ]))
    .await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &[]).await;
    client.take(Cds).await;
    client.subscribe(Eds, &["a"]).await;
    client.take(Eds).await;
    client.subscribe(Lds, &[]).await;
    client.take(Lds).await;
    client.subscribe(Rds, &["r"]).await;
    client.take(Rds).await;
    (ads, client)
}

#[tokio::test]
async fn a_change_of_everything_goes_from_clusters_to_routes_and_back() {
    let (ads, mut client) = start().await;
    ads.publish(snapshot(&[
        (Cds, "b", "eds"),
        (Eds, "b", "1"),
        (Lds, "m", "1"),
        (Rds, "r", "2"),
    ]));
    let clusters = client.response(Cds).await;
    assert_eq!(crate::client::names(&clusters), ["b"]);
    // Envoy asks for the endpoints of a new cluster, and answers the cluster when it is warm.
    client.subscribe(Eds, &["b"]).await;
    assert_eq!(client.take(Eds).await.0, ["b"]);
    client.accept(&clusters).await;
    assert_eq!(client.take(Lds).await, (vec!["m".into()], vec![]));
    assert_eq!(client.take(Rds).await.0, ["r"]);
    assert_eq!(client.take(Lds).await, (vec![], vec!["l".into()]));
    assert_eq!(client.take(Cds).await, (vec![], vec!["a".into()]));
    assert_eq!(client.take(Eds).await, (vec![], vec!["a".into()]));
    client.quiet().await;
}

/// A client that keeps its answer back is not waited for longer than patience has it.
#[tokio::test]
async fn routes_do_not_wait_for_ever_for_a_new_cluster() {
    let (ads, mut client) = start().await;
    ads.publish(snapshot(&[
        (Cds, "a", "eds"),
        (Cds, "b", "1"),
        (Eds, "a", "1"),
        (Lds, "l", "1"),
        (Rds, "r", "2"),
    ]));
    client.response(Cds).await;
    client.quiet().await;
    assert_eq!(client.take(Rds).await.0, ["r"]);
}

/// Envoy warms a changed cluster and waits for its endpoints, which it has not asked for again.
#[tokio::test]
async fn endpoints_follow_a_changed_cluster_in_delta() {
    let endpoints = [(Eds, "a", "1"), (Eds, "base", "1"), (Eds, "other", "1")];
    let with = |clusters: &[(_, &'static str, &'static str)]| {
        snapshot(&[clusters, endpoints.as_slice()].concat())
    };
    let ads = Ads::start(with(&[
        (Cds, "a", "eds 1"),
        (Cds, "v", "eds:base"),
        (Cds, "s", "1"),
    ]))
    .await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &[]).await;
    client.take(Cds).await;
    client.subscribe(Eds, &["a", "base", "other"]).await;
    assert_eq!(client.take(Eds).await.0.len(), 3);
    ads.publish(with(&[
        (Cds, "a", "eds 2"),
        (Cds, "v", "eds:base"),
        (Cds, "s", "1"),
    ]));
    assert_eq!(client.take(Cds).await.0, ["a"]);
    assert_eq!(client.take(Eds).await.0, ["a"]);
    // A variant shares the endpoints of its base.
    ads.publish(with(&[
        (Cds, "a", "eds 2"),
        (Cds, "v", "eds:base:2"),
        (Cds, "s", "1"),
    ]));
    assert_eq!(client.take(Cds).await.0, ["v"]);
    assert_eq!(client.take(Eds).await.0, ["base"]);
    // A cluster without EDS has none.
    ads.publish(with(&[
        (Cds, "a", "eds 2"),
        (Cds, "v", "eds:base:2"),
        (Cds, "s", "2"),
    ]));
    assert_eq!(client.take(Cds).await.0, ["s"]);
    client.quiet().await;
    // Nobody asked for these endpoints.
    client.change(Eds, &[], &["a"]).await;
    client.quiet().await;
    ads.publish(with(&[
        (Cds, "a", "eds 3"),
        (Cds, "v", "eds:base:2"),
        (Cds, "s", "2"),
    ]));
    assert_eq!(client.take(Cds).await.0, ["a"]);
    client.quiet().await;
}

async fn world(ads: &Ads) -> World {
    let mut client = ads.world().await;
    client.ask(Cds, &[], None).await;
    let clusters = client.response(Cds, &["a", "b"]).await;
    client.ask(Cds, &[], Some(&clusters)).await;
    client
}

#[tokio::test]
async fn endpoints_follow_a_changed_cluster_in_the_state_of_the_world() {
    let clusters = |content| {
        [
            (Cds, "a", content),
            (Cds, "b", "eds"),
            (Eds, "a", "1"),
            (Eds, "b", "1"),
        ]
    };
    let ads = Ads::start(snapshot(&clusters("eds 1"))).await;
    let mut client = world(&ads).await;
    client.ask(Eds, &["a", "b"], None).await;
    let endpoints = client.response(Eds, &["a", "b"]).await;
    client.ask(Eds, &["a", "b"], Some(&endpoints)).await;
    client.quiet().await;
    ads.publish(snapshot(&clusters("eds 2")));
    let changed = client.response(Cds, &["a", "b"]).await;
    let endpoints = client.response(Eds, &["a"]).await;
    client.ask(Cds, &[], Some(&changed)).await;
    client.ask(Eds, &["a", "b"], Some(&endpoints)).await;
    client.quiet().await;
    // A cluster that warms late asks in the same words again.
    client.ask(Eds, &["a", "b"], Some(&endpoints)).await;
    let endpoints = client.response(Eds, &["a"]).await;
    client.ask(Eds, &["a", "b"], Some(&endpoints)).await;
    // Once is enough: an answer is no question.
    client.ask(Eds, &["a", "b"], Some(&endpoints)).await;
    client.quiet().await;
}
