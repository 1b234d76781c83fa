// SPDX-License-Identifier: Apache-2.0
//! One backend on the page.
//!
//! In: its row and the facts about its settings. Out: a line that opens: endpoints, circuit breakers,
//! effective settings with their sources, and what lost.

use super::markup::Html;
use crate::{
    explain::{
        backend::{BackendFacts, UnitFacts},
        traffic::TrafficFacts,
    },
    operator::backends::{BackendRow, Breaker, EndpointRow},
};

/// The `id` of a backend: a name that any text can be turned into, each into its own.
pub(super) fn id(cluster: &str) -> String {
    let mut id = String::from("backend-");
    for byte in cluster.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => id.push(char::from(byte)),
            other => id.push_str(&format!("_{other:02x}")),
        }
    }
    id
}

/// The line and what it opens to.
pub(super) fn details(html: &mut Html, row: &BackendRow, facts: Option<&BackendFacts>) {
    let state = row.state.name();
    html.raw(&format!(
        "<details class=\"backend {state}\" id=\"{}\"",
        id(&row.cluster)
    ));
    html.raw(" data-cluster=\"")
        .text(&row.cluster)
        .raw("\">\n<summary>");
    html.element("span", "class=\"state\"", state);
    html.raw("<span class=\"name\">").text(&row.name);
    if row.cluster.contains("|btp|") {
        html.raw(" ").element("small", "", &row.cluster);
    }
    html.element("span", "class=\"why\"", &row.why)
        .raw("</span>");
    let total = row.endpoints.len();
    html.raw(&format!(
        "<span class=\"number\"><span class=\"label\">endpoints </span>\
         <span data-is=\"usable\">{}</span>/{total}</span>",
        row.usable
    ));
    html.raw("<span class=\"number\"><span class=\"label\">requests/s </span>");
    html.raw("<span data-is=\"rate\">–</span></span>");
    html.raw("<span class=\"number\"><span class=\"label\">errors/s </span>");
    html.raw("<span data-is=\"errors\">–</span></span>");
    html.raw("<span class=\"fill\">");
    if let Some(fullest) = fullest(&row.breakers) {
        html.raw("<span class=\"label\">fullest breaker </span>");
        meter(html, fullest, "fullest");
        let percent = fullest.used * 100 / u64::from(fullest.limit.max(1));
        html.raw(&format!(" <span data-is=\"percent\">{percent} %</span>"));
    }
    html.raw("</span></summary>\n<div class=\"inside\">\n");
    endpoints(html, row);
    breakers(html, row);
    if let Some(facts) = facts {
        settings(html, facts);
    }
    html.raw("</div></details>\n");
}

/// The breaker that is nearest to its limit.
fn fullest(breakers: &[Breaker]) -> Option<&Breaker> {
    let share = |it: &&Breaker| it.used * 1000 / u64::from(it.limit.max(1));
    breakers.iter().max_by_key(share)
}

fn meter(html: &mut Html, breaker: &Breaker, is: &str) {
    let Breaker {
        name,
        used,
        limit,
        open,
    } = breaker;
    let limit = (*limit).max(1);
    let class = if *open { " class=\"open\"" } else { "" };
    html.raw(&format!(
        "<meter{class} data-is=\"{is}\" min=\"0\" max=\"{limit}\" high=\"{}\" optimum=\"0\" \
         value=\"{used}\" title=\"{name}: {used} of {limit}\" aria-label=\"{name}: {used} of {limit}\">\
         </meter>",
        f64::from(limit) * 0.8,
    ));
}

fn endpoints(html: &mut Html, row: &BackendRow) {
    html.raw("<h3>Endpoints</h3>\n");
    if row.endpoints.is_empty() {
        html.raw("<p class=\"empty\">None.</p>\n");
        return;
    }
    html.raw("<div class=\"scroll\"><table><thead><tr><th>Address</th><th>State</th>");
    html.raw("<th class=\"n\">Priority</th><th>Zone</th><th class=\"n\">Requests</th>");
    html.raw("<th class=\"n\">Errors</th><th class=\"n\">Connect failures</th>");
    html.raw("<th class=\"n\">Active</th><th class=\"n\">Connections</th></tr></thead><tbody>\n");
    for endpoint in row.endpoints.iter().take(MOST_ENDPOINTS) {
        line(html, endpoint);
    }
    html.raw("</tbody></table></div>\n");
    if row.endpoints.len() > MOST_ENDPOINTS {
        let rest = row.endpoints.len() - MOST_ENDPOINTS;
        html.element(
            "p",
            "class=\"empty\"",
            &format!("And {rest} more, in /clusters."),
        );
    }
}

fn line(html: &mut Html, endpoint: &EndpointRow) {
    let class = if endpoint.usable { "good" } else { "bad" };
    html.raw("<tr data-address=\"")
        .text(&endpoint.address)
        .raw("\"><td>");
    html.element("code", "", &endpoint.address);
    if !endpoint.hostname.is_empty() {
        html.raw(" ").text(&endpoint.hostname);
    }
    html.raw("</td>");
    html.element(
        "td",
        &format!("class=\"{class}\" data-is=\"words\""),
        &endpoint.words(),
    );
    html.raw(&format!("<td class=\"n\">{}</td>", endpoint.priority));
    html.element("td", "", &endpoint.zone);
    for (is, value) in [
        ("requests", endpoint.requests),
        ("errors", endpoint.errors),
        ("connectFail", endpoint.connect_fail),
        ("active", endpoint.active),
        ("connections", endpoint.connections),
    ] {
        html.raw(&format!("<td class=\"n\" data-is=\"{is}\">{value}</td>"));
    }
    html.raw("</tr>\n");
}

