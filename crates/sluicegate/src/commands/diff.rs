// SPDX-License-Identifier: Apache-2.0
//! `sluicegate diff`.
//!
//! In: two sets of manifests. Out: which xDS resources are added, changed and removed, with the
//! lines.

use std::path::PathBuf;

use clap::Args;

use crate::{
    changes,
    failure::{Failure, Outcome},
    input::Settings,
    output::{self, Format},
};

/// Arguments of `sluicegate diff`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Secrets are never shown. The exit code does not depend on whether something changes.

Examples:
  sluicegate diff before/ after/
  git show HEAD:policy.yaml | cat - service.yaml | sluicegate diff - manifests/
  sluicegate diff -o json before/ after/ | jq -r '.[].name'")]
pub struct Arguments {
    /// Manifests as they were: a file, a directory, or `-` for standard input
    old: PathBuf,
    /// Manifests as they will be
    new: PathBuf,
    #[command(flatten)]
    settings: Settings,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// Compares.
///
/// # Errors
/// When a path cannot be read, both are standard input, or standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let (old, new) = (&arguments.old, &arguments.new);
    if old == new && old.as_os_str() == "-" {
        let message = "only one of OLD and NEW can be standard input";
        return Err(Failure::Usage(message.to_owned()));
    }
    let old = arguments.settings.read(std::slice::from_ref(old))?;
    let new = arguments.settings.read(std::slice::from_ref(new))?;
    let changes = changes::changes(&old.translation.all, &new.translation.all)?;
    output::print(arguments.output, &changes::to_json(&changes), |_| {
        changes::show(&changes)
    })?;
    let broken = old.has_errors() || new.has_errors();
    if broken {
        anstream::eprintln!("the manifests have errors: run `sluicegate check` on them");
    }
    Ok(if broken {
        Outcome::Refused
    } else {
        Outcome::Done
    })
}
