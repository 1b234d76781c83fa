// SPDX-License-Identifier: Apache-2.0
//! Compiling compressors.
//!
//! In: filters of a connection manager, and configurations of routes. Out: compressors; or what
//! cannot be done.

use std::sync::Arc;

use sluicegate_xds::{
    any,
    pb::{
        envoy::extensions::{
            compression::{
                brotli::compressor::v3::Brotli, gzip::compressor::v3::Gzip,
                zstd::compressor::v3::Zstd,
            },
            filters::{
                http::compressor::v3::{
                    Compressor as Proto, CompressorPerRoute,
                    compressor::{CommonDirectionConfig, ResponseDirectionConfig},
                    compressor_per_route::Override,
                },
                network::http_connection_manager::v3::{
                    HttpConnectionManager, HttpFilter, http_filter::ConfigType,
                },
            },
        },
        google::protobuf::Any,
    },
};

use super::{
    super::value::{flag, number},
    config_of,
};
use crate::filter::{COMPRESSOR, Coding, Compressor};

/// The compressors of a connection manager.
pub(super) fn installed(manager: &HttpConnectionManager) -> Arc<[Compressor]> {
    let filters = manager.http_filters.iter();
    let filters = filters.filter(|filter| filter.name.starts_with(COMPRESSOR));
    filters.filter_map(|filter| compile(filter).ok()).collect()
}

/// One of them.
pub(super) fn compile(filter: &HttpFilter) -> Result<Compressor, &'static str> {
    let Some(ConfigType::TypedConfig(packed)) = &filter.config_type else {
        return Err("compressor without a configuration");
    };
    let config: Proto = config_of(packed)?;
    let response = config.response_direction_config.clone();
    let plain = Proto {
        compressor_library: config.compressor_library.clone(),
        response_direction_config: response.clone(),
        choose_first: config.choose_first,
        ..Proto::default()
    };
    if plain != config {
        return Err("compressor: request_direction_config, or older forms of its fields");
    }
    let library = config.compressor_library.unwrap_or_default();
    let packed = library.typed_config.as_ref();
    let coding = coding(packed.ok_or("compressor without a library")?)?;
    let by_direction = response.is_some();
    let response = response.unwrap_or_default();
    let common = response.common_config.clone().unwrap_or_default();
    if !is_plain(&response, &common) {
        return Err("compressor: enabled, content types or status_header_enabled");
    }
    let statuses = response.uncompressible_response_codes.iter();
    Ok(Compressor {
        filter: filter.name.as_str().into(),
        library: library.name.into(),
        coding,
        min_length: number(common.min_content_length.as_ref()).map_or(MIN_LENGTH, u64::from),
        choose_first: config.choose_first,
        spare_etags: response.disable_on_etag_header,
        weaken_etags: response.weaken_etag_on_compress,
        spared_statuses: statuses.filter_map(|it| u16::try_from(*it).ok()).collect(),
        hides_accept: response.remove_accept_encoding_header,
        by_direction,
    })
}

/// Whether nothing is set that is not implemented.
fn is_plain(response: &ResponseDirectionConfig, common: &CommonDirectionConfig) -> bool {
    let plain = CommonDirectionConfig {
        min_content_length: common.min_content_length,
        ..CommonDirectionConfig::default()
    };
    *common == plain && !response.status_header_enabled
}

fn coding(library: &Any) -> Result<Coding, &'static str> {
    if let Some(config) = any::unpack::<Gzip>(library) {
        plain(&config, Coding::Gzip)
    } else if let Some(config) = any::unpack::<Brotli>(library) {
        plain(&config, Coding::Brotli)
    } else if let Some(config) = any::unpack::<Zstd>(library) {
        plain(&config, Coding::Zstd)
    } else {
        Err("compressor with another library")
    }
}

fn plain<M: Default + PartialEq>(config: &M, coding: Coding) -> Result<Coding, &'static str> {
    if *config == M::default() {
        Ok(coding)
    } else {
        Err("compressor: settings of its library")
    }
}

/// What a route says: nothing where it switches the filter off, else whether backends do not see
/// `accept-encoding`, if it says so.
pub(super) fn of_route(config: &CompressorPerRoute) -> Result<Option<Option<bool>>, &'static str> {
    let Some(Override::Overrides(overrides)) = &config.r#override else {
        return Ok(None);
    };
    if overrides.compressor_library.is_some() {
        return Err("compressor: another library for a route");
    }
    let response = overrides.response_direction_config.as_ref();
    let hides = response.and_then(|it| it.remove_accept_encoding_header.as_ref());
    Ok(Some(hides.map(|hides| flag(Some(hides), false))))
}

/// Envoy default.
const MIN_LENGTH: u64 = 30;
