// SPDX-License-Identifier: Apache-2.0
//! Which requests are logged (`AccessLogFilter`).
//!
//! In: facts of a request that is over. Out: whether it is logged.

use crate::{
    http::grpc_status,
    route::{Facts, HeaderMatch},
};

/// A condition.
#[derive(Debug)]
pub(crate) enum Filter {
    /// All of them hold.
    And(Vec<Filter>),
    /// The time that it took, in milliseconds.
    Duration(Comparison),
    /// One of these response flags, or any flag if there are none.
    Flags(Vec<Box<str>>),
    /// One of these gRPC statuses, or none of them.
    Grpc(Vec<u32>, bool),
    /// A field of the request.
    Header(HeaderMatch),
    /// One of these kinds of line, or none of them.
    Kind(Vec<Kind>, bool),
    /// Nothing is logged, or everything is.
    Constant(bool),
    /// One of them holds.
    Or(Vec<Filter>),
    /// A share of the requests.
    Sample(Sample),
    /// The status.
    Status(Comparison),
    /// The request is traced.
    Traced,
}

/// A comparison with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// How it is compared.
    pub(crate) op: Op,
    /// What with.
    pub(crate) value: u64,
}

/// Comparisons, in Envoy's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// `EQ`
    Equal,
    /// `GE`
    AtLeast,
    /// `LE`
    AtMost,
    /// `NE`
    Other,
}

/// A share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// So many
    pub(crate) numerator: u32,
    /// of so many.
    pub(crate) denominator: u32,
    /// Drawn anew, even where a request id would do.
    pub(crate) independent: bool,
}

/// What a line is about, in the order of Envoy's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `TcpConnectionEnd`
    BytesEnd = 3,
    /// `DownstreamEnd`
    RequestEnd = 6,
    /// A connection of a listener, which Envoy gives no kind.
    Connection = 0,
}

impl Kind {
    /// `%ACCESS_LOG_TYPE%`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BytesEnd => "TcpConnectionEnd",
            Self::RequestEnd => "DownstreamEnd",
            Self::Connection => "NotSet",
        }
    }
}

impl Filter {
    /// Whether it is logged.
    pub(crate) fn passes(&self, facts: &Facts<'_>, kind: Kind) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.passes(facts, kind)),
            Self::Or(all) => all.iter().any(|one| one.passes(facts, kind)),
            Self::Constant(logged) => *logged,
            Self::Duration(comparison) => {
                comparison.holds(u64::try_from(facts.age.as_millis()).unwrap_or(u64::MAX))
            }
            Self::Flags(wanted) if wanted.is_empty() => !facts.flags.is_empty(),
            Self::Flags(wanted) => {
                let mut flags = facts.flags.split(',');
                flags.any(|flag| wanted.iter().any(|one| **one == *flag))
            }
            Self::Grpc(statuses, exclude) => {
                let told = || {
                    let find = facts.response?;
                    std::str::from_utf8(find("grpc-status")?).ok()?.parse().ok()
                };
                let status = facts.grpc.or_else(told);
                let status = status.unwrap_or_else(|| grpc_status(facts.status));
                statuses.contains(&status) != *exclude
            }
            Self::Header(header) => {
                let name = std::str::from_utf8(&header.name).unwrap_or_default();
                header.matches_value(facts.request_field(name))
            }
            Self::Kind(kinds, exclude) => kinds.contains(&kind) != *exclude,
            Self::Sample(sample) => sample.draws(facts.request_field("x-request-id")),
            Self::Status(comparison) => comparison.holds(u64::from(facts.status)),
            Self::Traced => facts.traced,
        }
    }
}

impl Comparison {
    fn holds(self, value: u64) -> bool {
        match self.op {
            Op::Equal => value == self.value,
            Op::AtLeast => value >= self.value,
            Op::AtMost => value <= self.value,
            Op::Other => value != self.value,
        }
    }
}

impl Sample {
    /// Draws: by the request's id, so that all logs that see it agree, or by chance.
    fn draws(self, request_id: Option<&[u8]>) -> bool {
        let of_id = || {
            let id = std::str::from_utf8(request_id?).ok()?;
            let first = id.get(..8).filter(|_| id.len() == 36)?;
            u64::from_str_radix(first, 16).ok()
        };
        let number = if self.independent { None } else { of_id() };
        let number = number.unwrap_or_else(|| fastrand::u64(..));
        number % u64::from(self.denominator) < u64::from(self.numerator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_decides_for_all_logs() {
        let sample = |numerator, id: &str| {
            let sample = Sample {
                numerator,
                denominator: 100,
                independent: false,
            };
            sample.draws(Some(id.as_bytes()))
        };
        // 0x32 is 50.
        let id = "00000032-b461-4eb2-a66c-2581cbab8814";
        assert!(!sample(50, id));
        assert!(sample(51, id));
        assert!(!sample(0, "no id"));
        assert!(sample(100, "no id"));
    }
}
