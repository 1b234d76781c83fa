// SPDX-License-Identifier: Apache-2.0
//! Faults on purpose (`envoy.filters.http.fault`).
//!
//! In: the settings of a route. Out: whether this request is delayed, and whether it is given up.

use std::time::Duration;

/// What happens to a share of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The delay, and whose share it is in millionths.
    pub(crate) delay: Option<(Duration, u32)>,
    /// The answer, and its share in millionths.
    pub(crate) abort: Option<(Abort, u32)>,
}

/// An answer in place of the backend's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abort {
    /// A gRPC status.
    Grpc(u32),
    /// An HTTP status.
    Http(u16),
}

impl Fault {
    /// How long this request waits.
    pub(crate) fn draw_delay(&self) -> Option<Duration> {
        self.delay.filter(|(_, share)| hit(*share)).map(|it| it.0)
    }

    /// How this request is answered.
    pub(crate) fn draw_abort(&self) -> Option<Abort> {
        self.abort.filter(|(_, share)| hit(*share)).map(|it| it.0)
    }
}

impl Abort {
    /// The HTTP status; a client that does not speak gRPC is not told another one.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Http(status) => status,
            Self::Grpc(_) => 200,
        }
    }
}

fn hit(share: u32) -> bool {
    fastrand::u32(..1_000_000) < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_none_and_some() {
        let of = |share| Fault {
            delay: Some((Duration::from_secs(1), share)),
            abort: Some((Abort::Http(503), share)),
        };
        let count = |share| {
            let fault = of(share);
            (0..10_000).filter(|_| fault.draw_abort().is_some()).count()
        };
        assert_eq!((count(0), count(1_000_000)), (0, 10_000));
        assert!((4_000..6_000).contains(&count(500_000)));
        assert_eq!(of(1_000_000).draw_delay(), Some(Duration::from_secs(1)));
    }
}
