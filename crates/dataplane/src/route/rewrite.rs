// SPDX-License-Identifier: Apache-2.0
//! Path rewriting.
//!
//! In: a request target and a rule. Out: the new target.

use super::{PathRewrite, matcher::split_query};

/// Writes the rewritten target. The query stays.
pub(crate) fn push_path(target: &[u8], rewrite: &PathRewrite, out: &mut Vec<u8>) {
    let (path, query) = split_query(target);
    let from = out.len();
    match rewrite {
        PathRewrite::None => out.extend_from_slice(path),
        PathRewrite::Full(new) => out.extend_from_slice(new),
        PathRewrite::Prefix(matched, new) => {
            out.extend_from_slice(new);
            out.extend_from_slice(&path[(*matched).min(path.len())..]);
        }
        PathRewrite::Regex(regex, new) => {
            out.extend_from_slice(&regex.replace_all(path, &new[..]));
        }
    }
    if out.len() == from {
        out.push(b'/');
    }
    if query.is_empty() && target.len() == path.len() {
        return;
    }
    out.push(b'?');
    out.extend_from_slice(query);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matched_part_is_replaced_and_the_query_kept() {
        let prefix =
            |matched: usize, new: &str| PathRewrite::Prefix(matched, new.as_bytes().into());
        for (target, rewrite, wanted) in [
            ("/foo/bar?a=1", prefix(4, "/xyz"), "/xyz/bar?a=1"),
            ("/foo", prefix(4, "/xyz"), "/xyz"),
            ("/foo", prefix(4, ""), "/"),
            ("/a?x", PathRewrite::Full(b"/b".as_slice().into()), "/b?x"),
            ("/a?", PathRewrite::None, "/a?"),
        ] {
            let mut out = Vec::new();
            push_path(target.as_bytes(), &rewrite, &mut out);
            assert_eq!(out, wanted.as_bytes(), "{target}");
        }
    }
}
