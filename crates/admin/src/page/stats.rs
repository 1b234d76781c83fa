// SPDX-License-Identifier: Apache-2.0
//! `/stats` and `/stats/prometheus`.
//!
//! In: the query. Out: what the stats crate prints for it.

use sluicegate_stats::{Format, Query};

use crate::{Answer, page::home::escape, request::Request, router::Router};

/// `/stats`.
pub(crate) fn show(router: &Router, request: &Request) -> Answer {
    render(router, request, None)
}

/// `/stats/prometheus`: a format in the query has no effect.
pub(crate) fn prometheus(router: &Router, request: &Request) -> Answer {
    render(router, request, Some(Format::Prometheus))
}

fn render(router: &Router, request: &Request, format: Option<Format>) -> Answer {
    let parameters = request
        .parameters
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .filter(|(key, _)| format.is_none() || *key != "format");
    let mut query = match Query::parse(parameters) {
        Ok(query) => query,
        Err(error) => return Answer::bad_request(error),
    };
    query.format = format.unwrap_or(query.format);
    let body = query.render(&router.views.registry);
    match query.format {
        Format::Html => Answer::html(format!(
            "<!DOCTYPE html>\n<html lang='en'>\n<head><title>Sluicegate stats</title></head>\n\
             <body>\n<pre>\n{}</pre>\n</body>\n</html>\n",
            escape(&body)
        )),
        Format::Json => Answer::json(body),
        Format::Prometheus | Format::Text => Answer::text(body),
    }
}
