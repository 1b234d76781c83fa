// SPDX-License-Identifier: Apache-2.0
//! Why a field of Envoy's changes.
//!
//! In: a changed field of a resource, and what the resource is made of on both sides. Out: the
//! closest differences of the manifests: leaves of policies that fit the field, then the object
//! itself, then whatever else has a say.

use std::collections::BTreeMap;

use sluicegate_resource::ObjectRef;

use super::{
    Cause, Line, Side, What,
    authored::{Authored, MOST, whole},
    fields::Difference,
    match_field::{fit, is_exact},
    origin::{OfCluster, Origins},
};
use crate::{
    explain::{below_spec, provenance::Leaf},
    operator::backends::base,
    xds_view::Kind,
};

/// What is known of both sides.
pub(super) struct Causes<'r> {
    old: Option<Origins<'r>>,
    new: Option<Origins<'r>>,
    authored: Authored,
}

/// What is known of one resource.
pub(super) struct About<'c> {
    causes: &'c Causes<'c>,
    kind: Kind,
    /// Leaves of policies that came, went or changed, of a cluster.
    leaves: Vec<Moved>,
    /// What it is made of besides.
    old: Option<&'c OfCluster<'c>>,
    new: Option<&'c OfCluster<'c>>,
}

/// A leaf that is in force on one side only, or differently.
struct Moved {
    envoy_field: Option<&'static str>,
    policy: ObjectRef,
    cause: Cause,
}

impl<'r> Causes<'r> {
    pub(super) fn between(old: &'r Side, new: &'r Side) -> Self {
        let (old, new) = (old.round(), new.round());
        let authored = match (old, new) {
            (Some(old), Some(new)) => Authored::between(&old.store, &new.store),
            _ => Authored::default(),
        };
        Self {
            old: old.map(Origins::of),
            new: new.map(Origins::of),
            authored,
        }
    }

    /// What is known of a resource.
    pub(super) fn about<'c>(&'c self, kind: Kind, name: &str) -> About<'c> {
        let is_cluster = matches!(kind, Kind::Clusters | Kind::Endpoints);
        // A cluster that a policy made is beside the base cluster, which it differs from by what
        // the policy says.
        let base = base(name).unwrap_or(name);
        let of = |origins: &'c Option<Origins<'r>>| {
            let origins = origins.as_ref().filter(|_| is_cluster)?;
            origins.cluster(name).or_else(|| origins.cluster(base))
        };
        let (old, new) = (of(&self.old), of(&self.new));
        let leaves = |of: Option<&OfCluster<'_>>| of.map(OfCluster::leaves).unwrap_or_default();
        About {
            leaves: self.moved(leaves(old), leaves(new)),
            causes: self,
            kind,
            old,
            new,
        }
    }

    /// Whether both sides have manifests, so that they can be compared.
    fn has_both(&self) -> bool {
        self.old.is_some() && self.new.is_some()
    }

    fn moved(&self, old: Vec<Leaf>, new: Vec<Leaf>) -> Vec<Moved> {
        let mut pairs: BTreeMap<(ObjectRef, String), (Option<Leaf>, Option<Leaf>)> =
            BTreeMap::new();
        let key = |leaf: &Leaf| (leaf.policy.clone(), leaf.path.to_string());
        for leaf in old {
            let pair = pairs.entry(key(&leaf)).or_default();
            pair.0 = Some(leaf);
        }
        for leaf in new {
            let pair = pairs.entry(key(&leaf)).or_default();
            pair.1 = Some(leaf);
        }
        let pairs = pairs.into_iter();
        pairs
            .filter_map(|((policy, _), (old, new))| self.pair(policy, old, new))
            .collect()
    }

    /// What became of a leaf.
    fn pair(&self, policy: ObjectRef, old: Option<Leaf>, new: Option<Leaf>) -> Option<Moved> {
        let leaf = new.as_ref().or(old.as_ref())?;
        let same = old.is_some() && new.is_some() && value(&old) == value(&new);
        if same {
            return None;
        }
        let other = |origins: &Option<Origins<'_>>, words: (&str, &str)| {
            let origins = origins.as_ref()?;
            Some(elsewhere(origins, &policy, leaf, words))
        };
        let (before, after, note) = match (&old, &new) {
            (None, _) => {
                let (line, note) = other(&self.old, ("added", "was")).unwrap_or_default();
                (line, line_of(leaf), note)
            }
            (_, None) => {
                let (line, note) = other(&self.new, ("removed", "is")).unwrap_or_default();
                (line_of(leaf), line, note)
            }
            (Some(old), Some(new)) => (line_of(old), line_of(new), None),
        };
        Some(Moved {
            envoy_field: leaf.envoy_field,
            cause: Cause {
                object: policy.to_string(),
                field: below_spec(&leaf.path),
                before,
                after,
                note,
            },
            policy,
        })
    }
}

