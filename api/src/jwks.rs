//! The keys that an identity provider publishes (JWKS), kept in step with what it publishes.
//!
//! Owns when they are read and how long they are good. What a key is, and which are good for tokens, is [`auth`](crate::auth)'s;
//! how they come over the wire is `fetch`'s. This module knows no token.
//!
//! The keys are read before Fairway serves, then each time that the provider's `Cache-Control` says, and once for all who
//! bring a token whose key is not known. A provider that does not answer is asked again with growing pauses, while the keys
//! it last published are used; but not for ever, as a key that it has withdrawn since would be good for ever.

mod fetch;

use std::{
    fmt,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::{sync::Notify, task::AbortHandle, time::Instant};
use tracing::{error, info, warn};

pub use self::fetch::Error;
use self::fetch::{Fetcher, Published};
use crate::auth::{KeySet, KeySource};

/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause after failures.
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// Where keys are published, and how long they are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where: `https`, or `http` on this host.
    pub url: url::Url,
    /// For one reading, from connecting to the last byte.
    pub timeout: Duration,
    /// Between two readings where the provider says nothing about it.
    pub interval: Duration,
    /// What it may say.
    pub intervals: RangeInclusive<Duration>,
    /// Between two readings that tokens bring about: tokens with any key can be made by anybody.
    pub pause: Duration,
    /// How long keys are used at most while the provider does not answer.
    pub kept: Duration,
}

impl Settings {
    /// What holds for every provider.
    #[must_use]
    pub fn new(url: url::Url) -> Self {
        Self {
            url,
            timeout: Duration::from_secs(5),
            interval: Duration::from_secs(60 * 60),
            intervals: Duration::from_secs(5 * 60)..=Duration::from_secs(24 * 60 * 60),
            pause: Duration::from_secs(30),
            kept: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// The keys of one provider. Clones share them.
#[derive(Clone)]
pub struct Jwks(Arc<Inner>);

struct Inner {
    settings: Settings,
    fetcher: Fetcher,
    known: RwLock<Option<Known>>,
    schedule: Mutex<Schedule>,
    /// Told when the schedule has changed.
    rescheduled: Notify,
}

/// Keys, and when they were read.
struct Known {
    keys: Arc<KeySet>,
    read_at: Instant,
}

struct Schedule {
    /// When they are read next.
    due: Instant,
    /// Readings in a row that failed.
    failures: u32,
    /// When a token last brought about a reading.
    asked_at: Option<Instant>,
    under_way: Option<(AbortHandle, Reading)>,
}

/// A reading under way, which goes on when nobody waits for it any more. Whether it succeeded.
type Reading = Shared<BoxFuture<'static, bool>>;

impl Jwks {
    /// Reads nothing yet.
    ///
    /// # Errors
    /// When there can be no client, as on a host that trusts no authority.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let fetcher = Fetcher::new(&settings)?;
        let schedule = Schedule { due: Instant::now(), failures: 0, asked_at: None, under_way: None };
        Ok(Self(Arc::new(Inner {
            settings,
            fetcher,
            known: RwLock::default(),
            schedule: Mutex::new(schedule),
            rescheduled: Notify::new(),
        })))
    }

    /// Reads the keys now, or waits for the reading under way. Answers whether they could be read.
    pub async fn read(&self) -> bool {
        let reading = self.join(&mut self.schedule());
        reading.await
    }

    /// Reads them whenever that is due, until `stopped`.
    pub async fn run(self, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        loop {
            let due = self.schedule().due;
            tokio::select! {
                () = &mut stopped => return,
                () = self.0.rescheduled.notified() => continue,
                () = tokio::time::sleep_until(due) => {}
            }
            tokio::select! {
                () = &mut stopped => return,
                _ = self.read() => {}
            }
        }
    }

    /// The reading under way, or a new one.
    fn join(&self, schedule: &mut Schedule) -> Reading {
        if let Some((task, reading)) = &schedule.under_way
            && !task.is_finished()
        {
            return reading.clone();
        }
        let jwks = self.clone();
        let task = tokio::spawn(async move { jwks.read_now().await });
        let abort = task.abort_handle();
        let reading = task.map(|done| done.unwrap_or(false)).boxed().shared();
        schedule.under_way = Some((abort, reading.clone()));
        reading
    }

    async fn read_now(&self) -> bool {
        let outcome = self.0.fetcher.fetch().await;
        let is_read = outcome.is_ok();
        let pause = match outcome {
            Ok(published) => self.take(published),
            Err(error) => self.take_note(&error),
        };
        let mut schedule = self.schedule();
        schedule.due = Instant::now() + pause;
        schedule.failures = if is_read { 0 } else { schedule.failures.saturating_add(1) };
        drop(schedule);
        self.0.rescheduled.notify_one();
        is_read
    }

    /// Puts published keys in the place of those that were known. Answers how long they are good.
    fn take(&self, published: Published) -> Duration {
        let Published { keys, unused, max_age } = published;
        let interval = max_age.map_or(self.0.settings.interval, |age| self.within_bounds(age));
        // A provider that trusts no key is believed; but looked at again soon, as it is likely to be a mistake.
        let interval = if keys.is_empty() { *self.0.settings.intervals.start() } else { interval };
        let read_at = Instant::now();
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        match known.as_mut() {
            // The same `Arc`: what was verified with these keys stays verified.
            Some(known) if *known.keys == keys => known.read_at = read_at,
            _ => {
                for unused in unused.iter().filter(|unused| !unused.is_usual) {
                    let key_id = unused.key_id.as_deref();
                    warn!(key.id = key_id, "A key of the identity provider is not used: {}", unused.reason);
                }
                if keys.is_empty() {
                    error!("The identity provider publishes no key that can be used: nobody is let in");
                } else {
                    info!(keys = keys.len(), unused = unused.len(), "The identity provider's keys were read");
                }
                *known = Some(Known { keys: Arc::new(keys), read_at });
            }
        }
        interval
    }

    /// Writes down that they could not be read. Answers when to try again.
    fn take_note(&self, error: &Error) -> Duration {
        let pause = (FIRST_PAUSE * 2_u32.saturating_pow(self.schedule().failures.min(10))).min(LAST_PAUSE);
        let retry_secs = pause.as_secs();
        let error: &dyn std::error::Error = error;
        if self.current().is_some() {
            let kept_secs = self.0.settings.kept.as_secs();
            warn!(error, retry_secs, kept_secs, "The identity provider's keys cannot be read: the last ones are kept");
        } else {
            error!(error, retry_secs, "The identity provider's keys cannot be read: nobody is let in");
        }
        pause
    }

    fn within_bounds(&self, interval: Duration) -> Duration {
        interval.clamp(*self.0.settings.intervals.start(), *self.0.settings.intervals.end())
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.0.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeySource for Jwks {
    fn current(&self) -> Option<Arc<KeySet>> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|known| known.read_at.elapsed() < self.0.settings.kept).map(|known| known.keys.clone())
    }

    fn refresh(&self) -> BoxFuture<'_, bool> {
        let mut schedule = self.schedule();
        let is_under_way = schedule.under_way.as_ref().is_some_and(|(task, _)| !task.is_finished());
        let is_too_soon = schedule.asked_at.is_some_and(|asked_at| asked_at.elapsed() < self.0.settings.pause);
        if is_too_soon && !is_under_way {
            return std::future::ready(schedule.failures == 0).boxed();
        }
        schedule.asked_at = Some(Instant::now());
        self.join(&mut schedule).boxed()
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
