// SPDX-License-Identifier: Apache-2.0
//! Who of several replicas writes status: a Lease.
//!
//! In: a namespace, a name, an identity. Out: [`Leadership`], which comes and goes. The Lease is
//! taken when nobody has renewed it for its duration, as seen by our own clock: clocks of machines
//! are never compared.

use std::time::Duration;

use jiff::Timestamp;
use kube::{
    Api, Client,
    api::PostParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{discover::is_not_found, watch::explained};

/// Takes part in the election while it lives.
pub struct Lease {
    held: watch::Sender<bool>,
    problem: watch::Sender<Option<String>>,
    client: Client,
    options: Options,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Options {
    namespace: String,
    name: String,
    identity: String,
}

/// Whether this process leads.
#[derive(Debug, Clone)]
pub struct Leadership {
    held: watch::Receiver<bool>,
    problem: watch::Receiver<Option<String>>,
}

impl Leadership {
    /// Whether it leads now.
    pub fn held(&self) -> bool {
        *self.held.borrow()
    }

    /// Why the last attempt to renew or take the Lease failed.
    pub fn problem(&self) -> Option<String> {
        self.problem.borrow().clone()
    }

    /// Waits until it leads.
    pub async fn gained(&mut self) {
        if self.held.wait_for(|held| *held).await.is_err() {
            // Nobody takes part any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Lease {
    /// Stands for election.
    pub fn start(client: Client, namespace: &str, name: &str, identity: &str) -> Self {
        let options = Options {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
        };
        let held = watch::Sender::new(false);
        let problem = watch::Sender::new(None);
        let candidate = Candidate {
            api: leases(&client, namespace),
            options: options.clone(),
            held: held.clone(),
            problem: problem.clone(),
        };
        let task = tokio::spawn(candidate.take_part());
        Self {
            held,
            problem,
            client,
            options,
            task,
        }
    }

    /// The outcome, now and later.
    pub fn leadership(&self) -> Leadership {
        Leadership {
            held: self.held.subscribe(),
            problem: self.problem.subscribe(),
        }
    }

    /// Lets another replica lead at once, instead of after the Lease's duration.
    pub async fn release(self) {
        self.task.abort();
        // It may hold the Lease without knowing: an attempt may have been on its way.
        self.held.send_replace(false);
        let api = leases(&self.client, &self.options.namespace);
        let given_back = async {
            let lease = api.get(&self.options.name).await?;
            if holder(&lease) != self.options.identity {
                return Ok(());
            }
            let empty = renewed(lease, "", Timestamp::now());
            let parameters = PostParams::default();
            api.replace(&self.options.name, &parameters, &empty).await?;
            Ok::<_, kube::Error>(())
        };
        if let Ok(Err(error)) = timeout(RETRY, given_back).await {
            tracing::debug!("the Lease is not given back: {}", explained(&error));
        }
    }
}

/// What was last seen of the Lease, and when.
struct Observed {
    record: Value,
    at: Instant,
}

struct Candidate {
    api: Api<DynamicObject>,
    options: Options,
    held: watch::Sender<bool>,
    problem: watch::Sender<Option<String>>,
}

impl Candidate {
    async fn take_part(self) {
        let Options {
            namespace, name, ..
        } = &self.options;
        let mut observed: Option<Observed> = None;
        let mut renewed_at = Instant::now();
        loop {
            let attempt = timeout(
                RENEW_DEADLINE,
                attempt(&self.api, &self.options, &mut observed),
            );
            let error = match attempt.await {
                Ok(Ok(leads)) => {
                    if leads {
                        renewed_at = Instant::now();
                    }
                    if self.held.send_replace(leads) != leads {
                        let word = if leads { "writes" } else { "does not write" };
                        tracing::info!("this replica {word} status (Lease {name})");
                    }
                    self.problem.send_replace(None);
                    sleep(RETRY).await;
                    continue;
                }
                Ok(Err(error)) => explained(&error),
                Err(_) => "no answer".to_owned(),
            };
            let error = Some(error);
            if *self.problem.borrow() != error {
                let error = error.as_deref().unwrap_or_default();
                tracing::warn!("Lease {namespace}/{name}: {error}");
            }
            self.problem.send_replace(error);
            // Whoever cannot renew stops before another may begin.
            if renewed_at.elapsed() > RENEW_DEADLINE && self.held.send_replace(false) {
                tracing::warn!("this replica does not write status: its Lease is not renewed");
            }
            sleep(RETRY).await;
        }
    }
}

/// Renews or takes the Lease; whether this process holds it now.
async fn attempt(
    api: &Api<DynamicObject>,
    options: &Options,
    observed: &mut Option<Observed>,
) -> Result<bool, kube::Error> {
    let now = Timestamp::now();
    let parameters = PostParams::default();
    let lease = match api.get(&options.name).await {
        Ok(lease) => lease,
        Err(error) if is_not_found(&error) => {
            let empty = DynamicObject::new(&options.name, &resource());
            let lease = renewed(empty, &options.identity, now);
            return match api.create(&parameters, &lease).await {
                Ok(_) => Ok(true),
                Err(error) if lost(&error) => Ok(false),
                Err(error) => Err(error),
            };
        }
        Err(error) => return Err(error),
    };
    let record = lease.data["spec"].clone();
    let news = observed.as_ref().is_none_or(|it| it.record != record);
    if news {
        *observed = Some(Observed {
            record,
            at: Instant::now(),
        });
    }
    let expired = observed
        .as_ref()
        .is_some_and(|it| it.at.elapsed() > DURATION);
    let free = holder(&lease).is_empty() || expired;
    if holder(&lease) != options.identity && !free {
        return Ok(false);
    }
    let ours = renewed(lease, &options.identity, now);
    match api.replace(&options.name, &parameters, &ours).await {
        Ok(_) => Ok(true),
        Err(error) if lost(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether somebody else was faster.
fn lost(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

fn holder(lease: &DynamicObject) -> &str {
    lease.data["spec"]["holderIdentity"]
        .as_str()
        .unwrap_or_default()
}

/// The Lease as `identity` writes it.
fn renewed(mut lease: DynamicObject, identity: &str, now: Timestamp) -> DynamicObject {
    let time = format!("{now:.6}");
    let spec = &lease.data["spec"];
    let same = spec["holderIdentity"] == identity;
    let acquired = if same {
        spec["acquireTime"].clone()
    } else {
        time.as_str().into()
    };
    let transitions = spec["leaseTransitions"].as_u64().unwrap_or(0);
    let transitions = transitions + u64::from(!same && !identity.is_empty());
    lease.data = json!({
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": DURATION.as_secs(),
            "acquireTime": acquired,
            "renewTime": time,
            "leaseTransitions": transitions,
        }
    });
    lease
}

fn leases(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource())
}

fn resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("coordination.k8s.io", "v1", "Lease"))
}

/// How long a Lease holds that nobody renews. Kubernetes' own components take as long.
const DURATION: Duration = Duration::from_secs(15);

/// How long the holder may fail to renew before it stops. As Kubernetes' own components.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);

/// Between attempts. As Kubernetes' own components.
const RETRY: Duration = Duration::from_secs(2);
