// SPDX-License-Identifier: Apache-2.0
//! The `sluicegate` binary.

use std::process::ExitCode;

use clap::Parser;
use sluicegate::{cli::Cli, failure::Outcome};

fn main() -> ExitCode {
    // Wrong usage ends here with code 2, `--help` and `--version` with 0.
    let cli = Cli::parse();
    match cli.run() {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Refused) => ExitCode::from(1),
        Err(failure) => failure.report(),
    }
}
