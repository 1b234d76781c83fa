// SPDX-License-Identifier: Apache-2.0
//! Words to write a structural schema with.
//!
//! In: types, bounds and rules, as the decoders have them. Out: OpenAPI v3 as the API server takes it.
//! No schema has a default: policies merge as their authors wrote them.

use serde_json::{Map, Value, json};

/// The schema of one value.
#[derive(Debug, Clone)]
pub(super) struct Schema(Map<String, Value>);

/// Largest 32-bit integer of the Kubernetes API.
pub(super) const I32_MAX: i64 = i32::MAX as i64;

/// Largest unsigned 32-bit integer.
pub(super) const U32_MAX: i64 = u32::MAX as i64;

/// What a duration looks like: GEP-2257.
const DURATION: &str = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";

/// What HTTP calls a token.
const HEADER_NAME: &str = "^[A-Za-z0-9!#$%&'*+\\-.^_`|~]+$";

/// Text.
pub(super) fn string() -> Schema {
    Schema::of("string")
}

/// Text of `least` to `most` characters.
pub(super) fn text(least: u32, most: u32) -> Schema {
    let schema = string().with("maxLength", most);
    if least > 0 {
        schema.with("minLength", least)
    } else {
        schema
    }
}

/// One word of a closed set.
pub(super) fn word(words: &[&str]) -> Schema {
    string().with("enum", words)
}

/// A name of an HTTP header.
pub(super) fn header_name() -> Schema {
    text(1, 256).with("pattern", HEADER_NAME)
}

/// True or false.
pub(super) fn boolean() -> Schema {
    Schema::of("boolean")
}

/// A whole number.
pub(super) fn integer(least: i64, most: i64) -> Schema {
    let schema = Schema::of("integer").with("format", "int64");
    let schema = schema.with("minimum", least);
    if most == i64::MAX {
        schema
    } else {
        schema.with("maximum", most)
    }
}

/// A whole number of percent.
pub(super) fn percent() -> Schema {
    integer(0, 100)
}

/// A decimal number.
pub(super) fn number(least: f64, most: f64) -> Schema {
    let schema = Schema::of("number").with("minimum", least);
    if most.is_finite() {
        schema.with("maximum", most)
    } else {
        schema
    }
}

/// A time such as `1m30s`.
pub(super) fn duration() -> Schema {
    text(0, 32).with("pattern", DURATION)
}

/// A time of at least `least`.
pub(super) fn duration_from(least: &str) -> Schema {
    duration().rule(
        &format!("duration(self) >= duration('{least}')"),
        &format!("must be at least {least}"),
    )
}

/// A time above zero: Envoy refuses a whole update that has a zero here.
pub(super) fn positive_duration() -> Schema {
    duration().rule(
        "duration(self) > duration('0s')",
        "must be greater than 0s: write a time such as 5s",
    )
}

/// A number, or text.
pub(super) fn int_or_string() -> Schema {
    Schema(Map::new())
        .with("x-kubernetes-int-or-string", true)
        .with("maxLength", 32)
}

/// Bytes, as a number or as a quantity such as `64Ki`.
pub(super) fn bytes(least: i64, most: i64) -> Schema {
    let rule = format!(
        "type(self) == int ? self >= {least} && self <= {most} : isQuantity(self) && \
         quantity(self).compareTo(quantity('{least}')) >= 0 && \
         quantity(self).compareTo(quantity('{most}')) <= 0"
    );
    let message = format!("must be between {least} and {most} bytes, such as 65536 or 64Ki");
    int_or_string().rule(&rule, &message)
}

/// Bytes without a limit.
pub(super) fn any_bytes() -> Schema {
    int_or_string().rule(
            "type(self) == int ? self >= 0 : isQuantity(self) && !quantity(self).isLessThan(quantity('0'))",
            "must be a number of bytes, such as 65536 or 64Ki",
        )
}

/// A value that the gateway alone checks.
pub(super) fn any() -> Schema {
    Schema(Map::new()).with("x-kubernetes-preserve-unknown-fields", true)
}

/// A block of any content.
pub(super) fn open() -> Schema {
    Schema::of("object").with("x-kubernetes-preserve-unknown-fields", true)
}

/// A block of fields.
pub(super) fn object<const N: usize>(fields: [(&str, Schema); N]) -> Schema {
    let properties: Map<String, Value> = fields
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema.into()))
        .collect();
    let schema = Schema::of("object");
    if properties.is_empty() {
        schema
    } else {
        schema.with("properties", properties)
    }
}

/// A list of `least` to `most` items; `u32::MAX` is no limit.
pub(super) fn list(item: Schema, least: u32, most: u32) -> Schema {
    let mut schema = Schema::of("array").with("items", item);
    if least > 0 {
        schema = schema.with("minItems", least);
    }
    if most < u32::MAX {
        schema = schema.with("maxItems", most);
    }
    schema.with("x-kubernetes-list-type", "atomic")
}

