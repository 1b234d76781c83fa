// SPDX-License-Identifier: Apache-2.0
//! Decoding of `tls.parameters`.
//!
//! In: the block. Out: versions and names that BoringSSL knows; an unknown one would make Envoy
//! refuse the cluster.

use sluicegate_manifest::nearest;

use super::{TlsParameters, TlsVersion};
use crate::{
    admission::{Block, Field},
    codes,
};

/// Cipher suites up to TLS 1.2 under their OpenSSL and IANA names.
const CIPHERS: &[(&str, &str)] = &[
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    ),
    (
        "ECDHE-RSA-AES128-GCM-SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ),
    (
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    ),
    (
        "ECDHE-RSA-AES256-GCM-SHA384",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    ),
    (
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
    (
        "ECDHE-RSA-CHACHA20-POLY1305",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
    (
        "ECDHE-PSK-CHACHA20-POLY1305",
        "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
    ),
    (
        "ECDHE-ECDSA-AES128-SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    ),
    ("ECDHE-RSA-AES128-SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (
        "ECDHE-RSA-AES128-SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    ),
    (
        "ECDHE-PSK-AES128-CBC-SHA",
        "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA",
    ),
    (
        "ECDHE-ECDSA-AES256-SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    ),
    ("ECDHE-RSA-AES256-SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (
        "ECDHE-PSK-AES256-CBC-SHA",
        "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA",
    ),
    ("AES128-GCM-SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    ("AES256-GCM-SHA384", "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    ("AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"),
    ("AES256-SHA", "TLS_RSA_WITH_AES_256_CBC_SHA"),
    ("PSK-AES128-CBC-SHA", "TLS_PSK_WITH_AES_128_CBC_SHA"),
    ("PSK-AES256-CBC-SHA", "TLS_PSK_WITH_AES_256_CBC_SHA"),
    ("DES-CBC3-SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
];

/// Suites of TLS 1.3, which BoringSSL always offers and never takes from a list.
const TLS13_CIPHERS: &[&str] = &[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

const CURVES: &[&str] = &[
    "X25519",
    "P-256",
    "P-384",
    "P-521",
    "P-224",
    "X25519MLKEM768",
    "MLKEM1024",
    "X25519Kyber768Draft00",
    "x25519",
    "prime256v1",
    "secp384r1",
    "secp521r1",
    "secp224r1",
];

const SIGNATURE_ALGORITHMS: &[&str] = &[
    "ecdsa_secp256r1_sha256",
    "ecdsa_secp384r1_sha384",
    "ecdsa_secp521r1_sha512",
    "ecdsa_sha1",
    "ed25519",
    "rsa_pkcs1_md5_sha1",
    "rsa_pkcs1_sha1",
    "rsa_pkcs1_sha256",
    "rsa_pkcs1_sha384",
    "rsa_pkcs1_sha512",
    "rsa_pss_rsae_sha256",
    "rsa_pss_rsae_sha384",
    "rsa_pss_rsae_sha512",
];

/// The halves of OpenSSL's own notation, such as `RSA+SHA256`.
const SIGNATURE_KEYS: &[&str] = &["ECDSA", "PSS", "RSA", "RSA-PSS"];
const SIGNATURE_HASHES: &[&str] = &["SHA1", "SHA256", "SHA384", "SHA512"];

impl TlsParameters {
    pub(super) fn decode(block: &Block<'_>, field: &Field<'_>) -> Self {
        let min = block.aliased("minVersion", &["tlsMinVersion"], version);
        let max = block.aliased("maxVersion", &["tlsMaxVersion"], version);
        let parameters = Self {
            min_version: min.map(|min| min.value),
            max_version: max.map(|max| max.value),
            cipher_suites: names(block, "cipherSuites", cipher),
            ecdh_curves: names(block, "ecdhCurves", curve),
            signature_algorithms: names(block, "signatureAlgorithms", signature_algorithm),
        };
        let fixed = |version: &TlsVersion| *version != TlsVersion::Auto;
        let min = parameters.min_version.filter(fixed);
        let max = parameters.max_version.filter(fixed);
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            field.reject("minVersion must be less than or equal to maxVersion");
        }
        parameters
    }
}

fn version(field: &Field<'_>) -> Option<TlsVersion> {
    field.choice(&[
        ("AUTO", TlsVersion::Auto),
        ("1.0", TlsVersion::V1_0),
        ("1.1", TlsVersion::V1_1),
        ("1.2", TlsVersion::V1_2),
        ("1.3", TlsVersion::V1_3),
    ])
}

fn names(
    block: &Block<'_>,
    name: &'static str,
    check: fn(&str, &Field<'_>) -> bool,
) -> Vec<String> {
    let items = block.list(name, 0..=usize::MAX);
    let names = items.iter().filter_map(|item| {
        let text = item.string()?;
        check(text, item).then(|| text.to_owned())
    });
    names.collect()
}

/// One suite, or several of equal rank as `[A|B]`.
fn cipher(text: &str, field: &Field<'_>) -> bool {
    if TLS13_CIPHERS.contains(&text) {
        field.warn(
            codes::NO_EFFECT,
            format!("{text} belongs to TLS 1.3, whose suites are always offered"),
        );
        return false;
    }
    let group = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let known = |name: &str| {
        let mut ciphers = CIPHERS.iter();
        ciphers.any(|(openssl, iana)| [*openssl, *iana].contains(&name))
    };
    let unknown = group.unwrap_or(text).split('|').find(|name| !known(name));
    let Some(unknown) = unknown else {
        return true;
    };
    let candidates = CIPHERS.iter().flat_map(|(openssl, iana)| [*openssl, *iana]);
    reject(field, "cipher suite", nearest(unknown, candidates));
    false
}

fn curve(text: &str, field: &Field<'_>) -> bool {
    let known = CURVES.contains(&text);
    if !known {
        let suggestion = match text {
            "secp256r1" | "P256" => Some("P-256"),
            _ => nearest(text, CURVES.iter().copied()),
        };
        reject(field, "curve", suggestion);
    }
    known
}

fn signature_algorithm(text: &str, field: &Field<'_>) -> bool {
    let pair = text.split_once('+');
    let known = SIGNATURE_ALGORITHMS.contains(&text)
        || pair.is_some_and(|(key, hash)| {
            SIGNATURE_KEYS.contains(&key) && SIGNATURE_HASHES.contains(&hash)
        });
    if !known {
        let suggestion = nearest(text, SIGNATURE_ALGORITHMS.iter().copied());
        reject(field, "signature algorithm", suggestion);
    }
    known
}

fn reject(field: &Field<'_>, what: &str, suggestion: Option<&str>) {
    let rule = format!("unknown {what}");
    match suggestion {
        Some(name) => field.reject_with(rule, format!("did you mean `{name}`?")),
        None => field.reject(rule),
    }
}
