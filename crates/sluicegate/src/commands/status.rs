// SPDX-License-Identifier: Apache-2.0
//! `sluicegate status`.
//!
//! In: manifests, or the address of a running instance. Out: the conditions of every object, the
//! same table from either; and the Envoys of a running instance.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::{
    admin_client,
    condition_table::table,
    failure::{Failure, Outcome},
    input::{Cluster, Settings},
    node_table,
    output::{self, Format},
    progress::Progress,
};

/// Arguments of `sluicegate status`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Without --admin nothing runs, so Programmed is unknown.

Examples:
  sluicegate status manifests/
  sluicegate status --kubernetes          # what it should be, not what stands there
  sluicegate status --admin http://127.0.0.1:19000
  sluicegate status -o json manifests/ | jq '.items[] | select(.kind == \"HTTPRoute\")'")]
pub struct Arguments {
    /// Files or directories of manifests; `-` reads standard input
    #[arg(value_name = "PATH", conflicts_with = "kubernetes", required_unless_present_any = ["admin", "kubernetes"])]
    paths: Vec<PathBuf>,
    /// Ask a running instance instead
    #[arg(long, value_name = "URL", conflicts_with_all = ["paths", "kubernetes"])]
    admin: Option<String>,
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    settings: Settings,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// Path of the admin API that serves [`sluicegate_status::list`].
pub const ADMIN_PATH: &str = "/sluicegate/status";

/// Shows the conditions.
///
/// # Errors
/// When a path cannot be read, the instance does not answer, or standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let list: Value = match &arguments.admin {
        Some(url) => {
            let progress = Progress::of(format!("asking {url}"));
            let body = admin_client::fetch_ours(url, ADMIN_PATH)?;
            drop(progress);
            serde_json::from_str(&body).map_err(|error| {
                anyhow::anyhow!("{url}{ADMIN_PATH}: the answer is not a status list: {error}")
            })?
        }
        None => {
            let round = arguments
                .settings
                .read_from(&arguments.paths, &arguments.cluster)?;
            let options = arguments.settings.status_options();
            sluicegate_status::list(&round.status(&options, None).statuses())
        }
    };
    output::print(arguments.output, &list, |width| {
        let nodes = node_table::table(&list["nodes"], width);
        let gap = if nodes.is_empty() { "" } else { "\n" };
        table(&list, width) + gap + &nodes
    })?;
    Ok(Outcome::Done)
}
