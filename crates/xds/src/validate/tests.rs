// SPDX-License-Identifier: Apache-2.0
//! Constraint checks against clusters that Envoy 1.40 was seen to refuse.

use envoy_types::pb::{
    envoy::{
        config::{
            cluster::v3::Cluster,
            core::v3::{
                HealthCheck, HttpProtocolOptions as CommonOptions, health_check::HealthChecker,
                health_check::HttpHealthCheck,
            },
        },
        extensions::upstreams::http::v3::HttpProtocolOptions,
    },
    google::protobuf::{Duration, UInt32Value},
};
use prost::{Message, Name};

use super::violations;
use crate::any::pack;

fn of<M: Message + Name>(message: &M) -> Vec<String> {
    violations(&M::full_name(), &message.encode_to_vec())
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn cluster() -> Cluster {
    Cluster {
        name: "a".into(),
        ..Default::default()
    }
}

fn health_check(path: &str, host: &str) -> HealthCheck {
    HealthCheck {
        timeout: Some(Duration {
            seconds: 1,
            nanos: 0,
        }),
        interval: Some(Duration {
            seconds: 1,
            nanos: 0,
        }),
        unhealthy_threshold: Some(UInt32Value { value: 1 }),
        healthy_threshold: Some(UInt32Value { value: 1 }),
        health_checker: Some(HealthChecker::HttpHealthCheck(HttpHealthCheck {
            path: path.into(),
            host: host.into(),
            ..Default::default()
        })),
        ..Default::default()
    }
}

#[test]
fn a_plain_cluster_is_fine() {
    assert_eq!(of(&cluster()), [""; 0]);
    assert_eq!(
        of(&Cluster::default()),
        ["Cluster.name: value length must be at least 1 characters"]
    );
}

#[test]
fn zero_connect_timeout_is_refused() {
    let cluster = Cluster {
        connect_timeout: Some(Duration::default()),
        ..cluster()
    };
    assert_eq!(
        of(&cluster),
        ["Cluster.connect_timeout: value must be greater than 0s"]
    );
}

#[test]
fn health_checks_are_looked_into() {
    let with = |check| Cluster {
        health_checks: vec![check],
        ..cluster()
    };
    assert_eq!(of(&with(health_check("/", "a.b"))), [""; 0]);
    assert_eq!(
        of(&with(health_check("", "a.b"))),
        [
            "Cluster.health_checks[0].http_health_check.path: value length must be at least 1 characters"
        ]
    );
    assert_eq!(
        of(&with(health_check("/", "a\nb"))),
        ["Cluster.health_checks[0].http_health_check.host: value is not a valid HTTP header value"]
    );
    let missing = of(&with(HealthCheck {
        interval: None,
        ..health_check("/", "")
    }));
    assert_eq!(
        missing,
        ["Cluster.health_checks[0].interval: value is required"]
    );
}

#[test]
fn packed_options_are_looked_into() {
    let options = HttpProtocolOptions {
        common_http_protocol_options: Some(CommonOptions {
            max_headers_count: Some(UInt32Value { value: 0 }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let key = HttpProtocolOptions::full_name();
    let cluster = Cluster {
        typed_extension_protocol_options: [(key.clone(), pack(&options))].into(),
        ..cluster()
    };
    let prefix = format!("Cluster.typed_extension_protocol_options[{key}]");
    assert_eq!(
        of(&cluster),
        [
            format!("{prefix}.upstream_protocol_options: one of its members is required"),
            format!(
                "{prefix}.common_http_protocol_options.max_headers_count: value must be greater than \
                 or equal to 1"
            ),
        ]
    );
}
