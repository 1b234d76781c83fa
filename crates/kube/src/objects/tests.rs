// SPDX-License-Identifier: Apache-2.0
//! Documents keep their identity while their content stays.

use std::sync::Arc;

use kube::core::{ApiResource, DynamicObject};
use serde_json::json;

use super::Objects;
use crate::Kind;

const SERVICE: Kind = Kind {
    group: "",
    name: "Service",
    versions: &["v1"],
};
const ROUTE: Kind = Kind {
    group: "example.test",
    name: "Route",
    versions: &["v1"],
};

fn resource(kind: &Kind) -> ApiResource {
    ApiResource {
        group: kind.group.to_owned(),
        version: "v1".to_owned(),
        api_version: kind.api_version("v1"),
        kind: kind.name.to_owned(),
        plural: "things".to_owned(),
    }
}

fn object(name: &str, version: u32, port: u16, status: &str) -> DynamicObject {
    let json = json!({
        "metadata": {
            "name": name, "namespace": "default", "resourceVersion": version.to_string(),
            "managedFields": [{ "manager": "somebody" }],
        },
        "spec": { "port": port },
        "status": { "words": status },
    });
    serde_json::from_value(json).unwrap()
}

fn listed(objects: &Objects, kind: &Kind, all: Vec<DynamicObject>) {
    let resource = resource(kind);
    objects.begin(kind, &resource);
    for object in all {
        objects.listed(kind, &resource, object);
    }
    objects.complete(kind);
}

fn ready() -> Objects {
    let objects = Objects::new(&[SERVICE, ROUTE], &[]);
    objects.absent(&ROUTE);
    let all = vec![object("a", 1, 80, ""), object("b", 2, 80, "")];
    listed(&objects, &SERVICE, all);
    objects
}

#[test]
fn nothing_is_shown_until_every_kind_has_been_listed() {
    let objects = Objects::new(&[SERVICE, ROUTE], &[]);
    listed(&objects, &SERVICE, vec![object("a", 1, 80, "")]);
    let waiting = objects.documents().unwrap_err().0;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].kind, ROUTE);
    objects.absent(&ROUTE);
    let documents = objects.documents().unwrap();
    assert_eq!(documents.len(), 1);
    assert_eq!(
        (documents[0].api_version(), documents[0].kind()),
        ("v1", "Service")
    );
}

#[test]
fn a_new_status_is_no_new_document() {
    let objects = ready();
    let before = objects.documents().unwrap();
    let (mut content, mut versions) = (objects.changes(), objects.versions());
    content.mark_unchanged();
    versions.mark_unchanged();
    objects.applied(&SERVICE, &resource(&SERVICE), object("a", 3, 80, "new"));
    let after = objects.documents().unwrap();
    assert!(before.iter().zip(&after).all(|(a, b)| Arc::ptr_eq(a, b)));
    assert!(!content.has_changed().unwrap());
    assert!(versions.has_changed().unwrap());
    let name = ("default".to_owned(), "a".to_owned());
    let (_, seen) = objects.seen("", "Service", &name).unwrap();
    assert_eq!(
        (seen.version.as_str(), &seen.status),
        ("3", &json!({ "words": "new" }))
    );
}

#[test]
fn a_new_spec_is_a_new_document_and_others_stay() {
    let objects = ready();
    let before = objects.documents().unwrap();
    objects.applied(&SERVICE, &resource(&SERVICE), object("a", 3, 81, ""));
    let after = objects.documents().unwrap();
    assert!(!Arc::ptr_eq(&before[0], &after[0]));
    assert!(Arc::ptr_eq(&before[1], &after[1]));
}

#[test]
fn a_list_takes_effect_when_it_is_complete() {
    let objects = ready();
    let resource = resource(&SERVICE);
    objects.begin(&SERVICE, &resource);
    objects.listed(&SERVICE, &resource, object("b", 2, 80, ""));
    assert_eq!(objects.documents().unwrap().len(), 2);
    let mut content = objects.changes();
    content.mark_unchanged();
    objects.complete(&SERVICE);
    assert_eq!(objects.documents().unwrap().len(), 1);
    assert!(content.has_changed().unwrap());
}

#[test]
fn the_same_list_again_is_no_news() {
    let objects = ready();
    let mut content = objects.changes();
    content.mark_unchanged();
    let all = vec![object("a", 1, 80, ""), object("b", 2, 80, "")];
    listed(&objects, &SERVICE, all);
    assert!(!content.has_changed().unwrap());
}

#[test]
fn what_cannot_be_read_stays_as_it_was() {
    let objects = ready();
    assert!(objects.troubled(&SERVICE, "away".to_owned()));
    assert!(!objects.troubled(&SERVICE, "away".to_owned()));
    assert_eq!(objects.documents().unwrap().len(), 2);
    let states = objects.states();
    let state = states.iter().find(|it| it.kind == SERVICE).unwrap();
    assert_eq!((state.objects, state.problem.as_deref()), (2, Some("away")));
}
