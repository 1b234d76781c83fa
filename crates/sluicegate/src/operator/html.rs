// SPDX-License-Identifier: Apache-2.0
//! The web page at the root of the admin API.
//!
//! In: an overview and the facts about its backends. Out: HTML that is whole without scripts, with
//! its style and its script inside. A script may only run if it carries the nonce of its answer.

mod backend;
mod markup;
mod tree;

use sluicegate_admin::Answer;

use self::{backend::encoded, markup::Html};
use super::{backends::span, overview::Overview, problems::Problem};
use crate::explain::backend::BackendFacts;

/// Finds the facts about the backend of a cluster.
pub type Facts<'a> = dyn Fn(&str) -> Option<BackendFacts> + 'a;

/// The page; `commands` is the table of commands of the admin API, in HTML.
pub fn page(overview: &Overview, facts: &Facts<'_>, commands: &str, nonce: &str) -> Answer {
    let mut html = Html::default();
    let title = title(overview);
    html.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    html.raw("<link rel=\"icon\" href=\"data:,\">\n");
    html.element("title", "", &title);
    html.raw("\n<style nonce=\"").text(nonce).raw("\">\n");
    html.raw(STYLE).raw("</style>\n</head>\n<body>\n");
    html.raw("<a class=\"skip\" href=\"#backends\">Skip to backends</a>\n");
    head(&mut html, overview);
    html.raw("<main id=\"main\" data-revision=\"")
        .text(&overview.revision)
        .raw("\">\n");
    problems(&mut html, overview);
    backends(&mut html, overview, facts);
    tree::section(&mut html, overview);
    html.raw(STILL)
        .raw("</main>\n<section aria-labelledby=\"commands-title\">\n");
    html.raw("<details id=\"commands\"><summary><h2 id=\"commands-title\">All admin commands</h2>");
    html.raw("</summary>\n<div class=\"scroll\">\n")
        .raw(commands);
    html.raw("</div></details>\n</section>\n");
    html.raw("<script nonce=\"").text(nonce).raw("\">\n");
    html.raw(SCRIPT).raw("</script>\n</body>\n</html>\n");
    let mut answer = Answer::html(html.into_string());
    answer.security_policy = Some(format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    ));
    answer
}

fn title(overview: &Overview) -> String {
    let counts = overview.counts;
    match (counts.failing, counts.degraded, counts.problems) {
        (0, 0, 0) => "Sluicegate".to_owned(),
        (0, 0, 1) => "1 problem · Sluicegate".to_owned(),
        (0, 0, problems) => format!("{problems} problems · Sluicegate"),
        (0, degraded, _) => format!("{degraded} degraded · Sluicegate"),
        (failing, ..) => format!("{failing} failing · Sluicegate"),
    }
}

fn head(html: &mut Html, overview: &Overview) {
    let counts = overview.counts;
    html.raw("<header>\n<h1>Sluicegate</h1>\n");
    let process = &overview.process;
    let up = span(process.uptime_ms - process.uptime_ms % 1000);
    html.raw("<span class=\"server\">").text(&process.server);
    html.raw(", up <span data-is=\"up\">")
        .text(&up)
        .raw("</span></span>");
    html.raw("<ul class=\"counts\" aria-label=\"Backends by state\">");
    let all = [
        ("failing", counts.failing),
        ("degraded", counts.degraded),
        ("healthy", counts.healthy),
        ("unused", counts.unused),
    ];
    for (state, count) in all {
        let zero = if count == 0 { " zero" } else { "" };
        html.raw(&format!(
            "<li class=\"{state}{zero}\"><b>{count}</b> {state}</li>"
        ));
    }
    html.raw("</ul>\n<span id=\"live\"></span>\n</header>\n");
}

fn problems(html: &mut Html, overview: &Overview) {
    html.raw("<section id=\"problems\" aria-labelledby=\"problems-title\">\n");
    let count = overview.counts.problems;
    html.element(
        "h2",
        "id=\"problems-title\"",
        &match count {
            0 => "No problems".to_owned(),
            1 => "1 problem".to_owned(),
            some => format!("{some} problems"),
        },
    );
    if count > 0 {
        html.raw("\n<ol class=\"problems\">\n");
        overview.problems.iter().for_each(|it| problem(html, it));
        html.raw("</ol>\n");
        more(html, overview.problems.len(), count, "problems?format=json");
    }
    html.raw("\n</section>\n");
}

