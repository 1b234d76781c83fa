// SPDX-License-Identifier: Apache-2.0
//! `docs/fleet.md`, with a real Envoy.
//!
//! In: the page. Out: agreement with what its commands print.

use std::{fs, path::PathBuf};

use sluicegate_testkit::{envoy_binary, free_port};

use crate::{
    page::Page,
    pki,
    sections::manifests,
    stage::{Stage, Surroundings, session},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fleet() {
    let Some(envoy) = envoy_binary() else {
        return;
    };
    let page = Page::read("docs/fleet.md");
    let stage = Stage::of_session(Surroundings {
        backend: free_port(),
        files: certificates(),
        ..Surroundings::default()
    });
    // Without hot restart, which would meet every other Envoy of the machine.
    let envoy = fs::canonicalize(envoy).unwrap();
    let options = "--concurrency 1 --disable-hot-restart";
    let script = format!("#!/bin/bash\nexec {} {options} \"$@\"\n", envoy.display());
    stage.program("envoy", &script);
    for (name, text) in manifests("examples/httpbin") {
        stage.write(&format!("examples/httpbin/{name}"), &text);
    }
    page.compare(&session(&page, &stage).await);
}

/// Of both sides, which have the same certificate under two names.
fn certificates() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guide-fleet");
    fs::create_dir_all(&folder).unwrap();
    pki::write(&folder);
    let names = [
        ("ca.crt", "ca.crt"),
        ("tls.crt", "tls.crt"),
        ("tls.key", "tls.key"),
        ("tls.crt", "envoy.crt"),
        ("tls.key", "envoy.key"),
    ];
    let files = names.map(|(from, to)| (to.to_owned(), fs::read(folder.join(from)).unwrap()));
    files.to_vec()
}
