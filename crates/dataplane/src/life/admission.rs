// SPDX-License-Identifier: Apache-2.0
//! Admission control: attempts that a cluster turns away, and what it learns from the others.
//!
//! In: a response's head, then its trailers. Out: how the attempt ended; a gRPC status may come only
//! behind the body. As in Envoy, an attempt without a response teaches nothing.

use super::{exchange::Exchange, respond::framing};
use crate::{cluster::Admission, filter::Ended};

/// The head of a response is there.
pub(super) fn headed(exchange: &mut Exchange, admission: &Admission) {
    let bodiless = bodiless(exchange);
    let response = &exchange.response;
    let status = exchange.response_field(GRPC_STATUS).map(status);
    let grpc = match bodiless {
        true => status.is_some(),
        false => response.status == 200 && response.message.grpc,
    };
    match status {
        Some(status) if grpc => admission.ended(Ended::Grpc(status)),
        None if grpc => exchange.record.ends_in_trailers = true,
        _ => admission.ended(Ended::Http(response.status)),
    }
}

fn bodiless(exchange: &mut Exchange) -> bool {
    let upstream = exchange.upstream.as_mut();
    match upstream.and_then(|upstream| upstream.stream.message()) {
        Some(message) => message.ends(),
        None => framing(exchange, false).is_ok_and(|framing| framing.done()),
    }
}

/// A response is over whose outcome was not in its head.
pub(super) fn trailed(exchange: &mut Exchange, admission: &Admission) {
    let trailers = trailers(exchange);
    if trailers.is_empty() {
        return;
    }
    let found = trailers.split(|byte| *byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let same = name.eq_ignore_ascii_case(GRPC_STATUS.as_bytes());
        same.then(|| std::str::from_utf8(&value[1..]).ok().and_then(status))
    });
    admission.ended(Ended::Grpc(found.flatten()));
}

/// The lines of trailers that came with a response.
pub(super) fn trailers(exchange: &mut Exchange) -> Vec<u8> {
    let mut trailers = exchange.download.source().trailers().to_vec();
    let upstream = exchange.upstream.as_mut();
    if let Some(message) = upstream.and_then(|upstream| upstream.stream.message()) {
        message.push_trailers(&mut trailers);
    }
    trailers
}

fn status(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

const GRPC_STATUS: &str = "grpc-status";
