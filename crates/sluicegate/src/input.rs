// SPDX-License-Identifier: Apache-2.0
//! From the paths of the command line to one round of the pipeline.
//!
//! In: paths, `-` for standard input, or an API server, and the settings that every command shares.
//! Out: a [`Round`].

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use sluicegate_attach::{Listening, Pool};
use sluicegate_kube::{Client, Connection, Kind};
use sluicegate_manifest::{Document, source::Input};
use sluicegate_resource::NamedKind;

use crate::{
    failure::Failure,
    fragment::FragmentHeader,
    listening::Whereabouts,
    pipeline::{Options, Pipeline, Round, Stages},
    progress::Progress,
};

/// Where manifests are: the positional form.
#[derive(Debug, Clone, Args)]
pub struct Paths {
    /// Files or directories of manifests; `-` reads standard input
    #[arg(
        required_unless_present = "kubernetes",
        conflicts_with = "kubernetes",
        value_name = "PATH"
    )]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    settings: Settings,
}

impl Paths {
    /// Reads and computes everything.
    ///
    /// # Errors
    /// When a path cannot be read at all.
    pub fn read(&self) -> Result<Round, Failure> {
        self.settings.read_from(&self.paths, &self.cluster)
    }

    /// As [`Paths::read`], to be judged: documents that are no more than a spec get `header`, and an
    /// API server is asked for kinds that are not read, too, because somebody may count on them.
    ///
    /// # Errors
    /// When a path cannot be read at all.
    pub fn read_to_judge(&self, header: Option<FragmentHeader>) -> Result<Round, Failure> {
        match self.cluster.connection() {
            Some(connection) => {
                let (cluster, asked) = (&self.cluster, Asked::AlsoUnread);
                self.settings.read_cluster(&connection, cluster, asked)
            }
            None => self.settings.read_fragments(&self.paths, header),
        }
    }

    /// What statuses are computed with.
    pub fn status_options(&self) -> sluicegate_status::Options {
        self.settings.status_options()
    }
}

/// The API server that has the manifests, in place of paths.
#[derive(Debug, Clone, Default, Args)]
pub struct Cluster {
    /// Read a Kubernetes API server in place of files; only `run` watches it and writes status
    #[arg(long)]
    kubernetes: bool,
    /// How to reach it [default: $KUBECONFIG, ~/.kube/config, then the pod's service account]
    #[arg(long, value_name = "FILE", requires = "kubernetes")]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    context: Option<String>,
    /// Each Gateway has an address of this pool, and its listeners are there: for machines that have
    /// these addresses; may be repeated
    #[arg(long, value_name = "CIDR|FIRST-LAST", requires = "kubernetes")]
    pub address_pool: Vec<Pool>,
}

impl Cluster {
    /// Which API server, when one is wanted.
    pub fn connection(&self) -> Option<Connection> {
        self.kubernetes.then(|| Connection {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
        })
    }
}

/// What an installation may choose, as flags.
#[derive(Debug, Clone, Default, Args)]
pub struct Settings {
    /// Serve Gateways whose class names this controller; may be repeated [default:
    /// sluicegate.dev/gateway-controller and kgateway.dev/kgateway]
    #[arg(long = "controller-name", value_name = "NAME")]
    pub controller_names: Vec<String>,
    /// Namespace whose policies may select objects of every namespace
    #[arg(long, value_name = "NAMESPACE")]
    pub global_policy_namespace: Option<String>,
    /// Bundle of the system's certificate authorities, on the machine of the proxy
    #[arg(long, value_name = "FILE")]
    pub system_ca_file: Option<String>,
    /// Access log of Gateways without one of their own, in Envoy's default format; `-` is standard
    /// output
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<String>,
}

impl Settings {
    /// As the pipeline takes them.
    pub fn options(&self) -> Options {
        let mut options = Options::default();
        if !self.controller_names.is_empty() {
            options.attach.controller_names = self.controller_names.clone();
        }
        options.attach.global_policy_namespace = self.global_policy_namespace.clone();
        options.attach.access_log = self.access_log.as_deref().map(|file| match file {
            "-" => "/dev/stdout".to_owned(),
            file => file.to_owned(),
        });
        if let Some(file) = &self.system_ca_file {
            options.translate.system_ca_file = file.clone();
        }
        options
    }

