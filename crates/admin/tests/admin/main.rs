// SPDX-License-Identifier: Apache-2.0
//! The admin API over a loopback socket.

#![allow(clippy::unwrap_used, reason = "a panic here is the failure report")]

mod config_dump;
mod pages;
mod support;
