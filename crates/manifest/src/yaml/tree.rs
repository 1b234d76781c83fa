// SPDX-License-Identifier: Apache-2.0
//! Events to trees.
//!
//! In: the events of one stretch of text. Out: the root of each document in it, or diagnostics.
//! Nothing recurses: open collections stand on a stack of bounded height, and what aliases may
//! copy is bounded too, so hostile input costs neither stack nor memory.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use saphyr_parser::{Event, ScalarStyle, Tag};

use super::events::Events;
use super::mapping::Mapping;
use super::refusal::Refusal;
use super::{extent, scalar, syntax};
use crate::{Diagnostic, Entry, MAX_DEPTH, Node, SourceText, Span, Value};

/// The roots of the documents in `source[range]`; empty documents have none.
pub(crate) fn read(
    source: &Arc<SourceText>,
    range: Range<usize>,
) -> Result<Vec<Node>, Vec<Diagnostic>> {
    if let Some(diagnostic) = syntax::control_character(source, range.clone()) {
        return Err(vec![diagnostic]);
    }
    let mut events = Events::new(&source.text, range);
    let mut builder = Builder::new(source);
    while let Some(event) = events.next() {
        let step = match event {
            Ok((event, span)) => builder.take(event, span),
            Err((words, span)) => Err(Refusal::Syntax(words, span)),
        };
        if let Err(fatal) = step {
            builder.refuse(fatal);
            break;
        }
    }
    if builder.diagnostics.is_empty() {
        Ok(builder.roots)
    } else {
        Err(builder.diagnostics)
    }
}

struct Builder<'a> {
    source: &'a Arc<SourceText>,
    stack: Vec<Open>,
    roots: Vec<Node>,
    anchors: HashMap<usize, Anchored>,
    diagnostics: Vec<Diagnostic>,
    /// Nodes and bytes made so far; the difference of two readings is the size of a subtree.
    cost: usize,
    /// What anchors and aliases copied so far.
    copied: usize,
}

/// A value that an alias can repeat.
struct Anchored {
    built: Built,
    cost: usize,
}

/// A finished value and the levels of collections in it.
#[derive(Clone)]
struct Built {
    node: Node,
    height: usize,
}

/// A collection whose end has not come yet.
struct Open {
    content: Content,
    anchor: usize,
    flow: bool,
    /// No child yet.
    empty: bool,
    span: Span,
    height: usize,
    cost_before: usize,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { mapping: Mapping, pending: Pending },
}

