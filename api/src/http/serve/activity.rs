//! What a connection does, and what to think of it. Knows nothing of sockets.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::Version;
use tokio::time::Instant;

use super::Patience;

/// The slowest pace at which an answer must be taken, in bytes a second.
const PACE: u32 = 8 << 10;

/// How long a connection may do nothing while others wait for its place.
const CROWDED: Duration = Duration::from_secs(1);

/// What one connection has done so far.
pub(super) struct Activity {
    patience: Patience,
    state: Mutex<State>,
}

/// What should become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Well,
    /// It should end in good order, and soon: nothing has been under way on it for long, or an answer is taken too slowly.
    /// (HTTP/2 takes back what was handed over when a request is cancelled, which looks like the latter.)
    Over,
    /// A request was not begun in time. Nothing is lost with it.
    Stuck,
}

struct State {
    is_http2: bool,
    /// Requests whose answers have not been handed over to their end.
    n_open: usize,
    has_asked: bool,
    /// When the connection began, or its last request ended.
    quiet_since: Instant,
    /// When the first byte came of what is no request yet.
    head_since: Option<Instant>,
    /// What was handed over of answers and could not be written yet.
    owed_bytes: usize,
    /// Until when more of it must be written.
    due: Instant,
}

impl Activity {
    pub(super) fn new(patience: Patience) -> Self {
        let now = Instant::now();
        let state = State {
            is_http2: false,
            n_open: 0,
            has_asked: false,
            quiet_since: now,
            head_since: None,
            owed_bytes: 0,
            due: now,
        };
        Self { patience, state: Mutex::new(state) }
    }

    /// The headers of a request have come.
    pub(super) fn begin(self: &Arc<Self>, version: Version) -> Open {
        let mut state = self.lock();
        state.is_http2 = version == Version::HTTP_2;
        state.has_asked = true;
        state.n_open += 1;
        state.head_since = None;
        drop(state);
        Open(self.clone())
    }

    pub(super) fn read(&self) {
        let mut state = self.lock();
        // Frames of HTTP/2 may come at any time and say nothing of requests.
        if state.n_open == 0 && !state.is_http2 && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    pub(super) fn wrote(&self, n_bytes: usize) {
        let mut state = self.lock();
        if state.owed_bytes > 0 {
            // Headers and frames count as well, so never more than what is owed.
            let n_bytes = n_bytes.min(state.owed_bytes);
            state.owed_bytes -= n_bytes;
            let earned = Duration::from_secs(1).mul_f64(n_bytes as f64 / f64::from(PACE));
            state.due = (state.due + earned).min(Instant::now() + self.patience.stall);
        }
    }

    fn owe(&self, n_bytes: usize) {
        let mut state = self.lock();
        if state.owed_bytes == 0 {
            state.due = Instant::now() + self.patience.stall;
        }
        state.owed_bytes += n_bytes;
    }

    fn end(&self) {
        let mut state = self.lock();
        state.n_open -= 1;
        state.quiet_since = Instant::now();
    }

    /// What to do about it. `is_crowded`: others wait for its place.
    pub(super) fn judge(&self, now: Instant, is_crowded: bool) -> Verdict {
        let state = self.lock();
        if state.owed_bytes > 0 {
            return if now > state.due { Verdict::Over } else { Verdict::Well };
        }
        if state.n_open > 0 {
            // How long an answer takes to make is bounded where it is made.
            return Verdict::Well;
        }
        let (head, idle) = match is_crowded {
            true => (self.patience.head.min(CROWDED), self.patience.idle.min(CROWDED)),
            false => (self.patience.head, self.patience.idle),
        };
        let is_over = |since: Instant, patience: Duration| now > since + patience;
        if !state.has_asked && is_over(state.quiet_since, head) || state.head_since.is_some_and(|at| is_over(at, head))
        {
            return Verdict::Stuck;
        }
        if is_over(state.quiet_since, idle) { Verdict::Over } else { Verdict::Well }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request until its answer has been handed over, or was given up.
pub(super) struct Open(Arc<Activity>);

impl Open {
    /// So many bytes of the answer are to be written now.
    pub(super) fn owe(&self, n_bytes: usize) {
        self.0.owe(n_bytes);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests;
