// SPDX-License-Identifier: Apache-2.0
//! Compressed responses (`envoy.filters.http.compressor`).
//!
//! In: the compressors of a route in the order of the connection manager, what the client accepts,
//! and the head of a response. Out: which of them compresses it, and what changes in the head.

mod accept;
mod encoder;

pub(crate) use accept::{Decision, Why, choose};
pub(crate) use encoder::Encoder;

/// A compressor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compressor {
    /// The name of its filter, by which routes enable it.
    pub(crate) filter: Box<str>,
    /// The name of its library, for its stats.
    pub(crate) library: Box<str>,
    /// What it makes.
    pub(crate) coding: Coding,
    /// Shorter bodies are left alone, in bytes.
    pub(crate) min_length: u64,
    /// Among equals it wins.
    pub(crate) choose_first: bool,
    /// Responses with an `etag` are left alone.
    pub(crate) spare_etags: bool,
    /// Strong validators become weak; else they go.
    pub(crate) weaken_etags: bool,
    /// Responses of these statuses are left alone.
    pub(crate) spared_statuses: Vec<u16>,
    /// Backends do not see `accept-encoding`, unless a route says otherwise.
    pub(crate) hides_accept: bool,
    /// Its numbers have `response.` in their names.
    pub(crate) by_direction: bool,
}

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// `br`.
    Brotli,
    /// `gzip`.
    Gzip,
    /// `zstd`.
    Zstd,
}

impl Coding {
    /// Its name in fields.
    pub(crate) fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Its name in stats.
    fn stat_name(self) -> &'static str {
        match self {
            Self::Brotli => "brotli",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// What a response says that matters here.
#[derive(Debug, Default)]
pub(crate) struct Subject {
    /// The status.
    pub(crate) status: u16,
    /// Nothing follows the head.
    pub(crate) ended: bool,
    /// `content-length`.
    pub(crate) length: Option<u64>,
    /// The media type of `content-type`, in lower case.
    pub(crate) media_type: Option<String>,
    /// `cache-control` has `no-transform`.
    pub(crate) fixed: bool,
    /// There is an `etag`.
    pub(crate) etag: Option<Vec<u8>>,
    /// It is encoded already.
    pub(crate) encoded: bool,
    /// `vary`.
    pub(crate) vary: Option<Vec<u8>>,
}

/// Why a compressor did what it did, for its stats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Outcome {
    /// It compresses.
    pub(crate) compresses: bool,
    /// The body is too short.
    pub(crate) too_short: bool,
    /// It was spared for its `etag`.
    pub(crate) etag: bool,
    /// What the client accepts was looked at; `None` where it said nothing.
    pub(crate) accepted: Option<Option<Why>>,
}

/// Fields of a response that get another value (`Some`) or go (`None`).
pub(crate) type Edits = Vec<(&'static [u8], Option<Vec<u8>>)>;

/// What became of a response.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// What it is compressed with.
    pub(crate) coding: Option<Coding>,
    /// What each compressor did, in the order of the connection manager.
    pub(crate) outcomes: Vec<Outcome>,
    /// Fields that were there and change.
    pub(crate) edits: Edits,
    /// Fields that were not there.
    pub(crate) added: Vec<(&'static [u8], Vec<u8>)>,
}

/// Lets `compressors` look at a response, the last one first. `accepts` is what the client accepts
/// as each of them saw it.
pub(crate) fn compress(
    compressors: &[&Compressor],
    accepts: impl Fn(usize) -> Option<Decision>,
    mut subject: Subject,
) -> Verdict {
    let mut verdict = Verdict {
        outcomes: vec![Outcome::default(); compressors.len()],
        ..Verdict::default()
    };
    let had_vary = subject.vary.is_some();
    let before = subject.vary.clone();
    for (at, compressor) in compressors.iter().enumerate().rev() {
        let outcome = &mut verdict.outcomes[at];
        let long = subject.length.is_none_or(|it| it >= compressor.min_length);
        outcome.too_short = !long;
        let etag = compressor.spare_etags && subject.etag.is_some();
        outcome.etag = long && etag;
        let compressible = long && compressor.compresses(&subject) && !etag;
        if long && !subject.ended {
            let decision = accepts(at);
            let chosen = decision.is_some_and(|it| it.coding == Some(compressor.coding));
            outcome.accepted = Some(decision.map(|it| it.why_for(compressor.coding)));
            if compressible && chosen {
                outcome.compresses = true;
                verdict.coding = Some(compressor.coding);
                compressor.rewrite(&mut subject, &mut verdict);
            }
        }
        if compressible && !names_accept(subject.vary.as_deref()) {
            let value = match subject.vary.take() {
                Some(value) => [&value[..], b", Accept-Encoding"].concat(),
                None => b"Accept-Encoding".to_vec(),
            };
            if !had_vary {
                verdict.added.push((b"vary", value.clone()));
            }
            subject.vary = Some(value);
        }
    }
    if had_vary && before != subject.vary {
        verdict.edits.push((b"vary", subject.vary));
    }
    verdict
}

impl Compressor {
    /// The name of its numbers, behind `http.`.
    pub(crate) fn stat_name(&self, prefix: &str) -> String {
        let coding = self.coding.stat_name();
        format!("{prefix}.compressor.{}.{coding}", self.library)
    }

    /// Whether it would compress such a response for somebody.
    fn compresses(&self, subject: &Subject) -> bool {
        !subject.fixed
            && !subject.encoded
            && !self.spared_statuses.contains(&subject.status)
            && takes(subject.media_type.as_deref())
    }

    fn rewrite(&self, subject: &mut Subject, verdict: &mut Verdict) {
        if let Some(etag) = subject.etag.take() {
            let weak = etag.starts_with(b"W/") || etag.starts_with(b"w/");
            if !weak {
                let weakened = self.weaken_etags.then(|| [b"W/", &etag[..]].concat());
                verdict.edits.push((b"etag", weakened));
            }
        }
        subject.length = None;
        subject.encoded = true;
        verdict.edits.push((b"content-length", None));
        let token = self.coding.token().as_bytes().to_vec();
        verdict.added.push((b"content-encoding", token));
    }
}

/// Whether this media type is compressed; one that is not told is.
fn takes(media_type: Option<&str>) -> bool {
    media_type.is_none_or(|it| TYPES.contains(&it))
}

/// Whether `vary` has the name; Envoy looks for it in this spelling only.
fn names_accept(vary: Option<&[u8]>) -> bool {
    let mut names = vary.unwrap_or_default().split(|byte| *byte == b',');
    names.any(|name| name.trim_ascii() == b"Accept-Encoding")
}

/// Media types that are compressed: what Envoy takes where nothing is set.
const TYPES: [&str; 19] = [
    "text/html",
    "text/plain",
    "text/css",
    "application/javascript",
    "application/x-javascript",
    "text/javascript",
    "text/x-javascript",
    "text/ecmascript",
    "text/js",
    "text/jscript",
    "text/x-js",
    "application/ecmascript",
    "application/x-json",
    "application/xml",
    "application/json",
    "image/svg+xml",
    "text/xml",
    "application/xhtml+xml",
    "application/grpc-web",
];

#[cfg(test)]
mod tests;
