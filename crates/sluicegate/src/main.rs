// SPDX-License-Identifier: Apache-2.0
//! The `sluicegate` binary.

fn main() {}
