// SPDX-License-Identifier: Apache-2.0
//! Phase: filters, between match route and pick host; only for routes that have any.
//!
//! In: a request with its route. Out: leave to go on, or the failure by which a filter answers it.

use super::{exchange::Exchange, fault, session::Session};
use crate::failure::Failure;

/// What filters do to a request, in their order.
pub(super) async fn request(session: &mut Session, exchange: &mut Exchange) -> Result<(), Failure> {
    let Some(filters) = exchange.record.filters.clone() else {
        return Ok(());
    };
    let installed = session.manager().filters;
    if let Some(fault) = &filters.fault
        && installed.fault
    {
        fault::fault(session, exchange, fault).await?;
    }
    Ok(())
}
