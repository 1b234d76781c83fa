// SPDX-License-Identifier: Apache-2.0
//! The path of a field in a document, printed as the API server prints it.
//!
//! In: names and indices while a tree is walked. Out: text such as `spec.targetRefs[0].kind`.

use std::fmt;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Key of a mapping.
    Field(String),
    /// Item of a list, from 0.
    Index(usize),
}

/// A path from the root of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FieldPath(Vec<Segment>);

impl FieldPath {
    /// The root.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path one key further down.
    pub fn field(&self, name: &str) -> Self {
        self.with(Segment::Field(name.to_owned()))
    }

    /// The path one list item further down.
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// The steps, from the root.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// A path from dotted text such as `spec.tls.sni`; keys with dots cannot be written this way.
    pub fn dotted(text: &str) -> Self {
        Self(
            text.split('.')
                .map(|name| Segment::Field(name.to_owned()))
                .collect(),
        )
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Field(name) if name.contains(['.', '/']) => write!(f, "[{name}]")?,
                Segment::Field(name) if position == 0 => write!(f, "{name}")?,
                Segment::Field(name) => write!(f, ".{name}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
