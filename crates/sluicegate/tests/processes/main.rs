// SPDX-License-Identifier: Apache-2.0
//! Whole processes: how one ends, how one takes over from another, and what one does when the system
//! has no more to give; and the commands that ask one.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is the failure report of a test"
)]

#[path = "../common/site.rs"]
mod manifests;

mod hand_over;
mod limits;
mod logs;
mod pty;
mod running;
mod site;
mod top;
