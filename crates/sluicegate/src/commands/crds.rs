// SPDX-License-Identifier: Apache-2.0
//! `sluicegate crds`.
//!
//! In: names of kinds, or none for all. Out: custom resource definitions for `kubectl apply`, or
//! admission policies.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::{
    crds::{ALL, Action, Definition, binding, policy},
    failure::{Failure, Outcome},
    output,
};

/// Arguments of `sluicegate crds`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  sluicegate crds | kubectl apply --server-side --force-conflicts -f -
  sluicegate crds BackendTrafficPolicy -o json
  sluicegate crds --admission-policy | kubectl apply --server-side -f -")]
pub struct Arguments {
    /// Kinds, such as BackendConfigPolicy [default: all]
    #[arg(value_name = "KIND", value_parser = definition)]
    kinds: Vec<&'static Definition>,
    /// Print their rules as ValidatingAdmissionPolicies instead, for clusters that have the upstreams'
    /// definitions of these kinds: what breaks a rule is refused, or let in with a warning
    #[arg(
        long,
        value_name = "ACTION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "deny"
    )]
    admission_policy: Option<Action>,
    /// How to print them
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml")]
    output: Format,
}

/// A manifest that kubectl reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One list
    Json,
    /// Several documents
    Yaml,
}

/// Prints the definitions, or the policies.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let all = arguments.kinds.is_empty();
    let chosen = ALL.iter().filter(|definition| {
        all || arguments
            .kinds
            .iter()
            .any(|kind| kind.kind == definition.kind)
    });
    let manifests: Vec<Value> = match arguments.admission_policy {
        None => chosen.map(Definition::manifest).collect(),
        Some(action) => chosen
            .flat_map(|it| [policy(it), binding(it, action)])
            .collect(),
    };
    let text = match arguments.output {
        Format::Json => output::json(&json!({
            "apiVersion": "v1",
            "kind": "List",
            "items": manifests,
        })),
        Format::Yaml => {
            let documents = manifests.iter().map(output::yaml::to_string);
            documents.map(|text| format!("---\n{text}")).collect()
        }
    };
    output::write(&text)?;
    Ok(Outcome::Done)
}

/// The definition that `word` names.
fn definition(word: &str) -> Result<&'static Definition, String> {
    let found = ALL.iter().find(|definition| definition.is_called(word));
    found.ok_or_else(|| {
        let kinds: Vec<&str> = ALL.iter().map(|definition| definition.kind).collect();
        format!("there is none of that kind, only of {}", kinds.join(", "))
    })
}