fn problem(html: &mut Html, problem: &Problem) {
    let weight = problem.weight.name();
    html.raw(&format!("<li class=\"{weight}\" data-problem=\""))
        .text(&problem.cluster);
    html.raw(&format!(
        "\"><span class=\"weight\">{weight}</span><div><p>"
    ));
    let subject = format!("{} {}", problem.kind, problem.subject);
    html.element("b", "", subject.trim_end()).raw("</p><p>");
    html.element("span", "class=\"message\"", &problem.message)
        .raw("</p>");
    if !problem.place.is_empty() {
        html.element("code", "", &problem.place).raw(" ");
    }
    if !problem.cluster.is_empty() {
        html.raw("<a href=\"#").text(&backend::id(&problem.cluster));
        html.raw("\">Endpoints and settings</a>");
    } else if !problem.help.is_empty() {
        html.element("span", "class=\"help\"", &problem.help);
    }
    html.raw("</div></li>\n");
}

fn backends(html: &mut Html, overview: &Overview, facts: &Facts<'_>) {
    html.raw("<section id=\"backends\" tabindex=\"-1\" aria-labelledby=\"backends-title\">\n");
    html.raw("<div class=\"head\"><h2 id=\"backends-title\">Backends</h2>\n");
    if overview.counts.backends() > 0 {
        filter(html, overview);
    }
    html.raw("</div>\n<div id=\"list\">\n");
    if overview.counts.backends() == 0 {
        html.raw("<p class=\"empty\">There is no backend. A Service, a Backend or a ServiceEntry ");
        html.raw("becomes one; a route on a listener sends requests there.</p>");
    } else if overview.backends.is_empty() {
        html.raw("<p class=\"empty\">No backend has ");
        html.element("b", "", &overview.filter);
        html.raw(" in its name, its cluster or its state.</p>");
    } else {
        html.raw("<div class=\"columns\" aria-hidden=\"true\"><span>State</span>");
        html.raw("<span>Backend</span><span>Endpoints used</span><span>Requests/s</span>");
        html.raw("<span>Errors/s</span><span>Fullest breaker</span></div>\n");
        for row in &overview.backends {
            backend::details(html, row, facts(&row.cluster).as_ref());
        }
        let query = encoded(&overview.filter);
        let page = format!("overview?all&amp;filter={query}");
        let counts = overview.counts;
        more(html, overview.backends.len(), counts.matching, &page);
    }
    html.raw("\n</div></section>\n");
}

/// Works without scripts; with them, while it is typed.
fn filter(html: &mut Html, overview: &Overview) {
    let counts = overview.counts;
    html.raw("<form id=\"filter\" role=\"search\" method=\"get\" action=\"./\"><label>Filter ");
    html.raw("<input type=\"search\" name=\"filter\" autocomplete=\"off\" spellcheck=\"false\" ");
    html.raw("placeholder=\"name or state\" aria-keyshortcuts=\"/\" value=\"");
    html.text(&overview.filter).raw("\"></label> ");
    html.raw("<button>Show</button> <span data-is=\"matching\">");
    html.text(&format!("{} of {}", counts.matching, counts.backends()));
    html.raw("</span></form>");
}

/// Says that there are more, and where.
fn more(html: &mut Html, shown: usize, all: usize, page: &str) {
    if shown < all {
        let link = format!("href=\"{page}\"");
        html.raw("<p class=\"empty\">");
        html.text(&format!("The worst {shown} of {all} are shown. "));
        html.element("a", &link, "All of them").raw("</p>");
    }
}

/// What stands still without scripts, and where the same is.
const STILL: &str = "<noscript><p class=\"empty\">Without JavaScript this page stands still and has no \
    rates: load it again for newer numbers. The same as text: <a href=\"overview\">overview</a>, \
    <a href=\"problems\">problems</a>, <a href=\"ejections\">ejections</a>, \
    <a href=\"sockets\">sockets</a>, <a href=\"clusters\">clusters</a>, <a href=\"stats\">stats</a>, \
    <a href=\"config_dump\">config_dump</a>, <a href=\"help\">every command</a>.</p></noscript>\n";

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

#[cfg(test)]
mod tests;
