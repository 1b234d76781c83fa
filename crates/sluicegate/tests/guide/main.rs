// SPDX-License-Identifier: Apache-2.0
//! Pages for operators, held to what they show.
//!
//! In: pages whose sections name a scene, show manifests and show commands with what they print.
//! Out: agreement with the shipped binary, curl and real backends.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is the failure report of a test"
)]

mod backend;
mod fleet;
mod monitoring;
mod page;
#[path = "../common/pki.rs"]
mod pki;
mod sections;
mod stage;
mod terminal;

use page::Page;
use sluicegate_testkit::free_port;
use stage::{Stage, Surroundings, session};

/// Every section is played on its own; on a loaded machine, perhaps more than once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debugging() {
    let page = Page::read("docs/guide/debugging.md");
    let mut played = Vec::new();
    for section in sections::sections(&page) {
        played.push(sections::played(section, "examples/debugging").await);
    }
    page.compare(&played.concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_run() {
    whole("docs/guide/first-run.md").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_policy() {
    whole("docs/guide/first-policy.md").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_envoy_gateway() {
    whole("docs/guide/from-envoy-gateway.md").await;
}

/// Plays a page from its beginning to its end.
async fn whole(page: &str) {
    let page = Page::read(page);
    let surroundings = Surroundings {
        backend: free_port(),
        ..Surroundings::default()
    };
    let stage = Stage::of_session(surroundings);
    page.compare(&session(&page, &stage).await);
}
