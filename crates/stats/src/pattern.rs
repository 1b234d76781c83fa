// SPDX-License-Identifier: Apache-2.0
//! Regular expressions in query parameters.
//!
//! In: a pattern in RE2 syntax (the `regex` crate's is the same for all practical purposes). Out:
//! the compiled expression, or the error in RE2's words.

use regex::{Regex, RegexBuilder};

/// Compiles a pattern, within a size limit that keeps a hostile one cheap.
///
/// # Errors
/// What RE2 says about a bad pattern, such as `missing ): (`.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| re2_error(pattern, &error))
}

/// The commonest mistakes in RE2's words; others in general terms.
fn re2_error(pattern: &str, error: &regex::Error) -> String {
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return "pattern too large - compile failed".to_owned();
    }
    let text = error.to_string();
    let says = |words: &str| text.contains(words);
    if says("unclosed group") {
        format!("missing ): {pattern}")
    } else if says("unopened group") {
        format!("unexpected ): {pattern}")
    } else if says("unclosed character class") {
        let class = pattern.find('[').unwrap_or(0);
        format!("missing ]: {}", &pattern[class..])
    } else if says("repetition operator missing expression") {
        let operator = pattern.find(['*', '+', '?']).unwrap_or(0);
        let operator = pattern[operator..].chars().next();
        let operator = operator.map(String::from).unwrap_or_default();
        format!("no argument for repetition operator: {operator}")
    } else {
        let last = text.lines().last().unwrap_or_default();
        format!("{}: {pattern}", last.trim_start_matches("error: "))
    }
}

/// Bytes of a compiled pattern. Ours: the crate's default of 10 MB, halved twice, is still far more
/// than a list of cluster names needs.
const SIZE_LIMIT: usize = 2_500_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_as_re2_does() {
        let error = |pattern| compile(pattern).unwrap_err();
        assert_eq!(error("("), "missing ): (");
        assert_eq!(error("a)"), "unexpected ): a)");
        assert_eq!(error("[a"), "missing ]: [a");
        assert_eq!(error("*a"), "no argument for repetition operator: *");
        assert!(compile("cluster\\.(a|b)").is_ok());
    }
}
