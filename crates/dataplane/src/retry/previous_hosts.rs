// SPDX-License-Identifier: Apache-2.0
//! The `previous_hosts` predicate: a retry prefers hosts that were not tried yet.
//!
//! In: a balancer's picks and what was tried. Out: the host to use.

/// Picks for a retry. `pick` is given the number of the selection, from 0; at most
/// `max_attempts` further ones follow the first (`host_selection_retry_max_attempts`, Envoy's
/// default is 1). If all were tried before, the last pick is used; without a host it ends at once.
pub(crate) fn select_host<T>(
    max_attempts: u32,
    mut pick: impl FnMut(u32) -> Option<T>,
    tried: impl Fn(&T) -> bool,
) -> Option<T> {
    let mut host = pick(0)?;
    for attempt in 1..=max_attempts {
        if !tried(&host) {
            break;
        }
        host = pick(attempt)?;
    }
    Some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selection_goes_on_until_a_new_host_or_the_limit() {
        for (max_attempts, picks, tried, wanted) in [
            (1, vec![Some(0), Some(1)], vec![0], Some(1)),
            (1, vec![Some(0), Some(1), Some(2)], vec![0, 1], Some(1)),
            (2, vec![Some(0), Some(1), Some(2)], vec![0, 1], Some(2)),
            // A single host keeps being used.
            (1, vec![Some(0), Some(0)], vec![0], Some(0)),
            (0, vec![Some(0)], vec![0], Some(0)),
            (3, vec![Some(0), None], vec![0], None),
        ] {
            let pick = |attempt: u32| picks[attempt as usize];
            let host = select_host(max_attempts, pick, |host| tried.contains(host));
            assert_eq!(host, wanted);
        }
    }
}
