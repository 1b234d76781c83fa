// SPDX-License-Identifier: Apache-2.0
//! What the `sluicegate` binary is made of: commands, wiring, signals. Tests use it too.

pub mod admin_client;
pub mod bootstrap;
pub mod changes;
pub mod cli;
pub mod commands;
pub mod condition_table;
pub mod crds;
pub mod explain;
pub mod failure;
pub mod findings;
pub mod fragment;
pub mod input;
pub mod listening;
pub mod node_table;
pub mod operator;
pub mod output;
pub mod pipeline;
pub mod progress;
pub mod proxy;
pub mod redact;
pub mod server;
pub mod summary;
pub mod top;
pub mod xds_view;