    /// What statuses are computed with.
    pub fn status_options(&self) -> sluicegate_status::Options {
        sluicegate_status::Options {
            controller_names: self.options().attach.controller_names,
            ..sluicegate_status::Options::default()
        }
    }

    /// Reads `paths`, or the API server if one is wanted, and computes everything.
    ///
    /// # Errors
    /// When a path cannot be read at all, or the API server does not show one of the kinds.
    pub fn read_from(&self, paths: &[PathBuf], cluster: &Cluster) -> Result<Round, Failure> {
        match cluster.connection() {
            Some(connection) => self.read_cluster(&connection, cluster, Asked::Read),
            None => self.read(paths),
        }
    }

    /// Reads `paths` and computes everything.
    ///
    /// # Errors
    /// When a path cannot be read at all.
    pub fn read(&self, paths: &[PathBuf]) -> Result<Round, Failure> {
        self.read_fragments(paths, None)
    }

    /// Reads `paths` whose Gateways are where somebody else tells.
    ///
    /// # Errors
    /// When a path cannot be read at all.
    pub fn read_beside(&self, told: &Whereabouts, paths: &[PathBuf]) -> Result<Round, Failure> {
        let mut options = self.options();
        told.apply(&mut options)?;
        read_files(paths, None, options)
    }

    fn read_cluster(
        &self,
        connection: &Connection,
        cluster: &Cluster,
        asked: Asked,
    ) -> Result<Round, Failure> {
        let _progress = Progress::of("reading the API server");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let documents = runtime.block_on(async {
            let (client, address) = sluicegate_kube::connect(connection)
                .await
                .map_err(|error| Failure::Environment(error.into()))?;
            let listed = sluicegate_kube::list(&client, &kinds_of_cluster()).await;
            let mut documents = listed
                .map_err(|error| Failure::Environment(anyhow::anyhow!("{address}: {error}")))?;
            if asked == Asked::AlsoUnread {
                documents.extend(unread(&client).await);
            }
            Ok::<_, Failure>(documents)
        })?;
        let mut options = self.options();
        options.attach.listening = match cluster.address_pool.is_empty() {
            true => Listening::AsSeen,
            false => Listening::OwnAddress(BTreeMap::new()),
        };
        options.attach.address_pool = cluster.address_pool.clone();
        Ok(Stages::of_cluster(options).round(&documents))
    }

    fn read_fragments(
        &self,
        paths: &[PathBuf],
        header: Option<FragmentHeader>,
    ) -> Result<Round, Failure> {
        read_files(paths, header, self.options())
    }
}

fn read_files(
    paths: &[PathBuf],
    header: Option<FragmentHeader>,
    options: Options,
) -> Result<Round, Failure> {
    let is_typed = paths.iter().any(|path| path == Path::new("-"));
    let _progress = (!is_typed).then(|| Progress::of("reading manifests"));
    let pipeline = Pipeline::new(inputs(paths), options.clone());
    let mut pipeline = pipeline.with_fragments(header);
    // A first round without documents has no news; it is still a round.
    let round = pipeline.round()?;
    Ok(round.unwrap_or_else(|| Stages::new(options).round(&[])))
}

/// The inputs that `paths` mean.
pub fn inputs(paths: &[PathBuf]) -> Vec<Input> {
    let inputs = paths.iter().map(|path| {
        if path == Path::new("-") {
            Input::Stdin
        } else {
            Input::Path(path.clone())
        }
    });
    inputs.collect()
}

/// Which kinds an API server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Those that are read.
    Read,
    /// Those that are not, as well.
    AlsoUnread,
}

/// The kinds that an API server is asked for.
pub fn kinds_of_cluster() -> Vec<Kind> {
    sluicegate_resource::kinds().map(kind).collect()
}

/// Objects of kinds that have no effect here. Whoever may not list them has missed no more than a
/// warning, and is told so.
async fn unread(client: &Client) -> Vec<Arc<Document>> {
    let mut documents = Vec::new();
    for kind in sluicegate_resource::unread_kinds().map(kind) {
        match sluicegate_kube::list(client, &[kind]).await {
            Ok(listed) => documents.extend(listed),
            Err(error) => anstream::eprintln!("not looked at: {error}"),
        }
    }
    documents
}

fn kind(named: NamedKind) -> Kind {
    Kind {
        group: named.group,
        name: named.name,
        versions: named.versions,
    }
}
