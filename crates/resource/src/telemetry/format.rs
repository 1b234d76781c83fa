// SPDX-License-Identifier: Apache-2.0
//! Format strings of access logs and spans.
//!
//! In: a text with command operators. Out: why Envoy would refuse it, if it would: one refused
//! format takes the whole listener with it. What only needs an extension is refused, too.

mod operators;

use sluicegate_manifest::{Node, Value, nearest};

use self::operators::{METADATA_SOURCES, OPERATORS, Parameter, known};
use crate::admission::Field;

/// Why `format` cannot be used; `None` when it can.
pub(crate) fn problem(format: &str) -> Option<String> {
    let mut rest = format;
    while let Some(start) = rest.find('%') {
        rest = &rest[start + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            rest = after;
            continue;
        }
        match operator(rest) {
            Ok(after) => rest = after,
            Err(problem) => return Some(problem),
        }
    }
    None
}

/// Reports a format that cannot be used.
pub(crate) fn check(field: &Field<'_>, format: &str) {
    if let Some(problem) = problem(format) {
        field.reject_with(
            format!("must be a format string of Envoy: {problem}"),
            "write operators as %RESPONSE_CODE% or %REQ(:path)%, and a percent sign as %%",
        );
    }
}

/// A path that Envoy can be told: whether it can open it is the business of its machine.
pub(crate) fn file_path(field: &Field<'_>) -> Option<String> {
    field.text(4096)?;
    field.header_safe().filter(|path| !path.is_empty())
}

/// The JSON object of a field, every string of which is a format.
pub(crate) fn json(field: &Field<'_>) -> serde_json::Map<String, serde_json::Value> {
    check_all(field, field.node);
    match field.node.to_json() {
        serde_json::Value::Object(fields) => fields,
        _ => {
            field.wrong_type::<()>("object");
            serde_json::Map::new()
        }
    }
}

