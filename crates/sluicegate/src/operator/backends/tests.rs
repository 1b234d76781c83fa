// SPDX-License-Identifier: Apache-2.0
//! Which state a cluster is in, and in which words.

use std::{net::SocketAddr, time::Duration};

use sluicegate_xds::pb::envoy::{
    admin::v3::{HostHealthStatus, HostStatus},
    config::{
        cluster::v3::{CircuitBreakers, circuit_breakers::Thresholds},
        core::v3::{Address, SocketAddress, address, socket_address::PortSpecifier},
    },
};
use sluicegate_xds::pb::google::protobuf::UInt32Value;

use super::{why::errors, *};

fn host(ejected: bool) -> HostStatus {
    HostStatus {
        health_status: Some(HostHealthStatus {
            failed_outlier_check: ejected,
            ..HostHealthStatus::default()
        }),
        ..HostStatus::default()
    }
}

fn judged(hosts: &[bool], recent: &Numbers) -> (State, String) {
    let limit = Thresholds {
        max_requests: Some(UInt32Value { value: 3 }),
        ..Thresholds::default()
    };
    let status = ClusterStatus {
        host_statuses: hosts.iter().map(|ejected| host(*ejected)).collect(),
        circuit_breakers: Some(CircuitBreakers {
            thresholds: vec![limit],
            ..CircuitBreakers::default()
        }),
        ..ClusterStatus::default()
    };
    let known = Known {
        routed: true,
        ..Known::default()
    };
    let row = row(&status, &[], Some(&known), (recent, recent));
    (row.state, row.why)
}

fn recent(requests: u64, errors: u64) -> Numbers {
    Numbers {
        requests,
        errors,
        ..Numbers::default()
    }
}

#[test]
fn endpoints_decide() {
    let quiet = Numbers::default();
    assert_eq!(judged(&[false], &quiet), (State::Healthy, String::new()));
    let (state, why) = judged(&[], &quiet);
    assert_eq!((state, &*why), (State::Failing, "it has no endpoints"));
    let (state, why) = judged(&[true, false, true], &quiet);
    let words = "2 of 3 endpoints not usable: 2 ejected";
    assert_eq!((state, &*why), (State::Degraded, words));
    let (state, why) = judged(&[true, true], &quiet);
    let words = "none of 2 endpoints is usable: 2 ejected";
    assert_eq!((state, &*why), (State::Failing, words));
}

#[test]
fn requests_of_late_decide() {
    let (state, why) = judged(&[false], &recent(10, 4));
    assert_eq!(
        (state, &*why),
        (State::Degraded, "4 of 10 requests failed lately")
    );
    let numbers = Numbers {
        connect_fail: 5,
        ..recent(10, 5)
    };
    let (state, why) = judged(&[false], &numbers);
    let words = "5 of 10 requests failed lately: 5 connections could not be opened";
    assert_eq!((state, &*why), (State::Failing, words));
}

#[test]
fn one_is_not_many() {
    let numbers = Numbers {
        connect_fail: 1,
        timeouts: 1,
        ..recent(1, 1)
    };
    let words = "1 of 1 request failed lately: 1 connection could not be opened, 1 request or attempt took too long";
    assert_eq!(errors(&numbers).unwrap(), words);
    assert_eq!(counted(2, "request or attempt"), "2 requests or attempts");
}

#[test]
fn an_ejection_is_told_with_its_detector_and_its_end() {
    let ejected = |port, by, seconds| Ejected {
        cluster: "a".into(),
        address: SocketAddr::from(([10, 0, 0, 1], port)),
        by,
        ago: Duration::from_secs(1),
        returns_in: Duration::from_secs(seconds),
    };
    let all = [
        ejected(1, "consecutive_5xx", 290),
        ejected(2, "success_rate", 29),
    ];
    let host_at = |port| {
        let socket = SocketAddress {
            address: "10.0.0.1".to_owned(),
            port_specifier: Some(PortSpecifier::PortValue(port)),
            ..SocketAddress::default()
        };
        HostStatus {
            address: Some(Address {
                address: Some(address::Address::SocketAddress(socket)),
            }),
            ..host(true)
        }
    };
    let status = ClusterStatus {
        host_statuses: vec![host_at(1), host_at(2)],
        ..ClusterStatus::default()
    };
    let numbers = Numbers::default();
    let ejections: Vec<&Ejected> = all.iter().collect();
    let row = row(&status, &ejections, None, (&numbers, &numbers));
    let words = "none of 2 endpoints is usable: 2 ejected (consecutive_5xx, success_rate, the first returns in 29 s)";
    assert_eq!(row.why, words);
    let words = "ejected: consecutive_5xx, returns in 4 min 50 s";
    assert_eq!(row.endpoints[0].words(), words);
}

#[test]
fn an_open_breaker_is_told_with_its_limit() {
    let numbers = Numbers {
        open: vec!["max_requests"],
        ..Numbers::default()
    };
    let (state, why) = judged(&[false], &numbers);
    let words = "circuit breaker max_requests is open (0 of 3)";
    assert_eq!((state, &*why), (State::Degraded, words));
}

#[test]
fn what_is_closed_or_unused_says_so() {
    let known = Known {
        name: "d/web:80".to_owned(),
        key: None,
        routed: true,
        closed: Some("no certificate".to_owned()),
    };
    let row = absent("kube_d_web_80".to_owned(), &known);
    let words = "closed, every request is answered 500: no certificate";
    assert_eq!((row.state, &*row.why), (State::Failing, words));
    assert_eq!(base("kube_d_web_80|btp|d|p"), Some("kube_d_web_80"));
}
