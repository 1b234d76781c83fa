// SPDX-License-Identifier: Apache-2.0
//! Verdicts on ServiceEntries.

use crate::testing::{Verdict, assert_verdicts, manifest, store};

#[test]
fn service_entries() {
    for version in ["v1", "v1beta1", "v1alpha3"] {
        let text = manifest(
            &format!("networking.istio.io/{version}"),
            "ServiceEntry",
            concat!(
                "hosts: [a.example.com, '*.b.com']\nlocation: MESH_INTERNAL\nresolution: STATIC\n",
                "ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 81, name: b}]\n",
                "endpoints: [{address: 10.0.0.1, ports: {http: 9090}, locality: a/b, labels: {x: y}}]",
            ),
        );
        let store = store(&text);
        assert_verdicts(version, &store.diagnostics, &[]);
        let entry = &store
            .service_entries
            .values()
            .next()
            .expect("an entry")
            .spec;
        let targets: Vec<_> = entry.ports.iter().map(|port| port.target_port).collect();
        assert_eq!(targets, [8080, 81]);
        assert_eq!(entry.resolution, "STATIC");
        assert_eq!(entry.endpoints[0].ports["http"], 9090);
    }
}

#[test]
fn service_entry_rules() {
    let cases: [(&str, Verdict<'_>); 5] = [
        (
            "ports: []",
            ("required-value", "spec.hosts", "Required value"),
        ),
        (
            "hosts: ['*']",
            ("invalid-value", "spec.hosts[0]", "cannot be wildcard"),
        ),
        (
            "hosts: [a.b]\nresolution: dns",
            (
                "unsupported-value",
                "spec.resolution",
                "did you mean `DNS`?",
            ),
        ),
        (
            "hosts: [a.b]\nports: [{number: 80, name: a}, {number: 80, name: b}]",
            (
                "duplicate-value",
                "spec.ports[1]",
                "Duplicate value: \"80\"",
            ),
        ),
        (
            "hosts: [a.b]\nworkloadSelector: {}\nendpoints: [{address: 1.1.1.1}]",
            (
                "invalid-value",
                "spec",
                "only one of WorkloadSelector or Endpoints",
            ),
        ),
    ];
    for (spec, expected) in cases {
        let text = manifest("networking.istio.io/v1", "ServiceEntry", spec);
        assert_verdicts(spec, &store(&text).diagnostics, &[expected]);
    }
}
