// SPDX-License-Identifier: Apache-2.0
//! Health check sequences as measured on Envoy 1.40.

use super::*;

const GOOD: CheckResult = CheckResult::Succeeded { degraded: false };

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn config() -> ActiveConfig {
    ActiveConfig {
        interval: ms(500),
        unhealthy_interval: ms(300),
        unhealthy_edge_interval: ms(800),
        healthy_edge_interval: ms(1100),
        no_traffic_interval: ms(60_000),
        no_traffic_healthy_interval: ms(1500),
        unhealthy_threshold: 3,
        healthy_threshold: 3,
        initial_jitter: ms(0),
        interval_jitter: ms(0),
        interval_jitter_percent: 0,
    }
}

fn healthy() -> ActiveHealth {
    let mut health = ActiveHealth::default();
    health.on_result(GOOD, &config());
    health
}

fn delays(health: &mut ActiveHealth, result: CheckResult, count: usize) -> Vec<u128> {
    let config = config();
    let step = |_| {
        let step = health.on_result(result, &config);
        config
            .next_delay(&step, true, Jitter::default())
            .as_millis()
    };
    (0..count).map(step).collect()
}

#[test]
fn edge_intervals_apply_until_the_threshold() {
    let mut health = healthy();
    let failing = delays(&mut health, CheckResult::Retriable, 4);
    assert_eq!(failing, [800, 800, 300, 300]);
    assert!(health.flags().failed_active_hc);
    assert_eq!(delays(&mut health, GOOD, 4), [1100, 1100, 500, 500]);
    assert!(!health.flags().failed_active_hc);
    assert_eq!(delays(&mut health, CheckResult::Failed, 2), [300, 300]);
}

#[test]
fn first_result_decides_alone() {
    let mut health = ActiveHealth::default();
    assert!(health.flags().failed_active_hc);
    let step = health.on_result(GOOD, &config());
    assert_eq!(step.transition, Transition::Changed);
    assert!(step.first_check && !health.flags().failed_active_hc);
    assert_eq!(step.stats, ["attempt", "success"]);

    let mut health = ActiveHealth::default();
    let step = health.on_result(CheckResult::Network, &config());
    assert_eq!(step.transition, Transition::Unchanged);
    assert!(step.first_check && health.flags().failed_active_hc);
    assert_eq!(step.stats, ["attempt", "failure", "network_failure"]);
    // From then on the threshold counts.
    assert_eq!(delays(&mut health, GOOD, 3), [1100, 1100, 500]);
}

#[test]
fn only_wrong_answers_fail_at_once() {
    for (result, checks) in [
        (CheckResult::Failed, 1),
        (CheckResult::Retriable, 3),
        (CheckResult::Network, 3),
        (CheckResult::NetworkTimeout, 3),
    ] {
        let mut health = healthy();
        let mut count = 0;
        while !health.flags().failed_active_hc {
            health.on_result(result, &config());
            count += 1;
        }
        assert_eq!(count, checks, "{result:?}");
        let timeout = result == CheckResult::NetworkTimeout;
        assert_eq!(health.flags().active_hc_timeout, timeout);
        // Another kind of failure takes the flag back.
        health.on_result(CheckResult::Network, &config());
        assert!(!health.flags().active_hc_timeout);
    }
}

#[test]
fn a_good_result_restarts_the_count_of_failures() {
    let mut health = healthy();
    for result in [CheckResult::Network, CheckResult::Network, GOOD] {
        health.on_result(result, &config());
    }
    delays(&mut health, CheckResult::Network, 2);
    assert!(!health.flags().failed_active_hc);
}

#[test]
fn immediate_failure_excludes_until_healthy() {
    let mut health = healthy();
    let step = health.fail_immediately(&config());
    assert_eq!(step.transition, Transition::Changed);
    assert_eq!(step.stats, ["failure", "passive_failure"]);
    let flags = health.flags();
    assert!(flags.failed_active_hc && flags.excluded_via_immediate_hc_fail);
    delays(&mut health, GOOD, 3);
    assert_eq!(health.flags(), HealthFlags::default());
}

#[test]
fn degraded_comes_and_goes() {
    let mut health = healthy();
    let degraded = CheckResult::Succeeded { degraded: true };
    let mut transition = |result| health.on_result(result, &config()).transition;
    assert_eq!(transition(degraded), Transition::Changed);
    assert_eq!(transition(degraded), Transition::Unchanged);
    assert_eq!(transition(GOOD), Transition::Changed);
    assert!(!health.flags().degraded_active_hc);
}

#[test]
fn intervals_without_traffic() {
    let config = config();
    let mut health = healthy();
    let mut delay = |result| {
        let step = health.on_result(result, &config);
        config.next_delay(&step, false, Jitter::default())
    };
    assert_eq!(delay(GOOD), ms(1500));
    assert_eq!(delay(CheckResult::Failed), ms(60_000));
    assert_eq!(delay(GOOD), ms(60_000));
}

#[test]
fn jitter_only_lengthens() {
    let config = ActiveConfig {
        initial_jitter: ms(50),
        interval_jitter: ms(20),
        interval_jitter_percent: 10,
        ..config()
    };
    let jitter = |percent, interval| Jitter { percent, interval };
    assert_eq!(config.initial_delay(jitter(0, 49)), ms(49));
    assert_eq!(config.initial_delay(jitter(0, 50)), ms(0));
    let step = healthy().on_result(GOOD, &config);
    assert_eq!(config.next_delay(&step, true, jitter(49, 19)), ms(568));
    assert_eq!(config.next_delay(&step, true, jitter(50, 20)), ms(500));
}
