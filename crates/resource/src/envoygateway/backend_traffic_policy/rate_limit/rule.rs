// SPDX-License-Identifier: Apache-2.0
//! One rule of a rate limit.
//!
//! In: the block. Out: whom it counts, how many are allowed, and what one costs.

use super::{super::reader, ClientSelector};
use crate::admission::{Block, Field};

/// A rate limit rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimitRule {
    /// `clientSelectors`, at most 8; empty: everyone.
    pub client_selectors: Vec<ClientSelector>,
    /// `limit`.
    pub limit: RateLimitLimit,
    /// `cost.request`. Absent: 1.
    pub request_cost: Option<RateLimitCost>,
    /// `cost.response`. Absent: none.
    pub response_cost: Option<RateLimitCost>,
    /// `shared`: one count for every route of the policy. Absent: false.
    pub shared: Option<bool>,
    /// `shadowMode`: counted, not enforced. Absent: false.
    pub shadow_mode: Option<bool>,
    /// `xRateLimitHeaders`. Absent: as the listener has it.
    pub x_rate_limit_headers: Option<XRateLimitHeaders>,
}

/// How many are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitLimit {
    /// `requests` per unit, 0..4294967295.
    pub requests: u32,
    /// `unit`.
    pub unit: RateLimitUnit,
    /// `fromMetadata`: takes the place of `requests` where a request has it.
    pub from_metadata: Option<MetadataKey>,
}

/// The unit of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitUnit {
    /// `Second`.
    Second,
    /// `Minute`.
    Minute,
    /// `Hour`.
    Hour,
    /// `Day`.
    Day,
    /// `Week`.
    Week,
    /// `Month`, of 30 days.
    Month,
    /// `Year`, of 365 days.
    Year,
}

/// What one request or response takes from the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateLimitCost {
    /// `Metadata`.
    Metadata(MetadataKey),
    /// `Number`.
    Number(u64),
}

/// A value of the request's dynamic metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataKey {
    /// `namespace`.
    pub namespace: String,
    /// `key`.
    pub key: String,
}

/// `x-ratelimit-*` headers of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XRateLimitHeaders {
    /// `DraftVersion03`.
    DraftVersion03,
    /// `Off`.
    Off,
}

impl RateLimitUnit {
    const ALL: [(&'static str, Self); 7] = [
        ("Second", Self::Second),
        ("Minute", Self::Minute),
        ("Hour", Self::Hour),
        ("Day", Self::Day),
        ("Week", Self::Week),
        ("Month", Self::Month),
        ("Year", Self::Year),
    ];

    /// Its length.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 604_800,
            Self::Month => 2_592_000,
            Self::Year => 31_536_000,
        }
    }
}

impl RateLimitRule {
    pub(super) fn decode(block: &Block<'_>) -> Option<Self> {
        let selectors = block.list("clientSelectors", 0..=8);
        let client_selectors: Vec<_> = selectors
            .iter()
            .filter_map(|item| item.object(ClientSelector::decode))
            .collect();
        let limit = block.required("limit");
        let limit = limit.and_then(|field| field.object(RateLimitLimit::decode).flatten());
        let costs = block.object("cost", |block| {
            let cost = |name| block.object(name, RateLimitCost::decode).flatten();
            (cost("request"), cost("response"))
        });
        let (request_cost, response_cost) = costs.unwrap_or_default();
        let shared = block.boolean("shared");
        let shadow_mode = block.boolean("shadowMode");
        let x_rate_limit_headers = block.choice(
            "xRateLimitHeaders",
            &[
                ("Off", XRateLimitHeaders::Off),
                ("DraftVersion03", XRateLimitHeaders::DraftVersion03),
            ],
        );
        Some(Self {
            client_selectors,
            limit: limit?,
            request_cost,
            response_cost,
            shared,
            shadow_mode,
            x_rate_limit_headers,
        })
    }
}

impl RateLimitLimit {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let requests = block.required("requests");
        let requests = requests.and_then(|field| field.u32(0..=u32::MAX));
        let unit = block.required("unit");
        let unit = unit.and_then(|field| field.choice(&RateLimitUnit::ALL));
        let from_metadata = block.object("fromMetadata", MetadataKey::decode);
        Some(Self {
            requests: requests?,
            unit: unit?,
            from_metadata: from_metadata.flatten(),
        })
    }
}

impl RateLimitCost {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let from = block.required("from");
        let from = from.and_then(|field| field.word(&["Number", "Metadata"]));
        let number = block.optional("number");
        let metadata = block.optional("metadata");
        if let (Some(_), Some(field)) = (&number, &metadata) {
            field.reject("number and metadata may not be set together");
        }
        let amount = number.as_ref().and_then(|field| field.u64(0));
        let key = metadata
            .as_ref()
            .and_then(|field| field.object(MetadataKey::decode).flatten());
        let missing = |field: &Option<Field<'_>>, name: &str| {
            if field.is_none() {
                block.missing(name);
            }
        };
        match from?.as_str() {
            "Number" => {
                missing(&number, "number");
                amount.map(Self::Number)
            }
            _ => {
                missing(&metadata, "metadata");
                key.map(Self::Metadata)
            }
        }
    }
}

impl MetadataKey {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let part = |name| reader::required_name(block, name, usize::MAX);
        let (namespace, key) = (part("namespace"), part("key"));
        Some(Self {
            namespace: namespace?,
            key: key?,
        })
    }
}
