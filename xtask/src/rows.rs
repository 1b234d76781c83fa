// SPDX-License-Identifier: Apache-2.0
//! Every row of the behaviour table is a test.
//!
//! In: `docs/reference/behaviour.md`, and the tests whose doc comment says `Row 7.` or
//! `Rows 7, 8 and 9.`. Out: the tests of each row; an error for a row with neither a test nor a
//! reason, and for a comment that names no row.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail, ensure};

use crate::layout::{root, rust_files};

/// What each row is about.
pub(crate) fn behaviours() -> Result<BTreeMap<u32, String>> {
    let table = table(&fs::read_to_string(root().join(PAGE))?)?;
    let rows = table.into_iter();
    Ok(rows.map(|(number, row)| (number, row.behaviour)).collect())
}

/// Tests of each row: their file and name.
pub(crate) fn tests() -> Result<BTreeMap<u32, Vec<String>>> {
    Ok(Found::everywhere()?.tests)
}

/// Prints the tests of each row and reports every gap.
pub(crate) fn check() -> Result<()> {
    let table = table(&fs::read_to_string(root().join(PAGE))?)?;
    let mut found = Found::everywhere()?;
    for (number, row) in &table {
        println!("{number} {}", row.behaviour);
        for test in found.tests.get(number).into_iter().flatten() {
            println!("    {test}");
        }
    }
    let gaps = gaps(&table, &found.tests);
    found.breaches.extend(gaps);
    ensure!(found.breaches.is_empty(), "{}", found.breaches.join("\n"));
    println!("rows: every row has its tests");
    Ok(())
}

/// A row of the page.
struct Row {
    behaviour: String,
    /// Why there is no test, if the page says so.
    excused: bool,
}

fn table(page: &str) -> Result<BTreeMap<u32, Row>> {
    let mut rows = BTreeMap::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let Some(Ok(number)) = cells[0].strip_prefix("| ").map(str::parse) else {
            continue;
        };
        let [_, behaviour, check] = cells[..] else {
            bail!("row {number} of {PAGE} must have three cells");
        };
        let row = Row {
            behaviour: behaviour.to_owned(),
            excused: check.starts_with(NO_TEST),
        };
        ensure!(
            rows.insert(number, row).is_none(),
            "row {number} stands twice"
        );
    }
    Ok(rows)
}

fn gaps(table: &BTreeMap<u32, Row>, tests: &BTreeMap<u32, Vec<String>>) -> Vec<String> {
    let untested = table
        .iter()
        .filter(|(number, row)| !row.excused && !tests.contains_key(number))
        .map(|(number, row)| format!("row {number} has no test: {}", row.behaviour));
    let unknown = tests
        .iter()
        .filter(|(number, _)| !table.contains_key(number))
        .map(|(number, tests)| format!("{} names row {number}, which is none", tests.join(", ")));
    untested.chain(unknown).collect()
}

#[derive(Default)]
struct Found {
    tests: BTreeMap<u32, Vec<String>>,
    breaches: Vec<String>,
}

impl Found {
    fn everywhere() -> Result<Self> {
        let mut found = Self::default();
        for file in rust_files(&root().join("crates"))? {
            found.read(&file)?;
        }
        Ok(found)
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let shown = file.strip_prefix(root()).unwrap_or(file).display();
        let mut rows = Vec::new();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("///") {
                match numbers(comment.trim_start()) {
                    Some(Ok(numbers)) => rows.extend(numbers),
                    Some(Err(())) => self.breaches.push(format!("{shown}: {comment:?}")),
                    None => {}
                }
            } else if line.starts_with("#[") {
                is_test |= TEST.iter().any(|attribute| line.starts_with(attribute));
            } else {
                let name = name(line);
                let is_row = is_test && name.is_some();
                if !rows.is_empty() && !is_row {
                    self.breaches
                        .push(format!("{shown}: rows {rows:?} stand before no test"));
                }
                for row in rows.drain(..) {
                    let test = format!("{shown} {}", name.unwrap_or_default());
                    self.tests.entry(row).or_default().push(test);
                }
                is_test = false;
            }
        }
        Ok(())
    }
}

/// The numbers of a comment that names rows.
fn numbers(comment: &str) -> Option<Result<Vec<u32>, ()>> {
    let list = comment
        .strip_prefix("Row ")
        .or_else(|| comment.strip_prefix("Rows "))
        .filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))?;
    let Some((list, _)) = list.split_once(['.', ';', ':']) else {
        return Some(Err(()));
    };
    let list = list.replace(" and ", ", ");
    let numbers = list.split(", ").map(str::parse);
    Some(numbers.collect::<Result<_, _>>().map_err(|_| ()))
}

fn name(line: &str) -> Option<&str> {
    let function = line.strip_prefix("async ").unwrap_or(line);
    let rest = function.strip_prefix("fn ")?;
    rest.split('(').next()
}

const PAGE: &str = "docs/reference/behaviour.md";

/// How the last cell of a row begins that has no test.
const NO_TEST: &str = "No test: ";

const TEST: [&str; 2] = ["#[test]", "#[tokio::test"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_name_rows() {
        assert_eq!(numbers("Row 7."), Some(Ok(vec![7])));
        assert_eq!(numbers("Rows 7, 8 and 19. More."), Some(Ok(vec![7, 8, 19])));
        assert_eq!(numbers("Row 7; more."), Some(Ok(vec![7])));
        assert_eq!(numbers("Row 7 of something."), Some(Err(())));
        assert_eq!(numbers("Rows of another kind."), None);
    }

    #[test]
    fn a_row_wants_a_test_or_a_reason() {
        let page = "| # | Behaviour | Check |\n| --- | --- | --- |\n| 1 | one | a |\n\
                    | 2 | two | No test: b |\n";
        let table = table(page).unwrap();
        assert_eq!(gaps(&table, &BTreeMap::new()), ["row 1 has no test: one"]);
        let tests = BTreeMap::from([(1, vec!["t".to_owned()]), (3, vec!["u".to_owned()])]);
        assert_eq!(gaps(&table, &tests), ["u names row 3, which is none"]);
    }
}
