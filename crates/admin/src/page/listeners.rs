// SPDX-License-Identifier: Apache-2.0
//! `/listeners`.
//!
//! In: the live listener view. Out: `name::address` lines, or the message as JSON.

use std::fmt::Write;

use crate::{Answer, page, request::Request, router::Router};

/// `/listeners`.
pub(crate) fn show(router: &Router, request: &Request) -> Answer {
    let listeners = (router.views.listeners)();
    if request.value("format") == Some("json") {
        return page::message(&listeners);
    }
    let mut out = String::new();
    for listener in &listeners.listener_statuses {
        let main = listener.local_address.iter();
        for address in main.chain(&listener.additional_local_addresses) {
            let address = page::address(Some(address));
            let _ = writeln!(out, "{}::{address}", listener.name);
        }
    }
    Answer::text(out)
}
