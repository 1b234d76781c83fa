// SPDX-License-Identifier: Apache-2.0
//! Regular expressions of routes.
//!
//! In: a pattern. Out: why Envoy's RE2 would refuse it, if it would: one refused pattern makes Envoy
//! refuse every route of the port. What only one of RE2 and Rust's engine knows is refused too, so
//! that a pattern means the same in both data planes.

use regex_syntax::ast::{
    Assertion, AssertionKind, Ast, ClassSet, ClassSetItem, ClassUnicode, ClassUnicodeKind, Flag,
    Flags, FlagsItemKind, Group, GroupKind, HexLiteralKind, Literal, LiteralKind, Repetition,
    RepetitionKind, RepetitionRange, parse::Parser,
};

/// A sentence about what is wrong with `pattern`; `None` when nothing is.
pub(crate) fn problem(pattern: &str) -> Option<String> {
    if pattern.is_empty() {
        return Some("it must not be empty".to_owned());
    }
    let ast = match Parser::new().parse(pattern) {
        Ok(ast) => ast,
        Err(error) => return Some(error.kind().to_string()),
    };
    match cost(&ast, 1) {
        Err(problem) => Some(problem),
        Ok(cost) if cost > MOST => Some("the pattern is too large".to_owned()),
        Ok(_) => regex_syntax::parse(pattern)
            .err()
            .map(|_| "not a regular expression".to_owned()),
    }
}

/// The size of the program, roughly, when everything in it is repeated `times`.
fn cost(ast: &Ast, times: u64) -> Result<u64, String> {
    match ast {
        Ast::Empty(_) => Ok(1),
        Ast::Dot(_) => Ok(10),
        Ast::Flags(flags) => check_flags(&flags.flags).map(|()| 1),
        Ast::Literal(literal) => check_literal(literal).map(|()| 4),
        Ast::Assertion(assertion) => check_assertion(assertion).map(|()| 1),
        Ast::ClassUnicode(class) => unicode_class(class),
        Ast::ClassPerl(_) => Ok(10),
        Ast::ClassBracketed(class) => class_set(&class.kind),
        Ast::Repetition(repetition) => repeated(repetition, times),
        Ast::Group(group) => {
            check_group(group)?;
            cost(&group.ast, times)
        }
        Ast::Alternation(alternation) => sum(&alternation.asts, times),
        Ast::Concat(concat) => sum(&concat.asts, times),
    }
}

fn sum(asts: &[Ast], times: u64) -> Result<u64, String> {
    let mut total: u64 = 1;
    for ast in asts {
        total = total.saturating_add(cost(ast, times)?);
    }
    Ok(total)
}

/// RE2 counts to a thousand, and no further over all levels together.
fn repeated(repetition: &Repetition, times: u64) -> Result<u64, String> {
    let count = match &repetition.op.kind {
        RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => 1,
        RepetitionKind::Range(
            RepetitionRange::Exactly(count) | RepetitionRange::AtLeast(count),
        ) => *count,
        RepetitionKind::Range(RepetitionRange::Bounded(_, most)) => *most,
    };
    let count = u64::from(count).max(1);
    let times = times.saturating_mul(count);
    if times > 1000 {
        return Err("repetitions must not come to more than 1000".to_owned());
    }
    Ok(count.saturating_mul(cost(&repetition.ast, times)?))
}

fn check_flags(flags: &Flags) -> Result<(), String> {
    let unknown = flags.items.iter().any(|item| {
        matches!(
            item.kind,
            FlagsItemKind::Flag(Flag::CRLF | Flag::IgnoreWhitespace | Flag::Unicode)
        )
    });
    match unknown {
        true => Err("only the flags i, m, s and U are known".to_owned()),
        false => Ok(()),
    }
}

fn check_group(group: &Group) -> Result<(), String> {
    match &group.kind {
        GroupKind::NonCapturing(flags) => check_flags(flags),
        GroupKind::CaptureName { name, .. } => {
            let word = |char: char| char.is_ascii_alphanumeric() || char == '_';
            match name.name.chars().all(word) {
                true => Ok(()),
                false => Err("a group's name has letters, digits and _ only".to_owned()),
            }
        }
        GroupKind::CaptureIndex(_) => Ok(()),
    }
}

