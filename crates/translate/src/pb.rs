// SPDX-License-Identifier: Apache-2.0
//! Small conversions into protobuf's wrapper types.
//!
//! In: plain Rust values. Out: the well-known types around them.

use std::time::Duration;

use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::core::v3::{
                AggregatedConfigSource, ApiVersion, ConfigSource, DataSource, TransportSocket,
                TypedExtensionConfig, config_source::ConfigSourceSpecifier, data_source::Specifier,
                transport_socket::ConfigType,
            },
            r#type::v3::Percent,
        },
        google::protobuf,
    },
    prost::{Message, Name},
};

pub(crate) fn u32(value: u32) -> Option<protobuf::UInt32Value> {
    Some(protobuf::UInt32Value { value })
}

pub(crate) fn u64(value: u64) -> Option<protobuf::UInt64Value> {
    Some(protobuf::UInt64Value { value })
}

pub(crate) fn bool(value: bool) -> Option<protobuf::BoolValue> {
    Some(protobuf::BoolValue { value })
}

pub(crate) fn percent(value: u32) -> Option<Percent> {
    Some(Percent {
        value: f64::from(value),
    })
}

/// Durations of the API are below 2^63 seconds and whole nanoseconds.
pub(crate) fn duration(value: Duration) -> Option<protobuf::Duration> {
    let seconds = i64::try_from(value.as_secs()).unwrap_or(i64::MAX);
    let nanos = i32::try_from(value.subsec_nanos()).unwrap_or_default();
    Some(protobuf::Duration { seconds, nanos })
}

pub(crate) fn extension<M: Message + Name>(name: &str, message: &M) -> TypedExtensionConfig {
    TypedExtensionConfig {
        name: name.into(),
        typed_config: Some(any::pack(message)),
    }
}

pub(crate) fn transport_socket<M: Message + Name>(name: &str, message: &M) -> TransportSocket {
    let config = ConfigType::TypedConfig(any::pack(message));
    TransportSocket {
        name: name.into(),
        config_type: Some(config),
    }
}

/// "Ask the aggregated discovery service."
pub(crate) fn ads() -> Option<ConfigSource> {
    Some(ConfigSource {
        resource_api_version: ApiVersion::V3 as i32,
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..ConfigSource::default()
    })
}

pub(crate) fn inline_string(text: &str) -> Option<DataSource> {
    Some(DataSource {
        specifier: Some(Specifier::InlineString(text.into())),
        ..DataSource::default()
    })
}

pub(crate) fn filename(path: &str) -> Option<DataSource> {
    Some(DataSource {
        specifier: Some(Specifier::Filename(path.into())),
        ..DataSource::default()
    })
}
