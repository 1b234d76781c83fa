// SPDX-License-Identifier: Apache-2.0
//! What a client accepts (`accept-encoding`).
//!
//! In: the field's value and the compressors that there are. Out: the coding that its response gets,
//! as Envoy chooses it: names are compared with their case, and only the first parameter counts.

use super::{Coding, Compressor, takes};

/// What is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decision {
    /// The coding; none leaves the response as it is.
    pub(crate) coding: Option<Coding>,
    why: Why,
}

/// Why, in the words of the stats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The client prefers no coding.
    Identity,
    /// Nothing that it accepts is there.
    NotValid,
    /// It named another compressor's coding.
    Overshadowed,
    /// It named this compressor's coding.
    Used,
    /// It takes any.
    Wildcard,
}

impl Decision {
    /// Why it is so, as the compressor of `coding` counts it.
    pub(super) fn why_for(self, coding: Coding) -> Why {
        match self.why {
            Why::Used if self.coding != Some(coding) => Why::Overshadowed,
            why => why,
        }
    }
}

/// Chooses among the codings of `compressors` for a response of this type.
pub(crate) fn choose(
    accept: &[u8],
    compressors: &[&Compressor],
    media_type: Option<&str>,
) -> Decision {
    let mut there: Vec<&Compressor> = Vec::new();
    for compressor in compressors {
        let same = |other: &&Compressor| other.coding == compressor.coding;
        if takes(media_type) && !there.iter().any(same) {
            there.push(compressor);
        }
    }
    let wishes = wishes(accept);
    let unwanted = |it: &&Compressor| {
        let mut wishes = wishes.iter();
        wishes.any(|(name, weight)| *weight == 0.0 && *name == it.coding.token())
    };
    there.retain(|it| !unwanted(it));
    let find = |name: &str| there.iter().find(|it| it.coding.token() == name);
    let mut best = ("", 0.0);
    for (name, weight) in wishes.iter().copied() {
        let known = find(name);
        let any = known.is_some() || name == IDENTITY || name == ANY;
        // Among equals the first one, unless a compressor goes first.
        let first = known.is_some_and(|it| it.choose_first);
        if !there.is_empty() && any && (weight > best.1 || (first && weight == best.1)) {
            best = (name, weight);
        }
    }
    let (coding, why) = match best {
        (_, 0.0) => (None, Why::NotValid),
        (IDENTITY, _) => (None, Why::Identity),
        (ANY, _) => (there.first().map(|it| it.coding), Why::Wildcard),
        (name, _) => (find(name).map(|it| it.coding), Why::Used),
    };
    Decision { coding, why }
}

/// Names with their weights. What has a weight that is no number is left out.
fn wishes(accept: &[u8]) -> Vec<(&str, f32)> {
    let text = std::str::from_utf8(accept).unwrap_or_default();
    let tokens = text.split(',').filter(|token| !token.is_empty());
    let wishes = tokens.filter_map(|token| {
        let (name, parameters) = token.split_once(';').unwrap_or((token, ""));
        let weight = match parameters.split_once('=') {
            Some((key, value)) if key.trim().eq_ignore_ascii_case("q") => {
                value.trim().parse().ok()?
            }
            _ => 1.0,
        };
        Some((name.trim(), weight))
    });
    wishes.collect()
}

const IDENTITY: &str = "identity";
const ANY: &str = "*";