/// What the other side has in place of a leaf that is not in force there, and why it is not.
fn elsewhere(
    origins: &Origins<'_>,
    policy: &ObjectRef,
    leaf: &Leaf,
    (absent, verb): (&str, &str),
) -> (Option<Line>, Option<String>) {
    let Some(document) = origins.policy(policy) else {
        return (None, Some(absent.to_owned()));
    };
    let node = document.root.at(&leaf.path);
    let line = node.map(|node| Line {
        value: Some(node.to_json()),
        source: document.place(&leaf.path),
    });
    let note = match origins.why_invalid(policy) {
        Some(why) => Some(format!("the policy {verb} invalid: {why}")),
        None => line.as_ref().map(|_| format!("{verb} not in force")),
    };
    (line, note)
}

fn value(leaf: &Option<Leaf>) -> Option<serde_json::Value> {
    leaf.as_ref().map(Leaf::value)
}

fn line_of(leaf: &Leaf) -> Option<Line> {
    Some(Line {
        value: Some(leaf.value()),
        source: leaf.document.place(&leaf.path),
    })
}

impl About<'_> {
    /// The causes of a difference.
    pub(super) fn causes(&self, difference: &Difference) -> Vec<Cause> {
        let mut found = match self.kind {
            Kind::Clusters => self.of_cluster(difference),
            Kind::Endpoints => self.of_endpoints(difference),
            Kind::Routes => self.of_route(difference),
            Kind::Listeners => self.of_listener(difference),
            Kind::Secrets => self.causes.authored.of_kinds(&["ConfigMap", "Secret"]),
        };
        if found.is_empty() {
            found = self.causes.authored.any();
        }
        let mut unique: Vec<Cause> = Vec::new();
        for cause in found {
            if unique.len() < MOST && !unique.contains(&cause) {
                unique.push(cause);
            }
        }
        unique
    }

    fn of_cluster(&self, difference: &Difference) -> Vec<Cause> {
        if !self.causes.has_both() {
            return self.of_one_side(difference);
        }
        let mut found = match difference.what {
            What::Changed if !difference.path.is_empty() => self.fitting(&self.leaves, difference),
            _ => Vec::new(),
        };
        let objects = || self.changed(|of| of.objects());
        let all = || {
            self.leaves
                .iter()
                .map(|moved| moved.cause.clone())
                .collect()
        };
        if found.is_empty() {
            found = first([
                &objects,
                &all,
                &|| self.changed(|of| of.policies()),
                &|| self.changed(routes),
                &|| self.causes.authored.of_kinds(&["ConfigMap", "Secret"]),
            ]);
        }
        found
    }

    /// Only one side has lines: those of the policy that sets the field there.
    fn of_one_side(&self, difference: &Difference) -> Vec<Cause> {
        let changed: Vec<&str> = difference.fields().collect();
        let exact = self.leaves.iter().filter(|moved| {
            let field = moved.envoy_field;
            field.is_some_and(|field| is_exact(&changed, field, &moved.cause.field))
        });
        let exact: Vec<Cause> = exact.map(|moved| moved.cause.clone()).collect();
        match exact.is_empty() {
            true => self.object_itself(),
            false => exact,
        }
    }

    fn object_itself(&self) -> Vec<Cause> {
        let place = |of: Option<&OfCluster<'_>>| of.map(|of| whole(of.document()));
        let Some(of) = self.old.or(self.new) else {
            return Vec::new();
        };
        vec![Cause {
            object: of.backend.key.object.to_string(),
            field: String::new(),
            before: place(self.old),
            after: place(self.new),
            note: None,
        }]
    }

    fn of_endpoints(&self, difference: &Difference) -> Vec<Cause> {
        if !self.causes.has_both() {
            return self.object_itself();
        }
        let objects = self.changed(|of| of.objects());
        match objects.is_empty() {
            true => self.of_cluster(difference),
            false => objects,
        }
    }

    /// Leaves that fit the field best. Where one came or went without a change of its own, its
    /// policy, the object and its routes say why.
    fn fitting(&self, leaves: &[Moved], difference: &Difference) -> Vec<Cause> {
        let changed: Vec<&str> = difference.fields().collect();
        let fit = |moved: &&Moved| {
            let field = moved.envoy_field;
            field.map_or(0, |field| fit(&changed, field, &moved.cause.field))
        };
        let best = leaves.iter().map(|moved| fit(&moved)).max().unwrap_or(0);
        if best == 0 {
            return Vec::new();
        }
        let best: Vec<&Moved> = leaves.iter().filter(|moved| fit(moved) == best).collect();
        let mut found: Vec<Cause> = best.iter().map(|moved| moved.cause.clone()).collect();
        let is_unmoved = |cause: &Cause| match (&cause.before, &cause.after) {
            (Some(before), Some(after)) => before.value == after.value,
            _ => false,
        };
        if found.iter().all(is_unmoved) {
            let authored = &self.causes.authored;
            let own = best.iter().flat_map(|moved| authored.of(&moved.policy));
            found.extend(own.cloned());
            found.extend(self.changed(|of| of.policies()));
            found.extend(self.changed(|of| of.objects()));
            found.extend(self.changed(routes));
        }
        found
    }

    /// What people changed in objects that the cluster is made of, on either side.
    fn changed(&self, objects: impl Fn(&OfCluster<'_>) -> Vec<ObjectRef>) -> Vec<Cause> {
        let sides = [self.old, self.new].into_iter().flatten();
        let authored = &self.causes.authored;
        let objects = sides.flat_map(objects);
        objects.flat_map(|it| authored.of(&it).to_vec()).collect()
    }

    fn of_route(&self, difference: &Difference) -> Vec<Cause> {
        let causes = self.causes;
        let item = difference.item().unwrap_or_default();
        let rules = |origins: &'_ Option<Origins<'_>>| -> Rules {
            let rules = origins.as_ref().map_or(&[][..], |it| it.rules(item));
            let mut of = Rules::default();
            for rule in rules {
                of.leaves.extend(rule.leaves());
                of.policies.extend(rule.policies());
                of.routes.push(rule.route.clone());
                of.backends.extend(rule.backends());
            }
            of
        };
        let (old, new) = (rules(&causes.old), rules(&causes.new));
        let both = |of: fn(&Rules) -> &Vec<ObjectRef>| -> Vec<Cause> {
            let objects = of(&old).iter().chain(of(&new));
            objects
                .flat_map(|it| causes.authored.of(it).to_vec())
                .collect()
        };
        let moved = causes.moved(old.leaves.clone(), new.leaves.clone());
        let all = || moved.iter().map(|moved| moved.cause.clone()).collect();
        if difference.path.is_empty() {
            return causes.authored.of_kinds(&LISTENERS);
        }
        first([
            &|| self.fitting(&moved, difference),
            &|| both(|it| &it.routes),
            &all,
            &|| both(|it| &it.policies),
            &|| both(|it| &it.backends),
            &|| causes.authored.of_kinds(&[TRAFFIC_POLICY]),
            &|| causes.authored.of_kinds(&ROUTES),
            &|| causes.authored.of_kinds(&LISTENERS),
        ])
    }

    fn of_listener(&self, difference: &Difference) -> Vec<Cause> {
        let authored = &self.causes.authored;
        let listeners = || authored.of_kinds(&LISTENERS);
        let policies = || authored.of_kinds(&[TRAFFIC_POLICY]);
        // Policies of routes need filters in listeners.
        let mut fields = difference.fields();
        match fields.any(|it| it == "http_filters") {
            true => first([&policies, &listeners]),
            false => first([&listeners, &|| authored.of_kinds(&ROUTES), &policies]),
        }
    }
}

/// What a route of Envoy's is made of on one side.
#[derive(Default)]
struct Rules {
    leaves: Vec<Leaf>,
    policies: Vec<ObjectRef>,
    routes: Vec<ObjectRef>,
    backends: Vec<ObjectRef>,
}

/// The first that finds something.
fn first<const N: usize>(all: [&dyn Fn() -> Vec<Cause>; N]) -> Vec<Cause> {
    let mut found = all.into_iter().map(|find| find());
    found.find(|causes| !causes.is_empty()).unwrap_or_default()
}

fn routes(of: &OfCluster<'_>) -> Vec<ObjectRef> {
    of.routes.iter().map(|route| (*route).clone()).collect()
}

const LISTENERS: [&str; 4] = ["Gateway", "GatewayClass", "ListenerSet", "ReferenceGrant"];
const ROUTES: [&str; 4] = ["GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute"];
const TRAFFIC_POLICY: &str = "BackendTrafficPolicy";
