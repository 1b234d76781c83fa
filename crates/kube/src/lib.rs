// SPDX-License-Identifier: Apache-2.0
//! A Kubernetes API server as a source of documents and a sink of status.
//!
//! In: the kinds that are read. Out: [`Document`](sluicegate_manifest::Document)s as a directory of
//! manifests would give them, and `status` written back. While the API server is away, what was seen
//! last stays.

mod backoff;
mod connect;
mod definition;
mod discover;
mod kind;
mod lease;
mod list;
mod objects;
mod owned;
mod source;
mod status;
mod watch;
mod writer;

pub use connect::{Connection, Error, connect};
pub use definition::installed_schema;
pub use kind::Kind;
pub use kube::Client;
pub use lease::{Leadership, Lease};
pub use list::{ListError, list};
pub use objects::{KindState, Objects, Waiting};
pub use owned::{Mark, Owned, OwnedName, OwnedProblems, OwnedWriter};
pub use source::Source;
pub use status::{StatusWriter, Writes};
