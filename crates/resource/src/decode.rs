// SPDX-License-Identifier: Apache-2.0
//! One document to one object.
//!
//! In: a document. Out: a typed object, a name to count, or nothing; and what was wrong.

use std::{collections::BTreeSet, sync::Arc};

use sluicegate_manifest::{Diagnostic, Document, FieldPath, Node, Severity};

use crate::{
    Metadata, Object, ObjectRef,
    admission::{self, Block, Claim, Field, Kind, Report},
    core::{ConfigMap, EndpointSlice, Namespace, Secret, Service},
    envoygateway::{BackendTrafficPolicy, EnvoyProxy},
    gateway::{BackendTlsPolicy, Gateway, GatewayClass, ListenerSet, ReferenceGrant, Route},
    istio::ServiceEntry,
    kgateway::{Backend, BackendConfigPolicy, HttpListenerPolicy},
};

/// The typed part of an object.
pub(crate) trait Body: Sized {
    /// Reads everything below the root except `apiVersion`, `kind`, `metadata` and `status`.
    /// Values that cannot be read are reported and left at a default.
    fn decode(root: &Block<'_>, metadata: &Metadata) -> Self;

    /// What stays of the object when the report has errors. Nothing, unless its status must be
    /// written (policies).
    fn refused(self) -> Option<Self> {
        None
    }
}

/// An object of any kind.
#[derive(Debug, Clone)]
pub(crate) enum Resource {
    Backend(Arc<Object<Backend>>),
    BackendConfigPolicy(Arc<Object<BackendConfigPolicy>>),
    BackendTlsPolicy(Arc<Object<BackendTlsPolicy>>),
    BackendTrafficPolicy(Arc<Object<BackendTrafficPolicy>>),
    ConfigMap(Arc<Object<ConfigMap>>),
    EndpointSlice(Arc<Object<EndpointSlice>>),
    EnvoyProxy(Arc<Object<EnvoyProxy>>),
    Gateway(Arc<Object<Gateway>>),
    GatewayClass(Arc<Object<GatewayClass>>),
    HttpListenerPolicy(Arc<Object<HttpListenerPolicy>>),
    ListenerSet(Arc<Object<ListenerSet>>),
    Namespace(Arc<Object<Namespace>>),
    ReferenceGrant(Arc<Object<ReferenceGrant>>),
    Route(Arc<Object<Route>>),
    Secret(Arc<Object<Secret>>),
    Service(Arc<Object<Service>>),
    ServiceEntry(Arc<Object<ServiceEntry>>),
}

/// What became of a document.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// Identity, when it could be read.
    pub(crate) reference: Option<ObjectRef>,
    /// The object, unless it was refused or is not read.
    pub(crate) resource: Option<Resource>,
    /// `apiVersion/Kind` of an object that is not read.
    pub(crate) ignored: Option<String>,
    /// What was found.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// A document on its way to becoming an object.
pub(crate) struct Draft<'d> {
    document: &'d Arc<Document>,
    report: &'d Report<'d>,
    kind: &'static Kind,
}

/// Decodes one document.
pub(crate) fn decode(document: &Arc<Document>, unknown_fields: Severity) -> Decoded {
    decode_into(&Report::new(document, unknown_fields), document)
}

/// Every field that decoding asks `document` for, whether it is there or not: all that its blocks
/// may have. For whoever holds a list of fields against the decoders.
pub fn fields_read(document: &Arc<Document>) -> BTreeSet<FieldPath> {
    let report = Report::with_fields(document);
    decode_into(&report, document);
    report.fields()
}

fn decode_into(report: &Report<'_>, document: &Arc<Document>) -> Decoded {
    let mut decoded = Decoded {
        reference: None,
        resource: None,
        ignored: None,
        diagnostics: Vec::new(),
    };
    match claimed(report) {
        Claim::Refuse => {}
        Claim::Ignore(name) => decoded.ignored = Some(name),
        Claim::Read(kind) => {
            let draft = Draft {
                document,
                report,
                kind,
            };
            let (reference, resource) = (kind.read)(&draft);
            decoded.reference = reference;
            decoded.resource = resource;
        }
    }
    let object = match &decoded.reference {
        Some(reference) => reference.to_string(),
        None => named(document),
    };
    // Without an object these have not been taken yet; with one, they live in it as well.
    decoded.diagnostics = report.take(&object);
    decoded
}

/// What a document calls itself, when nothing better is known; empty when it has no name.
fn named(document: &Document) -> String {
    let part = |name| {
        let metadata = document.root.get("metadata");
        let node = metadata.and_then(|metadata| metadata.get(name));
        node.and_then(Node::as_str).unwrap_or_default()
    };
    match part("name") {
        "" => String::new(),
        name => ObjectRef::new("", document.kind(), part("namespace"), name).to_string(),
    }
}

fn claimed(report: &Report<'_>) -> Claim {
    let root = Field::root(report);
    let Some((api_version, kind)) =
        root.open(|block| (block.required("apiVersion"), block.required("kind")))
    else {
        return Claim::Refuse;
    };
    match (api_version, kind) {
        (Some(api_version), Some(kind)) => admission::claim(&api_version, &kind),
        _ => Claim::Refuse,
    }
}

impl Draft<'_> {
    /// Reads the object; `wrap` says which kind of resource it becomes.
    pub(crate) fn read<T: Body>(
        &self,
        wrap: fn(Arc<Object<T>>) -> Resource,
    ) -> (Option<ObjectRef>, Option<Resource>) {
        let parts = Field::root(self.report)
            .object(|root| self.parts::<T>(root))
            .flatten();
        let Some((metadata, body)) = parts else {
            return (None, None);
        };
        let reference = metadata.reference.clone();
        let body = if self.report.has_errors() {
            body.refused()
        } else {
            Some(body)
        };
        let resource = body.map(|spec| {
            wrap(Arc::new(Object {
                spec,
                document: Arc::clone(self.document),
                diagnostics: self.report.found(&reference.to_string()),
                metadata,
            }))
        });
        (Some(reference), resource)
    }

    fn parts<T: Body>(&self, root: &Block<'_>) -> Option<(Metadata, T)> {
        root.accept(&["apiVersion", "kind", "status"]);
        let metadata = root
            .required("metadata")
            .and_then(|field| field.object(|block| admission::metadata(block, self.kind)));
        // The rest is read even when the object cannot be named: its problems are worth knowing.
        let unnamed = Metadata::unnamed(self.kind.group, self.kind.name);
        let metadata = metadata.flatten();
        let body = T::decode(root, metadata.as_ref().unwrap_or(&unnamed));
        Some((metadata?, body))
    }
}

#[cfg(test)]
mod tests;
