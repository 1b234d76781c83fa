// SPDX-License-Identifier: Apache-2.0
//! Connections ahead of demand (`preconnect_policy`).
//!
//! In: a host that just got a request. Out: more connections, as long as requests that wait or run,
//! times the ratio, are more than there is room for.

use std::rc::Rc;

use super::{Lane, Pool, Protocol, http2, try_start};
use crate::{
    cluster::{Host, Usable},
    plan::{ClusterConfig, Priority},
    worker,
};

/// Opens what is wanted beside the connections that requests wait for.
pub(super) fn preconnect(host: &Rc<Host>, priority: Priority, lane: &Lane) {
    let ratio = host.config.preconnect_ratio;
    // A server that speaks first would be taken for one that speaks out of turn.
    if ratio <= 1.0 || lane.protocol == Protocol::Tcp || worker::has_ended() {
        return;
    }
    let configured = host.endpoint.borrow().health;
    if host.health.usable(configured) != Usable::Healthy {
        return;
    }
    for _ in 0..AT_ONCE {
        let load = host.pool.load(&host.config, lane);
        if !load.wants_more(ratio) || !try_start(host, priority, lane) {
            return;
        }
    }
}

/// What the connections of a lane have to do, in requests.
struct Load {
    pending: u32,
    active: u32,
    /// Room on connections, with those being made.
    capacity: u32,
}

impl Load {
    fn wants_more(&self, ratio: f32) -> bool {
        let (pending, active) = (f64::from(self.pending), f64::from(self.active));
        (pending + active) * f64::from(ratio) > f64::from(self.capacity) + active
    }
}

impl Pool {
    fn load(&self, config: &ClusterConfig, lane: &Lane) -> Load {
        let queue = self.queue.borrow();
        let pending = queue
            .iter()
            .filter(|ticket| ticket.waits() && ticket.lane() == lane);
        let idle = self.idle.borrow();
        let idle = idle.iter().filter(|one| one.fits(lane)).count();
        let idle = u32::try_from(idle).unwrap_or(u32::MAX);
        let tally = self.tally(lane);
        let coming = tally
            .connecting
            .saturating_mul(http2::streams(config, lane.protocol));
        let shared = http2::shared_load(self, lane);
        // What is not of HTTP/2, nor idle, has its request.
        let alone = tally.count - tally.count.min(tally.connecting + idle + shared.count);
        Load {
            pending: u32::try_from(pending.count()).unwrap_or(u32::MAX),
            active: alone.saturating_add(shared.active),
            capacity: coming.saturating_add(idle).saturating_add(shared.room),
        }
    }
}

/// Connections that one request may lead to (Envoy's own number).
const AT_ONCE: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_there_is_room_for() {
        for (pending, active, capacity, ratio, wants) in [
            (1, 0, 0, 2.0, true),
            (1, 0, 1, 2.0, true),
            (1, 0, 2, 2.0, false),
            (1, 0, 1, 1.0, false),
            (1, 0, 1, 1.5, true),
            (0, 1, 0, 2.0, true),
            (0, 1, 1, 2.0, false),
            (0, 2, 1, 1.5, false),
            (2, 0, 3, 3.0, true),
        ] {
            let load = Load {
                pending,
                active,
                capacity,
            };
            assert_eq!(load.wants_more(ratio), wants, "{pending} {active}");
        }
    }
}
