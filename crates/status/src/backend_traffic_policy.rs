// SPDX-License-Identifier: Apache-2.0
//! Status of a BackendTrafficPolicy.
//!
//! In: the decoded policy. Out: an entry per target that it names, or one for the policy itself.
//! Nothing enforces this kind yet, so no policy is accepted: that would be a promise.

use sluicegate_attach::verdict::Outcome;
use sluicegate_resource::{Object, ObjectRef, envoygateway::BackendTrafficPolicy};

use crate::{
    Context, ObjectStatus,
    ancestors::{self, Ancestor},
    condition::{Conditions, GATEWAY_API},
};

pub(crate) fn status(policy: &Object<BackendTrafficPolicy>, context: &Context<'_>) -> ObjectStatus {
    let outcome = outcome(policy);
    let mut objects: Vec<ObjectRef> = Vec::new();
    for target in &policy.spec.targets {
        let namespace = policy.metadata.namespace();
        let target = &target.value;
        let object = ObjectRef::new(GATEWAY_API, target.kind.name(), namespace, &target.name);
        // Sections of one object share its entry.
        if !objects.contains(&object) {
            objects.push(object);
        }
    }
    if objects.is_empty() {
        objects.push(policy.reference().clone());
    }
    let entries = objects.into_iter().map(|object| Ancestor {
        object,
        controller: &context.options.controller_name,
        conditions: Conditions::of(policy.metadata.generation)
            .outcome("Accepted", &outcome, "Accepted"),
    });
    ObjectStatus {
        object: policy.reference().clone(),
        status: ancestors::status(entries.collect()),
    }
}

fn outcome(policy: &Object<BackendTrafficPolicy>) -> Outcome {
    let errors: Vec<&str> = policy.errors().collect();
    if errors.is_empty() {
        let message = "The policy is valid; BackendTrafficPolicies are not enforced yet";
        Outcome::No("NotEnforced", message.to_owned())
    } else {
        Outcome::No("Invalid", errors.join("; "))
    }
}
