// SPDX-License-Identifier: Apache-2.0
//! TLS towards a backend.
//!
//! In: nothing. Out: the schema of `tls` in today's spelling and in the older ones.

use crate::crds::schema::{Schema, boolean, list, object, string, text, word};

/// Longest server name and longest protocol name that TLS can say.
const LONGEST: u32 = 255;

pub(super) fn tls() -> Schema {
    let names = || list(text(0, 4096), 0, u32::MAX);
    object([
        (
            "secretRef",
            object([("name", text(1, 253))])
                .required(&["name"])
                .says("A Secret of the policy's namespace with tls.crt, tls.key and ca.crt."),
        ),
        ("files", files().says("Files on the proxy.")),
        ("tlsFiles", files().says("Older name of files.")),
        ("sslFiles", files().says("Oldest name of files.")),
        (
            "wellKnownCACertificates",
            word(&["System"]).says("The certificate authorities of the system."),
        ),
        (
            "insecureSkipVerify",
            boolean().says("Any certificate will do."),
        ),
        (
            "sni",
            text(1, LONGEST).says("Server name that is asked for."),
        ),
        (
            "verifySubjectAltNames",
            names().says("Names of which the certificate must have one."),
        ),
        (
            "verifySubjectAltName",
            names().says("Older name of verifySubjectAltNames."),
        ),
        ("parameters", parameters().says("Versions and algorithms.")),
        (
            "sslParameters",
            parameters().says("Older name of parameters."),
        ),
        (
            "alpnProtocols",
            list(text(1, LONGEST), 0, u32::MAX).says("Protocols that are offered, best first."),
        ),
        (
            "allowRenegotiation",
            boolean().says("The backend may renegotiate."),
        ),
        (
            "simpleTLS",
            boolean().says("No client certificate is sent, even if there is one."),
        ),
        ("oneWayTLS", boolean().says("Older name of simpleTLS.")),
    ])
    .rule(
        "[has(self.secretRef), has(self.files) || has(self.tlsFiles) || has(self.sslFiles), \
         has(self.insecureSkipVerify), has(self.wellKnownCACertificates)].filter(set, set).size() \
         == 1",
        "set exactly one of secretRef, files, insecureSkipVerify, wellKnownCACertificates",
    )
    .rule(
        "!((has(self.verifySubjectAltNames) && size(self.verifySubjectAltNames) > 0) || \
         (has(self.verifySubjectAltName) && size(self.verifySubjectAltName) > 0)) || \
         has(self.secretRef) || has(self.wellKnownCACertificates) || \
         (has(self.insecureSkipVerify) && self.insecureSkipVerify) || \
         (has(self.files) && has(self.files.rootCA)) || \
         (has(self.tlsFiles) && has(self.tlsFiles.rootCA)) || \
         (has(self.sslFiles) && has(self.sslFiles.rootCA))",
        "verifySubjectAltNames needs a root CA: add files.rootCA, or use wellKnownCACertificates: \
         System",
    )
    .same_block("files", "tlsFiles")
    .same_block("files", "sslFiles")
    .same_block("tlsFiles", "sslFiles")
    .same("verifySubjectAltNames", "verifySubjectAltName")
    .same_block("parameters", "sslParameters")
    .same("simpleTLS", "oneWayTLS")
}

fn files() -> Schema {
    object([
        (
            "tlsCertificate",
            text(1, 4096).says("Path of the client certificate."),
        ),
        ("tlsKey", text(1, 4096).says("Path of its key.")),
        (
            "rootCA",
            text(1, 4096).says("Path of the certificate authorities."),
        ),
    ])
    .at_least_one(&["tlsCertificate", "tlsKey", "rootCA"])
    .rule(
        "has(self.tlsCertificate) == has(self.tlsKey)",
        "tlsCertificate and tlsKey belong together: add the one that is missing",
    )
}

fn parameters() -> Schema {
    let version = || word(&["AUTO", "1.0", "1.1", "1.2", "1.3"]);
    let names = || list(string(), 0, u32::MAX);
    object([
        ("minVersion", version().says("Lowest version of TLS.")),
        ("tlsMinVersion", version().says("Older name of minVersion.")),
        ("maxVersion", version().says("Highest version of TLS.")),
        ("tlsMaxVersion", version().says("Older name of maxVersion.")),
        (
            "cipherSuites",
            names().says("Cipher suites up to TLS 1.2, by OpenSSL's or IANA's name."),
        ),
        (
            "ecdhCurves",
            names().says("Curves of the key exchange, best first."),
        ),
        (
            "signatureAlgorithms",
            names().says("Signature algorithms, best first."),
        ),
    ])
    .same("minVersion", "tlsMinVersion")
    .same("maxVersion", "tlsMaxVersion")
    .rule(
        // The words compare as text in the order of the versions; AUTO is no bound.
        "[has(self.minVersion) ? self.minVersion : 'AUTO', \
         has(self.tlsMinVersion) ? self.tlsMinVersion : 'AUTO'].all(least, \
         [has(self.maxVersion) ? self.maxVersion : 'AUTO', \
         has(self.tlsMaxVersion) ? self.tlsMaxVersion : 'AUTO'].all(most, \
         least == 'AUTO' || most == 'AUTO' || least <= most))",
        "minVersion must be less than or equal to maxVersion: lower minVersion",
    )
}
