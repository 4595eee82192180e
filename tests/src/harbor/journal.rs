//! What was asked, in order of arrival; how much at once; and the gate that holds requests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

#[derive(Debug, Default)]
struct Entries {
    requests: Vec<String>,
    users: Vec<Option<String>>,
    in_flight: usize,
    most_in_flight: usize,
}

#[derive(Debug)]
pub(super) struct Journal {
    entries: Mutex<Entries>,
    /// How many requests arrived since the journal was cleared.
    arrived: watch::Sender<usize>,
    paused: watch::Sender<bool>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self { entries: Mutex::default(), arrived: watch::Sender::new(0), paused: watch::Sender::new(false) }
    }

    /// Writes a request down; it counts as in flight until the guard is dropped.
    pub(super) fn arrive(&self, request: String, user: Option<String>) -> InFlight<'_> {
        let mut entries = self.lock();
        entries.requests.push(request);
        entries.users.push(user);
        entries.in_flight += 1;
        entries.most_in_flight = entries.most_in_flight.max(entries.in_flight);
        self.arrived.send_replace(entries.requests.len());
        InFlight(self)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    pub(super) fn users(&self) -> Vec<Option<String>> {
        self.lock().users.clone()
    }

    pub(super) fn most_in_flight(&self) -> usize {
        self.lock().most_in_flight
    }

    pub(super) fn in_flight(&self) -> usize {
        self.lock().in_flight
    }

    pub(super) fn clear(&self) {
        let mut entries = self.lock();
        entries.requests.clear();
        entries.users.clear();
        entries.most_in_flight = entries.in_flight;
        self.arrived.send_replace(0);
    }

    pub(super) async fn wait_for(&self, n: usize) {
        let arrived = self.arrived.subscribe().wait_for(|count| *count >= n).await.is_ok();
        debug_assert!(arrived, "the sender lives as long as the journal");
    }

    pub(super) fn set_paused(&self, paused: bool) {
        self.paused.send_replace(paused);
    }

    /// Returns at once, or when the pause is over.
    pub(super) async fn pass_gate(&self) {
        let open = self.paused.subscribe().wait_for(|paused| !paused).await.is_ok();
        debug_assert!(open, "the sender lives as long as the journal");
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that has not been answered; dropped with its connection, too.
#[derive(Debug)]
pub(super) struct InFlight<'a>(&'a Journal);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}
