// SPDX-License-Identifier: Apache-2.0
//! Objects of ours in one namespace, kept as they should be.
//!
//! In: the objects that should be, and leadership. Out: server-side apply of those that differ from
//! what is seen; those of ours that nobody wants any more are deleted. What is not ours is never
//! touched, whatever its name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
    core::{ApiResource, DynamicObject},
};
use serde_json::Value;

use crate::{
    Kind, Objects,
    discover::is_not_found,
    lease::Leadership,
    watch::explained,
    writer::{Pass, Turn, Work, Writer},
};

/// Keeps the objects while it lives.
#[derive(Debug)]
pub struct OwnedWriter {
    writer: Writer<Owned>,
    problems: Arc<OwnedProblems>,
}

/// What should be in the namespace.
#[derive(Debug, Default, PartialEq)]
pub struct Owned {
    /// Manifests, by kind and name.
    pub wanted: BTreeMap<OwnedName, Value>,
    /// Those that stay as they are, if they are there.
    pub kept: BTreeSet<OwnedName>,
}

/// Kind and name of an object.
pub type OwnedName = (Kind, String);

/// What tells our objects from others.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Namespace of our objects.
    pub namespace: String,
    /// A label of every one of them, whose value is [`Mark::manager`].
    pub label: &'static str,
    /// An annotation of every one of them: people put the label on objects of their own, too.
    pub annotation: &'static str,
    /// The field manager.
    pub manager: &'static str,
}

/// Why an object is not as it should be.
#[derive(Debug, Default)]
pub struct OwnedProblems(Mutex<BTreeMap<OwnedName, String>>);

impl OwnedWriter {
    /// A writer that has nothing to write yet. All objects of `kinds` that are ours and that nobody
    /// wants will go.
    pub fn start(
        client: &Client,
        objects: Arc<Objects>,
        leadership: Leadership,
        kinds: Vec<Kind>,
        mark: Mark,
    ) -> Self {
        let problems = Arc::new(OwnedProblems::default());
        let worker = Worker {
            client: client.clone(),
            objects: objects.clone(),
            kinds,
            mark,
            problems: problems.clone(),
            answers: BTreeMap::new(),
        };
        Self {
            writer: Writer::start(worker, &objects, leadership),
            problems,
        }
    }

    /// What should be there now.
    pub fn want(&self, owned: Owned) {
        self.writer.want(owned);
    }

    /// What is not as it should be.
    pub fn problems(&self) -> Arc<OwnedProblems> {
        self.problems.clone()
    }
}

impl OwnedProblems {
    /// One sentence for each object that is not as it should be.
    pub fn sentences(&self) -> Vec<String> {
        let problems = self.lock();
        let sentence =
            |((kind, name), text): (&OwnedName, &String)| format!("{} {name}: {text}", kind.name);
        problems.iter().map(sentence).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OwnedName, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how it went; true when it went well.
    fn note(&self, name: &OwnedName, outcome: Result<(), String>) -> bool {
        let mut problems = self.lock();
        let Err(text) = outcome else {
            problems.remove(name);
            return true;
        };
        let told = problems.insert(name.clone(), text.clone());
        if told.as_ref() != Some(&text) {
            tracing::warn!("{} {}: {text}", name.0.name, name.1);
        }
        false
    }
}

struct Worker {
    client: Client,
    objects: Arc<Objects>,
    kinds: Vec<Kind>,
    mark: Mark,
    problems: Arc<OwnedProblems>,
    /// What was written last, and what the API server made of it: it writes a quantity its own way.
    answers: BTreeMap<OwnedName, (Value, Value)>,
}

impl Work for Worker {
    type Wanted = Owned;

