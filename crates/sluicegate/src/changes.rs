// SPDX-License-Identifier: Apache-2.0
//! What changes in Envoy's resources from one side to another, and why.
//!
//! In: two sides, each manifests or a running process. Out: each changed field with all resources
//! where it changes the same way, and the lines of manifests that cause it, for people and for
//! machines.

mod authored;
mod cause;
mod fields;
mod match_field;
mod origin;
mod show;
mod side;

use std::collections::{BTreeSet, HashMap};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::xds_view::Kind;
use cause::{About, Causes};
use fields::{Difference, differences};
pub use show::show;
pub use side::Side;

/// The same change of one or many resources.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Their type.
    #[serde(rename = "type", serialize_with = "name")]
    pub kind: Kind,
    /// What happened.
    #[serde(rename = "change")]
    pub what: What,
    /// The path of the field below the resource; `None` for a resource as a whole, and where only
    /// secrets changed. Items of lists that have names are `[*]` where there are several.
    pub field: Option<String>,
    /// Its value before; `None` for none.
    pub old: Option<Value>,
    /// Its value after; `None` for none.
    pub new: Option<Value>,
    /// How many resources, or named items of their lists, change so.
    pub count: usize,
    /// The resources.
    pub names: Vec<String>,
    /// The items of lists in them, such as routes; empty when the path goes through none.
    pub items: Vec<String>,
    /// What causes it, closest first; empty when no difference of the manifests explains it.
    pub causes: Vec<Cause>,
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A resource is new.
    Added,
    /// A field differs.
    Changed,
    /// A named item of a list is new.
    ItemAdded,
    /// A named item of a list is gone.
    ItemRemoved,
    /// A resource is gone.
    Removed,
    /// The items of a list have another order.
    Reordered,
    /// A resource is sent again with the same content, because Envoy re-warms the cluster it
    /// belongs to.
    Resent,
}

/// A difference of the manifests that causes a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// Kind, namespace and name of the object.
    pub object: String,
    /// Path below `spec`, as written; empty for the object as a whole.
    pub field: String,
    /// What stands there before.
    pub before: Option<Line>,
    /// What stands there after.
    pub after: Option<Line>,
    /// What lines alone do not say, such as that the policy is invalid now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A place in a manifest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The value there; `None` for an object as a whole, and for secrets.
    pub value: Option<Value>,
    /// `file:line`, or the name of the API server.
    pub source: String,
}

/// Every change from `old` to `new`, by type and name.
///
/// # Errors
/// When a resource cannot be shown as JSON.
pub fn changes(old: &Side, new: &Side) -> anyhow::Result<Vec<Change>> {
    let causes = Causes::between(old, new);
    let mut groups = Groups::default();
    for kind in Kind::ALL {
        let names: BTreeSet<&str> = old.names(kind).chain(new.names(kind)).collect();
        for name in names {
            let about = || causes.about(kind, name);
            match old.compare(new, kind, name)? {
                side::Compared::Same => {}
                side::Compared::Only(what) => {
                    let whole = Difference::whole(what);
                    let causes = match what {
                        // What re-warms a cluster is told there.
                        What::Resent => Vec::new(),
                        _ => about().causes(&whole),
                    };
                    groups.add((kind, name), &whole, causes);
                }
                side::Compared::Differ(before, after) => {
                    groups.add_all((kind, name), &differences(&before, &after), &about());
                }
            }
        }
    }
    Ok(groups.finish())
}

/// Changes that are the same but for the resource are one.
#[derive(Debug, Default)]
struct Groups {
    changes: Vec<Change>,
    paths: Vec<String>,
    known: HashMap<String, usize>,
}

impl Groups {
    fn add_all(&mut self, of: (Kind, &str), all: &[Difference], about: &About<'_>) {
        if all.is_empty() {
            // Secrets are not shown, and what is shown is the same.
            let whole = Difference::whole(What::Changed);
            self.add(of, &whole, about.causes(&whole));
        }
        for difference in all {
            self.add(of, difference, about.causes(difference));
        }
    }

    fn add(&mut self, (kind, name): (Kind, &str), difference: &Difference, causes: Vec<Cause>) {
        let field = (!difference.path.is_empty()).then(|| difference.text(true));
        let change = Change {
            kind,
            what: difference.what,
            field,
            old: difference.old.clone(),
            new: difference.new.clone(),
            count: 0,
            names: Vec::new(),
            items: Vec::new(),
            causes,
        };
        let key = serde_json::to_string(&change).unwrap_or_default();
        let at = *self.known.entry(key).or_insert_with(|| {
            self.changes.push(change);
            self.paths.push(difference.text(false));
            self.changes.len() - 1
        });
        let change = &mut self.changes[at];
        if change.names.last().is_none_or(|last| last != name) {
            change.names.push(name.to_owned());
        }
        if let Some(item) = difference.item() {
            change.items.push(item.to_owned());
        }
        change.count += 1;
    }

    /// A change of one resource has its path in full.
    fn finish(mut self) -> Vec<Change> {
        for (change, path) in self.changes.iter_mut().zip(self.paths) {
            if change.count == 1 && change.field.is_some() {
                change.field = Some(path);
            }
        }
        self.changes
    }
}

fn name<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}