/// What the next value of a mapping belongs to.
enum Pending {
    /// Nothing: the next node is a key.
    Key,
    /// The key before it.
    Value(String, Span),
    /// A key that was refused.
    Nothing,
    /// `<<`, at this place.
    Merge(Span),
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<SourceText>) -> Self {
        Self {
            source,
            stack: Vec::new(),
            roots: Vec::new(),
            anchors: HashMap::new(),
            diagnostics: Vec::new(),
            cost: 0,
            copied: 0,
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Refusal> {
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                let merges = text == "<<" && style == ScalarStyle::Plain && tag.is_none();
                if merges && self.expects_key() {
                    self.merge_follows(span);
                    return Ok(());
                }
                let node = self.scalar(text.into_owned(), style, tag.as_deref(), span);
                let cost_before = self.cost;
                self.cost += NODE_COST + node.as_str().map_or(0, str::len);
                let place = node.span;
                let built = Built { node, height: 0 };
                self.remember(anchor, &built, cost_before)?;
                self.attach(built, place);
            }
            Event::Alias(anchor) => self.alias(anchor, span)?,
            Event::SequenceStart(anchor, _) => {
                self.open(Content::Sequence(Vec::new()), anchor, span)?;
            }
            Event::MappingStart(anchor, _) => {
                let content = Content::Mapping {
                    mapping: Mapping::default(),
                    pending: Pending::Key,
                };
                self.open(content, anchor, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let plain = style == ScalarStyle::Plain;
        let span = extent::scalar(self.source, span, style, text.is_empty());
        let value = scalar::resolve(text, plain, tag).unwrap_or_else(|words| {
            self.refuse(Refusal::Value(words, span));
            Value::Null
        });
        Node { value, span }
    }

    fn open(&mut self, content: Content, anchor: usize, span: Span) -> Result<(), Refusal> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(Refusal::Depth(span));
        }
        let flow = self.slice(span).ends_with(['{', '[']);
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
        self.stack.push(Open {
            content,
            anchor,
            flow,
            empty: true,
            span,
            height: 0,
            cost_before: self.cost,
        });
        self.cost += NODE_COST;
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Refusal> {
        let Some(open) = self.stack.pop() else {
            return Ok(());
        };
        let value = match open.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { mapping, .. } => Value::Mapping(mapping.into_entries()),
        };
        let span = if open.flow {
            Span {
                end: end.end,
                ..open.span
            }
        } else {
            open.span
        };
        let built = Built {
            node: Node { value, span },
            height: open.height + 1,
        };
        self.remember(open.anchor, &built, open.cost_before)?;
        self.attach(built, span);
        Ok(())
    }

    /// Keeps a copy of an anchored value.
    fn remember(
        &mut self,
        anchor: usize,
        built: &Built,
        cost_before: usize,
    ) -> Result<(), Refusal> {
        if anchor == NO_ANCHOR {
            return Ok(());
        }
        let cost = self.cost - cost_before;
        self.copy(cost, built.node.span)?;
        let built = built.clone();
        self.anchors.insert(anchor, Anchored { built, cost });
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Refusal> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(Refusal::Alias(span));
        };
        if self.stack.len() + anchored.built.height > MAX_DEPTH {
            return Err(Refusal::Depth(span));
        }
        let (cost, built) = (anchored.cost, anchored.built.clone());
        self.copy(cost, span)?;
        self.cost += cost;
        self.attach(built, span);
        Ok(())
    }

    /// Accounts for a copy of `cost`; refuses what small files use to fill a memory.
    fn copy(&mut self, cost: usize, span: Span) -> Result<(), Refusal> {
        self.copied += cost;
        if self.copied <= MAX_COPIED {
            return Ok(());
        }
        Err(Refusal::Copies(span))
    }

    /// Puts a finished value, written at `place`, where it belongs.
    fn attach(&mut self, built: Built, place: Span) {
        let Some(open) = self.stack.last_mut() else {
            self.roots.push(built.node);
            return;
        };
        open.height = open.height.max(built.height);
        open.reach(place);
        let Content::Mapping { mapping, pending } = &mut open.content else {
            if let Content::Sequence(items) = &mut open.content {
                items.push(built.node);
            }
            return;
        };
        let refused = match std::mem::replace(pending, Pending::Key) {
            Pending::Key => {
                let (key, refused) = key(&built.node, place);
                *pending = key;
                refused
            }
            Pending::Nothing => None,
            Pending::Value(key, key_span) => {
                let entry = Entry {
                    key,
                    key_span,
                    value: built.node,
                };
                let name = entry.key.clone();
                let clash = mapping.insert(entry).err();
                clash.map(|first| Refusal::Duplicate(name, key_span, first))
            }
            Pending::Merge(span) => mapping
                .merge(built.node)
                .err()
                .map(|_| Refusal::Merge(span)),
        };
        if let Some(refused) = refused {
            self.refuse(refused);
        }
    }

    fn expects_key(&self) -> bool {
        matches!(
            self.stack.last(),
            Some(Open {
                content: Content::Mapping {
                    pending: Pending::Key,
                    ..
                },
                ..
            })
        )
    }

    fn merge_follows(&mut self, span: Span) {
        if let Some(open) = self.stack.last_mut() {
            open.reach(span);
            if let Content::Mapping { pending, .. } = &mut open.content {
                *pending = Pending::Merge(span);
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.diagnostics.push(refusal.explain(self.source));
    }

    fn slice(&self, span: Span) -> &'a str {
        self.source.slice(span).unwrap_or_default()
    }
}

impl Open {
    /// Extends a block collection, which has no brackets, to a child at `place`.
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

/// The name that a node is as a key: JSON's keys are strings.
fn key(node: &Node, place: Span) -> (Pending, Option<Refusal>) {
    let name = match &node.value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => {
            let refused = Refusal::Key(node.shape(), place);
            return (Pending::Nothing, Some(refused));
        }
    };
    (Pending::Value(name, place), None)
}

/// The parser numbers anchors from 1.
const NO_ANCHOR: usize = 0;

/// What a node counts for beside its text.
const NODE_COST: usize = 64;

/// Bytes that aliases may add to one file: far above any manifest, far below a machine's memory.
const MAX_COPIED: usize = 64 << 20;
