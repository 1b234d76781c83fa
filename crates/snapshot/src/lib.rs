// SPDX-License-Identifier: Apache-2.0
//! The only hand-over between the control plane and the planes that serve or enforce it.
//!
//! In: encoded xDS resources. Out: a [`Snapshot`], immutable, versioned by content and diffable,
//! and the channel that publishes it. Pure, but for the channel.

mod build;
mod diff;
mod publish;
mod resource;

pub use build::Builder;
pub use diff::Diff;
pub use publish::{Publisher, Subscriber, channel};
pub use resource::{Resource, ResourceType, Snapshot, Version};
