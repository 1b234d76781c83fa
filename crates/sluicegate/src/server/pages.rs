// SPDX-License-Identifier: Apache-2.0
//! Facts of ours in the admin API, as JSON.
//!
//! In: the newest round and the data plane's report. Out: JSON: the status of every object, every
//! finding, every file, and what the data plane does not enforce as written.

use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate_admin::{Answer, Page};
use sluicegate_manifest::diagnostic::to_json;
use sluicegate_snapshot::ResourceType;

use super::view::Shared;
use crate::findings::findings;

/// The pages; a `proxy` has no manifests, and shows none.
pub(super) fn pages(shared: &Arc<Shared>, proxy: bool) -> Vec<Page> {
    let page = |path, help, show: fn(&Shared) -> Value| {
        let shared = shared.clone();
        Page {
            path,
            aliases: &[],
            help,
            show: Arc::new(move |_| Answer::json(sluicegate_xds::json::to_string(&show(&shared)))),
        }
    };
    let data_plane = page(
        "/sluicegate/data_plane",
        "what the data plane enforces, and what it cannot",
        data_plane,
    );
    if proxy {
        // There are no manifests to speak of.
        let control_plane = page(
            "/sluicegate/control_plane",
            "what was taken from the management server, and what was refused",
            control_plane,
        );
        return vec![control_plane, data_plane];
    }
    vec![
        page(
            "/sluicegate/status",
            "status of every policy, route and Gateway",
            status,
        ),
        page(
            "/sluicegate/findings",
            "everything wrong or doubtful in the manifests",
            found,
        ),
        data_plane,
    ]
}

fn status(shared: &Shared) -> Value {
    let mut list = sluicegate_status::list(&shared.statuses());
    if let Some(server) = &shared.ads {
        list["nodes"] = server.ledger().to_json();
    }
    list
}

fn found(shared: &Shared) -> Value {
    let round = shared.rounds.load();
    let files = round.files.iter().map(|file| {
        json!({
            "path": file.path,
            "documents": file.documents,
            "stale": file.stale,
            "error": file.error.as_ref().map(to_json),
        })
    });
    json!({
        "files": files.collect::<Vec<_>>(),
        "findings": findings(&round).iter().map(to_json).collect::<Vec<_>>(),
    })
}

fn control_plane(shared: &Shared) -> Value {
    let Some(client) = &shared.client else {
        return json!({ "server": null });
    };
    let status = client.status();
    let types = ResourceType::ALL.into_iter().map(|resource_type| {
        let of = status.of(resource_type);
        json!({
            "type": resource_type.message_name(),
            "version": of.version,
            "accepted": of.accepted,
            "refused": of.refusal,
        })
    });
    json!({
        "server": status.server,
        "connected": status.connected,
        "error": status.error,
        "types": types.collect::<Vec<_>>(),
    })
}

fn data_plane(shared: &Shared) -> Value {
    let report = shared.data_plane.reports();
    let resources = report.resources.iter().map(|error| {
        json!({
            "type": error.resource_type.message_name(),
            "name": &*error.name,
            "message": error.message,
        })
    });
    let binds = report.binds.iter().map(|error| {
        json!({
            "listener": &*error.listener,
            "address": error.address.to_string(),
            "message": error.message,
        })
    });
    let unsupported = report.unsupported.iter().map(|setting| {
        json!({
            "type": setting.resource_type.message_name(),
            "name": &*setting.name,
            "field": setting.field,
        })
    });
    json!({
        "published_version": shared.subscriber.current().version().to_string(),
        "enforced_version": report.version.to_string(),
        "refused_resources": resources.collect::<Vec<_>>(),
        "bind_errors": binds.collect::<Vec<_>>(),
        "not_enforced": unsupported.collect::<Vec<_>>(),
    })
}
