// SPDX-License-Identifier: Apache-2.0
//! What an API server serves of a kind.
//!
//! In: a kind. Out: the resource to list and watch, or that it is not installed.

use kube::{Client, Error, core::ApiResource};

use crate::Kind;

/// The resource of a kind in the first of its versions that is served.
pub(crate) async fn discover(client: &Client, kind: &Kind) -> Result<Option<ApiResource>, Error> {
    for version in kind.versions {
        let api_version = kind.api_version(version);
        let listed = if kind.group.is_empty() {
            client.list_core_api_resources(version).await
        } else {
            client.list_api_group_resources(&api_version).await
        };
        let resources = match listed {
            Ok(listed) => listed.resources,
            Err(error) if is_not_found(&error) => continue,
            Err(error) => return Err(error),
        };
        // Subresources have the kind of what they carry, and a slash in their name.
        let found = resources
            .into_iter()
            .find(|it| it.kind == kind.name && !it.name.contains('/'));
        if let Some(found) = found {
            return Ok(Some(ApiResource {
                group: kind.group.to_owned(),
                version: (*version).to_owned(),
                api_version,
                kind: kind.name.to_owned(),
                plural: found.name,
            }));
        }
    }
    Ok(None)
}

/// Whether the API server does not have what was asked for.
pub(crate) fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 404)
}
