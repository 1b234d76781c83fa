// SPDX-License-Identifier: Apache-2.0
//! `dns`: its three fields merge one by one, so they live in the policy itself.
//!
//! In: the block. Out: three units.

use std::time::Duration;

use crate::{admission::Block, value::Written};

/// The three fields of `dns`.
#[derive(Default)]
pub(super) struct Dns {
    pub(super) refresh_rate: Option<Written<Duration>>,
    pub(super) jitter: Option<Written<Duration>>,
    pub(super) respect_ttl: Option<Written<bool>>,
}

impl Dns {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        // Envoy needs more than one millisecond.
        const LEAST: Duration = Duration::from_millis(2);
        let refresh_rate = block
            .optional("refreshRate")
            .and_then(|field| field.written_as(|field| field.duration_from(LEAST)));
        let jitter_field = block.optional("jitter");
        let jitter = jitter_field
            .as_ref()
            .and_then(|field| field.written_as(|field| field.duration()));
        if let (Some(field), Some(jitter), Some(refresh)) = (&jitter_field, &jitter, &refresh_rate)
            && jitter.value > refresh.value
        {
            field.reject("jitter must be less than or equal to refreshRate");
        }
        let respect_ttl = block
            .optional("respectTTL")
            .and_then(|field| field.written_as(|field| field.boolean()));
        Self {
            refresh_rate,
            jitter,
            respect_ttl,
        }
    }
}
