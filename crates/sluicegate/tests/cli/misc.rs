// SPDX-License-Identifier: Apache-2.0
//! `dump`, `completions`, help, colours.

use crate::support::{HTTPBIN, run};

#[test]
fn every_command_has_help_with_examples() {
    for command in [
        "check",
        "completions",
        "crds",
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
fn crds_are_printed_whole_or_by_name() {
    let every = run(&["crds"]);
    assert_eq!(every.code, 0);
    every.says(&[
        "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n",
        "  name: backendconfigpolicies.gateway.kgateway.dev\n",
        "  name: backends.gateway.kgateway.dev\n",
        "  name: backendtrafficpolicies.gateway.envoyproxy.io\n",
    ]);
    let one = run(&["crds", "btp", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_str(&one.stdout).unwrap();
    let items = list["items"].as_array().unwrap();
    assert_eq!((&list["kind"], items.len()), (&"List".into(), 1));
    assert_eq!(items[0]["spec"]["names"]["kind"], "BackendTrafficPolicy");
    assert_eq!(run(&["crds", "HTTPRoute"]).code, 2);
}

#[test]
fn one_address_for_all_gateways_and_one_for_each_exclude_each_other() {
    let pool = ["run", "--kubernetes", "--address-pool", "192.0.2.0/24"];
    for other in [["--bind", "192.0.2.1"], ["--gateway-services", "app=edge"]] {
        let run = run(&[&pool[..], &other].concat());
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains(other[0]), "{}", run.stderr);
        assert!(run.stderr.contains("--address-pool"), "{}", run.stderr);
    }
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
