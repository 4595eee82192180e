//! A sweep of a registry, as it is counted.

use std::time::Instant;

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use uuid::Uuid;

use super::{
    Families, Seconds,
    label::{RegistryLabel, SweepLabels, SweepOutcome},
};

/// A sweep under way. Dropped without a word, as when its task is cancelled, it was abandoned.
///
/// Holds the time series themselves: a registry that is forgotten meanwhile does not come back when the sweep ends.
#[must_use = "a sweep ends when this is dropped"]
#[derive(Debug)]
pub struct Sweep {
    began: Instant,
    outcome: SweepOutcome,
    /// In the order of [`SweepOutcome::ALL`].
    ended: [Counter; SweepOutcome::ALL.len()],
    seconds: Seconds,
    done: Gauge,
    total: Gauge,
}

impl Sweep {
    pub(super) fn new(families: &Families, registry: Uuid) -> Self {
        let label = RegistryLabel::from(registry);
        // All outcomes stand at 0 before the first of them, so that a rate knows what it rose from.
        let ended = |outcome| families.sweeps.get_or_create_owned(&SweepLabels::new(registry, outcome));
        Self {
            began: Instant::now(),
            outcome: SweepOutcome::Abandoned,
            ended: SweepOutcome::ALL.map(ended),
            seconds: families.sweep_seconds.get_or_create_owned(&label),
            done: families.sweep_spaces_done.get_or_create_owned(&label),
            total: families.sweep_spaces_total.get_or_create_owned(&label),
        }
    }

    /// `n_spaces` more are to be read.
    pub fn expects(&self, n_spaces: usize) {
        self.total.inc_by(i64::try_from(n_spaces).unwrap_or(i64::MAX));
    }

    /// `n_spaces` more have been read, well or not.
    pub fn advanced(&self, n_spaces: usize) {
        self.done.inc_by(i64::try_from(n_spaces).unwrap_or(i64::MAX));
    }

    /// It ended this way.
    pub fn ended(mut self, outcome: SweepOutcome) {
        self.outcome = outcome;
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        self.ended[self.outcome as usize].inc();
        match self.outcome {
            SweepOutcome::Succeeded | SweepOutcome::Failed => {
                self.seconds.set(self.began.elapsed().as_secs_f64());
            }
            SweepOutcome::Abandoned => {}
        }
        self.done.set(0);
        self.total.set(0);
    }
}
