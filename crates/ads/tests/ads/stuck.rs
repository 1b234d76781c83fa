// SPDX-License-Identifier: Apache-2.0
//! A client that does not read holds up nobody and costs nothing.

use crate::client::{Ads, Cds, Eds, snapshot};

/// More than a window of HTTP/2 holds.
fn large(content: &str) -> sluicegate_snapshot::Snapshot {
    let body = content.repeat(200_000);
    let clusters: Vec<String> = (0..10).map(|number| format!("c{number}")).collect();
    let mut resources: Vec<_> = clusters
        .iter()
        .map(|it| (Cds, it.as_str(), body.as_str()))
        .collect();
    resources.push((Eds, "a", content));
    snapshot(&resources)
}

#[tokio::test]
async fn the_others_go_on_and_the_stuck_one_gets_the_newest() {
    let ads = Ads::start(large("0")).await;
    let mut stuck = ads.delta().await;
    stuck.subscribe(Cds, &[]).await;
    let mut other = ads.delta().await;
    other.subscribe(Cds, &[]).await;
    other.subscribe(Eds, &["a"]).await;
    other.take(Cds).await;
    other.take(Eds).await;
    let rounds = 40;
    for round in 1..=rounds {
        ads.publish(large(&(round % 10).to_string()));
        assert_eq!(other.take(Cds).await.0.len(), 10);
        assert_eq!(other.take(Eds).await.0, ["a"]);
    }
    // It is sent what fits on the way, then the newest: not forty times two megabytes.
    let sent = ads.stat("ads.cds.responses_total") - 1 - i64::from(rounds);
    assert!(
        (1..=4).contains(&sent),
        "{sent} responses to a client that does not read"
    );
    let mut last = Vec::new();
    for _ in 0..=sent {
        let response = stuck.response(Cds).await;
        last = response.resources[0].resource.clone().unwrap().value;
        stuck.accept(&response).await;
    }
    let newest = large(&(rounds % 10).to_string());
    assert!(
        newest.get(Cds, "c0").unwrap().body == last,
        "not the newest"
    );
    stuck.quiet().await;
}
