// SPDX-License-Identifier: Apache-2.0
//! HTTPRoute filters as parts of an Envoy route.
//!
//! In: filters of a rule or a backend. Out: header mutations, path and host rewrites, redirects.

use sluicegate_resource::gateway::{
    Filter, HeaderModifier, HeaderValue, PathMatch, PathModifier, RequestRedirect, UrlRewrite,
};
use sluicegate_xds::pb::envoy::{
    config::{
        core::v3::{
            HeaderValue as EnvoyHeader, HeaderValueOption, header_value_option::HeaderAppendAction,
        },
        route::v3::{
            RedirectAction, RouteAction,
            redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier},
            route_action::HostRewriteSpecifier,
        },
    },
    r#type::matcher::v3::RegexMatchAndSubstitute,
};

use super::{action::Context, matches::regex};

/// Header changes in Envoy's terms.
#[derive(Default)]
pub(super) struct Headers {
    pub(super) add: Vec<HeaderValueOption>,
    pub(super) remove: Vec<String>,
}

/// Request and response header changes of `filters`.
pub(super) fn headers(filters: &[Filter]) -> (Headers, Headers) {
    let (mut request, mut response) = (Headers::default(), Headers::default());
    for filter in filters {
        match filter {
            Filter::RequestHeaderModifier(modifier) => request.extend(modifier),
            Filter::ResponseHeaderModifier(modifier) => response.extend(modifier),
            _ => {}
        }
    }
    (request, response)
}

impl Headers {
    fn extend(&mut self, modifier: &HeaderModifier) {
        let set = HeaderAppendAction::OverwriteIfExistsOrAdd;
        let add = HeaderAppendAction::AppendIfExistsOrAdd;
        self.add
            .extend(modifier.set.iter().map(|header| option(header, set)));
        self.add
            .extend(modifier.add.iter().map(|header| option(header, add)));
        self.remove.extend(modifier.remove.iter().cloned());
    }
}

fn option(header: &HeaderValue, action: HeaderAppendAction) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(EnvoyHeader {
            key: header.name.clone(),
            // Envoy reads % as the start of a command.
            value: header.value.replace('%', "%%"),
            ..EnvoyHeader::default()
        }),
        append_action: action as i32,
        ..HeaderValueOption::default()
    }
}

/// Applies a rewrite to a route action.
pub(super) fn rewrite(action: &mut RouteAction, rewrite: &UrlRewrite, matched: &PathMatch) {
    if let Some(hostname) = &rewrite.hostname {
        action.host_rewrite_specifier =
            Some(HostRewriteSpecifier::HostRewriteLiteral(hostname.clone()));
    }
    match rewrite
        .path
        .as_ref()
        .map(|modifier| path(modifier, matched))
    {
        Some(PathChange::Prefix(prefix)) => action.prefix_rewrite = prefix,
        Some(PathChange::Regex(regex)) => action.regex_rewrite = Some(regex),
        Some(PathChange::Whole(whole)) => action.regex_rewrite = Some(whole_path(&whole)),
        None => {}
    }
}

/// The redirect of a rule.
pub(super) fn redirect(
    redirect: &RequestRedirect,
    matched: &PathMatch,
    context: &Context<'_>,
) -> RedirectAction {
    let path_rewrite_specifier =
        redirect
            .path
            .as_ref()
            .map(|modifier| match path(modifier, matched) {
                PathChange::Prefix(prefix) => PathRewriteSpecifier::PrefixRewrite(prefix),
                PathChange::Regex(regex) => PathRewriteSpecifier::RegexRewrite(regex),
                PathChange::Whole(whole) => PathRewriteSpecifier::PathRedirect(whole),
            });
    RedirectAction {
        host_redirect: redirect.hostname.clone().unwrap_or_default(),
        port_redirect: port_redirect(redirect, context),
        scheme_rewrite_specifier: redirect
            .scheme
            .clone()
            .map(SchemeRewriteSpecifier::SchemeRedirect),
        path_rewrite_specifier,
        response_code: match redirect.status_code {
            301 => RedirectResponseCode::MovedPermanently,
            303 => RedirectResponseCode::SeeOther,
            307 => RedirectResponseCode::TemporaryRedirect,
            308 => RedirectResponseCode::PermanentRedirect,
            _ => RedirectResponseCode::Found,
        } as i32,
        ..RedirectAction::default()
    }
}

/// The port of the redirect: the one given, else the scheme's when a scheme is given, else the
/// listener's (spec 7.4). Where that is the well-known port and the request cannot have come with
/// another one, nothing is set and the location stays short.
fn port_redirect(redirect: &RequestRedirect, context: &Context<'_>) -> u32 {
    let own = if context.https { "https" } else { "http" };
    let scheme = redirect.scheme.as_deref().unwrap_or(own);
    let well_known = match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let of_scheme = redirect.scheme.as_ref().and(well_known);
    let port = redirect.port.or(of_scheme).unwrap_or(context.port);
    let plain_listener = [80, 443].contains(&context.port);
    if Some(port) == well_known && plain_listener {
        0
    } else {
        u32::from(port)
    }
}

enum PathChange {
    Prefix(String),
    Regex(RegexMatchAndSubstitute),
    Whole(String),
}

/// Replacing the matched prefix, so that slashes neither double nor vanish.
fn path(modifier: &PathModifier, matched: &PathMatch) -> PathChange {
    let replacement = match modifier {
        PathModifier::ReplaceFullPath(whole) => return PathChange::Whole(whole.clone()),
        PathModifier::ReplacePrefixMatch(replacement) => replacement.trim_end_matches('/'),
    };
    let PathMatch::PathPrefix(prefix) = matched else {
        return PathChange::Prefix(replacement.to_owned());
    };
    match (prefix.trim_end_matches('/'), replacement) {
        ("", "") => PathChange::Prefix("/".to_owned()),
        ("", replacement) => PathChange::Prefix(format!("{replacement}/")),
        (prefix, "") => PathChange::Regex(RegexMatchAndSubstitute {
            pattern: Some(regex(&format!("^{}/*", escape(prefix)))),
            substitution: "/".to_owned(),
        }),
        (_, replacement) => PathChange::Prefix(replacement.to_owned()),
    }
}

fn whole_path(path: &str) -> RegexMatchAndSubstitute {
    RegexMatchAndSubstitute {
        pattern: Some(regex("^/.*$")),
        substitution: path.replace('\\', "\\\\"),
    }
}

/// Makes text stand for itself in RE2.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if r"\.+*?()|[]{}^$".contains(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}
