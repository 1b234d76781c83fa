// SPDX-License-Identifier: Apache-2.0
//! The pages that change something.
//!
//! In: a POST. Out: `OK` once the binary did it, or 503 with its reason.

use hyper::StatusCode;

use crate::{Action, Answer, request::Request, router::Router};

/// `/drain_listeners`.
pub(crate) fn drain_listeners(router: &Router, request: &Request) -> Answer {
    let action = Action::DrainListeners {
        graceful: request.has("graceful"),
        skip_exit: request.has("skip_exit"),
        inbound_only: request.has("inboundonly"),
    };
    run(router, action)
}

/// `/healthcheck/fail`.
pub(crate) fn healthcheck_fail(router: &Router, _request: &Request) -> Answer {
    run(router, Action::HealthcheckFail)
}

/// `/healthcheck/ok`.
pub(crate) fn healthcheck_ok(router: &Router, _request: &Request) -> Answer {
    run(router, Action::HealthcheckOk)
}

/// `/quitquitquit`.
pub(crate) fn quit(router: &Router, _request: &Request) -> Answer {
    run(router, Action::Quit)
}

/// `/reopen_logs`.
pub(crate) fn reopen_logs(router: &Router, _request: &Request) -> Answer {
    run(router, Action::ReopenLogs)
}

/// `/reset_counters`.
pub(crate) fn reset_counters(router: &Router, _request: &Request) -> Answer {
    router.views.registry.reset_counters();
    Answer::text("OK\n")
}

fn run(router: &Router, action: Action) -> Answer {
    match (router.views.actions)(action) {
        Ok(()) => Answer::text("OK\n"),
        Err(reason) => Answer::failure(StatusCode::SERVICE_UNAVAILABLE, reason),
    }
}
