// SPDX-License-Identifier: Apache-2.0
//! Hostnames with a leading wildcard label.
//!
//! In: listener and route hostnames. Out: what they have in common, and which listener is the most
//! specific for a name.

/// What a listener's and a route's hostname have in common (`None` on either side means all).
pub(crate) fn intersection(listener: Option<&str>, route: Option<&str>) -> Option<String> {
    match (listener, route) {
        (None, None) => Some("*".to_owned()),
        (Some(only), None) | (None, Some(only)) => Some(only.to_owned()),
        (Some(listener), Some(route)) => {
            if covers(listener, route) {
                Some(route.to_owned())
            } else if covers(route, listener) {
                Some(listener.to_owned())
            } else {
                None
            }
        }
    }
}

/// Whether every name that `narrow` stands for is also one that `wide` stands for.
pub fn covers(wide: &str, narrow: &str) -> bool {
    if wide == "*" || wide == narrow {
        return true;
    }
    let Some(suffix) = wide.strip_prefix('*') else {
        return false;
    };
    let name = narrow.strip_prefix('*').unwrap_or(narrow);
    // `*.a.b` covers `x.a.b` and `*.x.a.b`, never `a.b`.
    name.len() > suffix.len() && name.ends_with(suffix)
}

/// How specific a listener hostname is; the larger wins. Exact names beat wildcards, longer
/// wildcards beat shorter ones, and no hostname loses to all.
pub fn specificity(hostname: Option<&str>) -> (u8, usize) {
    match hostname {
        None => (0, 0),
        Some(name) if name.starts_with('*') => (1, name.len()),
        Some(name) => (2, name.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intersections_are_those_of_gateway_api() {
        let rows = [
            (None, None, Some("*")),
            (None, Some("a.b"), Some("a.b")),
            (Some("a.b"), None, Some("a.b")),
            (Some("a.b"), Some("a.b"), Some("a.b")),
            (Some("a.b"), Some("c.b"), None),
            (Some("a.x.com"), Some("*.x.com"), Some("a.x.com")),
            (Some("x.com"), Some("*.x.com"), None),
            (Some("*.x.com"), Some("a.b.x.com"), Some("a.b.x.com")),
            (Some("*.x.com"), Some("x.com"), None),
            (Some("*.x.com"), Some("*.a.x.com"), Some("*.a.x.com")),
            (Some("*.a.x.com"), Some("*.x.com"), Some("*.a.x.com")),
            (Some("*.x.com"), Some("*.x.com"), Some("*.x.com")),
            (Some("*.x.com"), Some("a.xx.com"), None),
        ];
        for (listener, route, expected) in rows {
            assert_eq!(
                intersection(listener, route).as_deref(),
                expected,
                "{listener:?} {route:?}"
            );
        }
    }

    #[test]
    fn more_specific_listeners_rank_higher() {
        let order = [None, Some("*.com"), Some("*.example.com"), Some("a.b")];
        assert!(order.is_sorted_by_key(|name| specificity(*name)));
    }
}
