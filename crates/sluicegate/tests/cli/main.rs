// SPDX-License-Identifier: Apache-2.0
//! The shipped binary, run as people run it.

#[path = "../common/site.rs"]
mod site;

mod check;
mod diff;
mod explain;
mod fleet;
mod fragments;
mod manifests;
mod misc;
mod pages;
mod status;
mod support;
mod translate;
