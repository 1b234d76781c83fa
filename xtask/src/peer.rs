// SPDX-License-Identifier: Apache-2.0
//! The peer suite: the same tests with our data plane and with a real Envoy.
//!
//! In: tests that can stand on either plane, `docs/reference/peer.md`. Out: a verdict for each row of
//! the behaviour table; an error for every difference that is not decided there, and for every
//! decision that is not a difference any more.

mod plane;
mod report;
mod table;

use std::{collections::BTreeMap, env};

use anyhow::{Result, bail, ensure};

use self::{
    plane::{Outcome, Run, Suite},
    report::{Report, Test},
    table::{Decisions, Kind},
};
use crate::rows;

pub(crate) const USAGE: &str = "peer [-o json] [PART OF A TEST'S NAME]";

/// Runs, prints, and fails when anything is not as decided.
pub(crate) fn compare(arguments: &[&str]) -> Result<()> {
    let (json, part) = match arguments {
        [] => (false, ""),
        ["-o", "json"] => (true, ""),
        ["-o", "json", part] => (true, *part),
        [part] if !part.starts_with('-') => (false, *part),
        _ => bail!("usage: cargo xtask {USAGE}"),
    };
    if env::var("SLUICEGATE_SKIP_ENVOY").is_ok_and(|value| value == "1") {
        println!("SKIPPED: nothing was compared with Envoy, because SLUICEGATE_SKIP_ENVOY=1");
        return Ok(());
    }
    let decisions = Decisions::read()?;
    let mut tests = BTreeMap::new();
    let mut unused = decisions.clone();
    for suite in Suite::all()? {
        let names = suite.tests(part)?;
        let (ours, both): (Vec<_>, Vec<_>) = names
            .into_iter()
            .partition(|name| decisions.has(Kind::Ours, name));
        for name in ours {
            unused.take(Kind::Ours, &name);
            tests.insert(name, Test::ours());
        }
        let mut judged = |runs: Vec<Run>| -> Vec<(String, Test)> {
            let judge = |(name, own, envoy): Run| {
                let test = judge(&name, &own, &envoy, &decisions, &mut unused);
                (name, test)
            };
            runs.into_iter().map(judge).collect()
        };
        let (well, ill): (Vec<_>, Vec<_>) = judged(suite.run(both)?)
            .into_iter()
            .partition(|(_, test)| test.is_well());
        // A machine that is busy may be the reason; a difference is there again.
        let again: Vec<String> = ill.into_iter().map(|(name, _)| name).collect();
        for name in &again {
            eprintln!("once more: {name}");
        }
        tests.extend(well);
        tests.extend(judged(suite.run(again)?));
    }
    let report = Report::new(tests, rows::behaviours()?, &rows::tests()?);
    if json {
        println!("{:#}", report.json());
    } else {
        report.print();
    }
    let mut problems = report.problems();
    if part.is_empty() {
        problems.extend(unused.left());
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n\n"));
    Ok(())
}

/// Compares the outcome of a test on both planes with what is decided.
fn judge(
    name: &str,
    own: &Outcome,
    envoy: &Outcome,
    decisions: &Decisions,
    unused: &mut Decisions,
) -> Test {
    let mut test = Test::default();
    if let Err(text) = &own.result {
        test.problem(format!("{name} fails with our data plane:\n{text}"));
    }
    let fails = decisions.has(Kind::Test, name);
    unused.take(Kind::Test, name);
    match &envoy.result {
        Err(_) if fails => test.decided.push("the whole test".to_owned()),
        Err(text) => test.problem(format!("{name} fails with Envoy:\n{text}")),
        Ok(()) if fails => test.problem(format!("{name} does not differ, though it is listed")),
        Ok(()) => {}
    }
    for key in own.decided.union(&envoy.decided) {
        if decisions.has(Kind::Value, key) {
            unused.take(Kind::Value, key);
            test.decided.push(key.clone());
        } else {
            test.problem(format!("{name} uses {key:?}, which is not listed"));
        }
    }
    if decisions.has(Kind::Chance, name) {
        unused.take(Kind::Chance, name);
        return test;
    }
    let differs = own.messages != envoy.messages;
    let listed = decisions.has(Kind::Messages, name);
    unused.take(Kind::Messages, name);
    match (differs, listed) {
        (true, true) => test.decided.push("messages".to_owned()),
        (true, false) if !fails => test.problem(format!(
            "{name}: messages differ\n{}",
            own.difference(envoy)
        )),
        (false, true) => test.problem(format!("{name}: messages do not differ, though listed")),
        _ => {}
    }
    test.messages = own.messages.len();
    test
}