/// Values by name.
pub(super) fn map(value: Schema) -> Schema {
    Schema::of("object").with("additionalProperties", value)
}

impl Schema {
    fn of(kind: &str) -> Self {
        Self(Map::new()).with("type", kind)
    }

    /// Sets a keyword of OpenAPI or of Kubernetes.
    pub(super) fn with(mut self, keyword: &str, value: impl Into<Value>) -> Self {
        self.0.insert(keyword.to_owned(), value.into());
        self
    }

    /// What the field is for; `kubectl explain` shows it.
    pub(super) fn says(self, description: &str) -> Self {
        self.with("description", description)
    }

    /// Fields that must be there.
    pub(super) fn required(self, names: &[&str]) -> Self {
        self.with("required", names)
    }

    /// A list whose items differ in `keys`.
    pub(super) fn keyed(self, keys: &[&str]) -> Self {
        self.with("x-kubernetes-list-type", "map")
            .with("x-kubernetes-list-map-keys", keys)
    }

    /// A rule in CEL, and what the API server says when it is broken.
    pub(super) fn rule(mut self, rule: &str, message: &str) -> Self {
        let rules = self.0.entry("x-kubernetes-validations");
        let rules = rules.or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(rules) = rules {
            rules.push(json!({ "rule": rule, "message": message }));
        }
        self
    }

    /// More fields of a block.
    pub(super) fn fields<const N: usize>(mut self, fields: [(&str, Self); N]) -> Self {
        let properties = self.0.entry("properties");
        let properties = properties.or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(properties) = properties {
            properties.extend(fields.map(|(name, schema)| (name.to_owned(), schema.into())));
        }
        self
    }

    /// Exactly one of the fields is set.
    pub(super) fn exactly_one(self, names: &[&str]) -> Self {
        self.rule(
            &format!("{} == 1", count(names)),
            &format!("set exactly one of {}", names.join(", ")),
        )
    }

    /// At most one of the fields is set.
    pub(super) fn at_most_one(self, names: &[&str]) -> Self {
        self.rule(
            &format!("{} <= 1", count(names)),
            &format!("set at most one of {}", names.join(", ")),
        )
    }

    /// At least one of the fields is set.
    pub(super) fn at_least_one(self, names: &[&str]) -> Self {
        let present: Vec<String> = names.iter().map(|name| has(name)).collect();
        self.rule(
            &present.join(" || "),
            &format!("set at least one of {}", names.join(", ")),
        )
    }

    /// Two names of one setting: one of them, or both with one value.
    pub(super) fn same(self, today: &str, other: &str) -> Self {
        self.agree(today, other, &format!("self.{today} == self.{other}"))
    }

    /// As `same`, for blocks.
    pub(super) fn same_block(self, today: &str, other: &str) -> Self {
        let equal = format!("dyn(self.{today}) == dyn(self.{other})");
        self.agree(today, other, &equal)
    }

    /// As `same`, for times; the names are dotted paths.
    pub(super) fn same_time(self, today: &str, other: &str) -> Self {
        let equal = format!("duration(self.{today}) == duration(self.{other})");
        self.agree(today, other, &equal)
    }

    fn agree(self, today: &str, other: &str, equal: &str) -> Self {
        self.rule(
            &format!("!({} && {}) || {equal}", has(today), has(other)),
            &format!(
                "{today} and {other} are names of one setting with different values: remove one \
                 of them"
            ),
        )
    }

    /// `member` may only be set when `kind` is the type, or no type is written.
    pub(super) fn belongs(self, member: &str, kind: &str) -> Self {
        self.rule(
            &format!(
                "!has(self.type) || self.type == '{kind}' || !{}",
                has(member)
            ),
            &format!(
                "{member} may only be set when type is {kind}: change type, or remove {member}"
            ),
        )
    }

    /// `member` must be set when `kind` is the type.
    pub(super) fn needs(self, member: &str, kind: &str) -> Self {
        self.rule(
            &format!(
                "!has(self.type) || self.type != '{kind}' || {}",
                has(member)
            ),
            &format!("{member} must be set when type is {kind}: add {member}"),
        )
    }
}

impl From<Schema> for Value {
    fn from(schema: Schema) -> Self {
        Self::Object(schema.0)
    }
}

/// Whether the field at a dotted path is set, and every block above it.
pub(super) fn has(path: &str) -> String {
    let ends = path.match_indices('.').map(|(end, _)| end);
    let steps: Vec<String> = ends
        .chain([path.len()])
        .map(|end| format!("has(self.{})", &path[..end]))
        .collect();
    match steps.as_slice() {
        [step] => step.clone(),
        _ => format!("({})", steps.join(" && ")),
    }
}

/// How many of the fields are set.
fn count(names: &[&str]) -> String {
    let present: Vec<String> = names.iter().map(|name| has(name)).collect();
    format!("[{}].filter(set, set).size()", present.join(", "))
}