fn check_all(field: &Field<'_>, node: &Node) {
    match &node.value {
        Value::String(text) => check(field, text),
        Value::Mapping(entries) => {
            for entry in entries {
                let below = field.child(&entry.key, &entry.value);
                check_all(&below, below.node);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| check_all(field, item)),
        _ => {}
    }
}

/// What follows the operator that `text` begins with, its first percent sign left out.
fn operator(text: &str) -> Result<&str, String> {
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let end = text.bytes().position(|byte| !is_name(byte));
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    if name.is_empty() {
        return Err("a percent sign stands alone".to_owned());
    }
    let unended = || format!("%{name} does not end with a percent sign");
    let (parameter, rest) = match rest.strip_prefix('(') {
        Some(inside) => {
            let end = closing(inside).ok_or_else(unended)?;
            (&inside[..end], &inside[end + 1..])
        }
        None => ("", rest),
    };
    let (length, rest) = match rest.strip_prefix(':') {
        Some(digits) => {
            let end = digits.find('%').ok_or_else(unended)?;
            (Some(&digits[..end]), &digits[end..])
        }
        None => (None, rest),
    };
    let rest = rest.strip_prefix('%').ok_or_else(unended)?;
    let (takes, may_be_cut) = known(name).ok_or_else(|| unknown(name))?;
    if let Some(length) = length {
        let is_length = !length.is_empty() && length.bytes().all(|it| it.is_ascii_digit());
        if !may_be_cut || !is_length || length.parse::<u32>().is_err() {
            return Err(format!("%{name}% cannot be cut to {length:?}"));
        }
    }
    check_parameter(name, takes, parameter)?;
    Ok(rest)
}

/// Where the parameter ends: at the first parenthesis behind which the operator can end.
fn closing(inside: &str) -> Option<usize> {
    let mut ends = inside.match_indices(')');
    let end = ends.find(|(at, _)| matches!(inside.as_bytes().get(at + 1), Some(b'%' | b':')));
    end.map(|(at, _)| at)
        .filter(|at| !inside[..*at].contains(['\n', '\0']))
}

fn unknown(name: &str) -> String {
    if name == "CEL" {
        return "%CEL% is not implemented".to_owned();
    }
    let names = OPERATORS.iter().flat_map(|(names, ..)| names.iter());
    match nearest(name, names.copied()) {
        Some(near) => format!("there is no %{name}%; did you mean %{near}%?"),
        None => format!("there is no %{name}%"),
    }
}

fn check_parameter(name: &str, takes: Parameter, parameter: &str) -> Result<(), String> {
    let fits = match takes {
        Parameter::None => parameter.is_empty(),
        Parameter::Optional => true,
        Parameter::Required => !parameter.is_empty(),
        Parameter::Header => {
            let names: Vec<&str> = parameter.split('?').collect();
            let is_name = |name: &&str| name.bytes().all(|byte| byte.is_ascii_graphic());
            (1..=2).contains(&names.len()) && names.iter().all(is_name) && !names[0].is_empty()
        }
        Parameter::Words(places) => {
            let words: Vec<&str> = parameter.split(':').collect();
            let known = |(word, place): (&&str, &&[&str])| place.contains(word);
            parameter.is_empty()
                || words.len() <= places.len() && words.iter().zip(places).all(known)
        }
        Parameter::FilterState => {
            let words: Vec<&str> = parameter.split(':').collect();
            match words.as_slice() {
                [key] | [key, "PLAIN" | "TYPED"] => !key.is_empty(),
                [key, "FIELD", field] => !key.is_empty() && !field.is_empty(),
                _ => false,
            }
        }
        Parameter::Duration => {
            let words: Vec<&str> = parameter.split(':').collect();
            matches!(words.as_slice(), [_, _, "ms" | "us" | "ns"] | [_, _])
        }
        Parameter::Metadata => {
            let source = parameter.split(':').next().unwrap_or_default();
            METADATA_SOURCES.contains(&source)
        }
    };
    match (fits, parameter) {
        (true, _) => Ok(()),
        (false, "") => Err(format!("%{name}% needs a parameter in parentheses")),
        (false, _) => Err(format!("%{name}% does not take ({parameter})")),
    }
}

/// Every operator that is known, in a form that is right: what a test may ask Envoy about.
pub fn examples() -> Vec<String> {
    let example = |takes: &Parameter| match takes {
        Parameter::None | Parameter::Optional | Parameter::Words(_) => "",
        Parameter::Required | Parameter::FilterState | Parameter::Header => "(a)",
        Parameter::Duration => "(a:b:ms)",
        Parameter::Metadata => "(ROUTE:a)",
    };
    let rows = OPERATORS.iter();
    rows.flat_map(|(names, takes, _)| {
        let names = names.iter();
        names.map(|name| format!("%{name}{}%", example(takes)))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{examples, problem};

    #[test]
    fn what_envoy_takes_and_refuses() {
        let taken = [
            "",
            "a%%b",
            "%REQ(X?Y):7%",
            "%REQ(a):0%",
            "%REQ(A)%%RESP(b)%",
            "%REQ(:method)% %REQ(a?:path)%",
            "%START_TIME(%Y/%m/%dT%H:%M:%S%z %s)%",
            "%START_TIME(a)b)%",
            "%PROTOCOL()%",
            "%DYNAMIC_METADATA(a:b:c):9%",
            "%METADATA(ROUTE:a:b)%",
            "%FILTER_STATE(k:FIELD:f)%",
            "%FILTER_STATE(k:PLAIN):5%",
            "%COMMON_DURATION(DS_RX_BEG:DS_RX_END:ms)%",
            "%PATH(NQ:ORIG_OR_PATH)%",
            "%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%",
            "%REQUESTED_SERVER_NAME(SNI_FIRST:ORIG)%",
            "é\u{7} %PROTOCOL%\n",
        ];
        for format in taken {
            assert_eq!(problem(format), None, "{format}");
        }
        let refused = [
            "a%b",
            "%REQ(a)",
            "%REQ()%",
            "%REQ%",
            "%REQ(a b)%",
            "%REQ(a\nb)%",
            "%REQ(X?Y?Z)%",
            "%REQ(a):x%",
            "%REQ(a):99999999999999999999%",
            "%REQ(a)%%",
            "%METADATA(NOPE:a:b)%",
            "%FILTER_STATE(k:NOPE)%",
            "%FILTER_STATE(a:FIELD)%",
            "%COMMON_DURATION(DS_RX_BEG:DS_RX_END:xx)%",
            "%PATH(ORIG)%",
            "%PATH(NQ:X)%",
            "%QUERY_PARAMS(X)%",
            "%REQUESTED_SERVER_NAME(X)%",
            "%UPSTREAM_HOST_NAME(a)%",
            "%PROTOCOL:5%",
            "%RESPONSE_COD%",
            "%req(a)%",
            "100%",
        ];
        for format in refused {
            assert!(problem(format).is_some(), "{format}");
        }
    }

    #[test]
    fn every_operator_has_a_right_form() {
        for example in examples() {
            assert_eq!(problem(&example), None);
        }
    }

    #[test]
    fn slips_get_a_suggestion() {
        let said = problem("%RESPONSE_COD%").unwrap_or_default();
        assert!(said.contains("did you mean %RESPONSE_CODE%?"), "{said}");
    }
}
