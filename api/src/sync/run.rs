//! The background: sweeps what is due, on whichever replica, until Fairway stops.

use std::time::Duration;

use ::entity::registry;
use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::sweep::Wish;
use super::{Sync, lease};
use crate::clock;

/// How many registries one look for what is due brings at most.
const MOST_DUE: usize = 64;

/// Between two looks, however long the interval is: so that other replicas' registries are taken over in time.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// How often tombstones are cleared away, and how old they are then. A sweep that is older than a tombstone must find
/// it, and a process that has read nothing for as long reads everything.
const PURGE: Duration = Duration::from_secs(3600);
const TOMBSTONES_STAY: TimeDelta = TimeDelta::hours(24);

/// How long sweeps may take to give back their leases when Fairway stops.
const PATIENCE: Duration = Duration::from_secs(5);

impl Sync {
    /// Sweeps each registry once an interval, until `shutdown` ends; then gives back what this process holds.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let inner = &*self.inner;
        if inner.storage.is_single()
            && let Err(error) = lease::clear(&inner.storage, inner.process).await
        {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "The leases of the last run could not be ended");
        }
        let pause = (inner.settings.interval / 4).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        tokio::pin!(shutdown);
        let mut purged = Instant::now();
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                () = sleep(pause) => {}
            }
            self.sweep_due().await;
            if purged.elapsed() >= PURGE {
                purged = Instant::now();
                self.purge().await;
            }
        }
        inner.stopping.cancel();
        // A lease that is not given back lapses by itself.
        let _ = timeout(PATIENCE, join_all(inner.sweeps.all())).await;
    }

    async fn sweep_due(&self) {
        let limit = self.inner.slots.available_permits().min(MOST_DUE);
        if limit == 0 {
            return;
        }
        match lease::due(&self.inner.storage, limit as u64).await {
            Ok(due) => due.into_iter().for_each(|id| self.sweep_in_background(id, Wish::Due)),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "The registries that are due could not be listed");
            }
        }
    }

    async fn purge(&self) {
        if let Err(error) = self.inner.storage.forget_tombstones(clock::now() - TOMBSTONES_STAY).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "Old tombstones could not be cleared away");
        }
    }

    /// Sweeps the registry, and nobody waits for it.
    pub fn sweep_aside(&self, registry: Uuid) {
        self.sweep_in_background(registry, Wish::Suspected);
    }

    fn sweep_in_background(&self, registry: Uuid, wish: Wish) {
        let sync = self.clone();
        tokio::spawn(async move {
            if let Err(error) = sync.sweep(registry, wish).await {
                let error: &dyn std::error::Error = &*error;
                tracing::warn!(registry.id = %registry, error, "The registry was not synchronized");
            }
        });
    }

    /// Has a registry looked at because of what somebody saw of it: here and now, or by the replica that is at it when
    /// that is done. Not again for a moment.
    pub(super) fn suspect(&self, row: &registry::Model) {
        if !self.may_suspect(row.id) {
            return;
        }
        let (sync, id) = (self.clone(), row.id);
        tokio::spawn(async move {
            if let Err(error) = lease::demand(&sync.inner.storage, id).await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(registry.id = %id, error, "A sweep could not be asked for");
            }
            sync.sweep_aside(id);
        });
    }

    /// Whether nobody looked at the registry for this reason a moment ago.
    fn may_suspect(&self, registry: Uuid) -> bool {
        const MOMENT: Duration = Duration::from_secs(10);
        let now = Instant::now();
        let mut suspected = self.inner.suspected.lock().expect("no panic happens under this lock");
        suspected.retain(|_, at| now.duration_since(*at) < MOMENT);
        if suspected.contains_key(&registry) {
            return false;
        }
        suspected.insert(registry, now);
        true
    }
}
