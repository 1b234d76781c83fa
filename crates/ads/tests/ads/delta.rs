// SPDX-License-Identifier: Apache-2.0
//! Rules of the delta variant.

use crate::client::{Ads, Cds, Eds, Lds, Rds, names, snapshot, versions};

const NONE: [&str; 0] = [];

#[tokio::test]
async fn only_what_changed_is_sent() {
    let ads = Ads::start(snapshot(&[(Cds, "a", "1"), (Cds, "b", "1")])).await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &[]).await;
    assert_eq!(client.take(Cds).await.0, ["a", "b"]);
    ads.publish(snapshot(&[
        (Cds, "a", "1"),
        (Cds, "b", "2"),
        (Cds, "c", "1"),
    ]));
    assert_eq!(
        client.take(Cds).await,
        (vec!["b".into(), "c".into()], vec![])
    );
    ads.publish(snapshot(&[(Cds, "b", "2"), (Cds, "c", "1")]));
    assert_eq!(client.take(Cds).await, (vec![], vec!["a".into()]));
    // The same content is no change.
    ads.publish(snapshot(&[(Cds, "c", "1"), (Cds, "b", "2")]));
    client.quiet().await;
}

#[tokio::test]
async fn a_new_client_of_all_is_answered_even_with_nothing() {
    let ads = Ads::start(snapshot(&[])).await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &["*"]).await;
    let response = client.response(Cds).await;
    assert!(response.resources.is_empty() && response.removed_resources.is_empty());
    client.subscribe(Lds, &[]).await;
    assert_eq!(client.take(Lds).await.0, NONE);
}

#[tokio::test]
async fn types_without_a_wildcard_are_sent_by_name_only() {
    let ads = Ads::start(snapshot(&[
        (Eds, "a", "1"),
        (Eds, "b", "1"),
        (Rds, "r", "1"),
    ]))
    .await;
    let mut client = ads.delta().await;
    client.subscribe(Eds, &[]).await;
    client.subscribe(Rds, &[]).await;
    client.quiet().await;
    client.subscribe(Eds, &["b"]).await;
    assert_eq!(client.take(Eds).await.0, ["b"]);
    ads.publish(snapshot(&[
        (Eds, "a", "2"),
        (Eds, "b", "1"),
        (Rds, "r", "2"),
    ]));
    client.quiet().await;
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told_and_sent_when_it_does() {
    let ads = Ads::start(snapshot(&[])).await;
    let mut client = ads.delta().await;
    client.subscribe(Eds, &["a"]).await;
    assert_eq!(client.take(Eds).await, (vec![], vec!["a".into()]));
    ads.publish(snapshot(&[(Cds, "other", "1")]));
    client.quiet().await;
    ads.publish(snapshot(&[(Eds, "a", "1")]));
    assert_eq!(client.take(Eds).await.0, ["a"]);
}

#[tokio::test]
async fn a_name_that_is_asked_for_again_is_sent_again() {
    let ads = Ads::start(snapshot(&[(Eds, "a", "1")])).await;
    let mut client = ads.delta().await;
    client.subscribe(Eds, &["a"]).await;
    assert_eq!(client.take(Eds).await.0, ["a"]);
    client.subscribe(Eds, &["a"]).await;
    assert_eq!(client.take(Eds).await.0, ["a"]);
    client.change(Eds, &[], &["a"]).await;
    client.quiet().await;
    ads.publish(snapshot(&[(Eds, "a", "2")]));
    client.quiet().await;
    client.subscribe(Eds, &["a"]).await;
    assert_eq!(client.take(Eds).await.0, ["a"]);
}

#[tokio::test]
async fn wildcard_and_names_stand_beside_each_other() {
    let ads = Ads::start(snapshot(&[(Cds, "a", "1"), (Cds, "b", "1")])).await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &["a"]).await;
    assert_eq!(client.take(Cds).await.0, ["a"]);
    client.subscribe(Cds, &["*"]).await;
    assert_eq!(client.take(Cds).await.0, ["b"]);
    // Still covered by the wildcard: the client learns what it is.
    client.change(Cds, &[], &["a"]).await;
    assert_eq!(client.take(Cds).await.0, ["a"]);
    client.subscribe(Cds, &["b"]).await;
    assert_eq!(client.take(Cds).await.0, ["b"]);
    client.change(Cds, &[], &["*"]).await;
    client.quiet().await;
    ads.publish(snapshot(&[(Cds, "a", "2"), (Cds, "b", "2")]));
    assert_eq!(client.take(Cds).await.0, ["b"]);
    client.quiet().await;
}

