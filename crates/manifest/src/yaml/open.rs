// SPDX-License-Identifier: Apache-2.0
//! A collection whose end has not come yet.
//!
//! In: finished children in the order of the text. Out: the finished collection with its extent,
//! or why a child is refused.

use super::mapping::Mapping;
use super::refusal::Refusal;
use crate::{Entry, Node, Span, Value};

/// A finished value and the levels of collections in it.
#[derive(Clone)]
pub(super) struct Built {
    pub(super) node: Node,
    pub(super) height: usize,
}

/// An unfinished collection.
pub(super) struct Open {
    /// The parser's number of its anchor.
    pub(super) anchor: usize,
    /// What the builder had counted when it began.
    pub(super) cost_before: usize,
    content: Content,
    /// Written with brackets.
    flow: bool,
    empty: bool,
    span: Span,
    height: usize,
}

/// Its children so far.
pub(super) enum Content {
    Sequence(Vec<Node>),
    Mapping { mapping: Mapping, pending: Pending },
}

/// What the next node of a mapping is.
pub(super) enum Pending {
    /// A key.
    Key,
    /// The value of a key that was refused.
    Nothing,
    /// The value of this key.
    Value(String, Span),
    /// The value of `<<` at this place.
    Merge(Span),
}

impl Content {
    /// An empty mapping.
    pub(super) fn mapping() -> Self {
        Self::Mapping {
            mapping: Mapping::default(),
            pending: Pending::Key,
        }
    }
}

impl Open {
    /// A collection that begins at `span`, which ends with the bracket if it has one.
    pub(super) fn new(content: Content, span: Span, flow: bool) -> Self {
        let span = if flow {
            Span {
                start: span.end - 1,
                ..span
            }
        } else {
            Span {
                end: span.start,
                ..span
            }
        };
        Self {
            anchor: 0,
            cost_before: 0,
            content,
            flow,
            empty: true,
            span,
            height: 0,
        }
    }

    /// Takes `<<` for a merge key, if a key may stand here.
    pub(super) fn merge(&mut self, span: Span) -> bool {
        let Content::Mapping { pending, .. } = &mut self.content else {
            return false;
        };
        if !matches!(pending, Pending::Key) {
            return false;
        }
        *pending = Pending::Merge(span);
        self.reach(span);
        true
    }

    /// Takes the next child, written at `place`.
    pub(super) fn take(&mut self, built: Built, place: Span) -> Option<Refusal> {
        self.height = self.height.max(built.height);
        self.reach(place);
        match &mut self.content {
            Content::Sequence(items) => {
                items.push(built.node);
                None
            }
            Content::Mapping { mapping, pending } => {
                let (next, refused) = pending.take(built.node, place, mapping);
                *pending = next;
                refused
            }
        }
    }

    /// The finished collection; `end` is the place of its closing bracket.
    pub(super) fn close(self, end: Span) -> Built {
        let value = match self.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { mapping, .. } => Value::Mapping(mapping.into_entries()),
        };
        let mut span = self.span;
        if self.flow {
            span.end = end.end.max(span.end);
        }
        Built {
            node: Node { value, span },
            height: self.height + 1,
        }
    }

    /// Extends a collection without brackets to a child at `place`.
    fn reach(&mut self, place: Span) {
        if self.flow {
            return;
        }
        if self.empty {
            self.empty = false;
            self.span = place;
        }
        self.span.end = self.span.end.max(place.end);
    }
}

impl Pending {
    /// Puts a node into a mapping: what comes after it, and why it is refused.
    fn take(&mut self, node: Node, place: Span, mapping: &mut Mapping) -> (Self, Option<Refusal>) {
        match std::mem::replace(self, Self::Key) {
            Self::Key => match name(node) {
                Ok(key) => (Self::Value(key, place), None),
                Err(shape) => (Self::Nothing, Some(Refusal::Key(shape, place))),
            },
            Self::Nothing => (Self::Key, None),
            Self::Value(key, key_span) => {
                let value = node;
                let refused = mapping
                    .insert(Entry {
                        key,
                        key_span,
                        value,
                    })
                    .err();
                let refused = refused
                    .map(|(entry, first)| Refusal::Duplicate(entry.key, entry.key_span, first));
                (Self::Key, refused)
            }
            Self::Merge(span) => {
                let refused = (!mapping.merge(node)).then_some(Refusal::Merge(span));
                (Self::Key, refused)
            }
        }
    }
}

/// The name that a node is as a key, since JSON's keys are strings; or its shape.
fn name(node: Node) -> Result<String, &'static str> {
    match node.value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => Err(node.shape()),
    }
}
