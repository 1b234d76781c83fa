// SPDX-License-Identifier: Apache-2.0
//! `responseOverride`.
//!
//! In: the list (`matches`, `action`). Out: which responses get another face.

mod action;
mod matches;

pub use action::{ResponseAction, ResponseBody, ResponseRedirect, ResponseReplacement};
pub use matches::{ResponseMatch, StatusRange, StringMatch};

use crate::admission::{Block, Field};

/// One override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseOverride {
    /// `match`.
    pub matches: ResponseMatch,
    /// `response` or `redirect`.
    pub action: ResponseAction,
    /// `source`. Absent: `All` (Envoy Gateway default).
    pub source: Option<ResponseSource>,
}

/// Whose responses are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseSource {
    /// Everyone's.
    All,
    /// The backend's.
    Backend,
    /// The gateway's own.
    Local,
}

pub(super) fn decode(field: &Field<'_>) -> Vec<ResponseOverride> {
    let items = field.items(0..=usize::MAX);
    let overrides = items
        .iter()
        .filter_map(|item| item.object(ResponseOverride::decode).flatten());
    overrides.collect()
}

impl ResponseOverride {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let matches = block.required("match");
        let matches = matches.and_then(|field| field.object(ResponseMatch::decode));
        let response = block.optional("response");
        let redirect = block.optional("redirect");
        if response.is_some() == redirect.is_some() {
            block
                .field
                .reject("exactly one of the fields in [response redirect] must be set");
        }
        let response = response
            .and_then(|field| field.object(ResponseReplacement::decode))
            .map(ResponseAction::Response);
        let redirect = redirect
            .and_then(|field| field.object(ResponseRedirect::decode))
            .map(ResponseAction::Redirect);
        let source = block.choice(
            "source",
            &[
                ("All", ResponseSource::All),
                ("Local", ResponseSource::Local),
                ("Backend", ResponseSource::Backend),
            ],
        );
        Some(Self {
            matches: matches?,
            action: response.or(redirect)?,
            source,
        })
    }
}
