// SPDX-License-Identifier: Apache-2.0
//! Spans that are over, with the attributes that Envoy gives them.
//!
//! In: what is known of a request or of an attempt. Out: OTLP's message.

use std::time::{SystemTime, UNIX_EPOCH};

use sluicegate_xds::otlp::{AnyValue, KeyValue, Span, SpanKind, Status, StatusCode, any_value};

use super::{Context, SpanId};

/// Attributes of one span; each name is there once.
#[derive(Debug, Default)]
pub(crate) struct Attributes(Vec<KeyValue>);

/// A span that is over.
#[derive(Debug)]
pub(crate) struct Finished<'a> {
    /// The request's context.
    pub(crate) context: &'a Context,
    /// An attempt's own number; `None` for the request's span.
    pub(crate) attempt: Option<SpanId>,
    /// Its name.
    pub(crate) name: String,
    /// When it began.
    pub(crate) started: SystemTime,
    /// What there is to tell.
    pub(crate) attributes: Attributes,
}

impl Attributes {
    /// Adds one, or replaces its value.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = AnyValue {
            value: Some(any_value::Value::StringValue(value.into())),
        };
        match self.0.iter_mut().find(|one| one.key == name) {
            Some(one) => one.value = Some(value),
            None => self.0.push(KeyValue {
                key: name.to_owned(),
                value: Some(value),
                ..KeyValue::default()
            }),
        }
    }

    /// Adds the status, and `error` where it is one or where there is none.
    pub(crate) fn status(&mut self, status: u16) {
        self.set("http.status_code", status.to_string());
        if status == 0 || status >= 500 {
            self.error();
        }
    }

    /// Adds `error`.
    pub(crate) fn error(&mut self) {
        self.set("error", "true");
    }

    fn number(&self, name: &str) -> Option<u32> {
        let one = self.0.iter().find(|one| one.key == name)?;
        match one.value.as_ref()?.value.as_ref()? {
            any_value::Value::StringValue(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl Finished<'_> {
    /// OTLP's message; the span is over now.
    pub(crate) fn encode(self) -> Span {
        let context = self.context;
        let kind = match self.attempt {
            Some(_) => SpanKind::Client,
            None => SpanKind::Server,
        };
        let parent = match self.attempt {
            Some(_) => Some(context.span_id),
            None => context.parent,
        };
        let remote = self.attempt.is_none() && parent.is_some();
        let failed = fails(&self.attributes, kind);
        Span {
            trace_id: context.trace_id.to_vec(),
            span_id: self.attempt.unwrap_or(context.span_id).to_vec(),
            trace_state: String::from_utf8_lossy(&context.state).into_owned(),
            parent_span_id: parent.map_or_else(Vec::new, |parent| parent.to_vec()),
            name: self.name,
            kind: kind.into(),
            start_time_unix_nano: nanoseconds(self.started),
            end_time_unix_nano: nanoseconds(SystemTime::now()),
            attributes: self.attributes.0,
            status: failed.then(|| Status {
                code: StatusCode::Error.into(),
                ..Status::default()
            }),
            flags: SAMPLED | PARENT_IS_KNOWN | if remote { PARENT_IS_REMOTE } else { 0 },
        }
    }
}

/// OpenTelemetry's rule: who asks takes errors of its own for errors too.
fn fails(attributes: &Attributes, kind: SpanKind) -> bool {
    let first = if kind == SpanKind::Client { 400 } else { 500 };
    let status = attributes.number("http.status_code");
    let grpc = attributes.number("grpc.status_code");
    let grpc = grpc.is_some_and(|code| match kind {
        SpanKind::Client => code != 0,
        _ => matches!(code, 2 | 4 | 12..=15),
    });
    grpc || status.is_some_and(|status| status >= first)
}

/// Since 1970.
fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

const SAMPLED: u32 = 1;
const PARENT_IS_KNOWN: u32 = 0x100;
const PARENT_IS_REMOTE: u32 = 0x200;
