// SPDX-License-Identifier: Apache-2.0
//! How gRPC statuses are written.
//!
//! In: a status. Out: its name in the style that the operator asks for, or its number.

use crate::http::push_decimal;

/// The parameter of `%GRPC_STATUS%`, in Envoy's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `CAMEL_STRING`, the default.
    Camel,
    /// `SNAKE_STRING`.
    Snake,
    /// `NUMBER`.
    Number,
}

impl Style {
    /// Reads the parameter.
    pub(super) fn of(parameter: &str) -> Result<Self, String> {
        match parameter {
            "" | "CAMEL_STRING" => Ok(Self::Camel),
            "SNAKE_STRING" => Ok(Self::Snake),
            "NUMBER" => Ok(Self::Number),
            other => Err(format!(
                "GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER. Got: {other}"
            )),
        }
    }

    /// Writes a status; one without a name is a number.
    pub(super) fn push(self, status: u32, out: &mut Vec<u8>) {
        let names = usize::try_from(status).ok().and_then(|at| NAMES.get(at));
        match (self, names) {
            (Self::Camel, Some((camel, _))) => out.extend_from_slice(camel.as_bytes()),
            (Self::Snake, Some((_, snake))) => out.extend_from_slice(snake.as_bytes()),
            _ => push_decimal(u64::from(status), out),
        }
    }
}

/// By number. The first ones are not camels in Envoy either.
const NAMES: [(&str, &str); 17] = [
    ("OK", "OK"),
    ("Canceled", "CANCELLED"),
    ("Unknown", "UNKNOWN"),
    ("InvalidArgument", "INVALID_ARGUMENT"),
    ("DeadlineExceeded", "DEADLINE_EXCEEDED"),
    ("NotFound", "NOT_FOUND"),
    ("AlreadyExists", "ALREADY_EXISTS"),
    ("PermissionDenied", "PERMISSION_DENIED"),
    ("ResourceExhausted", "RESOURCE_EXHAUSTED"),
    ("FailedPrecondition", "FAILED_PRECONDITION"),
    ("Aborted", "ABORTED"),
    ("OutOfRange", "OUT_OF_RANGE"),
    ("Unimplemented", "UNIMPLEMENTED"),
    ("Internal", "INTERNAL"),
    ("Unavailable", "UNAVAILABLE"),
    ("DataLoss", "DATA_LOSS"),
    ("Unauthenticated", "UNAUTHENTICATED"),
];
