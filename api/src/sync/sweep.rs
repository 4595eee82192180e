//! One turn of a registry: under its lease, from the first look to the outcome in its row.

use std::sync::Arc;
use std::time::Duration;

use ::entity::registry::{self, HealthState, Kind};
use ::entity::registry_sync;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::*;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::images::{Images, Progress, holdings};
use super::lease::{self, Lease};
use super::look::{Unseen, close_unseen, look};
use super::reading::{Reading, Stop};
use super::report;
use super::space::{write_health, write_seen};
use super::{Error, REFUSED_PAUSE, Sync, health};
use crate::clock;
use crate::metrics::SweepOutcome;
use crate::mirror::Directory;
use crate::upstream;

/// After so many sweeps that look for changes alone, the next reads everything.
pub(super) const READ_ALL_AFTER: i32 = 9;

/// How long one sweep may take. What it has not come to is left to the next one.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// How often a person's refresh looks whether another replica is done.
const LOOK: Duration = Duration::from_millis(200);

/// Why a registry is swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// It is its turn, and nobody else's.
    Due,
    /// Something was seen of it.
    Suspected,
    /// A person asked for it: also when the account was refused a moment ago, and to the end when Fairway stops.
    Asked,
}

/// How a sweep ended, for who waited for it. What the registry answered, a failure too, is in its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Swept(Wish),
    /// Another replica is at it.
    Held,
    /// It came to nothing: the settings changed, or the lease was lost.
    Void,
}

/// What of the outcome of a sweep is known before it ends.
#[derive(Default)]
struct Account {
    /// When the account was last tried, and with what latency, where this sweep did not write that down itself.
    looked: Option<(DateTime<Utc>, Option<i32>)>,
}

/// A sweep that came to its end.
struct Done {
    /// As of when everything is true.
    at: DateTime<Utc>,
    /// All images were read, whatever was known.
    is_full: bool,
}

impl Sync {
    /// A sweep, because a person asked for it.
    pub async fn refresh(&self, id: Uuid) -> Result<(), Arc<Error>> {
        self.forget_refusal(id);
        if let Some(earlier) = self.inner.sweeps.under_way(&id) {
            // What it has read already may be older than what this person knows.
            let _ = earlier.await;
        }
        loop {
            match self.sweep(id, Wish::Asked).await? {
                Ended::Swept(Wish::Asked) => return Ok(()),
                // Somebody else's began in between: it may have left the account alone.
                Ended::Swept(Wish::Due | Wish::Suspected) | Ended::Void => {}
                Ended::Held => sleep(LOOK).await,
            }
        }
    }

    /// Sweeps a registry. Who asks while this process is at it shares that sweep.
    pub(super) async fn sweep(&self, id: Uuid, wish: Wish) -> Result<Ended, Arc<Error>> {
        let sync = self.clone();
        let swept = self.inner.sweeps.join(id, async move { sync.sweep_once(id, wish).await.map_err(Arc::new) });
        let panicked = || Err(Arc::new(Error::Database(DbErr::Custom("a sweep panicked".to_owned()))));
        swept.await.unwrap_or_else(panicked)
    }

