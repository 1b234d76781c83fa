// SPDX-License-Identifier: Apache-2.0
//! `access_log` of connection managers, proxies and listeners.
//!
//! In: the loggers of one of them. Out: compiled logs, whose files are still to be opened; what is
//! not enforced of them. A line too many is better than one too few: a condition that cannot be
//! tested lets everything through.

#![expect(deprecated, reason = "control planes still send these fields")]

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            accesslog::v3::{
                AccessLog as Proto, AccessLogFilter, ComparisonFilter, access_log::ConfigType,
                access_log_filter::FilterSpecifier,
            },
            core::v3::{SubstitutionFormatString, substitution_format_string::Format as Written},
        },
        extensions::access_loggers::{
            file::v3::{FileAccessLog, file_access_log},
            stream::v3::{StderrAccessLog, StdoutAccessLog, stderr_access_log, stdout_access_log},
        },
        r#type::v3::fractional_percent::DenominatorType,
    },
};

use super::{matcher, value::data};
use crate::{
    failure::is_flag,
    log::{
        AccessLog, AccessLogs, Comparison, Filter, Json, Kind, Line, Op, STDERR, STDOUT, Sample,
    },
    route::Format,
};

/// Compiles loggers; those of other kinds are left out.
pub(super) fn compile(protos: &[Proto]) -> Result<AccessLogs, String> {
    let logs = protos.iter().map(log).filter_map(Result::transpose);
    Ok(AccessLogs::new(logs.collect::<Result<_, _>>()?))
}

/// What is not enforced.
pub(super) fn unsupported(protos: &[Proto]) -> Vec<&'static str> {
    let mut fields = Vec::new();
    for proto in protos {
        match log(proto) {
            Ok(Some(log)) => log
                .line
                .each_format(&mut |format| fields.extend(format.unfilled())),
            Ok(None) => fields.push("access_log other than to a file, stdout or stderr"),
            // The whole resource is refused.
            Err(_) => {}
        }
        if proto.filter.as_ref().is_some_and(is_unsupported) {
            fields.push("access_log.filter by metadata or an extension");
        }
    }
    fields
}

fn log(proto: &Proto) -> Result<Option<AccessLog>, String> {
    let Some((path, line)) = destination(proto)? else {
        return Ok(None);
    };
    let filter = proto.filter.as_ref().map(filter).transpose()?;
    Ok(Some(AccessLog::new(&path, filter, line)))
}

/// Where a log goes, and what its lines look like.
fn destination(proto: &Proto) -> Result<Option<(String, Line)>, String> {
    let Some(ConfigType::TypedConfig(packed)) = &proto.config_type else {
        let name = &proto.name;
        return Err(format!("access_log {name} has no configuration"));
    };
    if let Some(file) = any::unpack::<FileAccessLog>(packed) {
        if file.path.is_empty() {
            return Err("access_log without a path".to_owned());
        }
        return Ok(Some((file.path.clone(), of_file(&file)?)));
    }
    let (path, written) = if let Some(stream) = any::unpack::<StdoutAccessLog>(packed) {
        let Some(stdout_access_log::AccessLogFormat::LogFormat(written)) = stream.access_log_format
        else {
            return Ok(Some((STDOUT.to_owned(), default_line()?)));
        };
        (STDOUT, written)
    } else if let Some(stream) = any::unpack::<StderrAccessLog>(packed) {
        let Some(stderr_access_log::AccessLogFormat::LogFormat(written)) = stream.access_log_format
        else {
            return Ok(Some((STDERR.to_owned(), default_line()?)));
        };
        (STDERR, written)
    } else {
        return Ok(None);
    };
    Ok(Some((path.to_owned(), line(&written)?)))
}

fn of_file(file: &FileAccessLog) -> Result<Line, String> {
    use file_access_log::AccessLogFormat as Of;
    match &file.access_log_format {
        None => default_line(),
        Some(Of::Format(text)) if text.is_empty() => default_line(),
        Some(Of::Format(text)) => Ok(Line::Text(Format::compile(text)?, b"-")),
        Some(Of::JsonFormat(object) | Of::TypedJsonFormat(object)) => {
            Ok(Line::Json(Json::compile(object, false)?))
        }
        Some(Of::LogFormat(written)) => line(written),
    }
}

