// SPDX-License-Identifier: Apache-2.0
//! `sluicegate explain`.
//!
//! In: manifests or a running instance, and the name of a backend, route or policy. Out: the facts
//! about it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use sluicegate_attach::verdict::TrafficVerdict;

use crate::{
    admin_client,
    explain::{
        self,
        backend::{self, BackendFacts},
        policy, route, show, traffic,
    },
    failure::{Failure, Outcome},
    input::{Cluster, Settings},
    output::{self, Format},
    pipeline::Round,
    progress::Progress,
};

/// Arguments of `sluicegate explain`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A backend is named as namespace/service:port, as Envoy's cluster, or by any part that is unique.

Examples:
  sluicegate explain -f manifests/ backend httpbin/httpbin:8000
  sluicegate explain -f manifests/ backend kube_httpbin_httpbin_8000 -o json
  sluicegate explain -f manifests/ route httpbin/httpbin
  sluicegate explain -f manifests/ traffic-policy default/ha-backend
  sluicegate explain --kubernetes backend httpbin/httpbin:8000
  sluicegate explain --admin http://127.0.0.1:19000 backend httpbin/httpbin:8000
  kubectl get backendconfigpolicies,services -A -o yaml | sluicegate explain -f - policy httpbin")]
pub struct Arguments {
    /// What the name belongs to
    #[arg(value_name = "KIND")]
    kind: Kind,
    /// Name, as [namespace/]name, for backends with :port
    name: String,
    /// File or directory of manifests, `-` for standard input; may be repeated
    #[arg(
        short,
        long = "file",
        value_name = "PATH",
        required_unless_present_any = ["admin", "kubernetes"],
        conflicts_with = "kubernetes"
    )]
    files: Vec<PathBuf>,
    /// Ask a running instance instead
    #[arg(long, value_name = "URL", conflicts_with_all = ["files", "kubernetes"])]
    admin: Option<String>,
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    settings: Settings,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// What can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A port of a Service, a Backend, or a host of a ServiceEntry
    #[value(aliases = ["backends", "service", "svc", "cluster"])]
    Backend,
    /// A BackendConfigPolicy; a BackendTrafficPolicy, if it alone has the name
    #[value(aliases = ["policies", "backendconfigpolicy"])]
    Policy,
    /// A BackendTrafficPolicy
    #[value(aliases = ["backendtrafficpolicy", "btp"])]
    TrafficPolicy,
    /// A route of any kind; with [KIND/] in front of the name where several have it
    #[value(aliases = ["routes", "httproute", "grpcroute", "tcproute", "tlsroute", "udproute"])]
    Route,
}

/// Explains.
///
/// # Errors
/// When a path cannot be read, the name is unknown, or standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    if let Some(url) = &arguments.admin {
        return ask(url, arguments);
    }
    let round = arguments
        .settings
        .read_from(&arguments.files, &arguments.cluster)?;
    let (value, text) = explained(&round, arguments.kind, &arguments.name)?;
    output::print(arguments.output, &value, text)?;
    Ok(Outcome::Done)
}

/// Prints what a running instance explains.
fn ask(url: &str, arguments: &Arguments) -> Result<Outcome, Failure> {
    let name = admin_client::escaped(&arguments.name);
    let page = format!("/explain?{}={name}", arguments.kind.parameter());
    let progress = Progress::of(format!("asking {url}"));
    let format = match arguments.output {
        Format::Table => "text",
        Format::Json | Format::Yaml => "json",
    };
    let body = admin_client::fetch_ours(url, &format!("{page}&format={format}"))?;
    drop(progress);
    match arguments.output {
        Format::Table => output::write(&body)?,
        format => {
            let value = serde_json::from_str(&body).map_err(anyhow::Error::from)?;
            output::print(format, &value, |_| String::new())?;
        }
    }
    Ok(Outcome::Done)
}

impl Kind {
    /// Every kind, with the parameter of `/explain` that names it.
    pub(crate) const PARAMETERS: [(&str, Self); 5] = [
        ("backend", Self::Backend),
        ("cluster", Self::Backend),
        ("policy", Self::Policy),
        ("traffic-policy", Self::TrafficPolicy),
        ("route", Self::Route),
    ];

    fn parameter(self) -> &'static str {
        let mut all = Self::PARAMETERS.into_iter();
        all.find(|(_, kind)| *kind == self)
            .map_or("backend", |(name, _)| name)
    }
}

/// Facts as text, wrapped to a width.
pub(crate) type Text = Box<dyn FnOnce(Option<usize>) -> String>;

/// The facts about what is named, for machines and for people.
///
/// # Errors
/// When the name is unknown.
pub(crate) fn explained(round: &Round, kind: Kind, name: &str) -> Result<(Value, Text), Failure> {
    Ok(match kind {
        Kind::Backend => told(backends(round, name)?)?,
        Kind::Policy => match explain::policy_named(round, name) {
            Ok(verdict) => {
                let facts = policy::facts(round, verdict);
                (
                    json(&facts)?,
                    Box::new(move |width| show::policy(&facts, width)),
                )
            }
            Err(failure) => {
                let verdict = explain::traffic_policy(round, name).map_err(|_| failure)?;
                traffic_policy(verdict)?
            }
        },
        Kind::TrafficPolicy => traffic_policy(explain::traffic_policy(round, name)?)?,
        Kind::Route => {
            let facts = route::facts(round, explain::route_named(round, name)?);
            (
                json(&facts)?,
                Box::new(move |width| show::route(&facts, width)),
            )
        }
    })
}

/// The facts about the backends that are named.
///
/// # Errors
/// When the name is unknown.
pub(crate) fn backends(round: &Round, name: &str) -> Result<Vec<BackendFacts>, Failure> {
    let found = explain::backends(round, name)?;
    Ok(found.iter().map(|it| backend::facts(round, it)).collect())
}

/// The same for machines and for people.
pub(crate) fn told(facts: Vec<BackendFacts>) -> Result<(Value, Text), Failure> {
    let value = json(&facts)?;
    let text = move |width| {
        let texts = facts.iter().map(|facts| show::backend(facts, width));
        texts.collect::<Vec<_>>().join("\n\n")
    };
    Ok((value, Box::new(text)))
}

fn traffic_policy(verdict: &TrafficVerdict) -> Result<(Value, Text), Failure> {
    let facts = traffic::policy(verdict);
    Ok((
        json(&facts)?,
        Box::new(move |width| show::traffic_policy(&facts, width)),
    ))
}

fn json(facts: &impl Serialize) -> Result<Value, Failure> {
    Ok(serde_json::to_value(facts).map_err(anyhow::Error::from)?)
}
