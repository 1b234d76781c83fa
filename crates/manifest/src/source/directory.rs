// SPDX-License-Identifier: Apache-2.0
//! The files below a path.
//!
//! In: a path of the command line. Out: the files to read, each once, sorted by name. Links are
//! followed, loops are not; a mounted ConfigMap (`a.yaml` → `..data/a.yaml`) is read through its
//! visible names, never through its `..` directories.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::LoadError;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The files, in the order in which they are read.
    pub(super) files: Vec<PathBuf>,
    /// The directories walked, through the names that led there.
    pub(super) directories: Vec<PathBuf>,
    /// Directories that could not be listed, with the reason.
    pub(super) unreadable: Vec<(PathBuf, String)>,
    /// The real paths of files and directories already listed.
    visited: BTreeSet<PathBuf>,
}

impl Listing {
    /// Adds a path that the user named.
    pub(super) fn add(&mut self, path: &Path) -> Result<(), LoadError> {
        let real = path.canonicalize().map_err(|reason| {
            let path = path.to_owned();
            match reason.kind() {
                ErrorKind::NotFound => LoadError::Missing { path },
                _ => LoadError::Unreadable { path, reason },
            }
        })?;
        if real.is_dir() {
            self.walk(path);
        } else if self.visited.insert(real) {
            // A file that is named is read whatever its extension.
            self.files.push(path.to_owned());
        }
        Ok(())
    }

    /// Whether a file may still exist in a directory that could not be listed.
    pub(super) fn hides(&self, file: &Path) -> bool {
        let mut unreadable = self.unreadable.iter();
        unreadable.any(|(directory, _)| file.starts_with(directory))
            && !self.files.iter().any(|listed| listed == file)
    }

    /// Lists a directory and all below it, depth first, without recursion.
    fn walk(&mut self, top: &Path) {
        let mut pending: Vec<Found> = Found::follow(top.to_owned()).into_iter().collect();
        while let Some(found) = pending.pop() {
            let Found {
                path,
                real,
                is_directory,
            } = found;
            if !is_directory && !is_manifest(&path) || !self.visited.insert(real.clone()) {
                continue;
            }
            if !is_directory {
                self.files.push(path);
                continue;
            }
            match entries(&path, &real) {
                Ok(entries) => {
                    pending.extend(entries.into_iter().rev());
                    self.directories.push(path);
                }
                Err(reason) => self.unreadable.push((path, reason.to_string())),
            }
        }
    }
}

/// Something below a path.
struct Found {
    /// Through the names that led there.
    path: PathBuf,
    /// Without links.
    real: PathBuf,
    is_directory: bool,
}

impl Found {
    /// What a path leads to; `None` for a dangling link, or for what was removed a moment ago.
    fn follow(path: PathBuf) -> Option<Self> {
        let real = path.canonicalize().ok()?;
        let is_directory = real.is_dir();
        Some(Self {
            path,
            real,
            is_directory,
        })
    }
}

/// The visible entries of a directory by name. Only links cost a look at where they lead.
fn entries(directory: &Path, real: &Path) -> std::io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in directory.read_dir()? {
        let entry = entry?;
        if is_hidden(&entry.file_name()) {
            continue;
        }
        let kind = entry.file_type()?;
        if !kind.is_symlink() && !kind.is_dir() && !kind.is_file() {
            // Reading a pipe or a device would wait for ever.
            continue;
        }
        if kind.is_symlink() {
            found.extend(Found::follow(entry.path()));
        } else {
            found.push(Found {
                path: entry.path(),
                real: real.join(entry.file_name()),
                is_directory: kind.is_dir(),
            });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Hidden names, those of a ConfigMap mount's machinery, and what editors leave behind.
fn is_hidden(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(['.', '#']) || name.ends_with('~')
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}

/// What `kubectl apply -f` reads from a directory.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];