fn line(written: &SubstitutionFormatString) -> Result<Line, String> {
    let omit = written.omit_empty_values;
    let missing: &[u8] = if omit { b"" } else { b"-" };
    let source;
    let text = match written
        .format
        .as_ref()
        .ok_or("log_format without a format")?
    {
        Written::JsonFormat(object) => return Ok(Line::Json(Json::compile(object, omit)?)),
        Written::TextFormat(text) => text.as_str(),
        Written::TextFormatSource(from) => {
            let bytes = data(Some(from))?;
            source = String::from_utf8(bytes).map_err(|_| "log_format is not UTF-8")?;
            source.as_str()
        }
    };
    Ok(Line::Text(Format::compile(text)?, missing))
}

fn default_line() -> Result<Line, String> {
    Ok(Line::Text(Format::compile(DEFAULT)?, b"-"))
}

fn filter(proto: &AccessLogFilter) -> Result<Filter, String> {
    use FilterSpecifier as By;
    let all = |filters: &[AccessLogFilter]| filters.iter().map(filter).collect::<Result<_, _>>();
    Ok(
        match proto
            .filter_specifier
            .as_ref()
            .ok_or("a filter without a condition")?
        {
            By::StatusCodeFilter(by) => Filter::Status(comparison(by.comparison.as_ref())?),
            By::DurationFilter(by) => Filter::Duration(comparison(by.comparison.as_ref())?),
            // Without a filter that answers health checks, no request is one.
            By::NotHealthCheckFilter(_) => Filter::Constant(true),
            By::TraceableFilter(_) => Filter::Traced,
            By::RuntimeFilter(by) => {
                let share = by.percent_sampled.unwrap_or_default();
                Filter::Sample(Sample {
                    numerator: share.numerator,
                    denominator: match share.denominator() {
                        DenominatorType::Hundred => 100,
                        DenominatorType::TenThousand => 10_000,
                        DenominatorType::Million => 1_000_000,
                    },
                    independent: by.use_independent_randomness,
                })
            }
            By::AndFilter(by) => Filter::And(all(&by.filters)?),
            By::OrFilter(by) => Filter::Or(all(&by.filters)?),
            By::HeaderFilter(by) => {
                let header = by
                    .header
                    .as_ref()
                    .ok_or("a header_filter without a header")?;
                Filter::Header(matcher::header(header)?)
            }
            By::ResponseFlagFilter(by) => {
                if let Some(odd) = by.flags.iter().find(|flag| !is_flag(flag)) {
                    return Err(format!("response_flag_filter: there is no flag {odd}"));
                }
                Filter::Flags(by.flags.iter().map(|flag| flag.as_str().into()).collect())
            }
            By::GrpcStatusFilter(by) => {
                let statuses = by
                    .statuses
                    .iter()
                    .filter_map(|one| u32::try_from(*one).ok());
                Filter::Grpc(statuses.collect(), by.exclude)
            }
            By::LogTypeFilter(by) => Filter::Kind(
                [Kind::Connection, Kind::BytesEnd, Kind::RequestEnd]
                    .into_iter()
                    .filter(|kind| by.types.contains(&(*kind as i32)))
                    .collect(),
                by.exclude,
            ),
            By::ExtensionFilter(_) | By::MetadataFilter(_) => Filter::Constant(true),
        },
    )
}

fn is_unsupported(proto: &AccessLogFilter) -> bool {
    match &proto.filter_specifier {
        Some(FilterSpecifier::AndFilter(by)) => by.filters.iter().any(is_unsupported),
        Some(FilterSpecifier::OrFilter(by)) => by.filters.iter().any(is_unsupported),
        Some(FilterSpecifier::ExtensionFilter(_) | FilterSpecifier::MetadataFilter(_)) => true,
        _ => false,
    }
}

/// Without a runtime, the default is the value.
fn comparison(proto: Option<&ComparisonFilter>) -> Result<Comparison, String> {
    let proto = proto.ok_or("a filter without a comparison")?;
    let op = match proto.op {
        1 => Op::AtLeast,
        2 => Op::AtMost,
        3 => Op::Other,
        _ => Op::Equal,
    };
    let value = proto.value.as_ref().map_or(0, |value| value.default_value);
    let value = u64::from(value);
    Ok(Comparison { op, value })
}

/// Envoy's default.
const DEFAULT: &str = concat!(
    r#"[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" "#,
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ",
    r#"%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "#,
    r#""%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%""#,
    "\n"
);
