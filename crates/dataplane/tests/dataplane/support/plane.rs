// SPDX-License-Identifier: Apache-2.0
//! Which data plane a run of the tests is about: ours, or a real Envoy as its peer.
//!
//! In: `SLUICEGATE_PLANE`. Out: the choice, and expectations for each where they differ on purpose.

use std::{env, fmt::Debug, io::Write, sync::OnceLock};

use super::transcript;

/// Whether this run is about Envoy.
pub(crate) fn is_envoy() -> bool {
    static ENVOY: OnceLock<bool> = OnceLock::new();
    *ENVOY.get_or_init(|| match env::var("SLUICEGATE_PLANE").as_deref() {
        Ok("envoy") => true,
        Ok("own") | Err(_) => false,
        Ok(other) => panic!("SLUICEGATE_PLANE is envoy or own, not {other:?}"),
    })
}

/// What is right on this plane, where the planes differ on purpose. `key` stands in
/// `docs/reference/peer.md` with the reason.
pub(crate) fn decided<T: PartialEq + Debug>(key: &str, ours: T, envoys: T) -> T {
    assert_ne!(ours, envoys, "{key}: the planes do not differ");
    differs(key);
    if is_envoy() { envoys } else { ours }
}

/// Whether this is Envoy, where what is checked differs on purpose and not only in its value.
pub(crate) fn differs(key: &str) -> bool {
    if let Some(mut file) = transcript::file() {
        writeln!(file, "decided {key}").unwrap();
    }
    is_envoy()
}
