// SPDX-License-Identifier: Apache-2.0
//! `sluicegate diff`.
//!
//! In: two of: manifests, an API server, a running process. Out: which fields of which xDS resources
//! change, and the lines that cause it.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{
    admin_client,
    changes::{self, Side},
    failure::{Failure, Outcome},
    input::{Cluster, Settings},
    output::{self, Format},
    pipeline::Round,
    progress::Progress,
};

/// Arguments of `sluicegate diff`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Each of OLD and NEW is a file, a directory, `-` for standard input, or the URL of the admin API of a
running process, which may be a real Envoy. With --kubernetes, OLD is left out.

Secrets are never shown, and no difference between a process and manifests. The exit code does not
depend on whether something changes.

Examples:
  sluicegate diff before/ after/
  sluicegate diff http://127.0.0.1:19000 manifests/        # what a reload would change
  sluicegate diff --kubernetes manifests/                  # what an apply would change
  sluicegate diff --gateway shop/public http://envoy:9901 manifests/
  git show HEAD:policy.yaml | cat - service.yaml | sluicegate diff - manifests/
  sluicegate diff -o json before/ after/ | jq -r '.[] | \"\\(.field) \\(.count) \\(.causes[0].after.source)\"'")]
pub struct Arguments {
    /// What is, and what will be
    #[arg(value_names = ["OLD", "NEW"], num_args = 1..=2, required = true)]
    sides: Vec<PathBuf>,
    /// Of manifests only what this Gateway serves; default every Gateway together
    #[arg(long, value_name = "NAMESPACE/NAME")]
    gateway: Option<String>,
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    settings: Settings,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// Compares.
///
/// # Errors
/// When a side cannot be read, both are standard input, or standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let (old, new) = arguments.sides()?;
    let old = arguments.read(old, None)?;
    let new = arguments.read(new, old.round())?;
    let progress = Progress::of("comparing");
    let changes = changes::changes(&old, &new)?;
    drop(progress);
    let value = serde_json::to_value(&changes).map_err(anyhow::Error::from)?;
    output::print(arguments.output, &value, |_| changes::show(&changes))?;
    let broken = [&old, &new]
        .iter()
        .any(|it| it.round().is_some_and(Round::has_errors));
    if broken {
        anstream::eprintln!("the manifests have errors: run `sluicegate check` on them");
    }
    Ok(if broken {
        Outcome::Refused
    } else {
        Outcome::Done
    })
}

impl Arguments {
    /// Old and new; `None` for the API server.
    fn sides(&self) -> Result<(Option<&Path>, Option<&Path>), Failure> {
        let usage = |message: &str| Err(Failure::Usage(message.to_owned()));
        match (self.sides.as_slice(), self.cluster.connection()) {
            ([old, new], None) if old == new && old.as_os_str() == "-" => {
                usage("only one of OLD and NEW can be standard input")
            }
            ([old, new], None) => Ok((Some(old), Some(new))),
            ([new], Some(_)) => Ok((None, Some(new))),
            (_, Some(_)) => usage("--kubernetes is OLD: only NEW is left to name"),
            _ => usage("NEW is missing: name both, or one with --kubernetes"),
        }
    }

    /// The other side's Gateways are where they are: no manifest says it.
    fn read(&self, path: Option<&Path>, other: Option<&Round>) -> Result<Side, Failure> {
        let round = match path {
            None => self.settings.read_from(&[], &self.cluster)?,
            Some(path) => {
                if let Some(url) = admin_client::url(path) {
                    let _progress = Progress::of(format!("asking {url}"));
                    let dump = admin_client::fetch(url, "/config_dump?include_eds")?;
                    return Ok(
                        Side::of_config_dump(&dump).map_err(|it| it.context(url.to_owned()))?
                    );
                }
                let paths = [path.to_owned()];
                match other {
                    Some(other) => self.settings.read_beside(other, &paths, &self.cluster)?,
                    None => self.settings.read(&paths)?,
                }
            }
        };
        let snapshot = round.snapshot(self.gateway.as_deref())?;
        Ok(Side::of_manifests(round, &snapshot))
    }
}
