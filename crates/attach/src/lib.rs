// SPDX-License-Identifier: Apache-2.0
//! Which policy applies where, what it beat and why.
//!
//! In: a [`sluicegate_resource::Store`]. Out: a [`Graph`] of Gateways, listeners, routes and
//! backends with the effective policy of each, and the [`verdict`]s that status, the command line
//! and the admin API show. Pure: same resources, same graph, whatever their order.

mod addresses;
mod backends;
mod called;
mod certificate;
mod effective;
mod gateways;
mod grants;
mod graph;
mod hostname;
mod listener_sets;
mod parents;
mod policies;
mod ports;
mod routes;
mod suitability;
mod targets;
mod telemetry;
mod tls;
mod tls_policies;
mod traffic;
mod unit;
pub mod verdict;

pub use addresses::{AddressProblem, ListenAddress, Listening, OF_GATEWAY, Pool};
pub use certificate::KeyPair;
pub use effective::{Beaten, EffectivePolicy, Winner};
pub use graph::{
    AttachedListenerSet, AttachedRoute, Backend, BackendKey, BackendSource, Gateway, Graph,
    Listener, ProtocolClass, ResolvedBackend, ResolvedMirror, ResolvedRule,
};
pub use hostname::{covers, specificity};
pub use ports::{is_mapped, stable_hash};
pub use telemetry::{AttachedLog, AttachedTracing, Telemetry, proxy_of_class};
pub use tls::{CaSource, CertificateSource, TlsMaterial};
pub use tls_policies::TlsPolicy;
pub use traffic::{
    AppliedTraffic, BackendSide, Class, Identity, ON_ROUTE, Rank, Ranked, Row, RowVerdict, Source,
    TrafficPolicy, Weighed, all_without_effect, weigh, weigh_one, without_effect,
};
pub use unit::Unit;

use std::{collections::BTreeMap, sync::Arc};

use sluicegate_resource::{ObjectRef, Store};

/// What an installation may choose.
#[derive(Debug, Clone)]
pub struct Options {
    /// Controller names of GatewayClasses that are ours. A Gateway whose class is not in the store
    /// is ours too: a directory of manifests implies its class.
    pub controller_names: Vec<String>,
    /// Namespace whose policies may select objects of every namespace, through `targetSelectors`.
    pub global_policy_namespace: Option<String>,
    /// Access log of Gateways without one of their own, in Envoy's own format. Absent: none.
    pub access_log: Option<String>,
    /// Where Gateways listen.
    pub listening: Listening,
    /// Addresses to give them, one each; only with [`Listening::OwnAddress`].
    pub address_pool: Vec<Pool>,
    /// Gateways whose age the manifests do not say, the oldest first; all others are younger.
    pub oldest: Vec<ObjectRef>,
}

/// Our own controller name.
pub const CONTROLLER_NAME: &str = "sluicegate.dev/gateway-controller";

impl Default for Options {
    /// Our own name and kgateway's, so that existing GatewayClasses work unchanged.
    fn default() -> Self {
        Self {
            controller_names: vec![CONTROLLER_NAME.into(), "kgateway.dev/kgateway".into()],
            global_policy_namespace: None,
            access_log: None,
            listening: Listening::default(),
            address_pool: Vec::new(),
            oldest: Vec::new(),
        }
    }
}

/// Computes graphs, and keeps each backend's `Arc` for as long as nothing it depends on changes:
/// translation is memoised by that identity.
#[derive(Debug, Default)]
pub struct Attacher {
    options: Options,
    backends: BTreeMap<BackendKey, Arc<Backend>>,
    /// Policies in force, for the same reason.
    traffic: traffic::Known,
}

impl Attacher {
    /// An attacher with nothing remembered.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            backends: BTreeMap::new(),
            traffic: traffic::Known::new(),
        }
    }

    /// The graph of `store`.
    pub fn attach(&mut self, store: &Store) -> Graph {
        let tls_policies = tls_policies::resolve(store);
        let targets = targets::Targets::index(store);
        let bound = policies::bind(store, &targets, &self.options);
        let backends = backends::build(store, &bound, &tls_policies, &self.backends);
        self.backends = backends;
        let (gateways, listening) = gateways::build(store, &self.options);
        let (mut gateways, routes) = routes::attach(store, gateways, &self.backends);
        let (listener_policies, envoy_proxies) =
            telemetry::attach(store, &mut gateways, &self.backends, &self.options);
        let traffic_policies = traffic::attach(
            store,
            &mut gateways,
            &routes,
            &self.backends,
            &mut self.traffic,
        );
        Graph {
            traffic_policies,
            listener_policies,
            envoy_proxies,
            policies: policies::verdicts(&bound, &self.backends),
            tls_policies: tls_policies::verdicts(store, &tls_policies, &gateways, &self.backends),
            backends: self.backends.clone(),
            gateways,
            listening,
            routes,
        }
    }
}
