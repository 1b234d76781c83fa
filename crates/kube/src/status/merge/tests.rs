// SPDX-License-Identifier: Apache-2.0
//! What is written, and when nothing is.

use serde_json::{Value, json};

use super::{merged, without};

const OURS: &str = "example.test/ours";
const OLD: &str = "2020-01-01T00:00:00Z";

fn controllers() -> Vec<String> {
    vec![OURS.to_owned()]
}

fn condition(status: &str, generation: u32) -> Value {
    json!({
        "type": "Accepted", "status": status, "reason": "Because", "message": "words",
        "observedGeneration": generation,
    })
}

fn at(mut condition: Value, time: &str) -> Value {
    condition["lastTransitionTime"] = time.into();
    condition
}

fn parent(controller: &str, gateway: &str, conditions: Vec<Value>) -> Value {
    json!({
        "parentRef": { "group": "g", "kind": "Gateway", "name": gateway },
        "controllerName": controller,
        "conditions": conditions,
    })
}

#[test]
fn what_stands_already_is_not_written() {
    let stands = json!({ "parents": [parent(OURS, "a", vec![at(condition("True", 1), OLD)])] });
    let wanted = json!({ "parents": [parent(OURS, "a", vec![condition("True", 1)])] });
    assert_eq!(merged(&stands, &wanted, &controllers()), None);
}

#[test]
fn the_first_status_has_times() {
    let wanted = json!({ "parents": [parent(OURS, "a", vec![condition("True", 1)])] });
    let status = merged(&Value::Null, &wanted, &controllers()).unwrap();
    let time = status["parents"][0]["conditions"][0]["lastTransitionTime"].as_str();
    let time = time.unwrap();
    assert!(time.ends_with('Z') && time.len() == OLD.len(), "{time}");
}

#[test]
fn the_time_moves_only_with_the_status() {
    let stands = json!({ "conditions": [at(condition("True", 1), OLD)] });
    let newer = json!({ "conditions": [condition("True", 2)] });
    let status = merged(&stands, &newer, &controllers()).unwrap();
    assert_eq!(status["conditions"][0]["lastTransitionTime"], OLD);
    assert_eq!(status["conditions"][0]["observedGeneration"], 2);

    let flipped = json!({ "conditions": [condition("False", 1)] });
    let status = merged(&stands, &flipped, &controllers()).unwrap();
    assert_ne!(status["conditions"][0]["lastTransitionTime"], OLD);
}

#[test]
fn listeners_keep_their_times_by_name() {
    let stands = json!({ "listeners": [
        { "name": "a", "attachedRoutes": 1, "conditions": [at(condition("True", 1), OLD)] },
    ] });
    let wanted = json!({ "listeners": [
        { "name": "b", "attachedRoutes": 0, "conditions": [condition("True", 1)] },
        { "name": "a", "attachedRoutes": 2, "conditions": [condition("True", 1)] },
    ] });
    let status = merged(&stands, &wanted, &controllers()).unwrap();
    assert_eq!(
        status["listeners"][1]["conditions"][0]["lastTransitionTime"],
        OLD
    );
    assert_ne!(
        status["listeners"][0]["conditions"][0]["lastTransitionTime"],
        OLD
    );
}

#[test]
fn entries_of_others_stay_and_stale_ones_of_ours_go() {
    let other = parent(
        "example.test/other",
        "a",
        vec![at(condition("False", 7), OLD)],
    );
    let stale = parent(OURS, "gone", vec![at(condition("True", 1), OLD)]);
    let stands = json!({ "parents": [stale, other] });
    let wanted = json!({ "parents": [parent(OURS, "a", vec![condition("True", 1)])] });
    let status = merged(&stands, &wanted, &controllers()).unwrap();
    let names: Vec<_> = status["parents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["controllerName"])
        .collect();
    assert_eq!(names, ["example.test/other", OURS]);
    assert_eq!(status["parents"][0], other);
}

#[test]
fn a_field_that_an_api_server_fills_in_is_no_difference() {
    let mut stands = parent(OURS, "a", vec![at(condition("True", 1), OLD)]);
    stands["parentRef"]["namespace"] = "default".into();
    let stands = json!({ "parents": [stands] });
    let wanted = json!({ "parents": [parent(OURS, "a", vec![condition("True", 1)])] });
    assert_eq!(merged(&stands, &wanted, &controllers()), None);
}

#[test]
fn conditions_of_other_writers_do_not_matter() {
    let mut foreign = at(condition("True", 1), OLD);
    foreign["type"] = "Foreign".into();
    let stands = json!({ "conditions": [foreign, at(condition("True", 1), OLD)], "addresses": [] });
    let wanted = json!({ "conditions": [condition("True", 1)] });
    assert_eq!(merged(&stands, &wanted, &controllers()), None);
}

#[test]
fn an_object_that_is_not_ours_any_more_loses_our_entries_only() {
    let other = parent("example.test/other", "a", vec![]);
    let stands = json!({ "ancestors": [parent(OURS, "a", vec![]), other] });
    let status = without(&stands, &controllers()).unwrap();
    assert_eq!(status, json!({ "ancestors": [other] }));
    assert_eq!(without(&status, &controllers()), None);
    assert_eq!(without(&json!({ "conditions": [] }), &controllers()), None);
}
