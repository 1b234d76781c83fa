// SPDX-License-Identifier: Apache-2.0
//! `sluicegate proxy`: runs the data plane from Envoy's own bootstrap until it is told to stop.
//!
//! In: a bootstrap, with its own resources or a management server. Out: traffic; log lines on standard error. What the bootstrap asks for and this
//! data plane does not do is listed with its lines, and nothing is started: code 1.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context;
use clap::Args;
use sluicegate_manifest::{Severity, SourceText, diagnostic::render};

use super::{
    run::{block_on, serve},
    serving::Process,
};
use crate::{
    failure::{Failure, Outcome},
    output::{Table, style},
    proxy::{self, Reading, Refused, Strictness},
    server::{Config, Logs},
};

/// Arguments of `sluicegate proxy`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  sluicegate proxy --bootstrap envoy.yaml
  sluicegate proxy --bootstrap envoy.yaml --check    # only say what is not implemented")]
pub struct Arguments {
    /// Envoy's bootstrap, YAML or JSON
    #[arg(short, long, value_name = "FILE")]
    bootstrap: PathBuf,
    /// Read the bootstrap, say what is wrong with it, and end
    #[arg(long)]
    check: bool,
    /// Warn of settings that are understood but not enforced, instead of refusing their resources
    #[arg(long)]
    allow_unenforced: bool,
    /// Where the admin API listens [default: what the bootstrap says, else a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    admin_address: Option<SocketAddr>,
    /// Take over from the process with the same admin address, without refusing a connection
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    process: Process,
}

/// Runs the data plane from a bootstrap.
///
/// # Errors
/// When the file cannot be read, or the admin address cannot be bound.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let path = &arguments.bootstrap;
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("reading the bootstrap {}", path.display()))?;
    let source = Arc::new(SourceText::new(path.display().to_string(), text));
    let strictness = if arguments.allow_unenforced {
        Strictness::Tell
    } else {
        Strictness::Refuse
    };
    let reading = proxy::read(&source, strictness);
    tell(&reading);
    let Some(start) = reading.start else {
        return Ok(Outcome::Refused);
    };
    if arguments.check {
        return Ok(Outcome::Done);
    }
    let logs = Logs::init(arguments.process.log_level.into());
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = arguments.process.config(Config {
        admin_address: arguments
            .admin_address
            .or(start.admin_address)
            .unwrap_or(anywhere),
        node: start.node.clone(),
        zone: start.zone.clone(),
        replace: arguments.replace,
        proxy: Some(start),
        ..Config::new(Vec::new())
    });
    block_on(serve(config, logs))
}

/// Shows every problem with its lines, and refused resources once more in a table.
fn tell(reading: &Reading) {
    for found in &reading.diagnostics {
        anstream::eprintln!("{}\n", render(found, true));
    }
    let errors = reading
        .diagnostics
        .iter()
        .filter(|it| it.severity == Severity::Error);
    let count = errors.count();
    if count > 0 {
        if !reading.refused.is_empty() {
            anstream::eprint!("{}", table(&reading.refused));
        }
        let bad = style::BAD;
        let s = if count == 1 { "" } else { "s" };
        anstream::eprintln!("{bad}{count} error{s}: nothing is started{bad:#}");
    }
}

fn table(refused: &[Refused]) -> String {
    let mut table = Table::new(0, &["RESOURCE", "NAME", "WHY"]);
    for it in refused {
        table.row([
            it.kind().into(),
            it.name.as_str().into(),
            it.reason.as_str().into(),
        ]);
    }
    table.render(None) + "\n"
}
