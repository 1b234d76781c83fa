// SPDX-License-Identifier: Apache-2.0
//! Where documents come from: files, directories, standard input.
//!
//! In: the paths of the command line. Out: at each [`Loader::load`], the documents as they are
//! now. A text that did not change keeps its documents' identity; one that stopped parsing keeps
//! its last good documents, and its error is told at every load.

mod directory;
mod file;
mod stdin;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::directory::Listing;
use self::file::File;
pub use self::watch::{WatchError, Watcher};
use crate::{Diagnostic, Document, Fragments, Severity};

/// One source of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file, or a directory with everything below it.
    Path(PathBuf),
    /// Standard input, read to its end once.
    Stdin,
}

/// What one load found.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// All documents: inputs in the given order, files of a directory by name.
    pub documents: Vec<Arc<Document>>,
    /// Everything that is wrong with a file now, whether it just broke or long ago.
    pub diagnostics: Vec<Diagnostic>,
    /// The files, in the order of their documents.
    pub files: Vec<FileState>,
    /// Whether documents or diagnostics differ from those of the load before; true the first time.
    pub changed: bool,
}

/// How one file is doing.
#[derive(Debug, Clone)]
pub struct FileState {
    /// The path as given, joined with the path below it.
    pub path: String,
    /// The first thing that is wrong with it.
    pub error: Option<Diagnostic>,
    /// Its documents are those of an earlier content.
    pub stale: bool,
    /// How many documents it contributes.
    pub documents: usize,
}

/// Why nothing could be loaded. The loads before stay valid; trying again helps once the reason
/// is gone.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A path of the command line does not exist.
    #[error("{}: no such file or directory; check the path and the working directory", path.display())]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// A path of the command line cannot be looked at.
    #[error("{}: {reason}; check the permissions of the path and of the directories above it", path.display())]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// Standard input broke off.
    #[error("standard input: {0}; check the command that writes to it")]
    Stdin(std::io::Error),
}

/// Reads the same inputs again and again.
#[derive(Debug)]
pub struct Loader {
    inputs: Vec<Input>,
    files: BTreeMap<PathBuf, File>,
    stdin: Option<File>,
    last: Option<Loaded>,
    fragments: Fragments,
}

impl Loader {
    /// A loader that has read nothing yet.
    pub fn new(inputs: Vec<Input>) -> Self {
        Self {
            inputs,
            files: BTreeMap::new(),
            stdin: None,
            last: None,
            fragments: Fragments::Refused,
        }
    }

    /// Says what becomes of specs without a header.
    #[must_use]
    pub fn with_fragments(mut self, fragments: Fragments) -> Self {
        self.fragments = fragments;
        self
    }

    /// Reads what changed since the load before.
    pub fn load(&mut self) -> Result<Loaded, LoadError> {
        let mut listing = Listing::default();
        let mut reads_stdin = false;
        for input in &self.inputs {
            match input {
                Input::Path(path) => listing.add(path)?,
                Input::Stdin => reads_stdin = true,
            }
        }
        if reads_stdin && self.stdin.is_none() {
            self.stdin = Some(stdin::read(self.fragments).map_err(LoadError::Stdin)?);
        }
        self.refresh(&listing);
        let mut loaded = self.gather(&listing);
        let last = self.last.as_ref();
        loaded.changed = last.is_none_or(|last| differs(last, &loaded));
        self.last = Some(loaded.clone());
        Ok(loaded)
    }

    /// The paths that a watcher has to watch for this loader.
    pub fn paths(&self) -> Vec<PathBuf> {
        let paths = self.inputs.iter().filter_map(|input| match input {
            Input::Path(path) => Some(path.clone()),
            Input::Stdin => None,
        });
        paths.collect()
    }

    fn refresh(&mut self, listing: &Listing) {
        let mut kept = std::mem::take(&mut self.files);
        for path in &listing.files {
            let file = kept.remove(path);
            self.files
                .insert(path.clone(), File::read(path, file, self.fragments));
        }
        // A directory that cannot be listed now says nothing about the files in it.
        kept.retain(|path, _| listing.hides(path));
        self.files.extend(kept);
    }

    fn gather(&self, listing: &Listing) -> Loaded {
        let mut loaded = Loaded::default();
        let hidden = self.files.keys().filter(|path| listing.hides(path));
        for path in listing.files.iter().chain(hidden) {
            if let Some(file) = self.files.get(path) {
                loaded.add(path, file);
            }
        }
        for (path, reason) in &listing.unreadable {
            loaded.diagnostics.push(unreadable(path, reason));
        }
        if let Some(file) = &self.stdin {
            loaded.add(Path::new(stdin::NAME), file);
        }
        loaded
    }
}

impl Loaded {
    fn add(&mut self, path: &Path, file: &File) {
        let before = self.documents.len();
        self.documents.extend(file.documents().cloned());
        self.diagnostics.extend_from_slice(file.diagnostics());
        self.files.push(FileState {
            path: path.display().to_string(),
            error: file.diagnostics().first().cloned(),
            stale: file.is_stale(),
            documents: self.documents.len() - before,
        });
    }
}

fn differs(before: &Loaded, after: &Loaded) -> bool {
    let documents = before.documents.iter().zip(&after.documents);
    let diagnostics = before.diagnostics.iter().zip(&after.diagnostics);
    before.documents.len() != after.documents.len()
        || before.diagnostics.len() != after.diagnostics.len()
        || documents.into_iter().any(|(a, b)| !Arc::ptr_eq(a, b))
        || diagnostics
            .into_iter()
            .any(|(a, b)| a.message != b.message || a.place() != b.place())
}

fn unreadable(path: &Path, reason: &str) -> Diagnostic {
    let message = format!("{}: {reason}", path.display());
    Diagnostic::new("file-unreadable", Severity::Error, message)
        .help("check the permissions; until then its last good content stays in use")
}

#[cfg(test)]
mod tests;
