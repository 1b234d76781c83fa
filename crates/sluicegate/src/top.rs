// SPDX-License-Identifier: Apache-2.0
//! Backends as they are now, second by second.
//!
//! In: the admin API of a running process, ours or a real Envoy. Out: [`Look`]s with rates between
//! them, and a screen that shows them and hears keys.

mod columns;
mod format;
mod look;
mod news;
mod screen;
mod stats;
mod terminal;
mod text;
mod watch;

pub use look::{Headroom, Look, Row};
pub use news::{News, news};
pub use screen::{Reaction, Screen};
pub use terminal::Terminal;
pub use text::table;
pub use watch::Watch;
