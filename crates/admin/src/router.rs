// SPDX-License-Identifier: Apache-2.0
//! From a request to its page.
//!
//! In: a decoded request. Out: the answer of a command or of a page of ours, or Envoy's text for an
//! unknown path or a wrong method.

use std::sync::{Mutex, PoisonError};

use hyper::{Method, StatusCode};

use crate::{
    Answer, Page, Views,
    command::{self, COMMANDS},
    config_dump::Ledger,
    page::home,
    request::Request,
};

/// The views and what is remembered between requests.
pub(crate) struct Router {
    pub(crate) views: Views,
    ledger: Mutex<Ledger>,
}

impl Router {
    pub(crate) fn new(views: Views) -> Self {
        let router = Self {
            views,
            ledger: Mutex::default(),
        };
        router.observe_snapshot();
        router
    }

    /// Notes when each resource was first seen in its present version.
    pub(crate) fn observe_snapshot(&self) {
        self.with_ledger(|_| ());
    }

    /// Gives `use_it` the ledger, which knows the newest snapshot.
    pub(crate) fn with_ledger<T>(&self, use_it: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.observe(&self.views.snapshots.current());
        use_it(&mut ledger)
    }

    pub(crate) fn answer(&self, request: &Request) -> Answer {
        if let Some(command) = command::find(&request.path) {
            if command.changes && request.method != Method::POST {
                let text = format!("Method {} not allowed, POST required.", request.method);
                return Answer::failure(StatusCode::METHOD_NOT_ALLOWED, text);
            }
            return (command.show)(self, request);
        }
        let mut pages = self.views.pages.iter();
        let is_asked = |page: &&Page| {
            page.path == request.path || page.aliases.contains(&request.path.as_str())
        };
        if let Some(page) = pages.find(is_asked) {
            return (page.show)(request);
        }
        let text = format!(
            "invalid path. {}",
            home::help_text(COMMANDS, &self.views.pages)
        );
        Answer::failure(StatusCode::NOT_FOUND, text)
    }
}
