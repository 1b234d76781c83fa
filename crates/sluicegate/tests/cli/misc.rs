// SPDX-License-Identifier: Apache-2.0
//! `dump`, `completions`, help, colours.

use crate::support::{HTTPBIN, run};

#[test]
fn every_command_has_help_with_examples() {
    for command in [
        "check",
        "completions",
        "diff",
        "dump",
        "explain",
        "status",
        "translate",
    ] {
        let run = run(&[command, "--help"]);
        assert_eq!(run.code, 0);
        run.says(&["Examples:\n  sluicegate ", "Usage: sluicegate "]);
    }
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = run(&["completions", shell]);
        assert_eq!(run.code, 0);
        run.says(&["explain"]);
    }
    assert_eq!(run(&["completions", "cmd"]).code, 2);
}

#[test]
fn dump_without_an_instance_is_an_environment_error() {
    assert_eq!(run(&["dump", "--admin", "127.0.0.1:1"]).code, 3);
}

#[test]
fn colours_only_when_they_are_seen_or_asked_for() {
    assert!(!run(&["check", HTTPBIN]).stdout.contains('\u{1b}'));
    assert!(
        run(&["check", "--color", "always", HTTPBIN])
            .stdout
            .contains('\u{1b}')
    );
}
