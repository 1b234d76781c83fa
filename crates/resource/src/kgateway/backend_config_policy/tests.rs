// SPDX-License-Identifier: Apache-2.0
//! Verdicts on BackendConfigPolicy, one table per part of its specification.

mod accepted;
mod older;
mod refused;
mod seeds;
mod whole;
