// SPDX-License-Identifier: Apache-2.0
//! Success rates of one interval: who is out of line.
//!
//! In: numbers of requests per host. Out: rates, the ejection threshold, and the hosts to eject.

use super::{HostId, OutlierConfig};

/// Rates of one origin over one interval.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SuccessRates {
    /// Mean and ejection threshold, when there were enough hosts.
    pub(crate) threshold: Option<(f64, f64)>,
    /// Rate of each host with enough requests, in percent.
    pub(crate) rates: Vec<(HostId, f64)>,
    /// Below the threshold.
    pub(super) low: Vec<HostId>,
    /// At or above the failure percentage.
    pub(super) failing: Vec<HostId>,
}

/// Judges hosts by their requests: host, all, good.
pub(super) fn judge(
    volumes: &[(HostId, u64, u64)],
    hosts: usize,
    config: &OutlierConfig,
) -> SuccessRates {
    let mut result = SuccessRates::default();
    let rates_minimum = config.success_rate_minimum_hosts as usize;
    let failures_minimum = config.failure_percentage_minimum_hosts as usize;
    if hosts < rates_minimum.min(failures_minimum) {
        return result;
    }
    let with_volume = |least: u32| -> Vec<(HostId, f64)> {
        volumes
            .iter()
            .filter(|(_, all, _)| *all > 0 && *all >= u64::from(least))
            .map(|(host, all, good)| (*host, *good as f64 * 100.0 / *all as f64))
            .collect()
    };
    let rated = with_volume(config.success_rate_request_volume);
    let counted = with_volume(config.failure_percentage_request_volume);
    if !rated.is_empty() && rated.len() >= rates_minimum {
        let (mean, threshold) = threshold(&rated, config.success_rate_stdev_factor);
        result.threshold = Some((mean, threshold));
        result.low = hosts_where(&rated, |rate| rate < threshold);
    }
    if !counted.is_empty() && counted.len() >= failures_minimum {
        let most = f64::from(config.failure_percentage_threshold);
        result.failing = hosts_where(&counted, |rate| 100.0 - rate >= most);
    }
    result.rates = if counted.len() > rated.len() {
        counted
    } else {
        rated
    };
    result
}

/// Mean, and the mean less some population standard deviations.
fn threshold(rates: &[(HostId, f64)], factor: u32) -> (f64, f64) {
    let count = rates.len() as f64;
    let mean = rates.iter().map(|(_, rate)| rate).sum::<f64>() / count;
    let squares: f64 = rates.iter().map(|(_, rate)| (rate - mean).powi(2)).sum();
    let stdev = (squares / count).sqrt();
    (mean, mean - stdev * (f64::from(factor) / 1000.0))
}

fn hosts_where(rates: &[(HostId, f64)], fits: impl Fn(f64) -> bool) -> Vec<HostId> {
    let fitting = rates.iter().filter(|(_, rate)| fits(*rate));
    fitting.map(|(host, _)| *host).collect()
}
