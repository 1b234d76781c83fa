// SPDX-License-Identifier: Apache-2.0
//! "Did you mean ...?"
//!
//! In: a name nobody knows and the names that exist. Out: the one that was probably meant.

/// The candidate that `name` most resembles, if one is near enough to be worth mentioning.
///
/// A candidate that differs in case only wins at once. Otherwise up to a third of the letters (at
/// least two) may be wrong, missing, too many or swapped with a neighbour; of equally near
/// candidates the first one wins.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
    // A name this long is no slip of the pen, and the table below is quadratic.
    if wanted.is_empty() || wanted.len() > 256 {
        return None;
    }
    let allowed = (wanted.len() / 3).max(2);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let letters: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
        if letters == wanted {
            return Some(candidate);
        }
        if letters.len().abs_diff(wanted.len()) > allowed {
            continue;
        }
        let distance = distance(&wanted, &letters);
        // As many edits as letters turn anything into anything.
        let near = distance <= allowed && distance < wanted.len();
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Damerau-Levenshtein distance (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let fields = ["connectTimeout", "tcpKeepalive", "http2", "dns", "tls"];
        let cases = [
            ("connecttimeout", Some("connectTimeout")),
            ("connectTimeuot", Some("connectTimeout")),
            ("conectTimeout", Some("connectTimeout")),
            ("tcpKeepAlives", Some("tcpKeepalive")),
            ("htpt2", Some("http2")),
            ("dsn", Some("dns")),
            ("ls", Some("tls")),
            ("retries", None),
            ("x", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name, fields), expected, "{name}");
        }
    }
}
