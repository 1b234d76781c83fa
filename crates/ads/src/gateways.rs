// SPDX-License-Identifier: Apache-2.0
//! What is served: a snapshot for each Gateway.
//!
//! In: catalogs from the control side. Out: the newest one for every stream. There is no queue: a
//! stream that is slow sees the newest catalog when it gets to it, and none of those between.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use sluicegate_snapshot::Snapshot;
use tokio::sync::watch;

/// `namespace/name` of a Gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GatewayName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for GatewayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl FromStr for GatewayName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(namespace), Some(name), None) if !namespace.is_empty() && !name.is_empty() => {
                Ok(Self {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                })
            }
            _ => Err(format!("{text:?} is not namespace/name")),
        }
    }
}

/// The snapshot of each Gateway.
pub type Catalog = BTreeMap<GatewayName, Arc<Snapshot>>;

/// Makes a channel without a catalog: streams wait for the first one.
pub fn channel() -> (Publisher, Subscriber) {
    let (sender, receiver) = watch::channel(None);
    (Publisher { sender }, Subscriber { receiver })
}

/// The writing end.
#[derive(Debug)]
pub struct Publisher {
    sender: watch::Sender<Option<Arc<Catalog>>>,
}

impl Publisher {
    /// Replaces the catalog.
    pub fn publish(&self, catalog: Catalog) {
        self.sender.send_replace(Some(Arc::new(catalog)));
    }
}

/// A reading end; clone it for every reader.
#[derive(Debug, Clone)]
pub struct Subscriber {
    receiver: watch::Receiver<Option<Arc<Catalog>>>,
}

impl Subscriber {
    /// The newest catalog; waits for the first. `None` when the publisher is gone without one.
    pub(crate) async fn current(&mut self) -> Option<Arc<Catalog>> {
        let seen = self.receiver.wait_for(Option::is_some).await.ok()?;
        seen.clone()
    }

    /// Waits for a catalog that this reader has not seen; `None` when the publisher is gone.
    pub(crate) async fn changed(&mut self) -> Option<Arc<Catalog>> {
        self.receiver.changed().await.ok()?;
        self.receiver.borrow_and_update().clone()
    }
}
