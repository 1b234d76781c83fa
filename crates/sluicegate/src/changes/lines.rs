// SPDX-License-Identifier: Apache-2.0
//! Line by line differences of two texts.
//!
//! In: the texts. Out: removed and added lines with three lines around them.

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Added(String),
    /// Lines that are the same and far from any change.
    Gap,
    Kept(String),
    Removed(String),
}

/// Lines kept around a change.
const CONTEXT: usize = 3;

/// The longest tables that are worth their memory: past it, the middle is shown as replaced.
const MAX_CELLS: usize = 4_000_000;

/// The difference; empty when the texts are the same.
pub(super) fn hunks(before: &str, after: &str) -> Vec<Line> {
    let all = differences(before, after);
    let changed = |line: &Line| !matches!(line, Line::Kept(_));
    let near = |at: usize| {
        let range = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(all.len());
        all[range].iter().any(changed)
    };
    let mut found = Vec::new();
    for (at, line) in all.iter().enumerate() {
        if near(at) {
            found.push(line.clone());
        } else if !found.is_empty() && found.last() != Some(&Line::Gap) {
            found.push(Line::Gap);
        }
    }
    if found.last() == Some(&Line::Gap) {
        found.pop();
    }
    found
}

fn differences(before: &str, after: &str) -> Vec<Line> {
    let (a, b): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |(x, y): &(&&str, &&str)| x == y;
    let head = a.iter().zip(&b).take_while(same).count();
    let most = a.len().min(b.len()) - head;
    let tail = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(most)
        .take_while(same)
        .count();
    let mut found: Vec<Line> = a[..head].iter().map(|line| kept(line)).collect();
    found.extend(middle(&a[head..a.len() - tail], &b[head..b.len() - tail]));
    found.extend(a[a.len() - tail..].iter().map(|line| kept(line)));
    found
}

/// By the longest common subsequence; `lengths[i][j]` is that of `a[i..]` and `b[j..]`.
fn middle(a: &[&str], b: &[&str]) -> Vec<Line> {
    let mut found = Vec::new();
    if a.len() * b.len() > MAX_CELLS {
        found.extend(a.iter().map(|line| Line::Removed((*line).to_owned())));
        found.extend(b.iter().map(|line| Line::Added((*line).to_owned())));
        return found;
    }
    let mut lengths = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            lengths[i][j] = if a[i] == b[j] {
                lengths[i + 1][j + 1] + 1
            } else {
                lengths[i + 1][j].max(lengths[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            found.push(kept(a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || i < a.len() && lengths[i + 1][j] >= lengths[i][j + 1] {
            found.push(Line::Removed(a[i].to_owned()));
            i += 1;
        } else {
            found.push(Line::Added(b[j].to_owned()));
            j += 1;
        }
    }
    found
}

fn kept(line: &str) -> Line {
    Line::Kept(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_changes_with_their_surroundings() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n";
        let shown: Vec<String> = hunks(before, after)
            .iter()
            .map(|line| match line {
                Line::Added(line) => format!("+{line}"),
                Line::Gap => "...".to_owned(),
                Line::Kept(line) => line.clone(),
                Line::Removed(line) => format!("-{line}"),
            })
            .collect();
        let expected = "2 3 4 -5 +five 6 7 8 9 +10";
        assert_eq!(shown.join(" "), expected);
        assert!(hunks(before, before).is_empty());
    }
}
