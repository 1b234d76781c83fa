// SPDX-License-Identifier: Apache-2.0
//! The codes of every diagnostic that decoding can give.
//!
//! In: nothing. Out: stable names for documentation, tests and machine-readable output.

/// Two objects have one identity.
pub const DUPLICATE_OBJECT: &str = "duplicate-object";
/// A list that must not repeat itself does.
pub const DUPLICATE_VALUE: &str = "duplicate-value";
/// Two spellings of one setting disagree.
pub const CONFLICTING_SPELLINGS: &str = "conflicting-spellings";
/// A value is allowed and does what hardly anybody wants.
pub const DOUBTFUL_VALUE: &str = "doubtful-value";
/// A hash balancer has nothing to hash.
pub const HASH_WITHOUT_INPUT: &str = "hash-without-input";
/// A value has the wrong JSON type.
pub const INVALID_TYPE: &str = "invalid-type";
/// A value breaks a rule.
pub const INVALID_VALUE: &str = "invalid-value";
/// A setting is accepted and does nothing.
pub const NO_EFFECT: &str = "no-effect";
/// A setting is read and checked, and enforced nowhere.
pub const NOT_ENFORCED: &str = "not-enforced";
/// A field has a newer name or form.
pub const OLDER_SPELLING: &str = "older-spelling";
/// A field that must be there is not.
pub const REQUIRED_VALUE: &str = "required-value";
/// A text is longer than the API allows.
pub const TOO_LONG: &str = "too-long";
/// A list or map has more entries than the API allows.
pub const TOO_MANY: &str = "too-many";
/// The schema has no such field.
pub const UNKNOWN_FIELD: &str = "unknown-field";
/// The group has no such kind.
pub const UNKNOWN_KIND: &str = "unknown-kind";
/// A real field that Sluicegate does not implement.
pub const UNSUPPORTED_FIELD: &str = "unsupported-field";
/// A real kind that Sluicegate does not implement.
pub const UNSUPPORTED_KIND: &str = "unsupported-kind";
/// A value is not one of a closed set.
pub const UNSUPPORTED_VALUE: &str = "unsupported-value";
/// A known kind under a group or version that does not serve it.
pub const WRONG_API_VERSION: &str = "wrong-api-version";

/// Every code with its meaning in one line, in alphabetical order.
pub const ALL: &[(&str, &str)] = &[
    (
        CONFLICTING_SPELLINGS,
        "Two spellings of one setting have different values.",
    ),
    (
        DOUBTFUL_VALUE,
        "A value is allowed and does what hardly anybody wants.",
    ),
    (
        DUPLICATE_OBJECT,
        "Two documents have the same group, kind, namespace and name; the first one counts.",
    ),
    (
        DUPLICATE_VALUE,
        "An entry of a list repeats an earlier one where entries must differ.",
    ),
    (
        HASH_WITHOUT_INPUT,
        "A hash balancer has nothing to hash; every request gets a random host.",
    ),
    (
        INVALID_TYPE,
        "A value has the wrong JSON type, such as a number where a string is expected.",
    ),
    (
        INVALID_VALUE,
        "A value breaks a rule of its field, or fields contradict each other.",
    ),
    (NO_EFFECT, "A setting is accepted and changes nothing."),
    (
        NOT_ENFORCED,
        "A setting is read and checked; nothing enforces it yet.",
    ),
    (
        OLDER_SPELLING,
        "A field is written in an older form that is accepted; today's form is named.",
    ),
    (REQUIRED_VALUE, "A field that must be there is missing."),
    (TOO_LONG, "A text is longer than the API allows."),
    (
        TOO_MANY,
        "A list or map has more entries than the API allows.",
    ),
    (UNKNOWN_FIELD, "The kind has no field of that name."),
    (UNKNOWN_KIND, "The API group has no kind of that name."),
    (
        UNSUPPORTED_FIELD,
        "The field is part of the API and Sluicegate does not implement it.",
    ),
    (
        UNSUPPORTED_KIND,
        "The kind is not read; the object has no effect.",
    ),
    (
        UNSUPPORTED_VALUE,
        "The value is not one of the values that the field allows.",
    ),
    (
        WRONG_API_VERSION,
        "The kind exists, but not in the group and version that the document names.",
    ),
];

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn codes_are_kebab_case_and_in_order() {
        assert!(ALL.is_sorted_by(|first, second| first.0 < second.0));
        for (code, meaning) in ALL {
            assert!(
                code.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{code}"
            );
            assert!(meaning.ends_with('.'), "{code}");
        }
    }
}
