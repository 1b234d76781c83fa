// SPDX-License-Identifier: Apache-2.0
//! Waiting, with one knob for all of it.
//!
//! In: a probe or a future. Out: its value, or an error that says what was waited for. The
//! environment variable `SLUICEGATE_TEST_PATIENCE_MS` sets how long, for slow machines.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// How long a test waits for something that should happen.
pub fn patience() -> Duration {
    let millis = std::env::var("SLUICEGATE_TEST_PATIENCE_MS");
    let millis = millis.ok().and_then(|text| text.parse().ok());
    millis.map_or(DEFAULT, Duration::from_millis)
}

/// Probes until there is a value.
///
/// # Errors
/// When there is none within [`patience`]; `what` says what was missed.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let (start, patience) = (Instant::now(), patience());
    loop {
        if let Some(value) = probe().await {
            return Ok(value);
        }
        if start.elapsed() > patience {
            bail!("not within {patience:?}: {what}");
        }
        tokio::time::sleep(PROBE_INTERVAL).await;
    }
}

/// Waits for a future.
///
/// # Errors
/// When it does not end within [`patience`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T> {
    let patience = patience();
    tokio::time::timeout(patience, future)
        .await
        .with_context(|| format!("not within {patience:?}: {what}"))
}

/// Ours: long beside what a healthy test needs, short beside a person's.
const DEFAULT: Duration = Duration::from_secs(60);
const PROBE_INTERVAL: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn probes_until_there_is_a_value() {
        let mut left = 3;
        let value = eventually("zero", async || {
            left -= 1;
            (left == 0).then_some("done")
        });
        assert_eq!(value.await.unwrap(), "done");
    }
}
