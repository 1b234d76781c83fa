// SPDX-License-Identifier: Apache-2.0
//! The kinds that are read.
//!
//! In: group, kind and versions as the decoder knows them. Out: what discovery looks for.

use std::fmt;

/// A kind, in the versions that can be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Kind.
    pub name: &'static str,
    /// Versions that can be read, the preferred one first.
    pub versions: &'static [&'static str],
}

impl Kind {
    /// `apiVersion` in `version`.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() {
            version.to_owned()
        } else {
            format!("{}/{version}", self.group)
        }
    }
}

/// `Kind.group`, as people write it.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.group.is_empty() {
            Ok(())
        } else {
            write!(f, ".{}", self.group)
        }
    }
}
