// SPDX-License-Identifier: Apache-2.0
//! Custom resource definitions that an API server has.
//!
//! In: the name of one. Out: its schema.

use kube::{
    Api, Client, Error,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::Value;

use crate::discover::is_not_found;

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
    let mut definition = match definitions.get(name).await {
        Ok(definition) => definition,
        Err(error) if is_not_found(&error) => return Ok(None),
        Err(Error::Api(status)) => return Err(status.message),
        Err(error) => return Err(error.to_string()),
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
