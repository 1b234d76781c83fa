// SPDX-License-Identifier: Apache-2.0
//! The Location of a redirect.
//!
//! In: the request's authority and target, the rule. Out: an absolute URL.

use super::{PathRewrite, Redirect, matcher::split_query, rewrite::push_path, table::without_port};

/// Writes the URL. `scheme` is the scheme of the request.
pub(crate) fn push_location(
    redirect: &Redirect,
    scheme: &[u8],
    authority: &[u8],
    target: &[u8],
    out: &mut Vec<u8>,
) {
    let new_scheme = redirect.scheme.as_deref().unwrap_or(scheme);
    out.extend_from_slice(new_scheme);
    out.extend_from_slice(b"://");
    let bare = without_port(authority);
    let port = &authority[bare.len()..];
    match (&redirect.host, redirect.port) {
        (host, Some(port)) => {
            out.extend_from_slice(host.as_deref().unwrap_or(bare));
            out.extend_from_slice(format!(":{port}").as_bytes());
        }
        (Some(host), None) => out.extend_from_slice(host),
        // A well-known port of the old scheme would be wrong under the new one.
        (None, None) if redirect.scheme.is_some() && matches!(port, b":80" | b":443") => {
            out.extend_from_slice(bare);
        }
        (None, None) => out.extend_from_slice(authority),
    }
    let target = if redirect.strip_query {
        split_query(target).0
    } else {
        target
    };
    match &redirect.path {
        // A replacement that brings its own query replaces the old one.
        PathRewrite::Full(new) if new.contains(&b'?') => out.extend_from_slice(new),
        rewrite => push_path(target, rewrite, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect() -> Redirect {
        Redirect {
            scheme: None,
            host: None,
            port: None,
            path: PathRewrite::None,
            status: 301,
            strip_query: false,
        }
    }

    fn location(redirect: &Redirect) -> String {
        let mut out = Vec::new();
        push_location(redirect, b"http", b"a.b:8080", b"/x?y=1", &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn each_part_is_replaced_alone() {
        let with = |change: fn(&mut Redirect)| {
            let mut rule = redirect();
            change(&mut rule);
            location(&rule)
        };
        assert_eq!(with(|_| {}), "http://a.b:8080/x?y=1");
        assert_eq!(with(|r| r.port = Some(80)), "http://a.b:80/x?y=1");
        assert_eq!(with(|r| r.port = Some(81)), "http://a.b:81/x?y=1");
        assert_eq!(with(|r| r.strip_query = true), "http://a.b:8080/x");
        let scheme: fn(&mut Redirect) = |r| r.scheme = Some(b"https".as_slice().into());
        assert_eq!(with(scheme), "https://a.b:8080/x?y=1");
        let host: fn(&mut Redirect) = |r| r.host = Some(b"c".as_slice().into());
        assert_eq!(with(host), "http://c/x?y=1");
        let path: fn(&mut Redirect) = |r| r.path = PathRewrite::Full(b"/new".as_slice().into());
        assert_eq!(with(path), "http://a.b:8080/new?y=1");
    }
}
