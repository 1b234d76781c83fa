// SPDX-License-Identifier: Apache-2.0
//! Local rate limits (`envoy.filters.http.local_ratelimit`).
//!
//! In: the settings of a route, and a request. Out: whether it may pass, and the bucket that it
//! counted against. Buckets belong to the compiled route, which all workers share.

mod condition;

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

pub(crate) use condition::{Action, Cidr};

use super::{Bucket, Rate};
use crate::route::RequestView;

/// The limits of a route.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// What its numbers begin with.
    pub(crate) stat_prefix: Box<str>,
    /// The answer to whoever may not pass.
    pub(crate) status: u16,
    /// Share of requests that are looked at, in millionths.
    pub(crate) enabled: u32,
    /// Share of those over a limit that are refused, in millionths.
    pub(crate) enforced: u32,
    /// The limit of what no descriptor matches.
    pub(crate) default: Option<Arc<Bucket>>,
    /// `always_consume_default_token_bucket`.
    pub(crate) always_default: bool,
    /// What is made of a request.
    pub(crate) rules: Vec<Rule>,
    /// What that is compared with.
    pub(crate) descriptors: Vec<Descriptor>,
    /// `x-ratelimit-*` fields are sent.
    pub(crate) announce: bool,
}

/// How a descriptor is made; it is there when every action has something to say.
#[derive(Debug)]
pub(crate) struct Rule {
    /// One entry each.
    pub(crate) actions: Vec<Action>,
    /// What a request takes.
    pub(crate) hits: u32,
}

/// A limit.
#[derive(Debug)]
pub(crate) struct Descriptor {
    /// Keys with values; empty, every value has a bucket of its own.
    pub(crate) entries: Vec<(Box<str>, Box<[u8]>)>,
    /// Over the limit, only numbers say so.
    pub(crate) shadow: bool,
    /// Buckets.
    pub(crate) buckets: Buckets,
}

/// The buckets of a descriptor.
#[derive(Debug)]
pub(crate) enum Buckets {
    /// One for each value, of which the least used ones go first.
    Each(Rate, Mutex<Known>),
    /// One.
    One(Arc<Bucket>),
}

/// Buckets by value.
#[derive(Debug)]
pub(crate) struct Known {
    buckets: HashMap<Vec<u8>, (Arc<Bucket>, u64)>,
    used: BTreeMap<u64, Vec<u8>>,
    tick: u64,
    /// How many there may be.
    most: usize,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Decision {
    /// It is within all limits.
    pub(crate) allowed: bool,
    /// The limit that it is over only counts.
    pub(crate) shadow: bool,
    /// The bucket that is announced.
    pub(crate) bucket: Option<Arc<Bucket>>,
}

struct Matched {
    bucket: Arc<Bucket>,
    hits: u32,
    shadow: bool,
}

impl RateLimit {
    /// Decides about a request at `now`, in seconds since some moment.
    pub(crate) fn decide(&self, request: &RequestView<'_>, client: IpAddr, now: f64) -> Decision {
        let mut matched: Vec<Matched> = self
            .rules
            .iter()
            .filter_map(|rule| self.matched(rule, request, client))
            .collect();
        // Envoy asks the slowest one first.
        matched.sort_by(|a, b| {
            a.bucket
                .rate
                .per_second
                .total_cmp(&b.bucket.rate.per_second)
        });
        let mut shadow = false;
        for one in &matched {
            if one.bucket.take(now, one.hits) {
                continue;
            }
            // Limits in shadow do not keep the others from deciding.
            shadow |= one.shadow;
            if !one.shadow {
                return Decision {
                    allowed: false,
                    shadow: false,
                    bucket: Some(one.bucket.clone()),
                };
            }
        }
        if matched.is_empty() || self.always_default {
            let allowed = self.default.as_ref().is_none_or(|it| it.take(now, 1));
            if !allowed || matched.is_empty() {
                let bucket = self.default.clone();
                return Decision {
                    allowed,
                    shadow,
                    bucket,
                };
            }
        }
        Decision {
            allowed: !shadow,
            shadow,
            bucket: matched.into_iter().next().map(|one| one.bucket),
        }
    }

    fn matched(&self, rule: &Rule, request: &RequestView<'_>, client: IpAddr) -> Option<Matched> {
        let mut entries = Vec::new();
        for action in &rule.actions {
            entries.extend(action.entry(request, client)?);
        }
        let matches = |it: &&Descriptor| it.matches(&entries);
        let exact = |it: &&Descriptor| matches!(it.buckets, Buckets::One(_)) && matches(it);
        let mut all = self.descriptors.iter();
        let found = all.find(exact);
        let found = found.or_else(|| self.descriptors.iter().find(matches))?;
        Some(Matched {
            bucket: found.bucket(&entries),
            hits: rule.hits,
            shadow: found.shadow,
        })
    }
}

/// A key with its value.
type Entry<'a> = (&'a str, Vec<u8>);

impl Descriptor {
    fn matches(&self, entries: &[Entry<'_>]) -> bool {
        let mut pairs = self.entries.iter().zip(entries);
        self.entries.len() == entries.len()
            && pairs.all(|((key, value), (other_key, other))| {
                **key == **other_key && (value.is_empty() || **value == **other)
            })
    }

    fn bucket(&self, entries: &[Entry<'_>]) -> Arc<Bucket> {
        match &self.buckets {
            Buckets::One(bucket) => bucket.clone(),
            Buckets::Each(rate, known) => {
                let mut key = Vec::new();
                for (_, value) in entries {
                    key.extend_from_slice(&value.len().to_le_bytes());
                    key.extend_from_slice(value);
                }
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                known.bucket(key, *rate)
            }
        }
    }
}

impl Known {
    /// None so far, and never more than `most`.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            buckets: HashMap::new(),
            used: BTreeMap::new(),
            tick: 0,
            most,
        }
    }

    fn bucket(&mut self, key: Vec<u8>, rate: Rate) -> Arc<Bucket> {
        self.tick += 1;
        let tick = self.tick;
        let fresh = || (Arc::new(Bucket::new(rate)), tick);
        let (bucket, last) = self.buckets.entry(key.clone()).or_insert_with(fresh);
        let bucket = bucket.clone();
        self.used.remove(&std::mem::replace(last, tick));
        self.used.insert(tick, key);
        if self.buckets.len() > self.most
            && let Some((_, oldest)) = self.used.pop_first()
        {
            self.buckets.remove(&oldest);
        }
        bucket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_used_bucket_goes_first() {
        let rate = Rate::new(1, 1, 1.0);
        let mut known = Known::new(2);
        let mut bucket = |key: &[u8]| known.bucket(key.to_vec(), rate);
        let (a, b) = (bucket(b"a"), bucket(b"b"));
        assert!(Arc::ptr_eq(&a, &bucket(b"a")));
        bucket(b"c");
        assert!(Arc::ptr_eq(&a, &bucket(b"a")));
        assert!(!Arc::ptr_eq(&b, &bucket(b"b")));
    }
}
