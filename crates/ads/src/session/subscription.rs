// SPDX-License-Identifier: Apache-2.0
//! What a client wants of one type.
//!
//! In: names, with the protocol's two ways to mean "all". Out: whether a name is wanted, and what a
//! change of the subscription adds and removes.

use std::{collections::BTreeSet, sync::Arc};

/// Means every resource of the type.
pub(crate) const WILDCARD: &str = "*";

/// The subscription to one type.
#[derive(Debug, Default)]
pub(crate) struct Subscription {
    /// Everything is wanted.
    pub(crate) wildcard: bool,
    /// What is wanted by name.
    pub(crate) names: BTreeSet<Arc<str>>,
    /// A list without a name means "all" until the first name, and "nothing" from then on.
    named_before: bool,
}

/// What a request changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Names that are wanted now.
    pub(crate) added: Vec<Arc<str>>,
    /// Names that are not wanted by name any more; the wildcard may still cover them.
    pub(crate) removed: Vec<Arc<str>>,
    /// The wildcard was added (`Some(true)`) or removed.
    pub(crate) wildcard: Option<bool>,
}

impl Change {
    /// Whether nothing changed.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Subscription {
    /// Whether `name` is wanted.
    pub(crate) fn covers(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }

    /// State of the world: `names` is all that is wanted. `may_omit` says that the type has the
    /// wildcard of an empty list.
    pub(crate) fn replace(&mut self, names: &[String], may_omit: bool) -> Change {
        let wildcard = match names {
            [] => may_omit && !self.named_before,
            some => some.iter().any(|name| name == WILDCARD),
        };
        self.named_before |= !names.is_empty();
        let named = names.iter().filter(|name| *name != WILDCARD);
        let wanted: BTreeSet<Arc<str>> = named.map(|name| Arc::from(name.as_str())).collect();
        let change = Change {
            added: wanted.difference(&self.names).cloned().collect(),
            removed: self.names.difference(&wanted).cloned().collect(),
            wildcard: (wildcard != self.wildcard).then_some(wildcard),
        };
        self.names = wanted;
        self.wildcard = wildcard;
        change
    }

    /// Delta: adds and removes names. A name that is asked for again counts as added. `first` with
    /// no name is the wildcard, if the type has that.
    pub(crate) fn update(
        &mut self,
        subscribe: &[String],
        unsubscribe: &[String],
        first_may_omit: bool,
    ) -> Change {
        let mut change = Change::default();
        if first_may_omit && subscribe.is_empty() {
            self.wildcard = true;
            change.wildcard = Some(true);
        }
        for name in subscribe {
            if name == WILDCARD {
                self.wildcard = true;
                change.wildcard = Some(true);
            } else {
                let name: Arc<str> = Arc::from(name.as_str());
                self.names.insert(name.clone());
                change.added.push(name);
            }
        }
        for name in unsubscribe {
            if name == WILDCARD {
                change.wildcard = self.wildcard.then_some(false);
                self.wildcard = false;
            } else if let Some(name) = self.names.take(name.as_str()) {
                change.removed.push(name);
            } else if self.wildcard {
                change.removed.push(Arc::from(name.as_str()));
            }
        }
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_empty_list_means_all_until_a_name_was_given() {
        let mut subscription = Subscription::default();
        assert_eq!(subscription.replace(&[], true).wildcard, Some(true));
        assert!(subscription.replace(&[], true).is_empty());
        subscription.replace(&names(&["a"]), true);
        assert!(subscription.covers("a") && !subscription.covers("b"));
        let change = subscription.replace(&[], true);
        assert_eq!(change.removed, [Arc::from("a")]);
        assert!(!subscription.covers("a") && !subscription.covers("b"));
    }

    #[test]
    fn types_without_a_wildcard_have_none() {
        let mut subscription = Subscription::default();
        assert!(subscription.replace(&[], false).is_empty());
        assert!(!subscription.covers("a"));
    }

    #[test]
    fn the_star_stands_beside_names() {
        let mut subscription = Subscription::default();
        subscription.replace(&names(&["*", "a"]), true);
        assert!(subscription.covers("b"));
        let change = subscription.replace(&names(&["a"]), true);
        assert_eq!(change.wildcard, Some(false));
        assert!(subscription.covers("a") && !subscription.covers("b"));
    }

    #[test]
    fn delta_adds_and_removes() {
        let mut subscription = Subscription::default();
        let change = subscription.update(&names(&["*", "a"]), &[], true);
        assert_eq!((change.wildcard, change.added.len()), (Some(true), 1));
        let change = subscription.update(&[], &names(&["a", "b", "*"]), false);
        assert_eq!(
            (change.wildcard, change.removed.len()),
            (Some(false), 1 + 1)
        );
        assert!(!subscription.covers("a"));
        assert_eq!(
            subscription.update(&names(&["a"]), &[], false).added.len(),
            1
        );
        assert_eq!(
            subscription.update(&names(&["a"]), &[], false).added.len(),
            1
        );
    }
}
