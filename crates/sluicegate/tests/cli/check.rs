// SPDX-License-Identifier: Apache-2.0
//! `check`.

use crate::{
    manifests::{BROKEN, RIVALS},
    support::{File, HTTPBIN, run, run_with},
};

#[test]
fn example_is_accepted_with_its_advice() {
    let run = run(&["check", HTTPBIN]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let expected = "\
advice[older-spelling]: `headerFormat` is an older spelling of `preserveHttp1HeaderCase`
  --> examples/httpbin/policy.yaml:26:19
   |
26 |     headerFormat: PreserveCaseHeaderKeyFormat
   |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^
   |
   = in: BackendConfigPolicy httpbin/httpbin-connection, spec.http1ProtocolOptions.headerFormat
   = help: write `preserveHttp1HeaderCase: true`

6 objects, 0 errors, 0 warnings, 1 piece of advice
";
    assert_eq!(run.stdout, expected);
}

#[test]
fn all_broken_references_are_told_at_their_fields() {
    let file = File::new(BROKEN);
    let run = run(&["check", "-o", "json", HTTPBIN, &file.path()]);
    assert_eq!(run.code, 1);
    let json = run.json();
    assert_eq!(json["errors"], 6);
    assert_eq!(json["warnings"], 2);
    assert_eq!(json["ignored"]["apps/v1/Deployment"], 1);
    let all = json["diagnostics"].as_array().unwrap();
    let mut found: Vec<(u64, &str, &str)> = all
        .iter()
        .filter(|it| it["file"] == file.path().as_str())
        .map(|it| {
            let line = it["line"].as_u64().unwrap();
            (
                line,
                it["code"].as_str().unwrap(),
                it["path"].as_str().unwrap(),
            )
        })
        .collect();
    found.sort_unstable();
    let expected = [
        (7, "target-not-found", "spec.targetRefs[0].name"),
        (9, "target-not-found", "spec.targetSelectors[0]"),
        (18, "invalid-policy", "spec.tls"),
        (26, "no-matching-parent", "spec.parentRefs[0].sectionName"),
        (27, "parent-not-found", "spec.parentRefs[1].name"),
        (30, "backend-not-found", "spec.rules[0].backendRefs[0].port"),
        (31, "backend-not-found", "spec.rules[0].backendRefs[1].name"),
        (
            32,
            "ref-not-permitted",
            "spec.rules[0].backendRefs[2].namespace",
        ),
    ];
    assert_eq!(found, expected);
    let text = run_with(&["check", HTTPBIN, "-"], BROKEN);
    assert_eq!(text.code, 1);
    text.says(&[
        "--> <stdin>:7:",
        "did you mean \"httpbin\"?",
        "did you mean Gateway kgateway-system/http?",
        "its ports are 8000, 9000",
        "did you mean Service httpbin/httpbin?",
        "10 objects, 6 errors, 2 warnings, 1 piece of advice; ignored: apps/v1/Deployment (1)",
    ]);
}

/// A missing target and an invalid field of one policy are told in one run.
#[test]
fn invalid_policy_tells_missing_target_too() {
    let text = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: a}
spec:
  targetRefs: [{group: '', kind: Service, name: none}]
  connectTimeout: soon
";
    let run = run_with(&["check", "-o", "json", "-"], text);
    let json = run.json();
    let codes: Vec<&str> = json["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["target-not-found", "invalid-value"], "{json:#}");
}

#[test]
fn warnings_fail_only_when_strict() {
    let file = File::new(RIVALS);
    let path = file.path();
    let lenient = run(&["check", HTTPBIN, &path]);
    assert_eq!(lenient.code, 0, "{}", lenient.stdout);
    lenient.says(&[
        "warning[no-effect]",
        "warning[never-ejects]",
        "warning[unverified-backend]",
    ]);
    assert_eq!(run(&["check", "--strict", HTTPBIN, &path]).code, 1);
}

#[test]
fn exit_codes_tell_usage_from_environment() {
    assert_eq!(run(&["check"]).code, 2);
    let missing = run(&["check", "no/such/path"]);
    assert_eq!(missing.code, 3);
    assert!(
        missing.stderr.contains("no/such/path: no such file"),
        "{}",
        missing.stderr
    );
}

#[test]
fn unreadable_text_is_an_error_with_its_place() {
    let run = run_with(&["check", "-"], "a: [");
    assert_eq!(run.code, 1);
    run.says(&["<stdin>:1:", "1 error"]);
}

/// The case of best practices: one of each for people, all for machines.
const PRACTICES: &str = "tests/cases/btp-best-practices/manifests";

#[test]
fn best_practices_are_told_once_with_the_other_policies_by_name() {
    let run = run(&["check", PRACTICES]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    run.says(&[
        "advice[no-circuit-breaker]: nothing limits what a slow backend is sent",
        "= note: so it is with BackendTrafficPolicy default/merged\n",
        "warning[retry-amplification]: a backend that fails gets up to 2.0 times its requests",
    ]);
    assert_eq!(run.stdout.matches("[no-circuit-breaker]").count(), 1);
}

#[test]
fn best_practices_are_errors_when_strict() {
    let run = run(&["check", "--strict", "-o", "json", PRACTICES]);
    assert_eq!(run.code, 1);
    let json = run.json();
    // Four of the Gateway's policy, and one each of two others.
    assert_eq!(json["errors"], 6);
    let all = json["diagnostics"].as_array().unwrap();
    let practices = all.iter().filter(|it| it["severity"] == "error");
    let mut lines: Vec<u64> = practices.map(|it| it["line"].as_u64().unwrap()).collect();
    lines.dedup();
    assert_eq!(lines, [192, 199, 210]);
}

/// Other advice stays advice.
#[test]
fn what_follows_the_best_practices_is_fine_when_strict() {
    assert_eq!(run(&["check", "--strict", HTTPBIN]).code, 0);
}
