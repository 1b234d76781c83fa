// SPDX-License-Identifier: Apache-2.0
//! A route configuration, compiled.
//!
//! In: a request. Out: the virtual host that answers for its authority, and the first of its routes
//! that matches.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{Action, Route, matcher::RequestView};

/// One RouteConfiguration.
#[derive(Debug, Default)]
pub(crate) struct RouteTable {
    /// Virtual hosts in configuration order.
    pub(crate) virtual_hosts: Vec<VirtualHost>,
    exact: HashMap<Box<[u8]>, usize, RandomState>,
    /// `*.x` without the star, longest first.
    suffixes: Vec<(Box<[u8]>, usize)>,
    /// `x.*` without the star, longest first.
    prefixes: Vec<(Box<[u8]>, usize)>,
    any: Option<usize>,
    /// `ignore_port_in_host_matching`.
    pub(crate) ignore_port: bool,
    /// Settings seen here that are not enforced yet.
    pub(crate) unsupported: Vec<&'static str>,
    /// Routes that could not be compiled, and why: they answer 500.
    pub(crate) broken: Vec<String>,
}

/// One virtual host.
#[derive(Debug, Default)]
pub(crate) struct VirtualHost {
    /// Its routes, in order.
    pub(crate) routes: Vec<Route>,
}

impl RouteTable {
    /// Adds a virtual host under its domains.
    pub(crate) fn add(&mut self, host: VirtualHost, domains: &[String]) {
        let at = self.virtual_hosts.len();
        self.virtual_hosts.push(host);
        for domain in domains {
            let domain = domain.to_ascii_lowercase();
            if domain == "*" {
                self.any.get_or_insert(at);
            } else if let Some(suffix) = domain.strip_prefix('*') {
                self.suffixes.push((suffix.as_bytes().into(), at));
            } else if let Some(prefix) = domain.strip_suffix('*') {
                self.prefixes.push((prefix.as_bytes().into(), at));
            } else {
                self.exact.entry(domain.as_bytes().into()).or_insert(at);
            }
        }
        for list in [&mut self.suffixes, &mut self.prefixes] {
            list.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        }
    }

    /// The routes' `stat_name`s.
    pub(crate) fn stat_names(&self) -> impl Iterator<Item = &str> {
        let routes = self.virtual_hosts.iter().flat_map(|host| &host.routes);
        routes.filter_map(|route| match &route.action {
            Action::Route(action) => action.stat_name.as_deref(),
            _ => None,
        })
    }

    /// The route that `request` takes.
    pub(crate) fn find(&self, request: &RequestView<'_>) -> Option<&Route> {
        self.virtual_host(request.authority)?
            .routes
            .iter()
            .find(|route| route.matcher.matches(request))
    }

    /// Exact domain, then longest suffix, then longest prefix, then `*`.
    fn virtual_host(&self, authority: &[u8]) -> Option<&VirtualHost> {
        let mut lower = [0; 255];
        let name = if self.ignore_port {
            without_port(authority)
        } else {
            authority
        };
        let name = match lower.get_mut(..name.len()) {
            Some(space) => {
                space.copy_from_slice(name);
                space.make_ascii_lowercase();
                &*space
            }
            None => name,
        };
        let named = || self.exact.get(name).copied();
        // The star stands for at least one character.
        let longest = |list: &[(Box<[u8]>, usize)], fits: fn(&[u8], &[u8]) -> bool| {
            list.iter()
                .find(|(text, _)| name.len() > text.len() && fits(name, text))
                .map(|(_, at)| *at)
        };
        let at = named()
            .or_else(|| longest(&self.suffixes, |name, text| name.ends_with(text)))
            .or_else(|| longest(&self.prefixes, |name, text| name.starts_with(text)))
            .or(self.any)?;
        self.virtual_hosts.get(at)
    }
}

/// The authority without a final `:port`.
pub(crate) fn without_port(authority: &[u8]) -> &[u8] {
    let digits = authority
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let rest = &authority[..authority.len() - digits];
    match rest.split_last() {
        Some((b':', name)) if !name.contains(&b':') || name.ends_with(b"]") => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::RouteMatch;

    fn table(domains: &[&str]) -> RouteTable {
        let mut table = RouteTable::default();
        for domain in domains {
            let host = VirtualHost {
                routes: vec![Route {
                    matcher: RouteMatch::default(),
                    ..Route::default()
                }],
            };
            table.add(host, &[(*domain).to_owned()]);
        }
        table
    }

    #[test]
    fn exact_then_longest_suffix_then_any() {
        const DOMAINS: [&str; 4] = ["*", "*.example.com", "*.b.example.com", "a.example.com"];
        let table = table(&DOMAINS);
        for (authority, wanted) in [
            ("a.example.com", "a.example.com"),
            ("A.Example.COM", "a.example.com"),
            ("x.example.com", "*.example.com"),
            ("x.b.example.com", "*.b.example.com"),
            (".example.com", "*"),
            ("example.com", "*"),
            ("a.example.com:80", "*"),
        ] {
            let found = table.virtual_host(authority.as_bytes()).expect("a host");
            let at = table
                .virtual_hosts
                .iter()
                .position(|host| std::ptr::eq(host, found));
            assert_eq!(at.map(|at| DOMAINS[at]), Some(wanted), "{authority}");
        }
    }

    #[test]
    fn ports_are_ignored_when_asked() {
        assert_eq!(without_port(b"a:80"), b"a");
        assert_eq!(without_port(b"[::1]:80"), b"[::1]");
        assert_eq!(without_port(b"::1"), b"::1");
        assert_eq!(without_port(b"a"), b"a");
    }
}
