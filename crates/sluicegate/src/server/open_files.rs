// SPDX-License-Identifier: Apache-2.0
//! The limit on open files, which is what a gateway runs out of first.
//!
//! In: the limit of this process. Out: the highest one that it may have, and how many clients fit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as this user may. Gives the limit in force; `None` when there is none.
pub fn raise_open_files() -> Option<u64> {
    let now = getrlimit(Resource::Nofile);
    if now.current == now.maximum {
        return now.current;
    }
    let most = Rlimit {
        current: now.maximum,
        maximum: now.maximum,
    };
    match setrlimit(Resource::Nofile, most) {
        Ok(()) => {
            tracing::debug!(
                from = now.current,
                to = now.maximum,
                "raised the limit on open files"
            );
            now.maximum
        }
        Err(error) => {
            tracing::warn!(%error, limit = now.current, "cannot raise the limit on open files");
            now.current
        }
    }
}

/// How many clients may connect below a limit on open files. Half of it, because each may need a
/// connection to a backend as well.
pub fn default_max_connections(open_files: Option<u64>) -> Option<u64> {
    open_files.map(|limit| (limit / 2).max(1))
}
