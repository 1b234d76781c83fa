// SPDX-License-Identifier: Apache-2.0
//! Connections of a listener, so many at a time.
//!
//! In: a bound listener. Out: connections, one by one; those beyond the limit are closed at once.

use std::{sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// The listener and the places that it has.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    places: Arc<Semaphore>,
    most: u32,
}

impl Acceptor {
    /// One with `most` connections at a time.
    pub fn new(listener: TcpListener, most: u32) -> Self {
        let places = Arc::new(Semaphore::new(most as usize));
        Self {
            listener,
            places,
            most,
        }
    }

    /// The next connection and its place, which is taken until it is dropped. Nothing is lost when this
    /// is not waited for to the end.
    pub async fn accept(&self) -> (TcpStream, OwnedSemaphorePermit) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    if let Ok(place) = self.places.clone().try_acquire_owned() {
                        return (stream, place);
                    }
                }
                // Out of file descriptors, most likely: accepting again at once would spin.
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Waits until no connection is left.
    pub async fn drained(&self) {
        // It fails only when the semaphore is closed, which it never is.
        let _ = self.places.acquire_many(self.most).await;
    }
}

const PAUSE: Duration = Duration::from_millis(100);