    async fn sweep_once(&self, id: Uuid, wish: Wish) -> Result<Ended, Error> {
        let _slot = self.slot(wish).await;
        let inner = &*self.inner;
        let Some((lease, row)) = lease::claim(&inner.storage, id, inner.process, wish == Wish::Due).await? else {
            return if lease::is_known(&inner.storage, id).await? { Ok(Ended::Held) } else { Err(Error::Gone) };
        };
        report::began(id);
        let begun = Instant::now();
        let (progress, mut account) = (Progress::new(inner.metrics.sweep_began(id)), Account::default());
        let outcome = tokio::select! {
            outcome = timeout(LONGEST, self.course(&lease, &row, wish, &progress, &mut account)) => outcome.ok(),
            () = keep_lease(&lease, &progress) => Some(Err(Stop::Lost)),
            () = inner.stopping.cancelled(), if wish != Wish::Asked => {
                lease.release(registry_sync::ActiveModel { ..Default::default() }, None).await?;
                return Ok(Ended::Void);
            }
        };
        report::ended(id, begun.elapsed(), outcome.as_ref().map(|outcome| outcome.as_ref().map(|_| ())));
        match &outcome {
            Some(Ok(_)) => {
                inner.metrics.registry_seen(id, true);
                progress.ended(SweepOutcome::Succeeded);
            }
            Some(Err(Stop::Failed(_))) => {
                inner.metrics.registry_seen(id, false);
                progress.ended(SweepOutcome::Failed);
            }
            None | Some(Err(Stop::Database(_))) => progress.ended(SweepOutcome::Failed),
            Some(Err(Stop::Void | Stop::Lost)) => {}
            Some(Err(Stop::Gone)) => self.forget(id),
        }
        self.settle(&lease, &row, wish, outcome, account).await
    }

