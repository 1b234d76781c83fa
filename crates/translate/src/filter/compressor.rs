// SPDX-License-Identifier: Apache-2.0
//! `envoy.extensions.filters.http.compressor.v3.Compressor`.
//!
//! In: `compressor`. Out: a filter for each algorithm, place and length that policies ask for, since
//! routes cannot change these, and what a route sets of its own.

use std::collections::BTreeMap;

use sluicegate_attach::TrafficPolicy;
use sluicegate_resource::envoygateway::backend_traffic_policy::{CompressionAlgorithm, Compressor};
use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::core::v3::TypedExtensionConfig,
            extensions::{
                compression::{
                    brotli::compressor::v3::Brotli, gzip::compressor::v3::Gzip,
                    zstd::compressor::v3::Zstd,
                },
                filters::http::compressor::v3::{
                    Compressor as Filter, CompressorOverrides, CompressorPerRoute,
                    ResponseDirectionOverrides,
                    compressor::{CommonDirectionConfig, ResponseDirectionConfig},
                    compressor_per_route::Override,
                },
            },
        },
        google::protobuf::Any,
    },
};

use crate::pb;

/// What tells filters apart, in the order in which they stand: the ones that policies prefer are in
/// front, so that a client that takes anything gets these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Not the first one of its policy.
    later: bool,
    algorithm: usize,
    min_content_length: Option<u32>,
}

/// Algorithms in the order of Envoy Gateway, with the name of each.
const ALGORITHMS: [(CompressionAlgorithm, &str); 3] = [
    (CompressionAlgorithm::Gzip, "gzip"),
    (CompressionAlgorithm::Brotli, "brotli"),
    (CompressionAlgorithm::Zstd, "zstd"),
];

/// What a route of this policy sets, by the names of the filters.
pub(super) fn on_route(policy: &TrafficPolicy) -> BTreeMap<String, Any> {
    let keys = keys(policy);
    let last = keys.last().copied();
    let config = |key: Key| CompressorPerRoute {
        r#override: Some(Override::Overrides(CompressorOverrides {
            // A filter does not see what one in front of it has taken away.
            response_direction_config: (Some(key) == last).then(|| ResponseDirectionOverrides {
                remove_accept_encoding_header: pb::bool(true),
            }),
            ..CompressorOverrides::default()
        })),
    };
    let configs = keys
        .into_iter()
        .map(|key| (key.name(), any::pack(&config(key))));
    configs.collect()
}

/// The filters that routes of these policies use, with their names, in order.
pub(super) fn filters(policies: &[&TrafficPolicy]) -> Vec<(String, Any)> {
    let mut keys: Vec<Key> = policies.iter().flat_map(|policy| keys(policy)).collect();
    keys.sort_unstable();
    keys.dedup();
    let filters = keys.into_iter().map(|key| (key.name(), key.filter()));
    filters.collect()
}

fn keys(policy: &TrafficPolicy) -> Vec<Key> {
    let compressors = policy.spec.compressors.as_ref().map(|it| &*it.value);
    let compressors = compressors.unwrap_or_default().iter().enumerate();
    let key = |(at, compressor): (usize, &Compressor)| Key {
        later: at > 0,
        algorithm: ALGORITHMS
            .iter()
            .position(|(algorithm, _)| *algorithm == compressor.algorithm)
            .unwrap_or_default(),
        min_content_length: compressor.min_content_length,
    };
    let mut keys: Vec<Key> = compressors.map(key).collect();
    keys.sort_unstable();
    keys
}

impl Key {
    /// Envoy Gateway's name for the usual ones.
    fn name(self) -> String {
        let mut name = format!("envoy.filters.http.compressor.{}", self.kind());
        if self.later {
            name += ".later";
        }
        if let Some(bytes) = self.min_content_length {
            name += &format!(".min-{bytes}");
        }
        name
    }

    fn kind(self) -> &'static str {
        ALGORITHMS[self.algorithm].1
    }

    fn filter(self) -> Any {
        let library = match ALGORITHMS[self.algorithm].0 {
            CompressionAlgorithm::Brotli => any::pack(&Brotli::default()),
            CompressionAlgorithm::Gzip => any::pack(&Gzip::default()),
            CompressionAlgorithm::Zstd => any::pack(&Zstd::default()),
        };
        let common = self.min_content_length.map(|bytes| CommonDirectionConfig {
            min_content_length: pb::u32(bytes),
            ..CommonDirectionConfig::default()
        });
        any::pack(&Filter {
            compressor_library: Some(TypedExtensionConfig {
                name: format!("envoy.compression.{}.compressor", self.kind()),
                typed_config: Some(library),
            }),
            response_direction_config: Some(ResponseDirectionConfig {
                common_config: common,
                ..ResponseDirectionConfig::default()
            }),
            choose_first: !self.later,
            ..Filter::default()
        })
    }
}
