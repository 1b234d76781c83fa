// SPDX-License-Identifier: Apache-2.0
//! A codec with several owners, all of one worker: the task of the connection and those of its
//! streams.
//!
//! In: the codec. Out: it, to each of them in turn. The lock is never waited for; it is there since
//! streams of bytes are sent between threads elsewhere, by health checks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Codec, Options};

/// The codec.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Codec>>);

impl Shared {
    /// Of a connection whose first bytes have yet to come.
    pub(crate) fn new(options: Options) -> Self {
        Self(Arc::new(Mutex::new(Codec::new(options))))
    }

    /// The codec itself. Nobody keeps it while others run.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Codec> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
