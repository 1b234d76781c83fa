// SPDX-License-Identifier: Apache-2.0
//! Compressed responses.
//!
//! In: what the client accepts, then the head of a response, of the upstream or made here. Out: what
//! changes in the head, and what the body passes through.

use std::sync::Arc;

use super::{exchange::Exchange, pump::Encoding, session::Session};
use crate::{
    filter::{Compressor, Edits, Filters, Outcome, Subject, Why, choose, compress},
    plan::ConnectionManager,
    stats::{CompressionStats, CompressorStats},
};

/// What a request said of it.
#[derive(Debug)]
pub(super) struct Accepts {
    /// `accept-encoding`.
    field: Option<Vec<u8>>,
    /// How many compressors saw it: one may hide it from those behind.
    seen_by: usize,
    /// The backend does not see it.
    pub(super) hidden: bool,
}

/// What becomes of a response.
#[derive(Debug, Default)]
pub(super) struct Compression {
    /// Fields that change.
    pub(super) edits: Edits,
    /// Fields that come.
    pub(super) added: Vec<(&'static [u8], Vec<u8>)>,
    /// What the body passes through.
    pub(super) encoding: Option<Box<Encoding>>,
}

/// Takes down what the client accepts.
pub(super) fn request(session: &Session, exchange: &mut Exchange, filters: &Filters) {
    let active = active(session.manager(), filters);
    let Some(last) = active.len().checked_sub(1) else {
        return;
    };
    for (compressor, _) in &active {
        let prefix = &session.manager().stat_prefix;
        let stats = session.worker.compression_stats(prefix, compressor, true);
        stats.not_compressed.inc();
    }
    let bytes = session.inbox.bytes();
    let hides = active.iter().position(|(_, hides)| *hides);
    exchange.record.accepts = Some(Box::new(Accepts {
        field: exchange.request.message.joined(bytes, b"accept-encoding"),
        seen_by: hides.unwrap_or(last) + 1,
        hidden: hides.is_some(),
    }));
}

/// Decides about the response of the upstream, which `ends` with its head or not.
pub(super) fn of_upstream(session: &Session, exchange: &Exchange, ends: bool) -> Compression {
    let Some(filters) = with_compressors(exchange) else {
        return Compression::default();
    };
    let (head, bytes) = (&exchange.response, exchange.answer.bytes());
    let field = |name: &[u8]| head.message.joined(bytes, name);
    let list = |name: &[u8], wanted: &[u8]| {
        let value = field(name).unwrap_or_default();
        let mut words = value.split(|byte| *byte == b',');
        words.any(|word| word.trim_ascii().eq_ignore_ascii_case(wanted))
    };
    let subject = Subject {
        status: head.status,
        ended: ends,
        length: head.message.content_length,
        media_type: field(b"content-type").map(|it| media_type(&it)),
        fixed: list(b"cache-control", b"no-transform"),
        etag: field(b"etag"),
        encoded: field(b"content-encoding").is_some(),
        vary: field(b"vary"),
    };
    decide(session, exchange, filters, subject)
}

/// Decides about an answer that is made here: its status, its body, and whether only its head goes.
pub(super) fn of_reply(
    session: &Session,
    exchange: &Exchange,
    status: u16,
    body: &[u8],
    head_only: bool,
) -> Compression {
    let Some(filters) = with_compressors(exchange) else {
        return Compression::default();
    };
    let there = !body.is_empty();
    let subject = Subject {
        status,
        ended: !there || head_only,
        length: there.then_some(body.len() as u64),
        media_type: there.then(|| "text/plain".to_owned()),
        ..Subject::default()
    };
    decide(session, exchange, filters, subject)
}

fn with_compressors(exchange: &Exchange) -> Option<&Arc<Filters>> {
    let filters = exchange.record.filters.as_ref();
    filters.filter(|filters| !filters.compressors.is_empty())
}

fn decide(
    session: &Session,
    exchange: &Exchange,
    filters: &Filters,
    subject: Subject,
) -> Compression {
    let manager = session.manager();
    let active = active(manager, filters);
    let active: Vec<&Compressor> = active
        .into_iter()
        .map(|(compressor, _)| compressor)
        .collect();
    let media_type = subject.media_type.clone();
    let accepts = |at: usize| {
        let accepts = exchange.record.accepts.as_ref();
        let accepts = accepts.filter(|accepts| at < accepts.seen_by)?;
        Some(choose(
            accepts.field.as_ref()?,
            &active,
            media_type.as_deref(),
        ))
    };
    let verdict = compress(&active, accepts, subject);
    let mut compression = Compression {
        edits: verdict.edits,
        added: verdict.added,
        encoding: None,
    };
    for (compressor, outcome) in active.iter().zip(verdict.outcomes) {
        let (worker, prefix) = (&session.worker, &manager.stat_prefix);
        let stats = worker.compression_stats(prefix, compressor, false);
        count(
            &stats,
            &worker.compressor_stats(prefix, compressor),
            outcome,
        );
        if outcome.compresses {
            let chunked = !session.stream.is_http2();
            let trailers = exchange.download.framing.forwards_trailers();
            let encoding = Encoding::new(compressor.coding, chunked, trailers, stats);
            match encoding {
                Ok(encoding) => compression.encoding = Some(Box::new(encoding)),
                // Out of memory: the response goes as it is.
                Err(_) => return Compression::default(),
            }
        }
    }
    compression
}

/// The compressors that the route enables, and whether each hides `accept-encoding`.
fn active<'m>(manager: &'m ConnectionManager, filters: &Filters) -> Vec<(&'m Compressor, bool)> {
    let enabled = manager.filters.compressors.iter().filter_map(|compressor| {
        let mut of_route = filters.compressors.iter();
        let (_, hides) = of_route.find(|(name, _)| *name == compressor.filter)?;
        Some((compressor, hides.unwrap_or(compressor.hides_accept)))
    });
    enabled.collect()
}

fn count(done: &CompressionStats, stats: &CompressorStats, outcome: Outcome) {
    if outcome.compresses {
        done.compressed.inc();
    } else {
        done.not_compressed.inc();
    }
    if outcome.too_short {
        done.content_length_too_small.inc();
    }
    if outcome.etag {
        stats.not_compressed_etag.inc();
    }
    match outcome.accepted {
        None => {}
        Some(None) => stats.no_accept_header.inc(),
        Some(Some(Why::Identity)) => stats.header_identity.inc(),
        Some(Some(Why::NotValid)) => stats.header_not_valid.inc(),
        Some(Some(Why::Overshadowed)) => stats.header_compressor_overshadowed.inc(),
        Some(Some(Why::Used)) => stats.header_compressor_used.inc(),
        Some(Some(Why::Wildcard)) => stats.header_wildcard.inc(),
    }
}

/// A media type without its parameters, in lower case.
fn media_type(value: &[u8]) -> String {
    let name = value.split(|byte| *byte == b';').next().unwrap_or_default();
    String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase()
}