    /// A sweep's right to run: few run at a time, and some places are kept for those that a person waits for.
    async fn slot(&self, wish: Wish) -> SemaphorePermit<'_> {
        let open = "no slot is ever closed";
        match wish {
            Wish::Due | Wish::Suspected => self.inner.slots.acquire().await.expect(open),
            Wish::Asked => tokio::select! {
                slot = self.inner.slots.acquire() => slot.expect(open),
                slot = self.inner.asked_slots.acquire() => slot.expect(open),
            },
        }
    }

    /// The way of a sweep. A failure of the registry as a whole is written into its health.
    async fn course(
        &self,
        lease: &Lease,
        row: &registry_sync::Model,
        wish: Wish,
        progress: &Progress,
        account: &mut Account,
    ) -> Result<Done, Stop> {
        let directory = self.inner.mirror.current().await?;
        let reading = Reading::begin(&self.inner.storage, &directory, lease.registry(), Some(lease.clone()))?;
        let refused_at = self.refusal(&reading.registry, row).filter(|_| wish != Wish::Asked);
        let read = match refused_at {
            // Each try would lock the account's owner out once more.
            Some(_) => Err(Stop::Failed(upstream::Error::Unauthorized)),
            None => self.read(&reading, directory.clone(), row, progress).await,
        };
        let Err(Stop::Failed(error)) = read else { return read };
        account.looked = Some((refused_at.unwrap_or_else(clock::now), None));
        if error.is_unauthorized() && refused_at.is_none() {
            self.note_refusal(&reading.registry);
        }
        // A list that changed twice while it was read says nothing against its registry.
        if !matches!(error, upstream::Error::Changed { .. })
            && let Some(changed) = health::changed(&reading.registry, Err(&error))
        {
            write_health(&reading, changed).await?;
        }
        let has_no_account = matches!(error, upstream::Error::Unauthorized | upstream::Error::Unusable { .. });
        if has_no_account && let Ok(client) = self.anonymous_client(&reading.registry) {
            close_unseen(&client, &reading, directory.spaces_of(reading.registry.id)).await?;
        }
        Err(Stop::Failed(error))
    }

    async fn read(
        &self,
        reading: &Reading,
        mut directory: Arc<Directory>,
        row: &registry_sync::Model,
        progress: &Progress,
    ) -> Result<Done, Stop> {
        let id = reading.registry.id;
        let client = self.client(&reading.registry).map_err(Stop::Failed)?;
        let is_full = row.full_since.is_some() || row.sweeps_since_full >= READ_ALL_AFTER;
        let known = directory.spaces_of(id);
        let seen = look(&client, &reading.registry, known, is_full).await.map_err(Stop::Failed)?;
        self.forget_refusal(id);
        if let Some(lease) = reading.lease()
            && !lease.note(lease::looked(clock::now(), Some(seen.standing.latency_ms()))).await?
        {
            return Err(Stop::Lost);
        }
        if write_seen(reading, known, &seen).await? {
            directory = self.inner.mirror.current().await?;
        }
        let again = seen.unseen.values().filter_map(|unseen| match unseen {
            Unseen::Present(space) => Some(space),
            Unseen::Gone | Unseen::Unsure => None,
        });
        let stored = |space| directory.catalog.get(space).cloned();
        let holdings = holdings(directory.spaces_of(id), seen.spaces.iter().chain(again), stored);
        if reading.registry.kind == Kind::Harbor {
            // Before the images: what is pushed from here on is told, and what was pushed until here is read.
            let spaces = holdings.iter().map(|holding| holding.space.clone()).collect();
            self.put_webhooks(reading, &client, spaces).await?;
        }
        let is_full = Images { reading, client: &client, row, progress }.update(holdings, is_full).await?;
        Ok(Done { at: reading.at, is_full })
    }

    /// When the account was refused, if that is so lately that it is to be left alone: seen by this process, or by
    /// whichever tried it last.
    fn refusal(&self, registry: &registry::Model, row: &registry_sync::Model) -> Option<DateTime<Utc>> {
        let pause = TimeDelta::from_std(REFUSED_PAUSE).unwrap_or(TimeDelta::MAX);
        let is_recent = |at: &DateTime<Utc>| clock::now() - *at < pause && registry.updated_at <= *at;
        let stored = row.checked_at.filter(|_| registry.health_state == HealthState::Unauthorized);
        self.refused_at(registry).or(stored.filter(is_recent))
    }

    /// Writes down how the sweep ended, and when the next one is due. `outcome` is none if time ran out.
    async fn settle(
        &self,
        lease: &Lease,
        row: &registry_sync::Model,
        wish: Wish,
        outcome: Option<Result<Done, Stop>>,
        account: Account,
    ) -> Result<Ended, Error> {
        let mut columns = match account.looked {
            Some((at, latency_ms)) => lease::looked(at, latency_ms),
            None => registry_sync::ActiveModel { ..Default::default() },
        };
        let mut pause = Some(jittered(self.inner.settings.interval));
        let ended = match outcome {
            Some(Ok(Done { at, is_full })) => {
                columns.succeeded_at = Set(Some(clock::now()));
                columns.confirmed_at = Set(Some(at));
                columns.error = Set(None);
                columns.sweeps_since_full = Set(if is_full { 0 } else { row.sweeps_since_full.saturating_add(1) });
                if is_full {
                    columns.full_since = Set(None);
                }
                Ok(Ended::Swept(wish))
            }
            Some(Err(Stop::Failed(error))) => {
                columns.error = Set(Some(error.cause()));
                Ok(Ended::Swept(wish))
            }
            None => {
                columns.error = Set(Some("the registry was not read to the end in time: the rest follows".to_owned()));
                Ok(Ended::Swept(wish))
            }
            Some(Err(Stop::Void)) => {
                pause = None;
                Ok(Ended::Void)
            }
            Some(Err(Stop::Lost)) => return Ok(Ended::Void),
            Some(Err(Stop::Gone)) => return Err(Error::Gone),
            Some(Err(Stop::Database(error))) => Err(Error::Database(error)),
        };
        lease.release(columns, pause).await?;
        ended
    }
}

/// Renews the lease for as long as it is polled, with how far the sweep is. Ends when the lease is lost.
async fn keep_lease(lease: &Lease, progress: &Progress) {
    let mut ticks = interval_at(Instant::now() + lease::RENEWAL, lease::RENEWAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for tick in 1.. {
        ticks.tick().await;
        let (done, total) = progress.get();
        match lease.renew(done, total).await {
            Ok(true) => {}
            Ok(false) => return,
            // The next tick tries again, and each write proves the lease by itself.
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(registry.id = %lease.registry(), error, "A lease could not be renewed");
            }
        }
        report::progressed(lease.registry(), tick, done, total);
    }
}

/// Between 85 % of it and the whole, so that registries integrated together are not swept together for ever.
fn jittered(interval: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    interval.mul_f64(0.85 + 0.15 * f64::from(random) / f64::from(u32::MAX))
}
