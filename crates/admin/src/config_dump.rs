// SPDX-License-Identifier: Apache-2.0
//! `/config_dump`.
//!
//! In: the ledger of the newest snapshot and the query. Out: the seven sections in Envoy's order,
//! or the elements of one repeated field (`resource=`), cut down by a mask and a name.

mod build;
mod element;
mod endpoints;
mod ledger;
mod mask;
mod redact;
mod section;

pub(crate) use ledger::Ledger;
pub(crate) use section::indented;

use hyper::StatusCode;
use prost_reflect::MessageDescriptor;
use regex::Regex;
use serde_json::Value;
use sluicegate_xds::descriptor;

use crate::{Answer, request::Request, router::Router};

use mask::Mask;
use section::{Content, Section, print_configs, typed};

/// Answers the query.
pub(crate) fn show(router: &Router, request: &Request) -> Answer {
    match dump(router, request) {
        Ok(body) => Answer::json(body),
        Err((status, text)) => Answer::new(status, "text/plain", text),
    }
}

type Refusal = (StatusCode, String);

fn dump(router: &Router, request: &Request) -> Result<String, Refusal> {
    let bad = |text| (StatusCode::BAD_REQUEST, text);
    let name_regex = request
        .value("name_regex")
        .filter(|pattern| !pattern.is_empty());
    let name_regex = name_regex.map(full_match).transpose().map_err(bad)?;
    let with_endpoints = request.has("include_eds");
    let mut sections =
        router.with_ledger(|ledger| build::sections(ledger, &router.views, with_endpoints));
    if let Some(regex) = &name_regex {
        sections
            .iter_mut()
            .for_each(|section| section.retain(regex));
    }
    let given = |key| request.value(key).filter(|value| !value.is_empty());
    match (given("resource"), given("mask")) {
        (None, None) => Ok(print_configs(&sections)),
        (None, Some(mask)) => masked(sections, mask).map_err(bad),
        (Some(resource), mask) => elements(sections, resource, mask),
    }
}

fn full_match(pattern: &str) -> Result<Regex, String> {
    sluicegate_stats::compile_pattern(pattern)
        .and_then(|_| sluicegate_stats::compile_pattern(&format!("^(?:{pattern})$")))
        .map_err(|error| {
            format!("INVALID_ARGUMENT: Error while parsing name_regex from {pattern}: {error}")
        })
}

/// Each section cut down to the mask; those in which a path of it does not exist are left out.
fn masked(sections: Vec<Section>, text: &str) -> Result<String, String> {
    let mask = Mask::parse(text);
    let fitting = |section: &Section| {
        descriptor_of(section.type_name).is_some_and(|kind| mask.is_valid_for(&kind))
    };
    let kept: Vec<Section> = sections
        .into_iter()
        .filter(fitting)
        .map(|section| mask.trim_section(section))
        .collect();
    if kept.is_empty() {
        return Err(format!(
            "FieldMask {text} could not be successfully applied to any configs."
        ));
    }
    Ok(print_configs(&kept))
}

/// The elements of the repeated field `resource`, whichever section has it.
fn elements(sections: Vec<Section>, resource: &str, mask: Option<&str>) -> Result<String, Refusal> {
    let holder = sections.into_iter().find_map(|section| {
        let field = descriptor_of(section.type_name)?.get_field_by_name(resource)?;
        Some((section, field))
    });
    let Some((section, field)) = holder else {
        let text = format!("{resource} not found in config dump");
        return Err((StatusCode::NOT_FOUND, text));
    };
    let kind = field.kind();
    let (true, Some(element)) = (field.is_list(), kind.as_message()) else {
        let text = format!(
            "{resource} is not a repeated field. Use ?mask={resource} to get only this field"
        );
        return Err((StatusCode::BAD_REQUEST, text));
    };
    let mut fields = section.fields.into_iter();
    let content = fields.find(|(name, _)| *name == resource);
    let Some((_, Content::List(items))) = content else {
        return Ok("{}\n".to_owned());
    };
    let paths = mask.unwrap_or_default().split(',');
    let paths: String = paths.map(|path| format!("paths: \"{path}\"\n")).collect();
    let mask = mask.map(Mask::parse);
    let mut configs = Vec::with_capacity(items.len());
    for item in &items {
        let mut value = item.value();
        if let Some(mask) = &mask {
            mask.trim_element(&mut value, element).map_err(|_| {
                let text = format!("FieldMask {paths} could not be successfully used.");
                (StatusCode::BAD_REQUEST, text)
            })?;
        }
        configs.push(typed(element.full_name(), value));
    }
    if configs.is_empty() {
        return Ok("{}\n".to_owned());
    }
    let dump = serde_json::Map::from_iter([("configs".to_owned(), Value::Array(configs))]);
    Ok(sluicegate_xds::json::to_string(&Value::Object(dump)))
}

fn descriptor_of(type_name: &str) -> Option<MessageDescriptor> {
    descriptor::pool().get_message_by_name(type_name)
}
