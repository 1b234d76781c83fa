// SPDX-License-Identifier: Apache-2.0
//! Where Envoy is.
//!
//! In: the environment. Out: the path of a binary of Envoy 1.40.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The Envoy of `SLUICEGATE_ENVOY`, else the one that `scripts/envoy.sh` has put into `.tools`.
/// `None`, said aloud, only with `SLUICEGATE_SKIP_ENVOY=1`.
///
/// # Panics
/// Without an Envoy: a proof that was not made is a failed test.
pub fn envoy_binary() -> Option<PathBuf> {
    if env::var("SLUICEGATE_SKIP_ENVOY").is_ok_and(|value| value == "1") {
        println!("SKIPPED: nothing was shown to Envoy, because SLUICEGATE_SKIP_ENVOY=1");
        return None;
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let binary = env::var_os("SLUICEGATE_ENVOY")
        .map_or_else(|| repository.join(".tools/envoy"), PathBuf::from);
    assert!(
        binary.is_file(),
        "no Envoy at {}: run scripts/envoy.sh once, or set SLUICEGATE_ENVOY to a binary of \
         Envoy 1.40, or SLUICEGATE_SKIP_ENVOY=1 to do without this proof",
        binary.display()
    );
    Some(binary)
}
