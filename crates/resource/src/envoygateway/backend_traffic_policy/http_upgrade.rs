// SPDX-License-Identifier: Apache-2.0
//! `httpUpgrade`.
//!
//! In: the list. Out: protocols that a connection may be upgraded to.

use super::reader;
use crate::admission::{Block, Field};

/// An allowed upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUpgrade {
    /// `type`, such as `websocket`; not empty.
    pub kind: String,
    /// `connect.terminate`, with `CONNECT`: the gateway takes the tunnel apart. Absent: false.
    pub terminate: Option<bool>,
}

pub(super) fn decode(field: &Field<'_>) -> Vec<HttpUpgrade> {
    let mut upgrades: Vec<HttpUpgrade> = Vec::new();
    for item in field.items(0..=usize::MAX) {
        let Some(upgrade) = item.object(upgrade).flatten() else {
            continue;
        };
        let same = |other: &HttpUpgrade| other.kind.eq_ignore_ascii_case(&upgrade.kind);
        if upgrades.iter().any(same) {
            item.duplicate(&upgrade.kind);
        }
        upgrades.push(upgrade);
    }
    upgrades
}

fn upgrade(block: &Block<'_>) -> Option<HttpUpgrade> {
    let kind = reader::required_name(block, "type", usize::MAX);
    let terminate = block.object("connect", |block| block.boolean("terminate"));
    let kind = kind?;
    if let Some(field) = block.optional("connect")
        && kind != "CONNECT"
    {
        field.reject_with(
            "connect may only be set when type is CONNECT",
            "write `type: CONNECT`, or remove `connect`",
        );
    }
    Some(HttpUpgrade {
        kind,
        terminate: terminate.flatten(),
    })
}
