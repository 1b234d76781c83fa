// SPDX-License-Identifier: Apache-2.0
//! Path normalisation (`normalize_path`, `merge_slashes`, `path_with_escaped_slashes_action`).
//!
//! In: the path of a target, without its query. Out: the path that routes are matched with and that
//! goes upstream. The rules are those of Envoy 1.40, recorded in the table below.

use super::block::{ALL, Block, SIZE};

/// What a listener wants of paths.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PathRules {
    /// `normalize_path`.
    pub(crate) normalize: bool,
    /// `merge_slashes`.
    pub(crate) merge_slashes: bool,
    /// `path_with_escaped_slashes_action`.
    pub(crate) escaped_slashes: EscapedSlashes,
}

/// What becomes of `%2F` and `%5C`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum EscapedSlashes {
    /// They stay: Envoy's default.
    #[default]
    Keep,
    /// The request is refused.
    Reject,
    /// The client is sent to the path without them.
    Redirect,
    /// They become slashes, and the request goes on.
    Forward,
}

impl PathRules {
    /// Whether there is anything to do.
    pub(crate) fn any(self) -> bool {
        self.normalize || self.merge_slashes || self.escaped_slashes != EscapedSlashes::Keep
    }
}

/// What normalising found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Normalized {
    /// The path is as it should be; nothing was written.
    Unchanged,
    /// The normal form was written.
    Changed,
    /// The normal form was written, and the client is to be sent there.
    Redirect,
    /// The path cannot be normalised: the request is refused.
    Refused,
}

/// Normalises `path` into `out`, which is cleared first.
pub(crate) fn normalize(path: &[u8], rules: PathRules, out: &mut Vec<u8>) -> Normalized {
    if !needs_work(path, rules) {
        return Normalized::Unchanged;
    }
    let plain = match rules.escaped_slashes {
        EscapedSlashes::Keep => None,
        _ => unescape_slashes(path),
    };
    if plain.is_some() && rules.escaped_slashes == EscapedSlashes::Reject {
        return Normalized::Refused;
    }
    out.clear();
    let unescaped = plain.as_deref().unwrap_or(path);
    if !rules.normalize {
        out.extend_from_slice(unescaped);
    } else if !canonicalize(unescaped, out) {
        return Normalized::Refused;
    }
    if rules.merge_slashes {
        // Dot segments go first: `/a//../b` is `/a/b`.
        out.dedup_by(|next, last| *next == b'/' && *last == b'/');
    }
    if plain.is_some() && rules.escaped_slashes == EscapedSlashes::Redirect {
        Normalized::Redirect
    } else if out == path {
        Normalized::Unchanged
    } else {
        Normalized::Changed
    }
}

