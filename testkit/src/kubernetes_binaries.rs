// SPDX-License-Identifier: Apache-2.0
//! Where a Kubernetes API server is.
//!
//! In: the environment. Out: the folder with its binaries, and Helm.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The folder of `SLUICEGATE_KUBERNETES`, else the one that `scripts/kubernetes.sh` has filled below
/// `.tools`: `etcd`, `kube-apiserver`, `kubectl`, and `crds/`. `None`, said aloud, only with
/// `SLUICEGATE_SKIP_KUBERNETES=1`.
///
/// # Panics
/// Without them: a proof that was not made is a failed test.
pub fn kubernetes_binaries() -> Option<PathBuf> {
    if env::var("SLUICEGATE_SKIP_KUBERNETES").is_ok_and(|value| value == "1") {
        println!("SKIPPED: no API server was asked, because SLUICEGATE_SKIP_KUBERNETES=1");
        return None;
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = env::var_os("SLUICEGATE_KUBERNETES")
        .map_or_else(|| repository.join(".tools/kubernetes"), PathBuf::from);
    for name in ["etcd", "kube-apiserver", "kubectl"] {
        assert!(
            folder.join(name).is_file(),
            "no {name} in {}: run scripts/kubernetes.sh once (it needs Go), or set \
             SLUICEGATE_KUBERNETES to a folder with etcd, kube-apiserver, kubectl and crds/, or \
             SLUICEGATE_SKIP_KUBERNETES=1 to do without this proof",
            folder.display()
        );
    }
    Some(folder)
}

/// Helm, below `.tools` where `scripts/tools.sh` puts it; `None` as above.
///
/// # Panics
/// Without it.
pub fn helm_binary() -> Option<PathBuf> {
    kubernetes_binaries()?;
    let helm = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/bin/helm");
    assert!(
        helm.is_file(),
        "no {}: run scripts/tools.sh once (it needs Go)",
        helm.display()
    );
    Some(helm)
}
