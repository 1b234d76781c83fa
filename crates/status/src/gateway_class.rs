// SPDX-License-Identifier: Apache-2.0
//! Status of GatewayClasses.
//!
//! In: the store. Out: `Accepted` and `SupportedVersion` of every class that names us.

use serde_json::json;
use sluicegate_attach::{proxy_of_class, verdict::Outcome};

use crate::{Context, ObjectStatus, condition::Conditions};

pub(crate) fn statuses(context: &Context<'_>) -> Vec<ObjectStatus> {
    let classes = context.store.gateway_classes.values().filter(|class| {
        let names = &context.options.controller_names;
        names.contains(&class.spec.controller_name)
    });
    let statuses = classes.map(|class| {
        let accepted = match proxy_of_class(&class.spec, context.store) {
            Some(Err(message)) => Outcome::No("InvalidParameters", message),
            None | Some(Ok(_)) => Outcome::Ok,
        };
        let conditions = Conditions::of(class.metadata.generation)
            .outcome("Accepted", &accepted, "Accepted")
            .outcome("SupportedVersion", &Outcome::Ok, "SupportedVersion");
        ObjectStatus {
            object: class.reference().clone(),
            status: json!({ "conditions": conditions.into_json() }),
        }
    });
    statuses.collect()
}
