// SPDX-License-Identifier: Apache-2.0
//! `tls`.

use super::refuses;

#[test]
fn rules() {
    refuses(&[
        (
            "tls: {}",
            (
                "invalid-value",
                "spec.tls",
                "exactly one of the fields in [secretRef files",
            ),
        ),
        (
            "tls: {insecureSkipVerify: false, wellKnownCACertificates: System}",
            ("invalid-value", "spec.tls", "exactly one of the fields"),
        ),
        (
            "tls: {secretRef: {}}",
            (
                "required-value",
                "spec.tls.secretRef.name",
                "Required value",
            ),
        ),
        (
            "tls: {secretRef: {name: a, namespace: b}}",
            (
                "unknown-field",
                "spec.tls.secretRef.namespace",
                "policy's namespace",
            ),
        ),
        (
            "tls: {files: {}}",
            (
                "invalid-value",
                "spec.tls.files",
                "at least one of the fields",
            ),
        ),
        (
            "tls: {files: {tlsCertificate: /a}}",
            ("invalid-value", "spec.tls.files", "must be set together"),
        ),
        (
            "tls: {files: {rootCA: ''}}",
            ("invalid-value", "spec.tls.files.rootCA", "at least 1 chars"),
        ),
        (
            "tls: {wellKnownCACertificates: example.com/ca}",
            (
                "unsupported-value",
                "spec.tls.wellKnownCACertificates",
                "values: \"System\"",
            ),
        ),
        (
            "tls: {insecureSkipVerify: true, sni: ''}",
            ("invalid-value", "spec.tls.sni", "at least 1 chars"),
        ),
        (
            "tls: {files: {tlsCertificate: /a, tlsKey: /b}, verifySubjectAltNames: [a]}",
            (
                "invalid-value",
                "spec.tls",
                "verifySubjectAltNames needs a root CA",
            ),
        ),
        (
            "tls: {insecureSkipVerify: false, verifySubjectAltNames: [a]}",
            (
                "invalid-value",
                "spec.tls",
                "verifySubjectAltNames needs a root CA",
            ),
        ),
    ]);
}

#[test]
fn parameter_rules() {
    let cases = [
        (
            "minVersion: 1.2",
            "invalid-type",
            "minVersion",
            "put it in quotes: \"1.2\"",
        ),
        (
            "minVersion: '1.4'",
            "unsupported-value",
            "minVersion",
            "\"AUTO\", \"1.0\", \"1.1\"",
        ),
        (
            "{minVersion: '1.3', maxVersion: '1.2'}",
            "invalid-value",
            "",
            "less than or equal",
        ),
        (
            "cipherSuites: [NULL-MD5]",
            "invalid-value",
            "cipherSuites[0]",
            "unknown cipher suite",
        ),
        (
            "cipherSuites: [ECDHE-RSA-AES128-GCM-SHA265]",
            "invalid-value",
            "cipherSuites[0]",
            "did you mean `ECDHE-RSA-AES128-GCM-SHA256`?",
        ),
        (
            "ecdhCurves: [secp256r1]",
            "invalid-value",
            "ecdhCurves[0]",
            "did you mean `P-256`?",
        ),
        (
            "signatureAlgorithms: [rsa]",
            "invalid-value",
            "signatureAlgorithms[0]",
            "unknown",
        ),
    ];
    for (parameters, code, field, fragment) in cases {
        let path = match field {
            "" => "spec.tls.parameters".to_owned(),
            field => format!("spec.tls.parameters.{field}"),
        };
        let spec = format!("tls:\n  insecureSkipVerify: true\n  parameters:\n    {parameters}");
        refuses(&[(&spec, (code, &path, fragment))]);
    }
}
