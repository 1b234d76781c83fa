// SPDX-License-Identifier: Apache-2.0
//! The control side in one place: manifests in, graph and snapshots out.
//!
//! In: the inputs of the command line, read again at every round. Out: a [`Round`]; whatever did not
//! change since the last one is not computed again.

use std::sync::Arc;

use sluicegate_attach::{Attacher, Graph};
use sluicegate_kube::Objects;
use sluicegate_manifest::{
    Diagnostic, Document, Fragments, Severity, nearest,
    source::{FileState, Input, LoadError, Loader},
};
use sluicegate_resource::{Decoder, Store, UnknownFields};
use sluicegate_snapshot::Snapshot;
use sluicegate_translate::{Translation, Translator};

use crate::{failure::Failure, fragment::FragmentHeader};

/// What an installation may choose.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// For attachment.
    pub attach: sluicegate_attach::Options,
    /// For translation.
    pub translate: sluicegate_translate::Options,
}

/// The stages with what they remember.
#[derive(Debug)]
pub struct Pipeline {
    origin: Origin,
    stages: Stages,
    fragments: Option<FragmentHeader>,
}

/// Where documents come from.
#[derive(Debug)]
enum Origin {
    Files(Box<Loader>),
    Cluster(Cluster),
}

/// The objects of an API server.
#[derive(Debug)]
struct Cluster {
    objects: Arc<Objects>,
    last: Option<Vec<Arc<Document>>>,
}

/// The stages from documents on.
#[derive(Debug)]
pub struct Stages {
    decoder: Decoder,
    attacher: Attacher,
    translator: Translator,
}

/// Everything that one round found out.
#[derive(Debug)]
pub struct Round {
    /// Every file with its state.
    pub files: Vec<FileState>,
    /// Documents, those of kinds that are not read included.
    pub documents: usize,
    /// Problems with files and with objects.
    pub diagnostics: Vec<Diagnostic>,
    /// The objects.
    pub store: Store,
    /// Who applies where.
    pub graph: Graph,
    /// What is served and enforced.
    pub translation: Translation,
}

impl Round {
    /// What the status of its objects is found from; `runtime` is what only a running plane knows.
    pub fn status<'a>(
        &'a self,
        options: &'a sluicegate_status::Options,
        runtime: Option<&'a sluicegate_status::Runtime>,
    ) -> sluicegate_status::Context<'a> {
        sluicegate_status::Context {
            store: &self.store,
            graph: &self.graph,
            options,
            runtime,
        }
    }

    /// Whether any diagnostic is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|found| found.severity == Severity::Error)
    }

    /// What the Gateway `[namespace/]name` serves; without one, what all serve together.
    ///
    /// # Errors
    /// When there is no such Gateway.
    pub fn snapshot(&self, gateway: Option<&str>) -> Result<Arc<Snapshot>, Failure> {
        let Some(wanted) = gateway else {
            return Ok(self.translation.all.clone());
        };
        let name = |namespace: &str, name: &str| format!("{namespace}/{name}");
        let mut known = Vec::new();
        for (object, snapshot) in &self.translation.gateways {
            let full = name(&object.namespace, &object.name);
            if full == wanted || (*object.name == *wanted && &*object.namespace == "default") {
                return Ok(snapshot.clone());
            }
            known.push(full);
        }
        let mut message = format!("no Gateway {wanted}");
        if let Some(near) = nearest(wanted, known.iter().map(String::as_str)) {
            message.push_str(&format!("; did you mean {near}?"));
        } else if !known.is_empty() {
            message.push_str(&format!("; there is {}", known.join(", ")));
        }
        Err(Failure::Usage(message))
    }
}

impl Pipeline {
    /// A pipeline that has read nothing yet.
    pub fn new(inputs: Vec<Input>, options: Options) -> Self {
        Self {
            origin: Origin::Files(Box::new(Loader::new(inputs))),
            stages: Stages::new(options),
            fragments: None,
        }
    }

    /// A pipeline for the objects of an API server, which has looked at their schemas already.
    pub fn of_cluster(objects: Arc<Objects>, options: Options) -> Self {
        let last = None;
        Self {
            origin: Origin::Cluster(Cluster { objects, last }),
            stages: Stages::of_cluster(options),
            fragments: None,
        }
    }

    /// Reads documents that are no more than a spec as if they had this header.
    #[must_use]
    pub fn with_fragments(mut self, header: Option<FragmentHeader>) -> Self {
        self.origin = match self.origin {
            Origin::Files(loader) if header.is_some() => {
                Origin::Files(Box::new(loader.with_fragments(Fragments::Taken)))
            }
            origin => origin,
        };
        self.fragments = header;
        self
    }

    /// Reads the inputs and computes everything that changed. `None` when nothing did since the
    /// last round, or when an API server has not shown everything yet.
    ///
    /// # Errors
    /// When an input of the command line cannot be read at all.
    pub fn round(&mut self) -> Result<Option<Round>, LoadError> {
        let loader = match &mut self.origin {
            Origin::Files(loader) => loader,
            Origin::Cluster(cluster) => {
                let documents = cluster.changed();
                return Ok(documents.map(|documents| self.stages.round(&documents)));
            }
        };
        let mut loaded = loader.load()?;
        if !loaded.changed {
            return Ok(None);
        }
        if let Some(header) = &self.fragments {
            header.complete(&mut loaded.documents);
        }
        let mut round = self.stages.round(&loaded.documents);
        round.diagnostics.splice(0..0, loaded.diagnostics);
        round.files = loaded.files;
        Ok(Some(round))
    }

    /// The paths to watch for changes.
    pub fn paths(&self) -> Vec<std::path::PathBuf> {
        match &self.origin {
            Origin::Files(loader) => loader.paths(),
            Origin::Cluster(_) => Vec::new(),
        }
    }
}

impl Cluster {
    /// Every document, when anything is different from the last time.
    fn changed(&mut self) -> Option<Vec<Arc<Document>>> {
        let documents = self.objects.documents().ok()?;
        let last = self.last.replace(documents.clone());
        let same = last.is_some_and(|last| {
            let pairs = last.iter().zip(&documents);
            last.len() == documents.len() && pairs.into_iter().all(|(a, b)| Arc::ptr_eq(a, b))
        });
        (!same).then_some(documents)
    }
}

impl Stages {
    /// Stages that remember nothing yet.
    pub fn new(options: Options) -> Self {
        Self::of(options, UnknownFields::Error)
    }

    /// The same for objects of an API server, which has looked at their schemas already.
    pub fn of_cluster(options: Options) -> Self {
        Self::of(options, UnknownFields::Warning)
    }

    fn of(options: Options, unknown_fields: UnknownFields) -> Self {
        Self {
            decoder: Decoder::new(unknown_fields),
            attacher: Attacher::new(options.attach),
            translator: Translator::new(options.translate),
        }
    }

    /// Decodes, attaches, translates.
    pub fn round(&mut self, documents: &[Arc<Document>]) -> Round {
        let store = self.decoder.decode(documents);
        let graph = self.attacher.attach(&store);
        let translation = self.translator.translate(&graph);
        let diagnostics = store.diagnostics.clone();
        Round {
            files: Vec::new(),
            documents: documents.len(),
            diagnostics,
            store,
            graph,
            translation,
        }
    }
}
