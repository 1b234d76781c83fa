// SPDX-License-Identifier: Apache-2.0
//! W3C trace contexts: `traceparent` and `tracestate`.
//!
//! In: what a client sent. Out: the context of the request, a new one or the client's with a span of
//! ours, and what is sent on. As Envoy reads it: the version is not looked at, and whatever has
//! another length than version 00 is no context.

/// A span's number.
pub(crate) type SpanId = [u8; 8];

/// The context of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Context {
    /// The trace.
    pub(crate) trace_id: [u8; 16],
    /// The request's span.
    pub(crate) span_id: SpanId,
    /// The client's span.
    pub(crate) parent: Option<SpanId>,
    /// Spans are told of.
    pub(crate) sampled: bool,
    /// `tracestate`.
    pub(crate) state: Vec<u8>,
}

impl Context {
    /// The context of a request that `traced` says to trace. A client's word counts as well: what it
    /// does not sample, nobody does. `None` for what is no `traceparent`: the request is not traced,
    /// and its fields go on as they are.
    pub(crate) fn of<'a>(
        traceparent: Option<&[u8]>,
        tracestate: impl Iterator<Item = &'a [u8]>,
        traced: bool,
    ) -> Option<Self> {
        let span_id = random_span();
        let Some(text) = traceparent else {
            return Some(Self {
                trace_id: fastrand::u128(1..).to_be_bytes(),
                span_id,
                parent: None,
                sampled: traced,
                state: Vec::new(),
            });
        };
        let (trace_id, parent, sampled) = parse(text)?;
        Some(Self {
            trace_id,
            span_id,
            parent: Some(parent),
            sampled: traced && sampled,
            state: tracestate.collect::<Vec<_>>().join(&b','),
        })
    }

    /// `traceparent` for whom this span asks.
    pub(crate) fn traceparent(&self, span: SpanId) -> String {
        let flags = u8::from(self.sampled);
        let trace = u128::from_be_bytes(self.trace_id);
        format!(
            "00-{trace:032x}-{:016x}-{flags:02x}",
            u64::from_be_bytes(span)
        )
    }
}

/// A number for a new span.
pub(crate) fn random_span() -> SpanId {
    fastrand::u64(1..).to_be_bytes()
}

fn parse(text: &[u8]) -> Option<([u8; 16], SpanId, bool)> {
    let text = std::str::from_utf8(text).ok()?;
    let mut parts = text.split('-');
    let mut part = |length: usize| {
        let part = parts.next()?;
        let digits = part.bytes().all(|byte| byte.is_ascii_hexdigit());
        (part.len() == length && digits).then_some(part)
    };
    let (_version, trace, parent, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    if parts.next().is_some() {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok()?;
    let parent = u64::from_str_radix(parent, 16).ok()?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    let known = trace != 0 && parent != 0;
    known.then_some((trace.to_be_bytes(), parent.to_be_bytes(), flags & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "b7ad6b7169203331";

    fn of(text: &str, traced: bool) -> Option<Context> {
        let state: [&[u8]; 2] = [b"a=b", b"c=d"];
        Context::of(Some(text.as_bytes()), state.into_iter(), traced)
    }

    /// As Envoy 1.40 took them.
    #[test]
    fn a_client_s_context_is_continued() {
        for version in ["00", "01", "cc", "ff"] {
            let context = of(&format!("{version}-{TRACE}-{PARENT}-01"), true).unwrap();
            let sent = context.traceparent([0, 0, 0, 0, 0, 0, 0xab, 0xcd]);
            assert_eq!(sent, format!("00-{TRACE}-000000000000abcd-01"));
            assert_eq!(context.state, b"a=b,c=d");
            assert_eq!(context.parent.unwrap()[..2], [0xb7, 0xad]);
        }
        let upper = TRACE.to_uppercase();
        let context = of(&format!("00-{upper}-{PARENT}-03"), true).unwrap();
        assert!(context.sampled && context.traceparent(context.span_id).contains(TRACE));
    }

    #[test]
    fn both_sides_must_want_it() {
        for (traced, flags, sampled) in [
            (true, "01", true),
            (true, "00", false),
            (true, "02", false),
            (false, "01", false),
        ] {
            let context = of(&format!("00-{TRACE}-{PARENT}-{flags}"), traced).unwrap();
            assert_eq!(context.sampled, sampled, "{traced} {flags}");
        }
    }

    #[test]
    fn what_is_no_context_is_none() {
        let zeros = "0".repeat(32);
        for text in [
            "nonsense",
            "",
            &format!("00-{zeros}-{PARENT}-01"),
            &format!("00-{TRACE}-{}-01", &zeros[..16]),
            &format!("00-{TRACE}-{PARENT}-01-extra"),
            &format!("00-{TRACE}-{PARENT}-1"),
            &format!("00-{TRACE}-{PARENT}-0g"),
            &format!("00_{TRACE}_{PARENT}_01"),
            &format!("+0-{TRACE}-{PARENT}-01"),
        ] {
            assert_eq!(of(text, true), None, "{text}");
        }
    }

    #[test]
    fn without_a_client_s_context_a_trace_begins() {
        let state: [&[u8]; 1] = [b"a=b"];
        let [one, two] = [(); 2].map(|()| Context::of(None, state.into_iter(), true).unwrap());
        assert_ne!(one.trace_id, two.trace_id);
        assert_eq!((one.parent, one.sampled), (None, true));
        assert!(one.state.is_empty(), "it belongs to no traceparent");
    }
}
