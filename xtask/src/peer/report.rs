// SPDX-License-Identifier: Apache-2.0
//! What the comparison came to, by row of the behaviour table.
//!
//! In: tests with their verdicts. Out: a table, JSON, and a line that counts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A test and what became of it.
#[derive(Debug, Default)]
pub(super) struct Test {
    /// Not run with Envoy.
    ours: bool,
    /// Differences that are decided.
    pub(super) decided: Vec<String>,
    /// What is not as decided.
    problems: Vec<String>,
    /// Different messages that were compared.
    pub(super) messages: usize,
}

pub(super) struct Report {
    tests: BTreeMap<String, Test>,
    rows: Vec<Row>,
}

struct Row {
    number: u32,
    behaviour: String,
    verdict: Verdict,
    tests: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Equal,
    Decided,
    Failed,
    NotRun,
}

impl Test {
    pub(super) fn ours() -> Self {
        Self {
            ours: true,
            ..Self::default()
        }
    }

    /// Nothing is other than decided.
    pub(super) fn is_well(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn problem(&mut self, text: String) {
        self.problems.push(text);
    }
}

impl Report {
    /// `rows` names tests by file and function.
    pub(super) fn new(
        tests: BTreeMap<String, Test>,
        behaviours: BTreeMap<u32, String>,
        rows: &BTreeMap<u32, Vec<String>>,
    ) -> Self {
        let rows = behaviours.into_iter().map(|(number, behaviour)| {
            let named = rows.get(&number).into_iter().flatten();
            let named: Vec<String> = named.filter_map(|it| path(it)).collect();
            let names: Vec<String> = named
                .into_iter()
                .filter(|name| tests.contains_key(name))
                .collect();
            Row {
                number,
                behaviour,
                verdict: verdict(names.iter().map(|name| &tests[name])),
                tests: names,
            }
        });
        Self {
            rows: rows.collect(),
            tests,
        }
    }

    pub(super) fn print(&self) {
        for row in &self.rows {
            println!(
                "{:>3} {:<9} {}",
                row.number,
                row.verdict.word(),
                row.behaviour
            );
            for name in &row.tests {
                let test = &self.tests[name];
                if !test.decided.is_empty() {
                    println!("              {name}: {}", test.decided.join(", "));
                }
            }
        }
        println!("{}", self.line());
    }

    fn line(&self) -> String {
        let rows = |verdict| {
            self.rows
                .iter()
                .filter(|row| row.verdict == verdict)
                .count()
        };
        let equal = rows(Verdict::Equal);
        let (decided, failed) = (rows(Verdict::Decided), rows(Verdict::Failed));
        let both = self.tests.values().filter(|test| !test.ours);
        format!(
            "peer: {} of {} rows run, {equal} equal, {decided} different by decision, {failed} \
             failed; {} tests with {} messages on both planes",
            equal + decided + failed,
            self.rows.len(),
            both.clone().count(),
            both.map(|test| test.messages).sum::<usize>(),
        )
    }

    pub(super) fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "row": row.number,
                "behaviour": row.behaviour,
                "verdict": row.verdict.word(),
                "tests": row.tests,
            })
        });
        let tests = self.tests.iter().map(|(name, test)| {
            json!({
                "test": name,
                "both_planes": !test.ours,
                "decided": test.decided,
                "messages": test.messages,
                "problems": test.problems,
            })
        });
        json!({
            "summary": self.line(),
            "rows": rows.collect::<Vec<_>>(),
            "tests": tests.collect::<Vec<_>>(),
        })
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let tests = self.tests.values();
        tests.flat_map(|test| test.problems.clone()).collect()
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Decided => "decided",
            Self::Failed => "FAILED",
            Self::NotRun => "not run",
        }
    }
}

fn verdict<'t>(tests: impl Iterator<Item = &'t Test>) -> Verdict {
    let tests: Vec<&Test> = tests.filter(|test| !test.ours).collect();
    if tests.is_empty() {
        Verdict::NotRun
    } else if tests.iter().any(|test| !test.problems.is_empty()) {
        Verdict::Failed
    } else if tests.iter().any(|test| !test.decided.is_empty()) {
        Verdict::Decided
    } else {
        Verdict::Equal
    }
}

/// `crates/x/tests/x/a/b.rs c` is the test `a::b::c` of its binary.
fn path(test: &str) -> Option<String> {
    let (file, name) = test.split_once(' ')?;
    let (_, file) = file.split_once("/tests/")?;
    let (_, file) = file.strip_suffix(".rs")?.split_once('/')?;
    Some(format!("{}::{name}", file.replace('/', "::")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_modules() {
        let path = |text| path(text).unwrap_or_default();
        assert_eq!(path("crates/a/tests/a/b/c.rs d"), "b::c::d");
        assert_eq!(path("crates/a/src/b.rs d"), "");
    }

    #[test]
    fn one_difference_decides_about_a_row() {
        let (equal, mut decided, mut failed) = (Test::default(), Test::default(), Test::default());
        decided.decided.push("x".to_owned());
        failed.problem("y".to_owned());
        assert_eq!(verdict([&Test::ours()].into_iter()), Verdict::NotRun);
        assert_eq!(verdict([&equal, &Test::ours()].into_iter()), Verdict::Equal);
        assert_eq!(verdict([&equal, &decided].into_iter()), Verdict::Decided);
        assert_eq!(verdict([&decided, &failed].into_iter()), Verdict::Failed);
    }
}
