// SPDX-License-Identifier: Apache-2.0
//! "Did you mean": the candidate closest to a misspelt name.
//!
//! In: a name and the names that exist. Out: the nearest one, when it is near enough to suggest.

/// The candidate that `name` was most likely meant to be: equal but for case, or at most one edit
/// per three characters away. Ties go to the earlier candidate.
pub(crate) fn nearest<'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    let limit = wanted.len().div_ceil(3).min(4);
    // A name far longer than any field cannot be a slip of the pen, and would cost time.
    if wanted.is_empty() || wanted.len() > 64 {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (edits(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn edits(from: &[char], to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for row in 1..=from.len() {
        let mut current = vec![row];
        for column in 1..=to.len() {
            let replaced = last[column - 1] + usize::from(from[row - 1] != to[column - 1]);
            let mut best = replaced.min(last[column] + 1).min(current[column - 1] + 1);
            let swapped = row > 1
                && column > 1
                && from[row - 1] == to[column - 2]
                && from[row - 2] == to[column - 1];
            if swapped {
                best = best.min(before_last[column - 2] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_only_what_is_near() {
        let names = ["connectTimeout", "tls", "dns", "loadBalancer"];
        let cases = [
            ("conectTimeout", Some("connectTimeout")),
            ("connecttimeout", Some("connectTimeout")),
            ("connectTimeuot", Some("connectTimeout")),
            ("tsl", Some("tls")),
            ("loadBalancr", Some("loadBalancer")),
            ("weather", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name, names), expected, "{name}");
        }
    }
}
