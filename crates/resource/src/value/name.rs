// SPDX-License-Identifier: Apache-2.0
//! The name patterns of Kubernetes and of HTTP.
//!
//! In: text. Out: whether it may be used as a name of that sort.

/// RFC 1123 label: at most 63 lower case letters, digits and `-`, no `-` at either end.
pub(crate) fn is_label(text: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 63
        && text.bytes().all(|byte| inner(&byte) || byte == b'-')
        && text.as_bytes().first().is_some_and(inner)
        && text.as_bytes().last().is_some_and(inner)
}

/// RFC 1035 label, the rule for Service names: a label that begins with a letter.
pub(crate) fn is_service_name(text: &str) -> bool {
    is_label(text) && text.starts_with(|first: char| first.is_ascii_lowercase())
}

/// RFC 1123 subdomain: at most 253 bytes, labels of any length joined by dots.
pub(crate) fn is_subdomain(text: &str) -> bool {
    let part = |part: &str| {
        let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        part.bytes().all(|byte| inner(&byte) || byte == b'-')
            && part.as_bytes().first().is_some_and(inner)
            && part.as_bytes().last().is_some_and(inner)
    };
    text.len() <= 253 && text.split('.').all(part)
}

/// A host without wildcard.
pub(crate) fn is_precise_hostname(text: &str) -> bool {
    is_subdomain(text)
}

/// A host, optionally with a leading `*.`.
pub(crate) fn is_hostname(text: &str) -> bool {
    text.len() <= 253 && is_subdomain(text.strip_prefix("*.").unwrap_or(text))
}

/// A label value: empty, or at most 63 letters, digits, `-`, `_`, `.`, alphanumeric at both ends.
pub(crate) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_qualified_part(text)
}

/// A label or annotation key: an optional subdomain and `/`, then a name.
pub(crate) fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_qualified_part(name),
        None => is_qualified_part(text),
    }
}

fn is_qualified_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    bytes.len() <= 63
        && bytes.iter().all(allowed)
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// `domain/path`, as in controller names and implementation-specific values.
pub(crate) fn is_domain_prefixed(text: &str) -> bool {
    let path_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
    text.len() <= 253
        && text.split_once('/').is_some_and(|(domain, path)| {
            is_subdomain(domain) && !path.is_empty() && path.bytes().all(path_byte)
        })
}

/// A token of RFC 9110, the form of header and cookie names: 1 to 256 bytes.
pub(crate) fn is_header_name(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=256).contains(&text.len()) && text.bytes().all(token)
}

#[cfg(test)]
mod tests {
    use super::{
        is_domain_prefixed, is_header_name, is_hostname, is_label, is_label_value,
        is_qualified_name, is_service_name, is_subdomain,
    };

    #[test]
    fn follows_the_patterns() {
        let long = "a".repeat(64);
        #[allow(clippy::type_complexity, reason = "a table of rules")]
        let cases: [(fn(&str) -> bool, &str, bool); 24] = [
            (is_label, "a-1", true),
            (is_label, "-a", false),
            (is_label, "A", false),
            (is_label, "", false),
            (is_label, &long, false),
            (is_service_name, "a1", true),
            (is_service_name, "1a", false),
            (is_subdomain, "a.b-c.d", true),
            (is_subdomain, "a..b", false),
            (is_subdomain, "a_b", false),
            (is_subdomain, &long, true),
            (is_hostname, "*.example.com", true),
            (is_hostname, "*", false),
            (is_hostname, "a.*.com", false),
            (is_label_value, "", true),
            (is_label_value, "A_b.c", true),
            (is_label_value, "a/b", false),
            (is_qualified_name, "app.kubernetes.io/name", true),
            (is_qualified_name, "/name", false),
            (is_qualified_name, "a b", false),
            (is_domain_prefixed, "example.com/x", true),
            (is_domain_prefixed, "example.com", false),
            (is_header_name, "x-Id", true),
            (is_header_name, "x id", false),
        ];
        for (rule, text, expected) in cases {
            assert_eq!(rule(text), expected, "{text:?}");
        }
    }
}
