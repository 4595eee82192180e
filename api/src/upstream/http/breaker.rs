//! When a registry that does not answer is left alone.
//!
//! Two failed calls in a row open the breaker of an origin. From then on calls fail at once, with what went wrong last, so
//! that a registry that hangs costs nobody a deadline again. After a pause one call may try, while the others still fail;
//! if it fails too, the next pause is twice as long. Whatever a registry answers closes the breaker. A call that a person
//! insists on is a trial at any time: they may know that the registry is back.
//!
//! All clients of an origin share its breaker, so only what is true for all of them counts. A certificate that one client
//! does not accept is neither a failure nor an answer: another client may have been told to accept it.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::{sync::watch, time::Instant};

use super::{Error, retry::jitter};

/// So many failed calls in a row are no accident.
const FAILURES: u32 = 2;

/// The pause before the first trial; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause that a registry gets for asking: it may be back long before.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// What says whether calls to one origin may be sent.
pub(super) struct Breaker {
    state: watch::Sender<State>,
    longest_pause: Duration,
}

enum State {
    /// Calls are sent; so many failed since the last answer.
    Closed { failures: u32 },
    /// Calls fail with this error, and from this moment on one may try.
    Open { error: Error, pause: Duration, until: Instant },
    /// One call tries, the others fail with this error.
    Trial { error: Error, pause: Duration },
}

/// Leave to send one call, its retries included. Dropped without being settled, as when whoever wanted the call has hung
/// up, it has found nothing out.
#[must_use]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
}

/// What a call has shown about its origin.
enum Finding<'a> {
    Answer,
    Failure {
        error: &'a Error,
        /// How long the registry asks to be left alone.
        asked: Duration,
    },
    Nothing,
}

impl Breaker {
    pub(super) fn new(longest_pause: Duration) -> Self {
        Self { state: watch::Sender::new(State::Closed { failures: 0 }), longest_pause }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state.borrow().error().is_some()
    }

    /// Lets a call through.
    ///
    /// # Errors
    /// The error that was last, while the breaker is open.
    pub(super) fn enter(&self) -> Result<Pass<'_>, Error> {
        self.enter_at(Instant::now())
    }

    /// Lets a call through as a trial although the pause is not over, and although another one may be trying.
    pub(super) fn insist(&self) -> Pass<'_> {
        let mut is_trial = false;
        self.state.send_if_modified(|state| {
            if let State::Open { error, pause, .. } | State::Trial { error, pause } = state {
                *state = State::Trial { error: error.clone(), pause: *pause };
                is_trial = true;
            }
            false
        });
        Pass { breaker: self, is_trial }
    }

    fn enter_at(&self, now: Instant) -> Result<Pass<'_>, Error> {
        let mut outcome = Ok(false);
        self.state.send_if_modified(|state| {
            outcome = match state {
                State::Closed { .. } => Ok(false),
                State::Open { error, pause, until } if *until <= now => {
                    *state = State::Trial { error: error.clone(), pause: *pause };
                    Ok(true)
                }
                State::Open { error, .. } | State::Trial { error, .. } => Err(error.clone()),
            };
            // Nobody waits for a trial to begin.
            false
        });
        outcome.map(|is_trial| Pass { breaker: self, is_trial })
    }

    /// Waits until the breaker is open, and says why it is. Never, if it stays closed.
    pub(super) async fn opened(&self) -> Error {
        let mut states = self.state.subscribe();
        let state = states.wait_for(|state| state.error().is_some()).await.expect("the sender is borrowed");
        state.error().expect("it was waited for").clone()
    }

    fn open(&self, error: &Error, pause: Duration, asked: Duration, now: Instant) -> State {
        let pause = pause.min(self.longest_pause);
        State::Open { error: error.clone(), pause, until: now + jitter(pause).max(asked.min(LONGEST_ASKED)) }
    }
}

impl State {
    /// Why calls fail at once, if they do.
    fn error(&self) -> Option<&Error> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { error, .. } | Self::Trial { error, .. } => Some(error),
        }
    }
}

impl Pass<'_> {
    /// Whether this is the one call that finds out whether the registry is back.
    pub(super) fn is_trial(&self) -> bool {
        self.is_trial
    }

    /// Takes note of how the call ended.
    pub(super) fn settle<T>(self, outcome: &Result<T, Error>) {
        self.settle_at(outcome, Instant::now());
    }

    fn settle_at<T>(mut self, outcome: &Result<T, Error>, now: Instant) {
        let breaker = self.breaker;
        match Finding::of(outcome) {
            Finding::Nothing => self.leave(now),
            Finding::Answer => {
                self.is_trial = false;
                breaker.state.send_if_modified(|state| {
                    *state = State::Closed { failures: 0 };
                    false
                });
            }
            Finding::Failure { error, asked } => {
                let is_trial = std::mem::take(&mut self.is_trial);
                breaker.state.send_if_modified(|state| {
                    *state = match state {
                        State::Closed { failures } if *failures + 1 < FAILURES => {
                            State::Closed { failures: *failures + 1 }
                        }
                        State::Closed { .. } => breaker.open(error, FIRST_PAUSE, asked, now),
                        State::Trial { pause, .. } if is_trial => breaker.open(error, *pause * 2, asked, now),
                        // A call from before the breaker opened: what it found out is known already.
                        State::Open { .. } | State::Trial { .. } => return false,
                    };
                    state.error().is_some()
                });
            }
        }
    }

    /// Lets another call try. Not at once, as it may be its silence that this one was given up for; but after a pause
    /// that is no longer than the last.
    fn leave(&mut self, now: Instant) {
        if std::mem::take(&mut self.is_trial) {
            self.breaker.state.send_if_modified(|state| {
                if let State::Trial { error, pause } = state {
                    *state = self.breaker.open(error, *pause, Duration::ZERO, now);
                }
                false
            });
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.leave(Instant::now());
    }
}

impl<'a> Finding<'a> {
    fn of<T>(outcome: &'a Result<T, Error>) -> Self {
        let Err(error) = outcome else { return Self::Answer };
        match error {
            Error::Timeout => Self::Failure { error, asked: Duration::ZERO },
            Error::Unreachable { .. } if error.is_retryable() => Self::Failure { error, asked: Duration::ZERO },
            // A registry that turns some calls away answers, unless it asks to be left alone.
            Error::Unavailable { status, retry_after: None } if *status == StatusCode::TOO_MANY_REQUESTS.as_u16() => {
                Self::Answer
            }
            Error::Unavailable { retry_after, .. } => Self::Failure { error, asked: retry_after.unwrap_or_default() },
            // The client's own settings, or nothing that was sent.
            Error::Unreachable { .. }
            | Error::Blocked { .. }
            | Error::Unsupported { .. }
            | Error::Unusable { .. }
            | Error::InvalidCertificate { .. } => Self::Nothing,
            Error::Unauthorized
            | Error::Forbidden { .. }
            | Error::NotFound
            | Error::Conflict { .. }
            | Error::ReadOnly
            | Error::Rejected { .. }
            | Error::NotTheProduct { .. }
            | Error::UnsupportedVersion { .. }
            | Error::Malformed { .. }
            | Error::Changed { .. }
            | Error::TooLarge => Self::Answer,
        }
    }
}

#[cfg(test)]
mod tests;
