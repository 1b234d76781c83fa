// SPDX-License-Identifier: Apache-2.0
//! Access logs: what is written of a request or a connection when it is over.
//!
//! In: facts, and the logs of a listener. Out: a line in the queue of each log whose filter lets it
//! through; files are written by threads of their own.

mod connection;
mod file;
mod filter;
mod json;

use std::{
    cell::RefCell,
    sync::{Arc, OnceLock},
};

pub(crate) use connection::Account;
pub(crate) use file::{LogFile, LogFiles, STDERR, STDOUT};
pub(crate) use filter::{Comparison, Filter, Kind, Op, Sample};
pub(crate) use json::Json;

use crate::route::{Facts, Format};

/// The access logs of a connection manager, a proxy or a listener.
#[derive(Debug, Default)]
pub(crate) struct AccessLogs {
    logs: Vec<AccessLog>,
    /// See [`Format::reads_ends`], of all lines together.
    pub(crate) reads_ends: [bool; 2],
}

/// One of them.
#[derive(Debug)]
pub(crate) struct AccessLog {
    /// Which requests.
    pub(crate) filter: Option<Filter>,
    /// What is said of each.
    pub(crate) line: Line,
    /// The path of the file.
    pub(crate) path: Box<str>,
    /// The file, once it is open.
    file: OnceLock<Arc<LogFile>>,
}

/// What a line looks like.
#[derive(Debug)]
pub(crate) enum Line {
    /// An object with a line end.
    Json(Json),
    /// A text as it stands; what stands for values that are not known.
    Text(Format, &'static [u8]),
}

impl AccessLogs {
    /// Takes compiled logs together.
    pub(crate) fn new(logs: Vec<AccessLog>) -> Self {
        let mut reads_ends = [false; 2];
        for log in &logs {
            log.line.each_format(&mut |format| {
                for (all, one) in reads_ends.iter_mut().zip(format.reads_ends()) {
                    *all |= one;
                }
            });
        }
        Self { logs, reads_ends }
    }

    /// Whether nothing is logged.
    pub(crate) fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// Opens the files.
    pub(crate) fn open(&self, files: &LogFiles) -> Result<(), String> {
        for log in &self.logs {
            let file = files.open(&log.path)?;
            // One that is open already is the same one.
            let _ = log.file.set(file);
        }
        Ok(())
    }

    /// Logs something that is over.
    pub(crate) fn write(&self, facts: &Facts<'_>, kind: Kind) {
        let facts = &Facts {
            kind: kind.name(),
            ..*facts
        };
        LINE.with_borrow_mut(|line| {
            for log in &self.logs {
                log.write(facts, kind, line);
            }
        });
    }
}

impl AccessLog {
    /// A log whose file is not open yet.
    pub(crate) fn new(path: &str, filter: Option<Filter>, line: Line) -> Self {
        Self {
            filter,
            line,
            path: path.into(),
            file: OnceLock::new(),
        }
    }

    fn write(&self, facts: &Facts<'_>, kind: Kind, line: &mut Vec<u8>) {
        let Some(file) = self.file.get() else {
            return;
        };
        let filter = self.filter.as_ref();
        if filter.is_some_and(|filter| !filter.passes(facts, kind)) {
            return;
        }
        line.clear();
        self.line.push(facts, line);
        file.write(line);
    }
}

impl Line {
    /// Looks at every text in it.
    pub(crate) fn each_format(&self, look: &mut dyn FnMut(&Format)) {
        match self {
            Self::Json(json) => json.each_format(look),
            Self::Text(format, _) => look(format),
        }
    }

    fn push(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Json(json) => json.push(facts, out),
            Self::Text(format, missing) => format.push(facts, missing, out),
        }
    }
}

thread_local! {
    /// A worker's line, whose memory is used again.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
