// SPDX-License-Identifier: Apache-2.0
//! `sluicegate diff`.
//!
//! In: two of: manifests, an API server, a running process. Out: which fields of which xDS resources
//! change, and the lines that cause it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use clap::Args;
use sluicegate_attach::is_mapped;
use sluicegate_translate::names;

use crate::{
    admin_client,
    changes::{self, Side},
    failure::{Failure, Outcome},
    input::{Cluster, Settings},
    listening::Whereabouts,
    output::{self, Format},
    pipeline::Round,
    progress::Progress,
};

/// Arguments of `sluicegate diff`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Each of OLD and NEW is a file, a directory, `-` for standard input, or the URL of the admin API of a
running process, which may be a real Envoy. With --kubernetes, OLD is left out.

Secrets are never shown, and no difference between a process and manifests. The exit code does not
depend on whether something changes.

Examples:
  sluicegate diff before/ after/
  sluicegate diff http://127.0.0.1:19000 manifests/        # what a reload would change
  sluicegate diff --kubernetes manifests/                  # what an apply would change
  sluicegate diff --gateway shop/public http://envoy:9901 manifests/
  git show HEAD:policy.yaml | cat - service.yaml | sluicegate diff - manifests/
  sluicegate diff -o json before/ after/ | jq -r '.[] | \"\\(.field) \\(.count) \\(.causes[0].after.source)\"'")]
pub struct Arguments {
    /// What is, and what will be
    #[arg(value_names = ["OLD", "NEW"], num_args = 1..=2, required = true)]
    sides: Vec<PathBuf>,
    /// Of manifests only what this Gateway serves; default every Gateway together
    #[arg(long, value_name = "NAMESPACE/NAME")]
    gateway: Option<String>,
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    settings: Settings,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// Compares.
///
/// # Errors
/// When a side cannot be read, both are standard input, or standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let sides = arguments.sides()?;
    let told = Told::by(sides)?;
    let old = arguments.read(sides.0, told.whereabouts.clone())?;
    let told_by_cluster = || {
        let round = old.round().filter(|_| sides.0.is_none())?;
        Some(Whereabouts::of(round, &arguments.cluster.address_pool))
    };
    let whereabouts = told.whereabouts.clone().or_else(told_by_cluster);
    let new = arguments.read(sides.1, whereabouts)?;
    let progress = Progress::of("comparing");
    let changes = changes::changes(&old, &new)?;
    drop(progress);
    let value = serde_json::to_value(&changes).map_err(anyhow::Error::from)?;
    output::print(arguments.output, &value, |_| changes::show(&changes))?;
    if let Some(doubt) = told.doubt(&old, &new) {
        anstream::eprintln!("{doubt}");
    }
    let broken = [&old, &new]
        .iter()
        .any(|it| it.round().is_some_and(Round::has_errors));
    if broken {
        anstream::eprintln!("the manifests have errors: run `sluicegate check` on them");
    }
    Ok(if broken {
        Outcome::Refused
    } else {
        Outcome::Done
    })
}

impl Arguments {
    /// Old and new; `None` for the API server.
    fn sides(&self) -> Result<(Option<&Path>, Option<&Path>), Failure> {
        let usage = |message: &str| Err(Failure::Usage(message.to_owned()));
        match (self.sides.as_slice(), self.cluster.connection()) {
            ([old, new], None) if old == new && old.as_os_str() == "-" => {
                usage("only one of OLD and NEW can be standard input")
            }
            ([old, new], None) => Ok((Some(old), Some(new))),
            ([new], Some(_)) => Ok((None, Some(new))),
            (_, Some(_)) => usage("--kubernetes is OLD: only NEW is left to name"),
            _ => usage("NEW is missing: name both, or one with --kubernetes"),
        }
    }

    /// Gateways of manifests are where the other side tells: no manifest says it.
    fn read(&self, path: Option<&Path>, told: Option<Whereabouts>) -> Result<Side, Failure> {
        let round = match path {
            None => self.settings.read_from(&[], &self.cluster)?,
            Some(path) => {
                if let Some(url) = admin_client::url(path) {
                    let _progress = Progress::of(format!("asking {url}"));
                    let dump = admin_client::fetch(url, "/config_dump?include_eds")?;
                    return Ok(
                        Side::of_config_dump(&dump).map_err(|it| it.context(url.to_owned()))?
                    );
                }
                let paths = [path.to_owned()];
                match told {
                    Some(told) => self.settings.read_beside(&told, &paths)?,
                    None => self.settings.read(&paths)?,
                }
            }
        };
        let snapshot = round.snapshot(self.gateway.as_deref())?;
        Ok(Side::of_manifests(round, &snapshot))
    }
}

/// What a process tells of its Gateways to manifests on the other side.
#[derive(Debug, Default)]
struct Told<'a> {
    url: Option<&'a str>,
    whereabouts: Option<Whereabouts>,
}

impl<'a> Told<'a> {
    /// Asks the process, where one side is one. Of ours only one that reads an API server has something
    /// to tell; a real Envoy knows no Gateways.
    fn by((old, new): (Option<&'a Path>, Option<&'a Path>)) -> Result<Self, Failure> {
        let urls = [old, new].map(|it| it.and_then(admin_client::url));
        let ([Some(url), None] | [None, Some(url)]) = urls else {
            return Ok(Self::default());
        };
        let page = admin_client::fetch_if_there(url, "/sluicegate/cluster")?;
        let told = page.as_deref().map(Whereabouts::read).transpose();
        let told = told.map_err(|it| it.context(format!("{url}/sluicegate/cluster")))?;
        Ok(Self {
            url: Some(url),
            whereabouts: told.flatten(),
        })
    }

    /// A line about listeners on ports and addresses that a controller may have given, when nobody told
    /// which it did.
    fn doubt(&self, old: &Side, new: &Side) -> Option<String> {
        let url = self.url.filter(|_| self.whereabouts.is_none())?;
        let (process, manifests) = match old.round() {
            Some(_) => (new, old),
            None => (old, new),
        };
        manifests.round()?;
        let here: BTreeSet<&str> = manifests.listeners().collect();
        let given = |name: &&str| {
            let at = names::listen_address(name);
            at.is_some_and(|it| it.ip.is_some() || is_mapped(it.port))
        };
        let mut strange = process.listeners().filter(|it| !here.contains(it));
        let listener = strange.find(given)?;
        Some(format!(
            "{url} does not tell where its Gateways listen: {listener} may differ from the manifests \
             only because the controller gave it that port or address; the controller's own admin \
             API tells, and --kubernetes does"
        ))
    }
}
