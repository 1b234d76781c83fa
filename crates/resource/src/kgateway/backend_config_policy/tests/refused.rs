// SPDX-License-Identifier: Apache-2.0
//! Every rule of the schema, and every value that Envoy would refuse.

mod connection;
mod health;
mod http;
mod load_balancer;
mod targets;
mod tls;

use crate::testing::{Verdict, assert_verdicts, policy};

fn refuses(cases: &[(&str, Verdict<'_>)]) {
    for (spec, expected) in cases {
        let policy = policy(spec);
        assert!(!policy.is_valid(), "{spec}");
        assert_verdicts(spec, &policy.diagnostics, &[*expected]);
    }
}
