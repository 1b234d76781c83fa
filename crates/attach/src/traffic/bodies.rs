// SPDX-License-Identifier: Apache-2.0
//! Bodies of `responseOverride` that lie in ConfigMaps.
//!
//! In: a policy and the store. Out: its texts by name of ConfigMap, or why there is none; overrides
//! with their texts in place.

use std::collections::BTreeMap;

use sluicegate_resource::{
    Object, ObjectRef, Store,
    envoygateway::{
        BackendTrafficPolicy,
        backend_traffic_policy::{ResponseAction, ResponseBody, ResponseOverride},
    },
};

/// Texts by name of ConfigMap.
pub(super) type Bodies = BTreeMap<String, String>;

/// The texts that `policy` refers to; an error for each reference that leads to none.
pub(super) fn bodies(
    store: &Store,
    policy: &Object<BackendTrafficPolicy>,
) -> Result<Bodies, Vec<String>> {
    let (mut found, mut errors) = (Bodies::new(), Vec::new());
    let Some(overrides) = &policy.spec.response_override else {
        return Ok(found);
    };
    for name in overrides.value.iter().filter_map(reference) {
        match body(store, policy.metadata.namespace(), name) {
            Ok(text) => drop(found.insert(name.clone(), text)),
            Err(problem) => errors.push(format!("{}: {problem}", overrides.path)),
        }
    }
    errors.dedup();
    match errors.is_empty() {
        true => Ok(found),
        false => Err(errors),
    }
}

/// Overrides with the texts in the place of references; `None` without references.
pub(super) fn resolved(
    overrides: &[ResponseOverride],
    bodies: &Bodies,
) -> Option<Vec<ResponseOverride>> {
    if overrides.iter().all(|one| reference(one).is_none()) {
        return None;
    }
    let mut resolved = overrides.to_vec();
    for one in &mut resolved {
        let text = reference(one).and_then(|name| bodies.get(name)).cloned();
        if let (Some(text), ResponseAction::Response(response)) = (text, &mut one.action) {
            response.body = Some(ResponseBody::Inline(text));
        }
    }
    Some(resolved)
}

fn reference(one: &ResponseOverride) -> Option<&String> {
    match &one.action {
        ResponseAction::Response(response) => match &response.body {
            Some(ResponseBody::ConfigMap(name)) => Some(name),
            _ => None,
        },
        ResponseAction::Redirect(_) => None,
    }
}

fn body(store: &Store, namespace: &str, name: &str) -> Result<String, String> {
    let object = ObjectRef::new("", "ConfigMap", namespace, name);
    let Some(map) = store.config_maps.get(&object) else {
        return Err(format!("{object} does not exist"));
    };
    let data = &map.spec.data;
    // Envoy Gateway's key, else the first one.
    let bytes = data.get("response.body").or_else(|| data.values().next());
    let bytes = bytes.ok_or_else(|| format!("{object} is empty"))?;
    String::from_utf8(bytes.clone()).map_err(|_| format!("{object} holds no text"))
}
