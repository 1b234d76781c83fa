// SPDX-License-Identifier: Apache-2.0
//! Cuts a YAML stream at its `---` lines.
//!
//! In: a whole text. Out: byte ranges that parse on their own, so that an edit costs the
//! documents it touches and not the file. Sound because neither a quoted nor a block scalar can
//! hold a line that begins with `---`: the grammar ends the document there in every state.

use std::ops::Range;

/// The ranges, in order and without gaps; each but the first begins with its `---`.
pub(crate) fn chunks(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    // A directive (`%YAML`, `%TAG`) belongs to the document after the marker.
    if !text.starts_with('%') && !text.contains("\n%") {
        for (newline, _) in text.match_indices("\n---") {
            let marker = newline + 1;
            if is_marker(&text[marker..]) {
                ranges.push(start..marker);
                start = marker;
            }
        }
    }
    ranges.push(start..text.len());
    ranges
}

fn is_marker(line: &str) -> bool {
    matches!(
        line.as_bytes().get(3),
        None | Some(b' ' | b'\t' | b'\r' | b'\n')
    )
}

#[cfg(test)]
mod tests {
    use super::chunks;

    #[test]
    fn cuts_at_markers_only() {
        let cut = |text: &'static str| -> Vec<&str> {
            chunks(text).into_iter().map(|range| &text[range]).collect()
        };
        assert_eq!(cut(""), [""]);
        assert_eq!(cut("a: b\n---\nc: d\n"), ["a: b\n", "---\nc: d\n"]);
        assert_eq!(cut("---\na: b\n---"), ["---\na: b\n", "---"]);
        assert_eq!(cut("a: b\r\n--- # c\r\n"), ["a: b\r\n", "--- # c\r\n"]);
        assert_eq!(cut("a: |\n  x\n  ---\n"), ["a: |\n  x\n  ---\n"]);
        assert_eq!(cut("a: b\n---c\n"), ["a: b\n---c\n"]);
        assert_eq!(cut("%YAML 1.1\n---\na: b\n"), ["%YAML 1.1\n---\na: b\n"]);
    }
}
