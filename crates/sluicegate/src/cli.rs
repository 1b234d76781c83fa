// SPDX-License-Identifier: Apache-2.0
//! The command line.
//!
//! In: arguments. Out: the command that they name, with its arguments; each command lives in its own
//! module below [`commands`](crate::commands).

use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    commands::{
        bootstrap, check, completions, crds, demo, diff, dump, explain, proxy, run, status, top,
        translate,
    },
    failure::{Failure, Outcome},
};

/// Backend traffic policy gateway: kgateway's and Envoy Gateway's policies, one binary
#[derive(Debug, Parser)]
#[command(
    name = "sluicegate",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 ok, 1 configuration refused, 2 usage, 3 environment."
)]
pub struct Cli {
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// Always
    Always,
    /// On a terminal that shows them, unless NO_COLOR is set
    Auto,
    /// Never
    Never,
}

/// The commands, in the order of first use.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every problem of manifests at once, with the line
    Check(check::Arguments),
    /// Print the Envoy resources that manifests become
    Translate(translate::Arguments),
    /// Say which policy set which value on a backend, what lost, and why
    Explain(explain::Arguments),
    /// Show the conditions of policies, routes and Gateways
    Status(status::Arguments),
    /// Show which fields of Envoy's resources change from one side to another, and which line causes it
    Diff(diff::Arguments),
    /// Serve and enforce manifests
    Run(Box<run::Arguments>),
    /// Run the data plane from a bootstrap of Envoy's
    Proxy(proxy::Arguments),
    /// See a policy at work, with a backend included
    Demo(demo::Arguments),
    /// Print the configuration of a running instance
    Dump(dump::Arguments),
    /// Watch the backends of a running instance or a real Envoy, worst first
    Top(top::Arguments),
    /// Print the bootstrap of an Envoy that serves a Gateway from here
    Bootstrap(bootstrap::Arguments),
    /// Print the custom resource definitions of policies and Backends for an API server
    Crds(crds::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// When it cannot do its work; what it finds out is in its outcome instead.
    pub fn run(self) -> Result<Outcome, Failure> {
        let choice = match self.color {
            Color::Always => anstream::ColorChoice::Always,
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        match self.command {
            Command::Bootstrap(arguments) => bootstrap::run(&arguments),
            Command::Check(arguments) => check::run(&arguments),
            Command::Completions(arguments) => completions::run(&arguments),
            Command::Crds(arguments) => crds::run(&arguments),
            Command::Demo(arguments) => demo::run(&arguments),
            Command::Diff(arguments) => diff::run(&arguments),
            Command::Dump(arguments) => dump::run(&arguments),
            Command::Explain(arguments) => explain::run(&arguments),
            Command::Proxy(arguments) => proxy::run(&arguments),
            Command::Run(arguments) => run::run(&arguments),
            Command::Status(arguments) => status::run(&arguments),
            Command::Top(arguments) => top::run(&arguments),
            Command::Translate(arguments) => translate::run(&arguments),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
