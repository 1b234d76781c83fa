// SPDX-License-Identifier: Apache-2.0
//! A bootstrap as it is written to what is run.
//!
//! In: the text. Out: node, admin address, zone and resources, or all that stands against them.

use std::{net::SocketAddr, sync::Arc};

use sluicegate_dataplane::LocalZone;
use sluicegate_manifest::{
    Diagnostic, FieldPath, Node as Tree, Severity, SourceText, diagnostic::problem, parse_value,
};
use sluicegate_snapshot::Snapshot;
use sluicegate_xds::{
    pb::envoy::config::{
        bootstrap::v3::Bootstrap,
        core::v3::{Node, address, socket_address::PortSpecifier},
    },
    prost::{Message, Name},
    validate::violations,
};

use super::{
    codes,
    dynamic::{self, Dynamic},
    message, place,
    resources::{self, Refused},
    settings,
};

/// What a bootstrap says to run.
#[derive(Debug, Clone)]
pub struct Start {
    /// Who this process is.
    pub node: Node,
    /// Where the admin API listens; `None` when the bootstrap has no `admin`.
    pub admin_address: Option<SocketAddr>,
    /// Where this process runs, if there is a `local_cluster_name`.
    pub zone: Option<LocalZone>,
    /// Resources of the bootstrap itself.
    pub static_resources: Arc<Snapshot>,
    /// Where others come from.
    pub dynamic: Option<Dynamic>,
}

/// What reading gave.
#[derive(Debug)]
pub struct Reading {
    /// What to run, unless there is an error.
    pub start: Option<Start>,
    /// What is wrong, and what has no effect.
    pub diagnostics: Vec<Diagnostic>,
    /// Resources that are not enforced as they are written.
    pub refused: Vec<Refused>,
}

/// What to do about settings that are understood but not enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Their resources are refused.
    Refuse,
    /// They are told, and the rest of their resources is enforced.
    Tell,
}

/// Reads a bootstrap.
pub fn read(source: &Arc<SourceText>, strictness: Strictness) -> Reading {
    let mut reading = Reading {
        start: None,
        diagnostics: Vec::new(),
        refused: Vec::new(),
    };
    let read = parse_value(source).and_then(|root| {
        let bootstrap = message::read::<Bootstrap>(source, &root)?;
        Ok((root, bootstrap))
    });
    match read {
        Ok((root, bootstrap)) => {
            let text = Text { source, root };
            text.check(&bootstrap, strictness, &mut reading);
        }
        Err(found) => reading.diagnostics = found,
    }
    reading
}

/// A bootstrap as it is written.
pub(super) struct Text<'a> {
    source: &'a Arc<SourceText>,
    pub(super) root: Tree,
}

impl Text<'_> {
    fn check(&self, bootstrap: &Bootstrap, strictness: Strictness, reading: &mut Reading) {
        let found = violations(&Bootstrap::full_name(), &bootstrap.encode_to_vec());
        let broken = found.unwrap_or_default().into_iter();
        let found = &mut reading.diagnostics;
        found.extend(broken.map(|it| self.at(codes::CONSTRAINT, &it.field, it.message)));
        settings::check(self, found);
        let admin_address = self.admin_address(bootstrap, found);
        let resources = bootstrap.static_resources.clone().unwrap_or_default();
        let dynamic = dynamic::read(self, bootstrap, strictness, found);
        let ads = bootstrap.dynamic_resources.as_ref();
        let ads = ads.is_some_and(|dynamic| dynamic.ads_config.is_some());
        let (static_resources, refused) = resources::snapshot(&resources, ads);
        let is_error = |refused: &Refused| !refused.partly || strictness == Strictness::Refuse;
        found.extend(refused.iter().map(|it| {
            let words = format!("{} {}: {}", it.kind(), it.name, it.reason);
            let mut diagnostic = self.at(codes::UNSUPPORTED, &it.field, words);
            if !is_error(it) {
                diagnostic.severity = Severity::Warning;
            }
            diagnostic
        }));
        reading.refused = refused.into_iter().filter(is_error).collect();
        if found.iter().all(|it| it.severity != Severity::Error) {
            reading.start = Some(Start {
                node: bootstrap.node.clone().unwrap_or_default(),
                admin_address,
                zone: zone(bootstrap),
                static_resources,
                dynamic,
            });
        }
    }

    /// An error about a field, given in proto names.
    pub(super) fn at(&self, code: &'static str, field: &str, words: String) -> Diagnostic {
        let (path, whole) = place::find(&self.root, field);
        // Of a resource, its name is enough to see.
        let name = self.root.at(&path).and_then(|node| node.get("name"));
        let span = name.map_or(whole, |name| name.span);
        let mut diagnostic = problem(code, words, self.source, span);
        diagnostic.path = path;
        diagnostic
    }

    /// A warning that what stands at `path` has no effect.
    pub(super) fn no_effect(&self, path: FieldPath, words: String) -> Diagnostic {
        let span = self.root.at(&path).map_or(self.root.span, |node| node.span);
        let mut diagnostic = problem(codes::NO_EFFECT, words, self.source, span);
        diagnostic.severity = Severity::Warning;
        diagnostic.path = path;
        diagnostic
    }

    fn admin_address(
        &self,
        bootstrap: &Bootstrap,
        found: &mut Vec<Diagnostic>,
    ) -> Option<SocketAddr> {
        let address = bootstrap.admin.as_ref()?.address.as_ref()?;
        let socket = match &address.address {
            Some(address::Address::SocketAddress(socket)) => Some(socket),
            _ => None,
        };
        let at = socket.and_then(|socket| {
            let Some(PortSpecifier::PortValue(port)) = socket.port_specifier else {
                return None;
            };
            Some(SocketAddr::new(
                socket.address.parse().ok()?,
                u16::try_from(port).ok()?,
            ))
        });
        if at.is_none() {
            let words = "the admin API listens on an IP address and a port only".to_owned();
            found.push(self.at(codes::UNSUPPORTED, "Bootstrap.admin.address", words));
        }
        at
    }
}

/// As in Envoy, zone aware routing needs the cluster of the proxies themselves.
fn zone(bootstrap: &Bootstrap) -> Option<LocalZone> {
    let local_cluster_name = &bootstrap.cluster_manager.as_ref()?.local_cluster_name;
    let locality = bootstrap.node.as_ref()?.locality.clone();
    (!local_cluster_name.is_empty()).then(|| LocalZone {
        locality: locality.unwrap_or_default(),
        local_cluster_name: local_cluster_name.clone(),
    })
}
