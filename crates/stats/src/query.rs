// SPDX-License-Identifier: Apache-2.0
//! The query of `/stats`.
//!
//! In: decoded query parameters. Out: what to print and how, or the text of the 400 answer.

use regex::Regex;

use crate::{Registry, json, pattern, prometheus, text};

/// What a reader asked for; the default is everything, as text.
#[derive(Debug, Default)]
pub struct Query {
    /// How to print it.
    pub format: Format,
    pub(crate) kind: Option<Kind>,
    pub(crate) used_only: bool,
    /// `hidden=only`; no metric of ours is hidden.
    pub(crate) hidden_only: bool,
    pub(crate) filter: Option<Regex>,
    pub(crate) invert_filter: bool,
    pub(crate) histograms: HistogramMode,
    pub(crate) text_readouts: bool,
}

/// A format of `/stats`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `format=html` and `format=active-html`.
    Html,
    /// `format=json`.
    Json,
    /// `format=prometheus`.
    Prometheus,
    /// `format=text`.
    #[default]
    Text,
}

/// What `type=` selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counters,
    Gauges,
    Histograms,
    TextReadouts,
}

/// What `histogram_buckets=` selects.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HistogramMode {
    Cumulative,
    Detailed,
    Disjoint,
    Summary,
    #[default]
    Unset,
}

impl Query {
    /// Reads the parameters; unknown ones are ignored.
    ///
    /// # Errors
    /// The body of the 400 answer.
    pub fn parse<'a>(
        parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, String> {
        let mut query = Self::default();
        for (key, value) in parameters {
            match key {
                "usedonly" => query.used_only = true,
                "invert_filter" => query.invert_filter = true,
                "text_readouts" => query.text_readouts = true,
                "filter" => {
                    let filter = pattern::compile(value);
                    query.filter =
                        Some(filter.map_err(|error| format!("Invalid re2 regex: {error}"))?);
                }
                "format" => query.format = format(value)?,
                "hidden" => query.hidden_only = hidden_only(value)?,
                "type" => query.kind = kind(value)?,
                "histogram_buckets" => query.histograms = histograms(value)?,
                _ => {}
            }
        }
        Ok(query)
    }

    /// The answer. HTML is the text form: the page around it is the caller's.
    pub fn render(&self, registry: &Registry) -> String {
        let collected = registry.collect();
        match self.format {
            Format::Html | Format::Text => text::render(&collected, self),
            Format::Json => json::render(&collected, self),
            Format::Prometheus => prometheus::render(&collected, self),
        }
    }

    pub(crate) fn wants(&self, kind: Kind) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }

    pub(crate) fn matches(&self, name: &str, used: bool) -> bool {
        (used || !self.used_only)
            && !self.hidden_only
            && self
                .filter
                .as_ref()
                .is_none_or(|filter| filter.is_match(name) != self.invert_filter)
    }
}

fn format(value: &str) -> Result<Format, String> {
    match value {
        "active-html" | "html" => Ok(Format::Html),
        "json" => Ok(Format::Json),
        "prometheus" => Ok(Format::Prometheus),
        "text" => Ok(Format::Text),
        _ => Err("usage: /stats?format=(html|active-html|json|prometheus|text)\n\n".to_owned()),
    }
}

fn hidden_only(value: &str) -> Result<bool, String> {
    match value {
        "include" | "exclude" => Ok(false),
        "only" => Ok(true),
        _ => Err("usage: /stats?hidden=(include|only|exclude)\n\n".to_owned()),
    }
}

fn kind(value: &str) -> Result<Option<Kind>, String> {
    match value {
        "All" => Ok(None),
        "Counters" => Ok(Some(Kind::Counters)),
        "Gauges" => Ok(Some(Kind::Gauges)),
        "Histograms" => Ok(Some(Kind::Histograms)),
        "TextReadouts" => Ok(Some(Kind::TextReadouts)),
        _ => Err("invalid &type= param".to_owned()),
    }
}

fn histograms(value: &str) -> Result<HistogramMode, String> {
    match value {
        "cumulative" => Ok(HistogramMode::Cumulative),
        "detailed" => Ok(HistogramMode::Detailed),
        "disjoint" => Ok(HistogramMode::Disjoint),
        "summary" => Ok(HistogramMode::Summary),
        _ => Err(
            "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_of_envoy() {
        let error = |key, value| Query::parse([(key, value)]).unwrap_err();
        assert_eq!(error("filter", "("), "Invalid re2 regex: missing ): (");
        assert_eq!(error("type", "foo"), "invalid &type= param");
        assert!(error("format", "x").starts_with("usage: /stats?format=(html|active-html|json|"));
        assert!(error("hidden", "x").starts_with("usage: /stats?hidden=(include|only|"));
        assert!(error("histogram_buckets", "x").starts_with("usage: /stats?histogram_buckets=("));
        assert!(Query::parse([("unknown", "x")]).is_ok());
    }
}
