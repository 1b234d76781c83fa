// SPDX-License-Identifier: Apache-2.0
//! ValidatingAdmissionPolicies: what our definitions say in CEL, over definitions of others.
//!
//! In: a definition of ours. Out: a policy whose expressions are the definition's rules and bounds, each
//! at its place in the object, and the binding that puts it in force. The API server evaluates them
//! itself: there is nothing to run, and nothing to be away.

use serde_json::{Value, json};

use super::{Definition, VERSION};

/// What becomes of an object that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Action {
    /// It is refused
    Deny,
    /// It is taken, and `kubectl` prints a warning
    Warn,
}

/// The policy of a kind.
pub fn policy(definition: &Definition) -> Value {
    let mut validations = Vec::new();
    let spec = Value::from((definition.spec)());
    collect(&spec, &[Step::Field("spec")], &mut validations);
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": name(definition) },
        "spec": {
            // Whatever cannot be evaluated is told in the status.
            "failurePolicy": "Ignore",
            "matchConstraints": { "resourceRules": [{
                "apiGroups": [definition.group],
                "apiVersions": [VERSION],
                "operations": ["CREATE", "UPDATE"],
                "resources": [definition.plural],
            }] },
            // What is wrong already may be labelled, and deleted with a finalizer.
            "matchConditions": [{
                "name": "spec-is-new",
                "expression": "oldObject == null || object.spec != oldObject.spec",
            }],
            "validations": validations,
        },
    })
}

/// What puts the policy of a kind in force.
pub fn binding(definition: &Definition, action: Action) -> Value {
    let action = match action {
        Action::Deny => "Deny",
        Action::Warn => "Warn",
    };
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": name(definition) },
        "spec": { "policyName": name(definition), "validationActions": [action] },
    })
}

/// Name of both.
fn name(definition: &Definition) -> String {
    format!("sluicegate-{}", definition.plural)
}

/// A step from a value to a part of it.
#[derive(Clone, Copy)]
enum Step<'s> {
    Field(&'s str),
    /// Every item of a list.
    Items,
    /// Every value of a map.
    Values,
}

/// Rules of a schema and of everything below it.
fn collect(schema: &Value, steps: &[Step<'_>], found: &mut Vec<Value>) {
    let mut add = |rule: &str, message: &str| {
        found.push(json!({
            "expression": expression("object", steps, 0, rule),
            "message": format!("{}: {message}", path(steps)),
        }));
    };
    let rules = schema["x-kubernetes-validations"].as_array();
    for rule in rules.into_iter().flatten() {
        if let (Some(rule), Some(message)) = (rule["rule"].as_str(), rule["message"].as_str()) {
            add(rule, message);
        }
    }
    for (keyword, comparison, words) in [
        ("minimum", ">=", "must be greater than or equal to"),
        ("maximum", "<=", "must be less than or equal to"),
    ] {
        if let Some(bound) = schema[keyword].as_number() {
            add(
                &format!("self {comparison} {bound}"),
                &format!("{words} {bound}"),
            );
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        let plain: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        let message = format!("must be one of {}", plain.join(", "));
        add(&format!("self in {}", schema["enum"]), &message);
    }
    let below = |step| [steps, &[step]].concat();
    for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
        collect(schema, &below(Step::Field(field)), found);
    }
    if schema["items"].is_object() {
        collect(&schema["items"], &below(Step::Items), found);
    }
    if schema["additionalProperties"].is_object() {
        collect(&schema["additionalProperties"], &below(Step::Values), found);
    }
}

/// A rule for whatever is at the end of `steps` from `own`, if anything is.
fn expression(own: &str, steps: &[Step<'_>], depth: usize, rule: &str) -> String {
    let Some((step, steps)) = steps.split_first() else {
        return format!("({})", about(rule, own));
    };
    let further = |own: &str| expression(own, steps, depth + 1, rule);
    match step {
        Step::Field(field) => {
            let part = format!("{own}.{field}");
            format!("(!has({part}) || {})", further(&part))
        }
        Step::Items => format!("{own}.all(i{depth}, {})", further(&format!("i{depth}"))),
        Step::Values => {
            let part = format!("{own}[i{depth}]");
            format!("{own}.all(i{depth}, {})", further(&part))
        }
    }
}

/// A rule about `own` in place of `self`.
fn about(rule: &str, own: &str) -> String {
    let word = |text: &str| text.ends_with(|it: char| it.is_alphanumeric() || it == '_');
    let mut parts = rule.split("self");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let inside = word(&text) || part.starts_with(|it: char| it.is_alphanumeric() || it == '_');
        let name = if inside { "self" } else { own };
        text + name + part
    })
}

/// `spec.targetRefs[].name`
fn path(steps: &[Step<'_>]) -> String {
    steps.iter().fold(String::new(), |path, step| match step {
        Step::Field(field) if path.is_empty() => (*field).to_owned(),
        Step::Field(field) => format!("{path}.{field}"),
        Step::Items => path + "[]",
        Step::Values => path + "[*]",
    })
}

#[cfg(test)]
mod tests {
    use super::{Step, about, expression, path};

    #[test]
    fn rules_are_said_at_their_place() {
        let steps = [Step::Field("spec"), Step::Field("a"), Step::Items];
        assert_eq!(
            expression("object", &steps, 0, "has(self.b)"),
            "(!has(object.spec) || (!has(object.spec.a) || object.spec.a.all(i2, (has(i2.b)))))"
        );
        let steps = [Step::Field("a"), Step::Values];
        assert_eq!(
            expression("object", &steps, 0, "self > 0"),
            "(!has(object.a) || object.a.all(i1, (object.a[i1] > 0)))"
        );
        assert_eq!(path(&steps), "a[*]");
        assert_eq!(
            about("self.itself == myself || self_", "x"),
            "x.itself == myself || self_"
        );
    }
}
