// SPDX-License-Identifier: Apache-2.0
//! The operator's view of a running gateway.
//!
//! In: the newest round, and what the data plane and the connected Envoys report. Out: facts
//! ([`overview`], [`problems`]) that serialise for machines, tables of text ([`text`]) and a web page
//! ([`html`]); worst things first in each.

pub mod backends;
pub mod ejections;
pub mod html;
pub mod numbers;
pub mod of_round;
pub mod overview;
pub mod problems;
pub mod sockets;
pub mod text;
pub mod topology;
