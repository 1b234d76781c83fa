// SPDX-License-Identifier: Apache-2.0
//! Conditions.
//!
//! In: a type, a verdict, the object's generation. Out: `conditions` as Kubernetes lists them.

use serde_json::{Value, json};
use sluicegate_attach::verdict::Outcome;

/// The group of Gateway API.
pub(crate) const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// Longest message that the API server takes.
const MAX_MESSAGE: usize = 32_768;

/// The three states of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    False,
    True,
    Unknown,
}

/// Conditions of one object, listener, parent or ancestor, in the order they are added.
#[derive(Debug)]
pub(crate) struct Conditions {
    generation: i64,
    list: Vec<Value>,
}

impl Conditions {
    /// None yet, for an object of that generation.
    pub(crate) fn of(generation: i64) -> Self {
        Self {
            generation,
            list: Vec::new(),
        }
    }

    /// Adds a condition.
    pub(crate) fn add(mut self, name: &str, state: State, reason: &str, message: &str) -> Self {
        let state = match state {
            State::False => "False",
            State::True => "True",
            State::Unknown => "Unknown",
        };
        let end = message.floor_char_boundary(MAX_MESSAGE);
        self.list.push(json!({
            "type": name,
            "status": state,
            "reason": reason,
            "message": &message[..end],
            "observedGeneration": self.generation,
        }));
        self
    }

    /// Adds a condition that is True with the reason `yes`, or False with the outcome's.
    pub(crate) fn outcome(self, name: &str, outcome: &Outcome, yes: &str) -> Self {
        match outcome {
            Outcome::Ok => self.add(name, State::True, yes, ""),
            Outcome::No(reason, message) => self.add(name, State::False, reason, message),
        }
    }

    /// The list.
    pub(crate) fn into_json(self) -> Value {
        Value::Array(self.list)
    }
}
