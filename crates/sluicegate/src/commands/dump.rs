// SPDX-License-Identifier: Apache-2.0
//! `sluicegate dump`.
//!
//! In: the address of a running instance. Out: its `config_dump`, as it prints it.

use clap::Args;

use crate::{
    admin_client::{self, DEFAULT_URL},
    failure::{Failure, Outcome},
    output,
    progress::Progress,
};

/// Arguments of `sluicegate dump`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A real Envoy answers as well. What manifests or an API server come to: `sluicegate translate`.

Examples:
  sluicegate dump
  sluicegate dump --endpoints --resource dynamic_active_clusters
  sluicegate dump --admin http://127.0.0.1:9901 > dump.json")]
pub struct Arguments {
    /// Admin API of the instance
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL)]
    admin: String,
    /// Endpoints, too
    #[arg(long)]
    endpoints: bool,
    /// Only this part, such as dynamic_active_clusters
    #[arg(long, value_name = "PART")]
    resource: Option<String>,
}

/// Prints the dump.
///
/// # Errors
/// When the instance does not answer, or standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let mut query = Vec::new();
    if arguments.endpoints {
        query.push("include_eds".to_owned());
    }
    if let Some(resource) = &arguments.resource {
        query.push(format!("resource={resource}"));
    }
    let path = match query.is_empty() {
        true => "/config_dump".to_owned(),
        false => format!("/config_dump?{}", query.join("&")),
    };
    let progress = Progress::of(format!("asking {}", arguments.admin));
    let mut body = admin_client::fetch(&arguments.admin, &path)?;
    drop(progress);
    if !body.ends_with('\n') {
        body.push('\n');
    }
    output::write(&body)?;
    Ok(Outcome::Done)
}
