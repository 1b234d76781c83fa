// SPDX-License-Identifier: Apache-2.0
//! How a command ends.
//!
//! In: what a command found out, or what kept it from doing so. Out: the exit code (design decision
//! 14) and one line on standard error.

use std::{io, process::ExitCode};

use sluicegate_manifest::source::LoadError;

/// How a command ends that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Exit code 0.
    Done,
    /// The configuration has errors, which have been shown: exit code 1.
    Refused,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What was asked for does not exist or does not fit together: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A file, a socket or another program: exit code 3.
    #[error("{0:#}")]
    Environment(anyhow::Error),
}

impl Failure {
    /// Says what happened, unless nobody reads any more, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Usage(message) => {
                anstream::eprintln!("error: {message}");
                ExitCode::from(2)
            }
            // `sluicegate dump | head` is no failure.
            Self::Environment(error) if is_broken_pipe(error) => ExitCode::SUCCESS,
            Self::Environment(error) => {
                anstream::eprintln!("error: {error:#}");
                ExitCode::from(3)
            }
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Environment(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Environment(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Environment(error)
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
