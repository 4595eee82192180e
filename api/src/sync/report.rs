//! What the sync tells of itself while it runs: the one place where sweeps and hints are logged, and counted.

use std::time::Duration;

use uuid::Uuid;

use super::lease::RENEWAL;
use super::reading::Stop;

/// Ticks of a lease between two words of a long sweep.
const TICKS_A_WORD: u64 = 2;

pub(super) fn began(registry: Uuid) {
    tracing::debug!(registry.id = %registry, "A sweep begins");
}

/// On each renewal of the lease.
pub(super) fn progressed(registry: Uuid, tick: u64, done: usize, total: usize) {
    if tick.is_multiple_of(TICKS_A_WORD) {
        let elapsed_s = RENEWAL.as_secs() * tick;
        tracing::info!(registry.id = %registry, elapsed_s, spaces.done = done, spaces.total = total, "A sweep goes on");
    }
}

/// `outcome` is none if time ran out.
pub(super) fn ended(registry: Uuid, elapsed: Duration, outcome: Option<Result<(), &Stop>>) {
    let elapsed_ms = elapsed.as_millis();
    match outcome {
        Some(Ok(())) => tracing::debug!(registry.id = %registry, elapsed_ms, "A sweep ended"),
        Some(Err(stop)) => tracing::debug!(registry.id = %registry, elapsed_ms, ?stop, "A sweep ended early"),
        None => tracing::warn!(registry.id = %registry, elapsed_ms, "A sweep ran out of time"),
    }
}

/// What became of a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hinted {
    /// It was read, and stands in the rows.
    Taken,
    /// The registry did not give it; the next sweep will.
    Failed,
    /// Nothing is known of its space, or the account is refused.
    Ignored,
}

pub(super) fn hinted(registry: Uuid, space: Uuid, outcome: Hinted) {
    tracing::debug!(registry.id = %registry, space.id = %space, ?outcome, "A hint was followed");
}
