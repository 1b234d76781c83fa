// SPDX-License-Identifier: Apache-2.0
//! From the paths of the command line to one round of the pipeline.
//!
//! In: paths, `-` for standard input, and the settings that every command shares. Out: a
//! [`Round`].

use std::path::{Path, PathBuf};

use clap::Args;
use sluicegate_manifest::source::Input;

use crate::{
    failure::Failure,
    fragment::FragmentHeader,
    pipeline::{Options, Pipeline, Round, Stages},
};

/// Where manifests are: the positional form.
#[derive(Debug, Clone, Args)]
pub struct Paths {
    /// Files or directories of manifests; `-` reads standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Paths {
    /// Reads and computes everything.
    ///
    /// # Errors
    /// When a path cannot be read at all.
    pub fn read(&self) -> Result<Round, Failure> {
        self.settings.read(&self.paths)
    }

    /// As [`Paths::read`]; documents that are no more than a spec get `header`.
    ///
    /// # Errors
    /// When a path cannot be read at all.
    pub fn read_fragments(&self, header: Option<FragmentHeader>) -> Result<Round, Failure> {
        self.settings.read_fragments(&self.paths, header)
    }
}

/// What an installation may choose, as flags.
#[derive(Debug, Clone, Default, Args)]
pub struct Settings {
    /// Namespace whose policies may select objects of every namespace
    #[arg(long, value_name = "NAMESPACE")]
    pub global_policy_namespace: Option<String>,
    /// Bundle of the system's certificate authorities, on the machine of the proxy
    #[arg(long, value_name = "FILE")]
    pub system_ca_file: Option<String>,
}

impl Settings {
    /// As the pipeline takes them.
    pub fn options(&self) -> Options {
        let mut options = Options::default();
        options.attach.global_policy_namespace = self.global_policy_namespace.clone();
        if let Some(file) = &self.system_ca_file {
            options.translate.system_ca_file = file.clone();
        }
        options
    }

    /// Reads `paths` and computes everything.
    ///
    /// # Errors
    /// When a path cannot be read at all.
    pub fn read(&self, paths: &[PathBuf]) -> Result<Round, Failure> {
        self.read_fragments(paths, None)
    }

    fn read_fragments(
        &self,
        paths: &[PathBuf],
        header: Option<FragmentHeader>,
    ) -> Result<Round, Failure> {
        let options = self.options();
        let pipeline = Pipeline::new(inputs(paths), options.clone());
        let mut pipeline = pipeline.with_fragments(header);
        // A first round without documents has no news; it is still a round.
        let round = pipeline.round()?;
        Ok(round.unwrap_or_else(|| Stages::new(options).round(&[])))
    }
}

/// The inputs that `paths` mean.
pub fn inputs(paths: &[PathBuf]) -> Vec<Input> {
    let inputs = paths.iter().map(|path| {
        if path == Path::new("-") {
            Input::Stdin
        } else {
            Input::Path(path.clone())
        }
    });
    inputs.collect()
}
