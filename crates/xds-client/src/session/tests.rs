// SPDX-License-Identifier: Apache-2.0
//! Conversations of both variants, message by message.

use prost::Message;
use sluicegate_snapshot::Builder;
use sluicegate_xds::{
    json,
    pb::envoy::config::{
        cluster::v3::Cluster, endpoint::v3::ClusterLoadAssignment, listener::v3::Listener,
    },
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(15);

fn session(variant: Variant) -> (Session, Instant) {
    let now = Instant::now();
    let judge = Judge(Arc::new(|resource| match resource.name.contains("bad") {
        true => Err("it is bad".to_owned()),
        false => Ok(()),
    }));
    let fixed = Arc::new(Builder::default().build());
    (Session::new(variant, fixed, judge, PATIENCE, now), now)
}

fn eds_cluster(name: &str, timeout: &str) -> Received {
    let text = format!(
        r#"{{ "name": "{name}", "type": "EDS", "connect_timeout": "{timeout}",
              "eds_cluster_config": {{ "eds_config": {{ "ads": {{}} }} }} }}"#
    );
    received(name, &json::from_str::<Cluster>(&text).unwrap())
}

fn endpoints(name: &str) -> Received {
    let assignment = ClusterLoadAssignment {
        cluster_name: name.into(),
        ..ClusterLoadAssignment::default()
    };
    received(name, &assignment)
}

fn received(name: &str, message: &impl Message) -> Received {
    Received {
        name: name.into(),
        version: "v".into(),
        body: Ok(message.encode_to_vec().into()),
    }
}

fn response(resource_type: ResourceType, nonce: &str, resources: Vec<Received>) -> Response {
    Response {
        resource_type,
        resources,
        version: format!("version {nonce}"),
        nonce: nonce.into(),
        removed: Vec::new(),
    }
}

fn listeners(nonce: &str) -> Response {
    let listener = Listener {
        name: "l".into(),
        ..Listener::default()
    };
    response(
        ResourceType::Listener,
        nonce,
        vec![received("l", &listener)],
    )
}

#[test]
fn subscribes_to_what_is_referred_to() {
    let (mut session, now) = session(Variant::StateOfTheWorld);
    let first: Vec<_> = session.begin().iter().map(|it| it.resource_type).collect();
    assert_eq!(first, [ResourceType::Cluster, ResourceType::Listener]);
    let clusters = vec![eds_cluster("a", "1s"), eds_cluster("b", "1s")];
    let answers = session.hear(response(ResourceType::Cluster, "1", clusters), now);
    assert_eq!(answers.len(), 2);
    assert_eq!(
        (answers[0].nonce.as_str(), answers[0].version.as_str()),
        ("1", "version 1")
    );
    assert_eq!(answers[1].resource_type, ResourceType::Endpoint);
    assert_eq!(answers[1].names, ["a", "b"]);
    let clusters = vec![eds_cluster("b", "1s")];
    let answers = session.hear(response(ResourceType::Cluster, "2", clusters), now);
    assert_eq!(answers[1].names, ["b"]);
}

#[test]
fn delta_says_what_changed_and_what_it_has() {
    let (mut session, now) = session(Variant::Delta);
    session.begin();
    let clusters = vec![eds_cluster("a", "1s"), eds_cluster("b", "1s")];
    let answers = session.hear(response(ResourceType::Cluster, "1", clusters), now);
    assert_eq!(answers[1].subscribe, ["a", "b"]);
    let gone = Response {
        removed: vec!["a".into()],
        ..response(ResourceType::Cluster, "2", vec![eds_cluster("c", "1s")])
    };
    let answers = session.hear(gone, now);
    assert_eq!(answers[0].nonce, "2");
    assert_eq!(answers[1].subscribe, ["c"]);
    assert_eq!(answers[1].unsubscribe, ["a"]);
    let again = session.begin();
    let has: Vec<_> = again[0].initial_versions.keys().collect();
    assert_eq!(has, ["b", "c"]);
    assert_eq!(again[1].subscribe, ["b", "c"]);
}

#[test]
fn refuses_by_name_and_takes_the_rest() {
    for variant in [Variant::Delta, Variant::StateOfTheWorld] {
        let (mut session, now) = session(variant);
        session.begin();
        let clusters = vec![
            eds_cluster("bad", "1s"),
            eds_cluster("good", "1s"),
            eds_cluster("hasty", "0s"),
        ];
        let answers = session.hear(response(ResourceType::Cluster, "1", clusters), now);
        let refusal = answers[0].refusal.as_deref().unwrap();
        let text =
            "Error adding/updating cluster(s) bad: it is bad, hasty: Cluster.connect_timeout: ";
        assert!(refusal.starts_with(text), "{refusal}");
        assert_eq!(answers[0].version, "");
        assert_eq!(session.state(ResourceType::Cluster).0, 1);
    }
}

#[test]
fn keeps_what_is_good_until_its_successor_is_ready() {
    let (mut session, now) = session(Variant::Delta);
    session.begin();
    let served = |session: &mut Session, now| {
        let snapshot = session.publish(now).0?;
        let clusters = snapshot.resources(ResourceType::Cluster);
        Some(clusters.values().map(|it| it.version).collect::<Vec<_>>())
    };
    session.hear(
        response(ResourceType::Cluster, "1", vec![eds_cluster("a", "1s")]),
        now,
    );
    session.hear(listeners("2"), now);
    assert_eq!(served(&mut session, now), None);
    session.hear(
        response(ResourceType::Endpoint, "3", vec![endpoints("a")]),
        now,
    );
    let first = served(&mut session, now).unwrap();
    assert_eq!(first.len(), 1);
    // A new version finds its endpoints; a new cluster waits for its own.
    let clusters = vec![eds_cluster("a", "2s"), eds_cluster("b", "1s")];
    session.hear(response(ResourceType::Cluster, "4", clusters), now);
    let second = served(&mut session, now).unwrap();
    assert_eq!(second.len(), 1);
    assert_ne!(first, second);
    assert_eq!(served(&mut session, now), None);
    assert_eq!(served(&mut session, now + PATIENCE).unwrap().len(), 2);
}

#[test]
fn serves_what_there_is_when_nobody_answers() {
    let (mut session, now) = session(Variant::Delta);
    let (nothing, until) = session.publish(now);
    assert!(nothing.is_none());
    assert!(session.publish(until.unwrap()).0.is_some());
}
