// SPDX-License-Identifier: Apache-2.0
//! The way from Gateways to backends on the page.
//!
//! In: the tree of an overview. Out: nested lists; each backend is a link to its line.

use std::collections::BTreeMap;

use super::{backend, markup::Html};
use crate::operator::{
    backends::BackendRow,
    overview::Overview,
    topology::{BackendLink, ListenerNode, RouteNode, RuleNode},
};

/// Rows by cluster.
type Rows<'a> = BTreeMap<&'a str, &'a BackendRow>;

/// The section.
pub(super) fn section(html: &mut Html, overview: &Overview) {
    let rows: Rows<'_> = overview
        .backends
        .iter()
        .map(|it| (&*it.cluster, it))
        .collect();
    html.raw("<section id=\"topology\" aria-labelledby=\"topology-title\">\n");
    html.raw("<h2 id=\"topology-title\">From Gateway to backend</h2>\n");
    if overview.gateways.is_empty() {
        html.raw("<p class=\"empty\">There is no Gateway of ours in manifests.</p>\n");
    }
    html.raw("<ul class=\"tree\">\n");
    for gateway in &overview.gateways {
        html.raw("<li><span class=\"kind\">Gateway</span> ")
            .element("b", "", &gateway.name);
        html.raw(" ").element("code", "", &gateway.source);
        refusal(html, &gateway.refused);
        html.raw("\n<ul>\n");
        gateway
            .listeners
            .iter()
            .for_each(|it| listener(html, it, &rows));
        html.raw("</ul></li>\n");
    }
    html.raw("</ul>\n</section>\n");
}

fn refusal(html: &mut Html, reason: &str) {
    if !reason.is_empty() {
        html.raw(" ").element("span", "class=\"bad\"", reason);
    }
}

fn listener(html: &mut Html, listener: &ListenerNode, rows: &Rows<'_>) {
    html.raw("<li><span class=\"kind\">Listener</span> ")
        .element("b", "", &listener.name);
    html.raw(" ")
        .text(&format!("{} {}", listener.protocol, listener.port));
    if listener.hostname != "*" {
        html.raw(" ").text(&listener.hostname);
    }
    refusal(html, &listener.refused);
    if listener.routes.is_empty() {
        html.raw(" <span class=\"empty\">no route</span>");
    }
    html.raw("\n<ul>\n");
    listener.routes.iter().for_each(|it| route(html, it, rows));
    html.raw("</ul></li>\n");
}

fn route(html: &mut Html, route: &RouteNode, rows: &Rows<'_>) {
    let (kind, name) = route.name.split_once(' ').unwrap_or(("Route", &route.name));
    html.raw("<li>")
        .element("span", "class=\"kind\"", kind)
        .raw(" ");
    html.element("b", "", name)
        .raw(" ")
        .element("code", "", &route.source);
    let hostnames = route.hostnames.join(", ");
    if hostnames != "*" {
        html.raw(" ").text(&hostnames);
    }
    html.raw("\n<ul>\n");
    route.rules.iter().for_each(|it| rule(html, it, rows));
    html.raw("</ul></li>\n");
}

fn rule(html: &mut Html, rule: &RuleNode, rows: &Rows<'_>) {
    let matches = match rule.matches.as_slice() {
        [] => "every connection".to_owned(),
        some => some.join(" or "),
    };
    html.raw("<li><span class=\"match\">")
        .text(&matches)
        .raw("</span>");
    if !rule.policy.is_empty() {
        html.raw(" ").element("small", "", &rule.policy);
    }
    refusal(html, &rule.broken);
    let weights: u32 = rule.backends.iter().map(|it| it.weight).sum();
    match rule.backends.as_slice() {
        [] => {}
        [one] => {
            html.raw(" <span class=\"arrow\" aria-hidden=\"true\">→</span> ");
            link(html, one, rows);
        }
        several => {
            html.raw("\n<ul>\n");
            for one in several {
                html.raw("<li><span class=\"arrow\" aria-hidden=\"true\">→</span> ");
                link(html, one, rows);
                html.text(&format!(", weight {} of {weights}", one.weight));
                html.raw("</li>\n");
            }
            html.raw("</ul>");
        }
    }
    if rule.backends.is_empty() {
        html.raw(" <span class=\"empty\">no backend</span>");
    }
    html.raw("</li>\n");
}

fn link(html: &mut Html, backend: &BackendLink, rows: &Rows<'_>) {
    match rows.get(&*backend.cluster) {
        Some(row) => {
            let (state, id) = (row.state.name(), backend::id(&row.cluster));
            html.raw(&format!("<a class=\"{state}\" href=\"#{id}\">"))
                .text(&backend.name);
            let total = row.endpoints.len();
            html.raw("</a>").text(&format!(
                " {state}, {} of {} used",
                row.usable,
                endpoints(total)
            ));
        }
        None if backend.cluster.is_empty() => {
            let words = format!("{}: leads nowhere, answers 500", backend.name);
            html.element("span", "class=\"bad\"", &words);
        }
        None => {
            html.text(&backend.name);
        }
    }
}

fn endpoints(count: usize) -> String {
    match count {
        1 => "1 endpoint".to_owned(),
        some => format!("{some} endpoints"),
    }
}
