// SPDX-License-Identifier: Apache-2.0
//! Status of a kgateway Backend.
//!
//! In: a backend of the graph. Out: `Accepted`; nothing for a Service or ServiceEntry, whose status
//! is not ours.

use serde_json::json;
use sluicegate_attach::{Backend, BackendSource, verdict::Outcome};

use crate::{ObjectStatus, condition::Conditions};

pub(crate) fn status(backend: &Backend) -> Option<ObjectStatus> {
    let BackendSource::Backend { object, .. } = &backend.source else {
        return None;
    };
    // kgateway's words, so that people who search for them find something.
    let accepted = match &backend.closed {
        Some(reason) => Outcome::No("Invalid", format!("Backend error: {reason}")),
        None => Outcome::Ok,
    };
    let conditions =
        Conditions::of(object.metadata.generation).outcome("Accepted", &accepted, "Accepted");
    Some(ObjectStatus {
        object: object.reference().clone(),
        status: json!({ "conditions": conditions.into_json() }),
    })
}
