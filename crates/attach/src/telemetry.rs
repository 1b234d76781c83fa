// SPDX-License-Identifier: Apache-2.0
//! Access logs and traces: which EnvoyProxy and which HTTPListenerPolicies speak for a listener.
//!
//! In: the store, and Gateways with their listeners. Out: on each listener the logs of everybody and
//! the traces of the oldest, and what became of each object. A configuration that cannot be honoured
//! leaves its listeners as they are.

mod parameters;
mod verdicts;

use std::{collections::BTreeMap, sync::Arc};

use sluicegate_manifest::{Document, FieldPath};
use sluicegate_resource::{
    Metadata, Object, ObjectRef, Store,
    envoygateway::EnvoyProxy,
    kgateway::HttpListenerPolicy,
    telemetry::{AccessLog, Collector, Emitter, GatewayTracing, LogFormat},
};

pub use parameters::proxy_of_class;
pub(crate) use parameters::proxy_of_gateway;

use self::verdicts::Told;
use crate::{
    Backend, BackendKey, Gateway, Listener, Options,
    routes::collector,
    verdict::{EnvoyProxyVerdict, ListenerPolicyVerdict, Warning},
};

/// What a listener writes and traces. Listeners of a port that speak plain HTTP share it: they have
/// one connection manager.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// Logs: those of the EnvoyProxy, then those of policies, oldest first.
    pub access_logs: Vec<Arc<AttachedLog>>,
    /// Traces.
    pub tracing: Option<Arc<AttachedTracing>>,
}

/// An access log with its author.
#[derive(Debug, Clone)]
pub struct AttachedLog {
    /// The log.
    pub log: AccessLog,
    /// Who asks for it; nobody for that of the command line.
    pub source: Option<ObjectRef>,
    /// `file:line`.
    pub place: String,
}

/// Traces with their author.
#[derive(Debug, Clone)]
pub struct AttachedTracing {
    /// The traces.
    pub tracing: GatewayTracing,
    /// Who asks for them.
    pub source: ObjectRef,
    /// `file:line`.
    pub place: String,
    /// The collector, where it is a backend.
    pub backend: Option<BackendKey>,
    /// `service.name`.
    pub service_name: String,
}

/// What became of the objects.
pub(crate) type Verdicts = (Vec<ListenerPolicyVerdict>, Vec<EnvoyProxyVerdict>);

type Backends = BTreeMap<BackendKey, Arc<Backend>>;

/// An object that says something about listeners.
struct Source<'s> {
    metadata: &'s Metadata,
    document: &'s Document,
    access_logs: &'s [AccessLog],
    tracing: Option<&'s GatewayTracing>,
    /// The listener that it is for; all of them where there is none.
    sections: Vec<Option<&'s str>>,
}

/// Writes what holds into the listeners of `gateways`, and says what became of each object.
pub(crate) fn attach(
    store: &Store,
    gateways: &mut [Gateway],
    backends: &Backends,
    options: &Options,
) -> Verdicts {
    let mut told = Told::default();
    for gateway in gateways.iter_mut() {
        let proxy = gateway.proxy.clone();
        let policies = policies_of(gateway.object.reference(), store);
        let mut sources: Vec<Source<'_>> = proxy.as_deref().map(of_proxy).into_iter().collect();
        sources.extend(policies.iter().map(|policy| of_policy(policy, gateway)));
        let silent = proxy
            .as_ref()
            .is_none_or(|proxy| !proxy.spec.says_access_log)
            && policies
                .iter()
                .all(|policy| policy.spec.access_logs.is_empty());
        let default = options.access_log.as_ref().filter(|_| silent);
        let default = default.map(|path| Arc::new(default_log(path)));
        let found: Vec<Telemetry> = groups(gateway)
            .into_iter()
            .map(|group| {
                let group: Vec<&Listener> =
                    group.iter().map(|at| &gateway.listeners[*at]).collect();
                let mut telemetry =
                    telemetry(gateway, &group, &sources, (store, backends), &mut told);
                telemetry.access_logs.extend(default.clone());
                telemetry
            })
            .collect();
        for (group, telemetry) in groups(gateway).into_iter().zip(found) {
            for at in group {
                gateway.listeners[at].telemetry = telemetry.clone();
            }
        }
    }
    told.verdicts(store, gateways)
}

/// Indices of listeners that have one connection manager.
fn groups(gateway: &Gateway) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let spec = |at: usize| &gateway.listeners[at].spec;
    for at in 0..gateway.listeners.len() {
        let shares = |group: &&mut Vec<usize>| {
            let first = spec(group[0]);
            let plain = first.protocol == "HTTP" && spec(at).protocol == "HTTP";
            plain && first.port == spec(at).port
        };
        match groups.iter_mut().find(shares) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}

/// The policies that name a Gateway, oldest first; Invalid ones contribute nothing.
fn policies_of(gateway: &ObjectRef, store: &Store) -> Vec<Arc<Object<HttpListenerPolicy>>> {
    let policies = store.http_listener_policies.values();
    let names_it = |policy: &&Arc<Object<HttpListenerPolicy>>| {
        let mut targets = policy.spec.targets.iter();
        policy.metadata.namespace() == &*gateway.namespace
            && targets.any(|target| *target.value.gateway == *gateway.name)
    };
    let valid = policies.filter(|policy| policy.is_valid());
    let mut policies: Vec<_> = valid.filter(names_it).cloned().collect();
    policies.sort_by(|a, b| a.metadata.age_order().cmp(&b.metadata.age_order()));
    policies
}

