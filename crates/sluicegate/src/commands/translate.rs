// SPDX-License-Identifier: Apache-2.0
//! `sluicegate translate`.
//!
//! In: manifests. Out: xDS resources on standard output, errors on standard error; code 1 when
//! there is an error.

use clap::{Args, ValueEnum};
use serde_json::Value;
use sluicegate_manifest::{Severity, diagnostic::render};
use sluicegate_snapshot::Snapshot;

use crate::{
    failure::{Failure, Outcome},
    findings::findings,
    input::Paths,
    output::{self, yaml},
    pipeline::Round,
    xds_view::{self, Kind},
};

/// Arguments of `sluicegate translate`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  sluicegate translate manifests/
  sluicegate translate --type clusters -o json manifests/
  sluicegate translate --kubernetes --type clusters
  sluicegate translate --gateway kgateway-system/http manifests/
  sluicegate translate -o resources manifests/ > expected.yaml")]
pub struct Arguments {
    #[command(flatten)]
    paths: Paths,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml")]
    output: Format,
    /// Only resources of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<Kind>,
    /// Only what this Gateway serves; default every Gateway together
    #[arg(long, value_name = "NAMESPACE/NAME")]
    gateway: Option<String>,
    /// Print private keys instead of [redacted]
    #[arg(long)]
    show_secrets: bool,
}

/// How resources are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// JSON as Envoy's config_dump prints it
    Json,
    /// One YAML document with Clusters, Endpoints, Listeners, Routes, Secrets and Statuses
    Resources,
    /// YAML
    Yaml,
}

/// Translates.
///
/// # Errors
/// When a path cannot be read, a Gateway is unknown, or standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let round = arguments.paths.read()?;
    let snapshot = round.snapshot(arguments.gateway.as_deref())?;
    let text = text(arguments, &round, &snapshot)?;
    output::write(&text)?;
    let errors = findings(&round);
    let mut errors = errors
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .peekable();
    let outcome = match errors.peek() {
        Some(_) => Outcome::Refused,
        None => Outcome::Done,
    };
    errors.for_each(|error| anstream::eprintln!("{}\n", render(error, true)));
    Ok(outcome)
}

fn text(arguments: &Arguments, round: &Round, snapshot: &Snapshot) -> Result<String, Failure> {
    let show = arguments.show_secrets;
    if arguments.output == Format::Resources {
        let kinds = match arguments.kind {
            Some(kind) => vec![kind],
            None => Kind::ALL.to_vec(),
        };
        let mut sections = xds_view::sections(snapshot, &kinds, Kind::title, show)?;
        sections.insert(
            "Statuses".into(),
            statuses(round, &arguments.paths.status_options()),
        );
        return Ok(yaml::to_string(&sections.into()));
    }
    let value = match arguments.kind {
        Some(kind) => xds_view::resources(snapshot, kind, show)?,
        None => xds_view::sections(snapshot, &Kind::ALL, Kind::name, show)?.into(),
    };
    Ok(match arguments.output {
        Format::Json => sluicegate_xds::json::to_string(&value),
        _ => yaml::to_string(&value),
    })
}

fn statuses(round: &Round, options: &sluicegate_status::Options) -> Value {
    let statuses = round.status(options, None).statuses();
    statuses
        .iter()
        .map(sluicegate_status::ObjectStatus::to_json)
        .collect()
}