/// The path with `%2F` and `%5C` decoded, if it has any.
fn unescape_slashes(path: &[u8]) -> Option<Vec<u8>> {
    let slash = |rest: &[u8]| match rest {
        [b'%', b'2', b'f' | b'F', ..] => Some(b'/'),
        [b'%', b'5', b'c' | b'C', ..] => Some(b'\\'),
        _ => None,
    };
    (0..path.len()).find(|at| slash(&path[*at..]).is_some())?;
    let mut plain = Vec::with_capacity(path.len());
    let mut at = 0;
    while let Some(byte) = path.get(at) {
        let decoded = slash(&path[at..]);
        plain.push(decoded.unwrap_or(*byte));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    Some(plain)
}

/// One look at the bytes that most paths pass.
fn needs_work(path: &[u8], rules: PathRules) -> bool {
    let mut after_slash = 0;
    for at in (0..path.len()).step_by(SIZE) {
        let block = Block::load(path, at);
        let (slashes, dots) = (block.is(b'/'), block.is(b'.'));
        let usual = block.plain() | slashes | dots | block.is(b'_');
        let end = ALL.checked_shl((path.len() - at) as u32).unwrap_or(0);
        after_slash |= slashes << 1;
        if !(usual | end) & ALL != 0 || (slashes | dots) & after_slash != 0 {
            return has_work(path, rules);
        }
        after_slash = slashes >> (SIZE - 1);
    }
    false
}

/// The same byte by byte.
fn has_work(path: &[u8], rules: PathRules) -> bool {
    let mut last = 0;
    for byte in path {
        let dot_segment = *byte == b'.' && last == b'/';
        let double = *byte == b'/' && last == b'/' && rules.merge_slashes;
        if dot_segment || double || *byte == b'%' || *byte == b'\\' || is_escaped(*byte) {
            return true;
        }
        last = *byte;
    }
    false
}

/// Decodes escaped unreserved characters, escapes unsafe ones, turns `\` into `/`, removes dot
/// segments. False for an escaped NUL.
fn canonicalize(path: &[u8], out: &mut Vec<u8>) -> bool {
    let mut rest = path;
    // Where in `out` the last `%` is that escapes nothing.
    let mut lone_percent = None;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match *byte {
            b'/' | b'\\' => {
                end_segment(out, true);
                out.push(b'/');
            }
            b'%' => match tail.get(..2).and_then(decoded) {
                Some(0) => return false,
                Some(plain) if is_unreserved(plain) => {
                    out.push(plain);
                    rest = &tail[2..];
                }
                Some(_) => {
                    out.extend([b'%', tail[0], tail[1]]);
                    rest = &tail[2..];
                }
                None => {
                    lone_percent = Some(out.len());
                    out.push(b'%');
                }
            },
            byte if is_escaped(byte) => {
                let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value & 15)];
                out.extend([b'%', digit(byte >> 4), digit(byte)]);
            }
            byte => out.push(byte),
        }
        if let Some(percent) = lone_percent {
            escape_nested(out, percent);
        }
    }
    end_segment(out, false);
    if out.is_empty() {
        out.push(b'/');
    }
    true
}

/// Escapes the `%` of an escape sequence that only decoding has made: `%%32e` would become `%2e`,
/// and the next reader would decode it once more.
fn escape_nested(out: &mut Vec<u8>, percent: usize) {
    if matches!(out.get(percent..), Some([b'%', digits @ ..]) if decoded(digits).is_some()) {
        out.splice(percent..=percent, *b"%25");
    }
}

/// Removes a last segment `.` or `..`, and with `..` the segment before it. A slash that follows is
/// written by the caller; one that the path ends with stays.
fn end_segment(out: &mut Vec<u8>, slash_follows: bool) {
    let start = out
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    let parents = match &out[start..] {
        b"." => 0,
        b".." => 1,
        _ => return,
    };
    out.truncate(start);
    for _ in 0..parents {
        // At the root there is nothing to leave.
        if let Some(parent) = out.len().checked_sub(1) {
            let slash = out[..parent].iter().rposition(|byte| *byte == b'/');
            out.truncate(slash.map_or(1, |slash| slash + 1));
        }
    }
    if slash_follows {
        out.pop();
    }
}

