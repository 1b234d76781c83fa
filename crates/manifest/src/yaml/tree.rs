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
use super::open::{Built, Content, Open};
use super::refusal::Refusal;
use super::{extent, scalar, syntax};
use crate::{Diagnostic, MAX_DEPTH, Node, SourceText, Span, Value};

/// The roots of the documents in `source[range]`; empty documents are null.
pub(crate) fn read(
    source: &Arc<SourceText>,
    range: Range<usize>,
) -> Result<Vec<Node>, Vec<Diagnostic>> {
    if let Some(diagnostic) = syntax::control_character(source, range.clone()) {
        return Err(vec![diagnostic]);
    }
    let mut events = Events::new(&source.text, range);
    let mut builder = Builder::new(source);
    while builder.refusals.len() < MAX_REFUSALS
        && let Some(event) = events.next()
    {
        let step = match event {
            Ok((event, span)) => builder.take(event, span),
            Err((words, span)) => Err(Refusal::Syntax(words, span)),
        };
        if let Err(fatal) = step {
            builder.refusals.push(fatal);
            break;
        }
    }
    if builder.refusals.is_empty() {
        return Ok(builder.roots);
    }
    let refusals = builder.refusals.into_iter();
    Err(refusals.map(|refusal| refusal.explain(source)).collect())
}

struct Builder<'a> {
    source: &'a SourceText,
    stack: Vec<Open>,
    roots: Vec<Node>,
    anchors: HashMap<usize, Anchored>,
    refusals: Vec<Refusal>,
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

impl<'a> Builder<'a> {
    fn new(source: &'a SourceText) -> Self {
        Self {
            source,
            stack: Vec::new(),
            roots: Vec::new(),
            anchors: HashMap::new(),
            refusals: Vec::new(),
            cost: 0,
            copied: 0,
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Refusal> {
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                if plain && text == "<<" && self.merge(span) {
                    return Ok(());
                }
                let cost_before = self.cost;
                self.cost += NODE_COST + text.len();
                let node = self.scalar(text.into_owned(), style, tag.as_deref(), span);
                self.finish(Built { node, height: 0 }, anchor, cost_before)?;
            }
            Event::Alias(anchor) => self.alias(anchor, span)?,
            Event::SequenceStart(anchor, _) => {
                self.open(Content::Sequence(Vec::new()), anchor, span)?;
            }
            Event::MappingStart(anchor, _) => self.open(Content::mapping(), anchor, span)?,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.stack.pop() {
                    let (anchor, cost_before) = (open.anchor, open.cost_before);
                    self.finish(open.close(span), anchor, cost_before)?;
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn merge(&mut self, span: Span) -> bool {
        self.stack.last_mut().is_some_and(|open| open.merge(span))
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let span = extent::scalar(self.source, span, style, text.is_empty());
        let plain = style == ScalarStyle::Plain;
        let value = scalar::resolve(text, plain, tag).unwrap_or_else(|words| {
            self.refusals.push(Refusal::Value(words, span));
            Value::Null
        });
        Node { value, span }
    }

    fn open(&mut self, content: Content, anchor: usize, span: Span) -> Result<(), Refusal> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(Refusal::Depth(span));
        }
        let written = self.source.slice(span).unwrap_or_default();
        let flow = written.ends_with(['{', '[']);
        let mut open = Open::new(content, span, flow);
        open.anchor = anchor;
        open.cost_before = self.cost;
        self.stack.push(open);
        self.cost += NODE_COST;
        Ok(())
    }

    /// Takes a value that is complete; keeps a copy if it has an anchor.
    fn finish(&mut self, built: Built, anchor: usize, cost_before: usize) -> Result<(), Refusal> {
        let place = built.node.span;
        if anchor != NO_ANCHOR {
            let cost = self.cost - cost_before;
            self.copy(cost, place)?;
            let built = built.clone();
            self.anchors.insert(anchor, Anchored { built, cost });
        }
        self.attach(built, place);
        Ok(())
    }

    fn alias(&mut self, anchor: usize, place: Span) -> Result<(), Refusal> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(Refusal::Alias(place));
        };
        if self.stack.len() + anchored.built.height > MAX_DEPTH {
            return Err(Refusal::Depth(place));
        }
        let cost = anchored.cost;
        self.copy(cost, place)?;
        self.cost += cost;
        let built = self.anchors[&anchor].built.clone();
        self.attach(built, place);
        Ok(())
    }

    /// Accounts for a copy of `cost`; refuses what small files use to fill a memory.
    fn copy(&mut self, cost: usize, place: Span) -> Result<(), Refusal> {
        self.copied += cost;
        if self.copied > MAX_COPIED {
            return Err(Refusal::Copies(place));
        }
        Ok(())
    }

    /// Puts a complete value, written at `place`, where it belongs.
    fn attach(&mut self, built: Built, place: Span) {
        match self.stack.last_mut() {
            Some(open) => self.refusals.extend(open.take(built, place)),
            None => self.roots.push(built.node),
        }
    }
}

/// The parser numbers anchors from 1.
const NO_ANCHOR: usize = 0;

/// What a node counts for beside its text.
const NODE_COST: usize = 64;

/// Bytes that aliases may add to one stretch: far above any manifest, far below a machine's memory.
const MAX_COPIED: usize = 64 << 20;

/// A text with more mistakes than this has one that explains the others.
const MAX_REFUSALS: usize = 20;
