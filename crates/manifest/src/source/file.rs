// SPDX-License-Identifier: Apache-2.0
//! One file over time.
//!
//! In: its bytes at each load. Out: the documents of its last good content and what is wrong with
//! the present one. Documents that stand where they stood, letter by letter, stay the same
//! `Arc`s, so that an edit in place of one document costs that document only.

use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::unreadable;
use crate::diagnostic::problem;
use crate::parse::{MAX_DIAGNOSTICS, parse_stretch, stretches};
use crate::{Diagnostic, Document, Fragments, SourceText, Span};

/// What is known about a file.
#[derive(Debug, Default)]
pub(super) struct File {
    /// The bytes read last, good or not; None if they could not be read.
    seen: Option<Vec<u8>>,
    /// The stamp of these bytes, if they cannot change without a new one.
    stamp: Option<Stamp>,
    good: Option<Good>,
    diagnostics: Vec<Diagnostic>,
}

/// The last content that parsed.
#[derive(Debug)]
struct Good {
    source: Arc<SourceText>,
    parts: Vec<Part>,
    /// Loads since all documents referred to one text.
    patches: u32,
}

#[derive(Debug)]
struct Part {
    range: Range<usize>,
    documents: Vec<Arc<Document>>,
}

impl File {
    /// Reads the file; `before` is what was known about it.
    pub(super) fn read(path: &Path, before: Option<Self>, fragments: Fragments) -> Self {
        let stamp = Stamp::of(path);
        let before = match before {
            Some(before) if stamp.is_some() && before.stamp == stamp => return before,
            before => before,
        };
        let name = path.display().to_string();
        match std::fs::read(path) {
            Ok(bytes) => Self {
                stamp: stamp.filter(Stamp::is_settled),
                ..Self::from_bytes(&name, bytes, before, fragments)
            },
            Err(reason) => Self {
                seen: None,
                stamp: None,
                diagnostics: vec![unreadable(path, &reason.to_string())],
                ..before.unwrap_or_default()
            },
        }
    }

    /// Takes the present content.
    pub(super) fn from_bytes(
        name: &str,
        bytes: Vec<u8>,
        before: Option<Self>,
        fragments: Fragments,
    ) -> Self {
        let before = before.unwrap_or_default();
        if before.seen.as_ref() == Some(&bytes) {
            return before;
        }
        let good = before.good;
        match parts(name, &bytes, good.as_ref(), fragments) {
            Ok(good) => Self {
                seen: Some(bytes),
                stamp: None,
                good: Some(good),
                diagnostics: Vec::new(),
            },
            Err(diagnostics) => Self {
                seen: Some(bytes),
                stamp: None,
                good,
                diagnostics,
            },
        }
    }

    /// The documents in use.
    pub(super) fn documents(&self) -> impl Iterator<Item = &Arc<Document>> {
        let parts = self.good.iter().flat_map(|good| &good.parts);
        parts.flat_map(|part| &part.documents)
    }

    /// What is wrong with the present content.
    pub(super) fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether the documents in use are not those of the present content.
    pub(super) fn is_stale(&self) -> bool {
        self.good.is_some() && !self.diagnostics.is_empty()
    }
}

/// What the file system knows about a content without reading it.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether the next change is sure to get another stamp: file systems count time in steps, so a
    /// stamp from just now may be given twice.
    fn is_settled(&self) -> bool {
        let changed = u64::try_from(self.changed.0).map(Duration::from_secs).ok();
        let changed = changed.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
        let age = changed.and_then(|at| at.elapsed().ok());
        age.is_some_and(|age| age > SETTLING)
    }
}

fn parts(
    name: &str,
    bytes: &[u8],
    before: Option<&Good>,
    fragments: Fragments,
) -> Result<Good, Vec<Diagnostic>> {
    let source = decode(name, bytes)?;
    let before = before.filter(|good| good.patches < MAX_PATCHES);
    let mut parts = Vec::new();
    let mut diagnostics = Vec::new();
    let mut patched = false;
    for range in stretches(&source) {
        let documents = match before.and_then(|good| good.unchanged(&source, &range)) {
            Some(documents) => {
                patched = true;
                documents
            }
            None => parse_stretch(&source, range.clone(), fragments).unwrap_or_else(|problems| {
                diagnostics.extend(problems);
                Vec::new()
            }),
        };
        parts.push(Part { range, documents });
        if diagnostics.len() >= MAX_DIAGNOSTICS {
            break;
        }
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let patches = match before {
        Some(good) if patched => good.patches + 1,
        _ => 0,
    };
    Ok(Good {
        source,
        parts,
        patches,
    })
}

impl Good {
    /// The documents of a part that has the same bytes on the same lines as before.
    fn unchanged(&self, source: &SourceText, range: &Range<usize>) -> Option<Vec<Arc<Document>>> {
        let parts = &self.parts;
        let at = parts.binary_search_by_key(&range.start, |part| part.range.start);
        let part = &parts[at.ok()?];
        let start = range.start as u32;
        let same = part.range == *range
            && self.source.text[range.clone()] == source.text[range.clone()]
            && self.source.position(start) == source.position(start);
        same.then(|| part.documents.clone())
    }
}

fn decode(name: &str, bytes: &[u8]) -> Result<Arc<SourceText>, Vec<Diagnostic>> {
    if bytes.len() > MAX_BYTES {
        let source = Arc::new(SourceText::new(name, String::new()));
        let words = format!("larger than {} MiB", MAX_BYTES >> 20);
        return Err(vec![problem(
            "file-too-large",
            words,
            &source,
            Span::default(),
        )]);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Arc::new(SourceText::new(name, text.to_owned()))),
        Err(error) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let source = Arc::new(SourceText::new(name, text));
            let start = error.valid_up_to() as u32;
            let end = start + char::REPLACEMENT_CHARACTER.len_utf8() as u32;
            let problem = problem("file-encoding", "not UTF-8", &source, Span { start, end })
                .help("save the file as UTF-8");
            Err(vec![problem])
        }
    }
}

/// Every patch may keep one more old text alive; after this many the file is read afresh.
const MAX_PATCHES: u32 = 16;

/// Offsets are 32 bits wide, and no cluster's worth of manifests comes near this.
const MAX_BYTES: usize = 512 << 20;

/// Coarser than the clock of any file system that we know.
const SETTLING: Duration = Duration::from_secs(3);
