// SPDX-License-Identifier: Apache-2.0
//! Which requests are traced.
//!
//! In: shares, the request's id, and whether its client asks. Out: the reason, which the id then
//! carries along: the first digit of its third group says to whoever comes next what was decided.

/// A part of all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// So many
    pub(crate) numerator: u32,
    /// of so many; not 0.
    pub(crate) denominator: u32,
}

/// Shares of a connection manager or a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sampling {
    /// `client_sampling`: of the requests with `x-client-trace-id`.
    pub(crate) client: Share,
    /// `random_sampling`: of all others.
    pub(crate) random: Share,
    /// `overall_sampling`: of what would be traced.
    pub(crate) overall: Share,
}

/// `request_id_extension`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestIds {
    /// `pack_trace_reason`: the id carries the reason.
    pub(crate) pack: bool,
    /// `use_request_id_for_trace_sampling`; without it, everything is traced.
    pub(crate) sample: bool,
}

/// Why a request is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Its client asked.
    ClientForced,
    /// It is not.
    NotTraceable,
    /// It was drawn.
    Sampling,
    /// A service asked.
    ServiceForced,
}

impl Share {
    /// Everything.
    pub(crate) const ALL: Self = Self {
        numerator: 100,
        denominator: 100,
    };

    fn holds(self, number: u64) -> bool {
        number % u64::from(self.denominator) < u64::from(self.numerator)
    }
}

impl Sampling {
    /// Decides by a request's id, and writes the decision into it. `client` says that the client
    /// asks; `random` is for its share.
    pub(crate) fn decide(
        self,
        ids: RequestIds,
        id: Option<&mut [u8]>,
        client: bool,
        random: u64,
    ) -> Reason {
        if !ids.sample {
            return Reason::Sampling;
        }
        let Some((id, number)) = id.and_then(|id| number(id).map(|number| (id, number))) else {
            return Reason::NotTraceable;
        };
        let before = Reason::of(id);
        let mut reason = before;
        if before == Reason::NotTraceable {
            reason = if client && self.client.holds(random) {
                Reason::ClientForced
            } else if self.random.holds(number) {
                Reason::Sampling
            } else {
                before
            };
        }
        if !self.overall.holds(number) {
            reason = Reason::NotTraceable;
        }
        if reason != before && ids.pack {
            reason.write(id);
        }
        reason
    }
}

impl Reason {
    /// What an id says.
    fn of(id: &[u8]) -> Self {
        match id.get(PLACE).filter(|_| id.len() == LENGTH) {
            Some(b'9') => Self::Sampling,
            Some(b'a') => Self::ServiceForced,
            Some(b'b') => Self::ClientForced,
            _ => Self::NotTraceable,
        }
    }

    /// Makes an id say it, if it has the form of a UUID.
    pub(crate) fn write(self, id: &mut [u8]) {
        if id.len() != LENGTH {
            return;
        }
        id[PLACE] = match self {
            Self::ClientForced => b'b',
            Self::NotTraceable => b'4',
            Self::Sampling => b'9',
            Self::ServiceForced => b'a',
        };
    }
}

/// What shares are taken of: the first eight digits.
fn number(id: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(id.get(..8)?).ok()?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u64::from_str_radix(digits, 16).ok().filter(|_| plain);
    number.map(|number| number % 10_000)
}

/// Of the digit that carries the reason.
const PLACE: usize = 14;
/// Of a UUID.
const LENGTH: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "9d17aa26-f4d1-49ae-aa74-7b02c6b4f37c";

    fn decide(random: u32, overall: u32, id: &str, client: bool) -> (Reason, String) {
        let sampling = Sampling {
            client: Share::ALL,
            random: Share {
                numerator: random,
                denominator: 100,
            },
            overall: Share {
                numerator: overall,
                denominator: 100,
            },
        };
        let ids = RequestIds {
            pack: true,
            sample: true,
        };
        let mut id = id.to_owned().into_bytes();
        let reason = sampling.decide(ids, Some(&mut id), client, 0);
        (reason, String::from_utf8(id).unwrap())
    }

    /// As Envoy 1.40 did.
    #[test]
    fn the_reason_is_in_the_id() {
        let with = |digit: &str| format!("9d17aa26-f4d1-{digit}9ae-aa74-7b02c6b4f37c");
        for (random, overall, digit, client, reason, after) in [
            (100, 100, "4", false, Reason::Sampling, "9"),
            (0, 100, "4", false, Reason::NotTraceable, "4"),
            (0, 100, "4", true, Reason::ClientForced, "b"),
            (0, 100, "9", false, Reason::Sampling, "9"),
            (0, 100, "9", true, Reason::Sampling, "9"),
            (0, 100, "a", true, Reason::ServiceForced, "a"),
            (100, 0, "4", true, Reason::NotTraceable, "4"),
            (100, 0, "9", false, Reason::NotTraceable, "4"),
        ] {
            let case = format!("{random} {overall} {digit} {client}");
            let decided = decide(random, overall, &with(digit), client);
            assert_eq!(decided, (reason, with(after)), "{case}");
        }
    }

    #[test]
    fn ids_that_are_no_uuids_stay_as_they_are() {
        for (id, reason) in [
            ("mine", Reason::NotTraceable),
            ("not-a-number", Reason::NotTraceable),
            ("12345678mine", Reason::Sampling),
        ] {
            assert_eq!(decide(100, 100, id, true).1, id);
            assert_eq!(decide(100, 100, id, false).0, reason, "{id}");
        }
    }

    #[test]
    fn shares_are_of_the_first_eight_digits() {
        assert_eq!(0x9d17_aa26_u64 % 100, 98);
        assert_eq!(decide(98, 100, PLAIN, false).0, Reason::NotTraceable);
        assert_eq!(decide(99, 100, PLAIN, false).0, Reason::Sampling);
        assert_eq!(decide(100, 98, PLAIN, false).0, Reason::NotTraceable);
    }
}
