// SPDX-License-Identifier: Apache-2.0
//! What the `sluicegate` binary is made of: commands, wiring, signals. Tests use it too.

pub mod pipeline;
