// SPDX-License-Identifier: Apache-2.0
//! `envoy.config.accesslog.v3.AccessLogFilter`.
//!
//! In: the filter of a log. Out: Envoy's.

use sluicegate_resource::telemetry::{
    AccessLog, Comparison, ComparisonOp, GRPC_STATUSES, LogFilter,
};
use sluicegate_xds::pb::envoy::config::{
    accesslog::v3::{
        AccessLogFilter, AndFilter, ComparisonFilter, DurationFilter, GrpcStatusFilter,
        HeaderFilter, NotHealthCheckFilter, OrFilter, ResponseFlagFilter, StatusCodeFilter,
        TraceableFilter, access_log_filter::FilterSpecifier, comparison_filter::Op,
    },
    core::v3::RuntimeUInt32,
};

use crate::route::header_matcher;

/// The filter of `log`.
pub(super) fn of(log: &AccessLog) -> Option<AccessLogFilter> {
    log.filter.as_ref().map(filter)
}

fn filter(filter: &LogFilter) -> AccessLogFilter {
    let specifier = match filter {
        LogFilter::And(parts) => FilterSpecifier::AndFilter(AndFilter {
            filters: all(parts),
        }),
        LogFilter::Or(parts) => FilterSpecifier::OrFilter(OrFilter {
            filters: all(parts),
        }),
        LogFilter::Duration(bound) => FilterSpecifier::DurationFilter(DurationFilter {
            comparison: comparison(*bound, "access_log.duration"),
        }),
        LogFilter::StatusCode(bound) => FilterSpecifier::StatusCodeFilter(StatusCodeFilter {
            comparison: comparison(*bound, "access_log.status_code"),
        }),
        LogFilter::GrpcStatus { statuses, exclude } => {
            let numbers = statuses.iter().filter_map(|name| number(name));
            FilterSpecifier::GrpcStatusFilter(GrpcStatusFilter {
                statuses: numbers.collect(),
                exclude: *exclude,
            })
        }
        LogFilter::Header(header) => FilterSpecifier::HeaderFilter(HeaderFilter {
            header: Some(header_matcher(header)),
        }),
        LogFilter::NotHealthCheck => FilterSpecifier::NotHealthCheckFilter(NotHealthCheckFilter {}),
        LogFilter::ResponseFlags(flags) => {
            FilterSpecifier::ResponseFlagFilter(ResponseFlagFilter {
                flags: flags.clone(),
            })
        }
        LogFilter::Traceable => FilterSpecifier::TraceableFilter(TraceableFilter {}),
    };
    AccessLogFilter {
        filter_specifier: Some(specifier),
    }
}

fn all(parts: &[LogFilter]) -> Vec<AccessLogFilter> {
    parts.iter().map(filter).collect()
}

fn number(status: &str) -> Option<i32> {
    let at = GRPC_STATUSES.iter().position(|name| *name == status);
    at.and_then(|at| i32::try_from(at).ok())
}

/// Envoy wants a name under which its runtime may say something else.
fn comparison(Comparison { op, value }: Comparison, key: &str) -> Option<ComparisonFilter> {
    let op = match op {
        ComparisonOp::Equal => Op::Eq,
        ComparisonOp::GreaterOrEqual => Op::Ge,
        ComparisonOp::LessOrEqual => Op::Le,
    };
    Some(ComparisonFilter {
        op: op as i32,
        value: Some(RuntimeUInt32 {
            default_value: value,
            runtime_key: key.to_owned(),
        }),
    })
}
