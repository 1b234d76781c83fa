// SPDX-License-Identifier: Apache-2.0
//! `sluicegate completions`.
//!
//! In: the name of a shell. Out: a script for it.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{
    cli::Cli,
    failure::{Failure, Outcome},
    output,
};

/// Arguments of `sluicegate completions`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  sluicegate completions bash > /etc/bash_completion.d/sluicegate
  sluicegate completions zsh > ~/.zfunc/_sluicegate")]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "sluicegate",
        &mut script,
    );
    output::write(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}
