// SPDX-License-Identifier: Apache-2.0
//! Endpoints of DNS clusters.
//!
//! In: clusters whose endpoints are names. Out: the endpoints those names stand for now.

use std::{collections::HashMap, sync::Arc};

use crate::plan::Endpoints;

/// What the names of each DNS cluster stand for.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    clusters: HashMap<Arc<str>, Arc<Endpoints>>,
}

impl Resolved {
    /// The endpoints of a cluster, once they are known.
    pub(crate) fn endpoints(&self, cluster: &str) -> Option<Arc<Endpoints>> {
        self.clusters.get(cluster).cloned()
    }
}
