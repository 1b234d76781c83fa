// SPDX-License-Identifier: Apache-2.0
//! `sluicegate check`.
//!
//! In: manifests. Out: every finding with its line, and a summary; code 1 when there is an error.
//! What a policy leaves out of the best practices is advice: people see the first policy of each
//! kind and the names of the others, machines all of them; `--strict` makes them errors.

use clap::Args;
use sluicegate_manifest::{Diagnostic, Severity, diagnostic::render};

use crate::{
    failure::{Failure, Outcome},
    findings::{findings, is_practice},
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
  sluicegate check --kubernetes --context staging
  sluicegate check --strict policy.yaml service.yaml
  sluicegate check --kind BackendTrafficPolicy --target HTTPRoute/my-route fragment.yaml
  kubectl get backendconfigpolicies,services -A -o yaml | sluicegate check -
  sluicegate check -o json manifests/ | jq '.diagnostics[].message'")]
pub struct Arguments {
    #[command(flatten)]
    paths: Paths,
    /// Kind of documents that begin at `spec:` and say nothing else
    #[arg(
        long,
        value_name = "KIND",
        requires = "target",
        conflicts_with = "kubernetes"
    )]
    kind: Option<FragmentKind>,
    /// What such a policy applies to, unless it says so itself, as KIND/NAME
    #[arg(long, value_name = "TARGET", requires = "kind")]
    target: Option<FragmentTarget>,
    /// Warnings fail, too, and so do best practices that a policy leaves out; other advice never does
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
    let round = arguments.paths.read_to_judge(header)?;
    let mut findings = findings(&round);
    if alone {
        // What a spec alone applies to need not be at hand.
        findings.retain(|finding| finding.code != "target-not-found");
    }
    if arguments.strict {
        let practices = findings.iter_mut().filter(|it| is_practice(it.code));
        practices.for_each(|finding| finding.severity = Severity::Error);
    }
    let summary = Summary::of(&round, &findings);
    let refused = summary.errors > 0 || arguments.strict && summary.warnings > 0;
    output::print(arguments.output, &summary.to_json(&findings), |_| {
        let mut text = String::new();
        for finding in folded(&findings) {
            text.push_str(&render(&finding, true));
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

/// Advice about best practices once each, with the names of the other policies that it is for.
fn folded(findings: &[Diagnostic]) -> Vec<Diagnostic> {
    let is_advice = |it: &Diagnostic| it.severity == Severity::Advice && is_practice(it.code);
    let mut shown: Vec<Diagnostic> = Vec::new();
    for finding in findings {
        if is_advice(finding) && shown.iter().any(|it| it.code == finding.code) {
            continue;
        }
        let mut others = Vec::new();
        if is_advice(finding) {
            let same = findings.iter().filter(|it| it.code == finding.code);
            others.extend(same.skip(1).map(|it| it.object.as_str()));
        }
        let finding = finding.clone();
        shown.push(match others.as_slice() {
            [] => finding,
            some if some.len() <= NAMED => {
                finding.note(format!("so it is with {}", some.join(", ")))
            }
            some => {
                let (named, rest) = some.split_at(NAMED);
                let (named, rest) = (named.join(", "), rest.len());
                finding.note(format!("so it is with {named} and {rest} more"))
            }
        });
    }
    shown
}

/// Policies of the same advice that are named.
const NAMED: usize = 3;