/// The byte that two hexadecimal digits stand for.
fn decoded(digits: &[u8]) -> Option<u8> {
    if digits.len() != 2 {
        return None;
    }
    let text = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` would also take a sign.
    let plain = digits.iter().all(u8::is_ascii_hexdigit);
    plain.then(|| u8::from_str_radix(text, 16).ok()).flatten()
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Characters that Envoy escapes.
const fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from Envoy 1.40 with `normalize_path` and `merge_slashes`: send each path as it
    /// stands, and let the backend answer with the request line that it got.
    const RECORDED: &[(&str, &str)] = &[
        ("/a/../b", "/b"),
        ("/a/%2e%2e/c", "/c"),
        ("/a/./b", "/a/b"),
        ("/../a", "/a"),
        ("/a/..", "/"),
        ("/a/../", "/"),
        ("/a/b/..", "/a/"),
        ("/a/.", "/a/"),
        ("/a//b", "/a/b"),
        ("//a", "/a"),
        ("/a\\b", "/a/b"),
        ("/a/%2F/b", "/a/%2F/b"),
        ("/a/%5c/b", "/a/%5c/b"),
        ("/a/%zz", "/a/%zz"),
        ("/a;x=1", "/a;x=1"),
        ("/%41%7e%2d%5f", "/A~-_"),
        ("/a\"b", "/a%22b"),
        ("/a<b>", "/a%3Cb%3E"),
        ("/a`b", "/a%60b"),
        ("/a{b}", "/a%7Bb%7D"),
        ("/a|b", "/a%7Cb"),
        ("/a^b", "/a%5Eb"),
        ("/a'b", "/a'b"),
        ("/a%20b", "/a%20b"),
        ("/a%e4b", "/a%e4b"),
        ("/a%2Eb", "/a.b"),
        ("/%2e%2E/x", "/x"),
        ("/a/...", "/a/..."),
        ("/a/..b", "/a/..b"),
        ("/a///../b", "/a/b"),
        ("/a/b//../c", "/a/b/c"),
        ("/a%", "/a%"),
        ("/a%4", "/a%4"),
        ("/[a]", "/[a]"),
        ("/a@:!$&()*+,=b", "/a@:!$&()*+,=b"),
        ("/a/%2e/b", "/a/b"),
        ("/a/.%2e/b", "/b"),
        ("/a/b/../../../c", "/c"),
        ("/a;b/../c", "/c"),
        ("/a%3fb", "/a%3fb"),
        ("/a\\..\\b", "/b"),
        ("/a/%c3%a4", "/a/%c3%a4"),
        ("/a%0%30", "/a%2500"),
        ("/a%%30%30", "/a%2500"),
        ("/a%%302", "/a%2502"),
        ("/a%%30", "/a%0"),
        ("/a%%30g", "/a%0g"),
        ("/%%30<1", "/%0%3C1"),
        ("/a/%%32e%2%65/b", "/a/%252e%252e/b"),
        ("/%%%30%30", "/%%2500"),
        ("/%4%31/../%%30%30", "/%2500"),
        ("/%4%312", "/%25412"),
        ("/%%4141", "/%25A41"),
        ("/a%%32535", "/a%252535"),
    ];

    const ALL: PathRules = PathRules {
        normalize: true,
        merge_slashes: true,
        escaped_slashes: EscapedSlashes::Keep,
    };

    #[test]
    fn a_quick_look_at_a_path_sees_what_a_close_one_does() {
        for merge_slashes in [false, true] {
            let rules = PathRules {
                merge_slashes,
                ..PathRules::default()
            };
            for (length, at) in [1, 15, 16, 17, 33]
                .into_iter()
                .flat_map(|length| (0..length - 1).map(move |at| (length, at)))
            {
                for (byte, other) in
                    (0..=u8::MAX).flat_map(|byte| b"/.a".map(|other| (byte, other)))
                {
                    let mut path = vec![b'a'; length];
                    path[at..at + 2].copy_from_slice(&[byte, other]);
                    assert_eq!(needs_work(&path, rules), has_work(&path, rules), "{path:?}");
                    path.reverse();
                    assert_eq!(needs_work(&path, rules), has_work(&path, rules), "{path:?}");
                }
            }
        }
    }

    #[test]
    fn paths_become_what_envoy_makes_of_them() {
        let mut out = Vec::new();
        for (path, expected) in RECORDED {
            let result = normalize(path.as_bytes(), ALL, &mut out);
            let found = match result {
                Normalized::Unchanged => path.as_bytes(),
                Normalized::Changed => &out,
                other => panic!("{path}: {other:?}"),
            };
            assert_eq!(std::str::from_utf8(found).unwrap(), *expected, "{path}");
        }
        assert_eq!(normalize(b"/a/%00b", ALL, &mut out), Normalized::Refused);
    }

    #[test]
    fn the_normal_form_is_stable() {
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        for (path, _) in RECORDED {
            if normalize(path.as_bytes(), ALL, &mut once) == Normalized::Changed {
                let again = normalize(&once, ALL, &mut twice);
                assert_eq!(again, Normalized::Unchanged, "{path}");
            }
        }
    }

    #[test]
    fn slashes_stay_unless_they_are_merged() {
        let mut out = Vec::new();
        let rules = PathRules {
            merge_slashes: false,
            ..ALL
        };
        assert_eq!(normalize(b"/a//b", rules, &mut out), Normalized::Unchanged);
        assert_eq!(normalize(b"/a//../b", rules, &mut out), Normalized::Changed);
        assert_eq!(out, b"/a/b");
    }
}