fn breakers(html: &mut Html, row: &BackendRow) {
    if row.breakers.is_empty() {
        return;
    }
    html.raw("<h3>Circuit breakers</h3>\n<ul class=\"breakers\">");
    for breaker in &row.breakers {
        let Breaker {
            name, used, limit, ..
        } = breaker;
        let limit = match limit {
            &u32::MAX => "no limit".to_owned(),
            limit => limit.to_string(),
        };
        html.raw(&format!("<li data-breaker=\"{name}\"><code>{name}</code> "));
        meter(html, breaker, "fill");
        html.raw(&format!(" <span data-is=\"used\">{used}</span> of {limit}"));
        html.raw(if breaker.open {
            " <b class=\"bad\">open</b></li>"
        } else {
            "</li>"
        });
    }
    html.raw("</ul>\n");
}

fn settings(html: &mut Html, facts: &BackendFacts) {
    html.raw("<h3>Effective settings</h3>\n");
    for policy in &facts.invalid {
        html.raw("<p class=\"bad\">").text(&policy.policy).raw(" (");
        html.element("code", "", &policy.source)
            .raw(") is invalid and contributes nothing: ");
        html.text(&policy.errors.join("; ")).raw("</p>\n");
    }
    html.raw(
        "<div class=\"scroll\"><table class=\"settings\"><thead><tr><th>Setting</th><th>Value</th>",
    );
    html.raw("<th>Source</th><th>Policy</th><th>Envoy field</th></tr></thead><tbody>\n");
    facts.units.iter().for_each(|it| unit(html, it));
    facts.traffic.iter().for_each(|it| traffic(html, it));
    if facts.units.is_empty() && facts.traffic.is_empty() {
        html.raw("<tr class=\"default\"><td colspan=\"5\">No policy sets anything here.</td></tr>");
    }
    html.raw("</tbody></table></div>\n");
    for doubt in &facts.warnings {
        html.raw("<p class=\"doubt\">").text(&doubt.field).raw(" (");
        html.element("code", "", &doubt.source)
            .raw("): ")
            .text(&doubt.message)
            .raw("</p>\n");
    }
    defaults(html, facts);
    html.raw("<p><a href=\"explain?cluster=")
        .text(&encoded(&facts.cluster));
    html.raw("\">The same as text</a></p>\n");
}

/// What no policy sets: seldom asked for, so it opens by itself.
fn defaults(html: &mut Html, facts: &BackendFacts) {
    let count = match facts.defaults.len() {
        1 => "1 setting".to_owned(),
        some => format!("{some} settings"),
    };
    html.raw(&format!(
        "<details id=\"{}-defaults\"><summary>",
        id(&facts.cluster)
    ));
    html.raw(&format!("{count} that no policy sets</summary>\n"));
    html.raw("<div class=\"scroll\"><table><thead><tr><th>Setting</th><th>Value</th>");
    html.raw("<th>Whose default</th><th>Envoy field</th></tr></thead><tbody>\n");
    for default in &facts.defaults {
        html.raw("<tr class=\"default\">").name_cell(&default.field);
        html.element("td", "", default.value);
        html.element("td", "", default.origin);
        html.name_cell(default.envoy_field.unwrap_or_default())
            .raw("</tr>\n");
    }
    html.raw("</tbody></table></div></details>\n");
}

fn unit(html: &mut Html, unit: &UnitFacts) {
    let class = match unit.without_effect {
        Some(_) => " class=\"lost\"",
        None => "",
    };
    for setting in &unit.settings {
        html.raw(&format!("<tr{class}>"));
        html.name_cell(&setting.field)
            .element("td", "", &setting.text());
        html.place_cell(&setting.source);
        html.name_cell(&unit.policy);
        html.name_cell(setting.envoy_field.unwrap_or_default())
            .raw("</tr>\n");
    }
    if let Some(reason) = &unit.without_effect {
        note(html, &format!("no effect: {reason}"));
    }
    for beaten in &unit.beaten {
        let values = beaten
            .settings
            .iter()
            .map(|it| format!("{} {}", it.field, it.text()));
        let values = values.collect::<Vec<_>>().join(", ");
        note(
            html,
            &format!(
                "beats {} ({}), which has {values}: {}",
                beaten.policy, beaten.source, beaten.why
            ),
        );
    }
}

fn traffic(html: &mut Html, facts: &TrafficFacts) {
    for setting in &facts.settings {
        let class = if setting.is_in_force() {
            ""
        } else {
            " class=\"lost\""
        };
        let value = match &setting.value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        html.raw(&format!("<tr{class}>"));
        html.name_cell(&setting.field).element("td", "", &value);
        html.place_cell(&setting.source);
        html.name_cell(&setting.policy);
        html.name_cell(setting.envoy_field_text()).raw("</tr>\n");
        if !setting.detail.is_empty() {
            note(html, &format!("{}: {}", setting.state, setting.detail));
        }
    }
}

fn note(html: &mut Html, text: &str) {
    html.raw("<tr class=\"note\">")
        .element("td", "colspan=\"5\"", text)
        .raw("</tr>\n");
}

/// For the value of a query.
pub(super) fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b':' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    bytes.collect()
}

/// Ours: a table of more is read by nobody.
const MOST_ENDPOINTS: usize = 100;
