// SPDX-License-Identifier: Apache-2.0
//! Custom resource definitions that an API server has.
//!
//! In: the name of one. Out: its schema.

use kube::{
    Api, Client,
    api::ListParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::Value;

use crate::watch::explained;

/// The schema of `version` in the definition of this name; `None` where either is not installed.
///
/// # Errors
/// When the API server cannot be asked, or does not say.
pub async fn installed_schema(
    client: &Client,
    name: &str,
    version: &str,
) -> Result<Option<Value>, String> {
    let definitions: Api<DynamicObject> = Api::all_with(client.clone(), &definitions());
    // A list, so that watching them takes no more rights than this.
    let named = ListParams::default().fields(&format!("metadata.name={name}"));
    let found = definitions.list(&named).await;
    let mut found = found.map_err(|error| explained(&error))?;
    let Some(mut definition) = found.items.pop() else {
        return Ok(None);
    };
    let versions = definition.data.pointer_mut("/spec/versions");
    let versions = versions.and_then(Value::as_array_mut);
    let mut versions = versions.into_iter().flatten();
    let found = versions.find(|it| it["name"] == version);
    Ok(found.map(|it| it["schema"]["openAPIV3Schema"].take()))
}

/// CustomResourceDefinitions themselves.
pub(crate) fn definitions() -> ApiResource {
    let kind = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    ApiResource::from_gvk(&kind)
}