    async fn pass(&mut self, owned: &Owned, turn: &Turn<Owned>) -> Pass {
        let mut done = true;
        self.answers
            .retain(|name, _| owned.wanted.contains_key(name));
        for kind in &self.kinds.clone() {
            // Until then nobody knows what is there; the end of the list is another pass.
            let Some(resource) = self.objects.listed_resource(kind) else {
                continue;
            };
            done &= self.write(kind, &resource, owned, turn).await;
            done &= self.delete(kind, &resource, owned, turn).await;
        }
        if done { Pass::Done } else { Pass::Failed }
    }
}

impl Worker {
    /// Writes whatever differs; true when all of it could be done.
    async fn write(
        &mut self,
        kind: &Kind,
        resource: &ApiResource,
        owned: &Owned,
        turn: &Turn<Owned>,
    ) -> bool {
        let mut done = true;
        let wanted = owned.wanted.iter().filter(|((it, _), _)| it == kind);
        for (key, manifest) in wanted {
            let name = (self.mark.namespace.clone(), key.1.clone());
            let seen = self.objects.seen(kind.group, kind.name, &name);
            let seen = seen.as_ref().map(|(_, seen)| &seen.content);
            if seen.is_some_and(|seen| !self.is_ours(seen)) {
                let problem = "there is one that is not ours, which is left alone; delete or \
                               rename it";
                // Its end is another pass: there is nothing to try again.
                self.problems.note(key, Err(problem.to_owned()));
                continue;
            }
            let answer = self.answers.get(key);
            let answer = answer.filter(|(written, _)| written == manifest);
            let expected = answer.map_or(manifest, |(_, answer)| answer);
            if seen.is_some_and(|seen| has(seen, expected)) {
                self.problems.lock().remove(key);
                continue;
            }
            if !turn.lasts() {
                return true;
            }
            let parameters = PatchParams::apply(self.mark.manager).force();
            let patch = Patch::Apply(manifest);
            let written = self.api(resource).patch(&key.1, &parameters, &patch).await;
            let written = written.map(|object| {
                let answer = serde_json::to_value(object).unwrap_or_default();
                let answer = (manifest.clone(), part(&answer, manifest));
                self.answers.insert(key.clone(), answer);
            });
            let written = written.map_err(|error| explained(&error));
            done &= self.problems.note(key, written);
        }
        done
    }

    /// Deletes what is ours and nobody wants; true when all of it could be done.
    async fn delete(
        &self,
        kind: &Kind,
        resource: &ApiResource,
        owned: &Owned,
        turn: &Turn<Owned>,
    ) -> bool {
        let mut done = true;
        for ((namespace, name), seen) in self.objects.of_kind(kind.group, kind.name) {
            let key = (kind.clone(), name);
            let known = owned.wanted.contains_key(&key) || owned.kept.contains(&key);
            let going = !seen.content["metadata"]["deletionTimestamp"].is_null();
            let ours = namespace == self.mark.namespace && self.is_ours(&seen.content);
            if !ours || known || going {
                continue;
            }
            if !turn.lasts() {
                return true;
            }
            let api = self.api(resource);
            let deleted = match api.delete(&key.1, &DeleteParams::default()).await {
                Err(error) if !is_not_found(&error) => Err(explained(&error)),
                _ => Ok(()),
            };
            done &= self.problems.note(&key, deleted);
        }
        done
    }

    fn api(&self, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.mark.namespace, resource)
    }

    fn is_ours(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        metadata["labels"][self.mark.label] == self.mark.manager
            && metadata["annotations"][self.mark.annotation].is_string()
    }
}

/// Whether an object says everything that `wanted` does; it may say more, such as defaults.
fn has(object: &Value, wanted: &Value) -> bool {
    match (object, wanted) {
        (Value::Object(object), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, value)| object.get(name).is_some_and(|it| has(it, value))),
        (Value::Array(object), Value::Array(wanted)) => {
            let mut pairs = object.iter().zip(wanted);
            object.len() == wanted.len() && pairs.all(|(it, value)| has(it, value))
        }
        (object, wanted) => object == wanted,
    }
}

/// What `object` has where `wanted` says something.
fn part(object: &Value, wanted: &Value) -> Value {
    match (object, wanted) {
        (Value::Object(object), Value::Object(wanted)) => {
            let parts = wanted.iter().filter_map(|(name, value)| {
                let found = object.get(name)?;
                Some((name.clone(), part(found, value)))
            });
            Value::Object(parts.collect())
        }
        (Value::Array(object), Value::Array(wanted)) if object.len() == wanted.len() => {
            let parts = object.iter().zip(wanted);
            parts.map(|(it, value)| part(it, value)).collect()
        }
        (object, _) => object.clone(),
    }
}