fn of_proxy(proxy: &Object<EnvoyProxy>) -> Source<'_> {
    Source {
        metadata: &proxy.metadata,
        document: &proxy.document,
        access_logs: &proxy.spec.access_logs,
        tracing: proxy.spec.tracing.as_ref(),
        sections: vec![None],
    }
}

fn of_policy<'s>(policy: &'s Object<HttpListenerPolicy>, gateway: &Gateway) -> Source<'s> {
    let targets = policy.spec.targets.iter();
    let here = targets.filter(|it| it.value.gateway == gateway.object.metadata.name());
    Source {
        metadata: &policy.metadata,
        document: &policy.document,
        access_logs: &policy.spec.access_logs,
        tracing: policy.spec.tracing.as_ref(),
        sections: here.map(|it| it.value.section_name.as_deref()).collect(),
    }
}

impl Source<'_> {
    fn reference(&self) -> &ObjectRef {
        &self.metadata.reference
    }

    /// Sections are listeners of the Gateway itself.
    fn is_for(&self, gateway: &Gateway, listener: &Listener) -> bool {
        let own = listener.owner == *gateway.object.reference();
        let mut sections = self.sections.iter();
        sections.any(|section| match section {
            None => true,
            Some(name) => own && *name == listener.spec.name,
        })
    }
}

fn telemetry(
    gateway: &Gateway,
    group: &[&Listener],
    sources: &[Source<'_>],
    context: (&Store, &Backends),
    told: &mut Told,
) -> Telemetry {
    let mut telemetry = Telemetry::default();
    let mut tracing: Vec<(&Source<'_>, AttachedTracing)> = Vec::new();
    for source in sources {
        let (mine, others): (Vec<&Listener>, Vec<&Listener>) = group
            .iter()
            .partition(|listener| source.is_for(gateway, listener));
        if mine.is_empty() {
            continue;
        }
        if let Some(warning) = shared(&mine, &others) {
            told.warn(gateway, source.reference(), warning);
        }
        telemetry
            .access_logs
            .extend(source.access_logs.iter().map(|log| {
                Arc::new(AttachedLog {
                    log: log.clone(),
                    source: Some(source.reference().clone()),
                    place: source.document.place(&log.place),
                })
            }));
        let Some(wanted) = source.tracing else {
            continue;
        };
        match attached_tracing(gateway, source, wanted, context) {
            Ok(found) => tracing.push((source, found)),
            Err(warning) => told.warn(gateway, source.reference(), warning),
        }
    }
    tracing.sort_by(|(a, _), (b, _)| a.metadata.age_order().cmp(&b.metadata.age_order()));
    let mut tracing = tracing.into_iter();
    let winner = tracing.next();
    if let Some((winner, _)) = &winner {
        for (loser, lost) in tracing {
            told.warn(
                gateway,
                loser.reference(),
                beaten(group, &lost, winner.reference()),
            );
        }
    }
    telemetry.tracing = winner.map(|(_, tracing)| Arc::new(tracing));
    telemetry
}

/// A policy for one listener of several that have one connection manager.
fn shared(mine: &[&Listener], others: &[&Listener]) -> Option<Warning> {
    let names = |listeners: &[&Listener]| {
        let names = listeners.iter().map(|it| it.spec.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    (!others.is_empty()).then(|| Warning {
        reason: "SharedListener",
        message: format!(
            "holds for {} too: listeners of plain HTTP on port {} share what {} writes and traces",
            names(others),
            mine[0].spec.port,
            names(mine),
        ),
        path: FieldPath::dotted("spec.targetRefs"),
    })
}

fn beaten(group: &[&Listener], lost: &AttachedTracing, winner: &ObjectRef) -> Warning {
    let names = group.iter().map(|it| it.spec.name.as_str());
    Warning {
        reason: "Overridden",
        message: format!(
            "traces of listener {} are those of {winner}, which is older",
            names.collect::<Vec<_>>().join(", ")
        ),
        path: lost.tracing.place.clone(),
    }
}

fn attached_tracing(
    gateway: &Gateway,
    source: &Source<'_>,
    tracing: &GatewayTracing,
    (store, backends): (&Store, &Backends),
) -> Result<AttachedTracing, Warning> {
    let backend = match &tracing.collector {
        Collector::Address { .. } => None,
        Collector::Backend(reference) => {
            let found = collector(store, backends, source.reference(), reference);
            let warning = |(reason, message)| Warning {
                reason,
                message: format!("no spans are made: {message}"),
                path: reference.path.clone(),
            };
            Some(found.map_err(warning)?)
        }
    };
    let ObjectRef {
        namespace, name, ..
    } = gateway.object.reference();
    let service_name = tracing.service_name.clone();
    Ok(AttachedTracing {
        tracing: tracing.clone(),
        source: source.reference().clone(),
        place: source.document.place(&tracing.place),
        backend,
        service_name: service_name.unwrap_or_else(|| format!("{name}.{namespace}")),
    })
}

/// What the command line asks for.
fn default_log(path: &str) -> AttachedLog {
    AttachedLog {
        log: AccessLog {
            place: FieldPath::dotted(""),
            path: path.to_owned(),
            format: LogFormat::Envoy,
            emitter: Emitter::Route,
            filter: None,
        },
        source: None,
        place: "--access-log".to_owned(),
    }
}
