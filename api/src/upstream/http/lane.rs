//! What all clients of one origin share, and what is counted of all origins.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicU64, Ordering},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    Error, Settings,
    breaker::{Breaker, Pass},
};

/// What all clients of one origin share.
pub(in crate::upstream) struct Lane {
    gate: Semaphore,
    pub(super) breaker: Breaker,
    /// How slashes in names get through to this origin; what the values mean is the product's business.
    encoding: AtomicU8,
    traffic: Arc<Traffic>,
}

/// What was sent so far, to all registries together.
#[derive(Debug, Default)]
pub(in crate::upstream) struct Traffic {
    requests: AtomicU64,
    failures: AtomicU64,
}

impl Lane {
    pub(in crate::upstream) fn new(settings: &Settings, traffic: Arc<Traffic>) -> Self {
        Self {
            gate: Semaphore::new(settings.concurrency.max(1)),
            breaker: Breaker::new(settings.breaker_pause),
            encoding: AtomicU8::new(0),
            traffic,
        }
    }

    /// Waits for a place among the requests under way. Whoever gives up waiting leaves nothing behind, and when the
    /// breaker opens meanwhile nobody waits on: the places may be held by requests that hang. A trial waits for one
    /// of these to end.
    pub(super) async fn permit(&self, pass: &Pass<'_>) -> Result<SemaphorePermit<'_>, Error> {
        if pass.is_trial() {
            return Ok(self.gate.acquire().await.expect("nothing closes a lane's semaphore"));
        }
        tokio::select! {
            biased;
            error = self.breaker.opened() => Err(error),
            permit = self.gate.acquire() => Ok(permit.expect("nothing closes a lane's semaphore")),
        }
    }

    pub(super) fn encoding(&self) -> u8 {
        self.encoding.load(Ordering::Relaxed)
    }

    pub(super) fn remember_encoding(&self, encoding: u8) {
        self.encoding.store(encoding, Ordering::Relaxed);
    }

    pub(super) fn count_request(&self) {
        self.traffic.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request as failed if no registry answered it.
    pub(super) fn count_outcome<T>(&self, outcome: &Result<T, Error>) {
        let is_failure = match outcome {
            Err(Error::Unavailable { status, .. }) => *status >= 500,
            Err(error) => matches!(error, Error::Unreachable { .. } | Error::Timeout),
            Ok(_) => false,
        };
        if is_failure {
            self.traffic.failures.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Traffic {
    pub(in crate::upstream) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(in crate::upstream) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}
