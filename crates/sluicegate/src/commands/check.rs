// SPDX-License-Identifier: Apache-2.0
//! `sluicegate check`.
//!
//! In: manifests. Out: every finding with its line, and a summary; code 1 when there is an error.

use clap::Args;
use sluicegate_manifest::diagnostic::render;

use crate::{
    failure::{Failure, Outcome},
    findings::findings,
    fragment::{FragmentHeader, FragmentKind, FragmentTarget},
    input::Paths,
    output::{self, Format, style},
    summary::Summary,
};

/// Arguments of `sluicegate check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  sluicegate check manifests/
  sluicegate check --strict policy.yaml service.yaml
  sluicegate check --kind BackendTrafficPolicy --target HTTPRoute/my-route fragment.yaml
  kubectl get backendconfigpolicies,services -A -o yaml | sluicegate check -
  sluicegate check -o json manifests/ | jq '.diagnostics[].message'")]
pub struct Arguments {
    #[command(flatten)]
    paths: Paths,
    /// Kind of documents that begin at `spec:` and say nothing else
    #[arg(long, value_name = "KIND", requires = "target")]
    kind: Option<FragmentKind>,
    /// What such a policy applies to, unless it says so itself, as KIND/NAME
    #[arg(long, value_name = "TARGET", requires = "kind")]
    target: Option<FragmentTarget>,
    /// Warnings fail, too; advice never does
    #[arg(long)]
    strict: bool,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// Checks.
///
/// # Errors
/// When a path cannot be read, or standard output not be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let header = arguments.kind.zip(arguments.target.clone());
    let header = header.map(|(kind, target)| FragmentHeader { kind, target });
    let alone = header.is_some();
    let round = arguments.paths.read_fragments(header)?;
    let mut findings = findings(&round);
    if alone {
        // What a spec alone applies to need not be at hand.
        findings.retain(|finding| finding.code != "target-not-found");
    }
    let summary = Summary::of(&round, &findings);
    let refused = summary.errors > 0 || arguments.strict && summary.warnings > 0;
    output::print(arguments.output, &summary.to_json(&findings), |_| {
        let mut text = String::new();
        for finding in &findings {
            text.push_str(&render(finding, true));
            text.push_str("\n\n");
        }
        let style = match (refused, summary.warnings) {
            (true, _) => style::BAD,
            (false, 0) => style::GOOD,
            (false, _) => style::DOUBT,
        };
        text.push_str(&format!("{style}{}{style:#}\n", summary.sentence()));
        text
    })?;
    Ok(if refused {
        Outcome::Refused
    } else {
        Outcome::Done
    })
}