fn check_literal(literal: &Literal) -> Result<(), String> {
    use HexLiteralKind::{UnicodeLong, UnicodeShort};
    match &literal.kind {
        LiteralKind::HexFixed(UnicodeLong | UnicodeShort)
        | LiteralKind::HexBrace(UnicodeLong | UnicodeShort) => {
            Err("write a character's number as \\x{...}".to_owned())
        }
        _ => Ok(()),
    }
}

fn check_assertion(assertion: &Assertion) -> Result<(), String> {
    use AssertionKind::{EndLine, EndText, NotWordBoundary, StartLine, StartText, WordBoundary};
    match assertion.kind {
        EndLine | EndText | NotWordBoundary | StartLine | StartText | WordBoundary => Ok(()),
        _ => Err("of word boundaries only \\b and \\B are known".to_owned()),
    }
}

fn unicode_class(class: &ClassUnicode) -> Result<u64, String> {
    let known = match &class.kind {
        ClassUnicodeKind::OneLetter(letter) => "LMNPSZC".contains(*letter),
        ClassUnicodeKind::Named(name) => UNICODE.contains(&name.as_str()),
        ClassUnicodeKind::NamedValue { .. } => false,
    };
    match known {
        true => Ok(1000),
        false => Err("unknown Unicode class".to_owned()),
    }
}

fn class_set(set: &ClassSet) -> Result<u64, String> {
    match set {
        ClassSet::Item(item) => class_item(item),
        ClassSet::BinaryOp(_) => Err("operations on sets of characters are not known".to_owned()),
    }
}

fn class_item(item: &ClassSetItem) -> Result<u64, String> {
    match item {
        ClassSetItem::Empty(_) | ClassSetItem::Ascii(_) | ClassSetItem::Perl(_) => Ok(10),
        ClassSetItem::Literal(literal) => check_literal(literal).map(|()| 4),
        ClassSetItem::Range(range) => {
            check_literal(&range.start)?;
            check_literal(&range.end)?;
            Ok(20)
        }
        ClassSetItem::Unicode(class) => unicode_class(class),
        ClassSetItem::Bracketed(_) => Err("sets of characters must not be nested".to_owned()),
        ClassSetItem::Union(union) => {
            let mut total: u64 = 10;
            for item in &union.items {
                total += class_item(item)?;
            }
            Ok(total)
        }
    }
}

/// Well below what 8 MiB, RE2's default, can hold.
const MOST: u64 = 100_000;

/// General categories, and the scripts that people ask for, under the names that both engines know.
const UNICODE: &[&str] = &[
    "L",
    "Lu",
    "Ll",
    "Lt",
    "Lm",
    "Lo",
    "M",
    "Mn",
    "Mc",
    "Me",
    "N",
    "Nd",
    "Nl",
    "No",
    "P",
    "Pc",
    "Pd",
    "Ps",
    "Pe",
    "Pi",
    "Pf",
    "Po",
    "S",
    "Sm",
    "Sc",
    "Sk",
    "So",
    "Z",
    "Zs",
    "Zl",
    "Zp",
    "Arabic",
    "Armenian",
    "Bengali",
    "Cyrillic",
    "Devanagari",
    "Georgian",
    "Greek",
    "Han",
    "Hangul",
    "Hebrew",
    "Hiragana",
    "Katakana",
    "Latin",
    "Thai",
];

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn takes_what_both_engines_take() {
        let good = [
            "/a/[0-9]+",
            r"^/(?i:v\d+)/(?P<name>[^/]+)$",
            r"\p{Greek}\pL",
            "a{1000}",
            r"[[:alpha:]_-]*\.html",
            r"\x{41}\x41\/\-",
            "(a{10}){100}",
        ];
        for pattern in good {
            assert_eq!(problem(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn refuses_what_one_of_them_refuses_or_reads_otherwise() {
        let bad = [
            "",
            "(",
            "[",
            "*",
            r"\1",
            "(?=a)",
            "a{1001}",
            "(a{100}){11}",
            "(?x)a",
            "[a&&b]",
            "[a[b]]",
            r"\p{Nope}",
            r"\p{Letter}",
            r"\p{sc=Greek}",
            r"\u0041",
            "[[:nope:]]",
            r"\b{start}",
            "a{2,1}",
            "(?P<a.b>c)",
            r"\pL{999}",
        ];
        for pattern in bad {
            assert!(problem(pattern).is_some(), "{pattern}");
        }
    }
}
