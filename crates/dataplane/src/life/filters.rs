// SPDX-License-Identifier: Apache-2.0
//! Phase: filters, between match route and pick host; only for routes that have any.
//!
//! In: a request with its route. Out: leave to go on, or the failure by which a filter answers it.

use super::{
    bandwidth_limit::{self, Direction},
    compressor::{self, Compression},
    exchange::Exchange,
    fault, rate_limit, request_buffer,
    session::Session,
};
use crate::failure::Failure;

/// What filters do to a request, in their order.
pub(super) async fn request(session: &mut Session, exchange: &mut Exchange) -> Result<(), Failure> {
    let Some(filters) = exchange.record.filters.clone() else {
        return Ok(());
    };
    let installed = session.manager().filters.clone();
    if let Some(fault) = &filters.fault
        && installed.fault
    {
        fault::fault(session, exchange, fault).await?;
    }
    if let Some(limit) = filters.request_buffer
        && installed.buffer
    {
        request_buffer::request_buffer(session, exchange, limit).await?;
    }
    if let Some(limits) = &filters.rate_limit
        && installed.rate_limit
    {
        rate_limit::rate_limit(session, exchange, limits)?;
    }
    bandwidth_limit::count(session, &filters, Direction::Request);
    compressor::request(session, exchange, &filters);
    Ok(())
}

/// Fields that filters add to a response, whose compression was decided.
pub(super) fn response_fields(
    exchange: &Exchange,
    compression: &mut Compression,
) -> Vec<(&'static [u8], Vec<u8>)> {
    let mut fields = std::mem::take(&mut compression.added);
    if exchange.record.filters.is_some() {
        rate_limit::announce(exchange, &mut fields);
    }
    fields
}