#[tokio::test]
async fn a_client_that_comes_back_gets_only_what_it_lacks() {
    let all = [(Cds, "a", "1"), (Cds, "b", "1"), (Cds, "c", "1")];
    let ads = Ads::start(snapshot(&all)).await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &["*"]).await;
    let response = client.response(Cds).await;
    let has = versions(&response);
    drop(client);

    let mut client = ads.delta().await;
    client.resume(Cds, &["*"], &has).await;
    client.quiet().await;
    drop(client);

    ads.publish(snapshot(&[
        (Cds, "a", "1"),
        (Cds, "b", "2"),
        (Cds, "d", "1"),
    ]));
    let mut client = ads.delta().await;
    client.resume(Cds, &["*"], &has).await;
    assert_eq!(
        client.take(Cds).await,
        (vec!["b".into(), "d".into()], vec![])
    );
    assert_eq!(client.take(Cds).await, (vec![], vec!["c".into()]));
    client.quiet().await;

    // By name: what it has and what it does not.
    let ads = Ads::start(snapshot(&[(Eds, "a", "1"), (Eds, "b", "1")])).await;
    let mut client = ads.delta().await;
    client.subscribe(Eds, &["a"]).await;
    let has = versions(&client.response(Eds).await);
    let mut client = ads.delta().await;
    client.resume(Eds, &["a", "b"], &has).await;
    assert_eq!(client.take(Eds).await.0, ["b"]);
    client.quiet().await;
}

/// An answer to a response that is not the newest, or to none at all, changes nothing; what the
/// request subscribes to counts all the same.
#[tokio::test]
async fn stale_nonces_are_ignored() {
    let ads = Ads::start(snapshot(&[(Cds, "a", "1"), (Eds, "a", "1")])).await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &[]).await;
    let mut response = client.response(Cds).await;
    client.accept(&response).await;
    client.refuse(&response, "a: too late").await;
    response.nonce = "no number".to_owned();
    client.refuse(&response, "a: never sent").await;
    client.quiet().await;
    assert!(ads.server.ledger().refusals().is_empty());
    assert_eq!(ads.stat("ads.cds.stale_nonce"), 2);

    let request = sluicegate_xds::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest {
        type_url: Eds.type_url(),
        resource_names_subscribe: vec!["a".to_owned()],
        response_nonce: "99".to_owned(),
        ..Default::default()
    };
    client.send(request).await;
    assert_eq!(client.take(Eds).await.0, ["a"]);
}

#[tokio::test]
async fn versions_are_those_of_the_content() {
    let ads = Ads::start(snapshot(&[(Cds, "a", "1")])).await;
    let mut client = ads.delta().await;
    client.subscribe(Cds, &[]).await;
    let first = client.response(Cds).await;
    ads.publish(snapshot(&[(Cds, "a", "2")]));
    let second = client.response(Cds).await;
    ads.publish(snapshot(&[(Cds, "a", "1")]));
    let third = client.response(Cds).await;
    assert_eq!(names(&second), ["a"]);
    assert_ne!(versions(&first), versions(&second));
    assert_eq!(versions(&first), versions(&third));
    assert_ne!(first.system_version_info, second.system_version_info);
    assert_eq!(first.system_version_info, third.system_version_info);
    let nonces = [&first.nonce, &second.nonce, &third.nonce];
    assert!(nonces[0] != nonces[1] && nonces[1] != nonces[2]);
}

#[tokio::test]
async fn types_that_are_not_served_are_passed_over() {
    let ads = Ads::start(snapshot(&[])).await;
    let mut client = ads.delta().await;
    let request = sluicegate_xds::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest {
        type_url: "type.googleapis.com/envoy.service.runtime.v3.Runtime".to_owned(),
        ..Default::default()
    };
    client.send(request).await;
    client.quiet().await;
}
