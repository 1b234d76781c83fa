// SPDX-License-Identifier: Apache-2.0
//! Which routes lead to which backend.
//!
//! In: the graph. Out: routes on listeners by backend: of one, or of all at once for who explains many.

use std::collections::HashMap;

use sluicegate_attach::{AttachedRoute, BackendKey};

use crate::pipeline::Round;

/// Routes on listeners by the backends that they send requests to, mirrored ones too.
#[derive(Debug)]
pub struct Uses<'r>(HashMap<&'r BackendKey, Vec<&'r AttachedRoute>>);

impl<'r> Uses<'r> {
    /// Of every backend.
    pub fn of(round: &'r Round) -> Self {
        Self::gather(round, |_| true)
    }

    /// Of one.
    pub(super) fn of_one(round: &'r Round, backend: &BackendKey) -> Self {
        Self::gather(round, |key| key == backend)
    }

    /// The routes to a backend, in the order of listeners and routes.
    pub(super) fn routes(&self, backend: &BackendKey) -> &[&'r AttachedRoute] {
        self.0.get(backend).map_or(&[], Vec::as_slice)
    }

    fn gather(round: &'r Round, is_wanted: impl Fn(&BackendKey) -> bool) -> Self {
        let mut uses: HashMap<&BackendKey, Vec<&AttachedRoute>> = HashMap::new();
        let listeners = round.graph.gateways.iter().flat_map(|it| &it.listeners);
        for attached in listeners.flat_map(|listener| &listener.routes) {
            for rule in attached.rules.iter() {
                let keys = rule.backends.iter().filter_map(|it| it.key.as_ref());
                let keys = keys.chain(rule.mirrors.iter().map(|mirror| &mirror.key));
                for key in keys.filter(|key| is_wanted(key)) {
                    let routes = uses.entry(key).or_default();
                    if routes
                        .last()
                        .is_none_or(|last| !std::ptr::eq(*last, attached))
                    {
                        routes.push(attached);
                    }
                }
            }
        }
        Self(uses)
    }
}
