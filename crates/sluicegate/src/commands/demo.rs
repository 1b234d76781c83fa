// SPDX-License-Identifier: Apache-2.0
//! `sluicegate demo`: the seam; the data plane is wired in here.
//!
//! In: its arguments. Out: nothing yet.

use clap::Args;

use crate::failure::{Failure, Outcome};

/// Arguments of `sluicegate demo`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {}

/// Shows a policy at work, with a backend included.
///
/// # Errors
/// Always: this build has no data plane.
pub fn run(_: Arguments) -> Result<Outcome, Failure> {
    Err(Failure::Environment(anyhow::anyhow!(
        "this build has no data plane; use `sluicegate translate` to see what it would serve"
    )))
}
