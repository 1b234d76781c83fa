// SPDX-License-Identifier: Apache-2.0
//! Rules of the state-of-the-world variant.

use crate::client::{Ads, Cds, Eds, Lds, snapshot};

#[tokio::test]
async fn clusters_are_sent_as_a_whole_and_absence_removes() {
    let ads = Ads::start(snapshot(&[(Cds, "a", "1"), (Cds, "b", "1")])).await;
    let mut client = ads.world().await;
    client.ask(Cds, &[], None).await;
    let response = client.response(Cds, &["a", "b"]).await;
    client.ask(Cds, &[], Some(&response)).await;
    client.quiet().await;

    ads.publish(snapshot(&[(Cds, "b", "2"), (Cds, "c", "1")]));
    // What is new comes first, what is gone goes afterwards.
    let response = client.response(Cds, &["a", "b", "c"]).await;
    client.ask(Cds, &[], Some(&response)).await;
    let response = client.response(Cds, &["b", "c"]).await;
    client.ask(Cds, &[], Some(&response)).await;
    client.quiet().await;
}

#[tokio::test]
async fn an_empty_world_is_an_answer() {
    let ads = Ads::start(snapshot(&[])).await;
    let mut client = ads.world().await;
    client.ask(Cds, &[], None).await;
    client.response(Cds, &[]).await;
    client.ask(Lds, &["*"], None).await;
    client.response(Lds, &[]).await;
}

#[tokio::test]
async fn an_empty_list_means_all_until_names_were_given() {
    let ads = Ads::start(snapshot(&[(Cds, "a", "1"), (Cds, "b", "1")])).await;
    let mut client = ads.world().await;
    client.ask(Cds, &["b"], None).await;
    let response = client.response(Cds, &["b"]).await;
    client.ask(Cds, &["a", "b", "none"], Some(&response)).await;
    let response = client.response(Cds, &["a", "b"]).await;
    client.ask(Cds, &["*"], Some(&response)).await;
    let response = client.response(Cds, &["a", "b"]).await;
    client.ask(Cds, &[], Some(&response)).await;
    let response = client.response(Cds, &[]).await;
    client.ask(Cds, &[], Some(&response)).await;
    client.quiet().await;
    ads.publish(snapshot(&[(Cds, "a", "2"), (Cds, "b", "2")]));
    client.quiet().await;
}

#[tokio::test]
async fn endpoints_are_sent_by_name_and_only_what_changed() {
    let ads = Ads::start(snapshot(&[
        (Eds, "a", "1"),
        (Eds, "b", "1"),
        (Eds, "c", "1"),
    ]))
    .await;
    let mut client = ads.world().await;
    client.ask(Eds, &[], None).await;
    client.quiet().await;
    client.ask(Eds, &["a", "b"], None).await;
    let response = client.response(Eds, &["a", "b"]).await;
    client.ask(Eds, &["a", "b"], Some(&response)).await;
    client.quiet().await;
    ads.publish(snapshot(&[
        (Eds, "a", "1"),
        (Eds, "b", "2"),
        (Eds, "c", "2"),
    ]));
    let response = client.response(Eds, &["b"]).await;
    // A name more is sent alone.
    client.ask(Eds, &["a", "b", "c"], Some(&response)).await;
    let response = client.response(Eds, &["c"]).await;
    // That they are gone is for clusters to say.
    client.ask(Eds, &["a", "b", "c"], Some(&response)).await;
    client.quiet().await;
    ads.publish(snapshot(&[]));
    client.quiet().await;
}

#[tokio::test]
async fn requests_with_an_old_nonce_are_ignored() {
    let ads = Ads::start(snapshot(&[(Eds, "a", "1"), (Eds, "b", "1")])).await;
    let mut client = ads.world().await;
    client.ask(Eds, &["a"], None).await;
    let first = client.response(Eds, &["a"]).await;
    ads.publish(snapshot(&[(Eds, "a", "2"), (Eds, "b", "2")]));
    let second = client.response(Eds, &["a"]).await;
    // This request was on its way while the second response came.
    client.ask(Eds, &["a", "b"], Some(&first)).await;
    client.quiet().await;
    client.ask(Eds, &["a", "b"], Some(&second)).await;
    client.response(Eds, &["b"]).await;
}

/// A new stream begins without a nonce, with the version that the client has.
#[tokio::test]
async fn a_client_that_comes_back_with_the_newest_version_gets_nothing() {
    let ads = Ads::start(snapshot(&[(Cds, "a", "1")])).await;
    let mut client = ads.world().await;
    client.ask(Cds, &[], None).await;
    let mut response = client.response(Cds, &["a"]).await;
    response.nonce = String::new();
    drop(client);

    let mut client = ads.world().await;
    client.ask(Cds, &[], Some(&response)).await;
    client.quiet().await;
    ads.publish(snapshot(&[(Cds, "a", "1"), (Cds, "b", "1")]));
    client.response(Cds, &["a", "b"]).await;
    drop(client);

    let mut client = ads.world().await;
    client.ask(Cds, &[], Some(&response)).await;
    client.response(Cds, &["a", "b"]).await;
}

#[tokio::test]
async fn versions_are_those_of_the_content() {
    let ads = Ads::start(snapshot(&[(Cds, "a", "1"), (Cds, "b", "1")])).await;
    let mut client = ads.world().await;
    client.ask(Cds, &[], None).await;
    let first = client.response(Cds, &["a", "b"]).await;
    ads.publish(snapshot(&[(Cds, "a", "2"), (Cds, "b", "1")]));
    let second = client.response(Cds, &["a", "b"]).await;
    ads.publish(snapshot(&[(Cds, "a", "1"), (Cds, "b", "1")]));
    let third = client.response(Cds, &["a", "b"]).await;
    assert_ne!(first.version_info, second.version_info);
    assert_eq!(first.version_info, third.version_info);
    assert_ne!(first.nonce, third.nonce);
}
