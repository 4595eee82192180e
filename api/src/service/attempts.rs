//! How often a viewer may try an account at an address: a registry locks out a user whose password was wrong too often,
//! and whoever may type addresses should not go through the ports of a network.
//!
//! Counted in this process alone, so replicas allow as much each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Error;
use crate::upstream::Address;

/// Within which attempts are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// Attempts of one viewer at one address. A path makes no other address: the account behind it is the same.
const MOST_AT_ONE: usize = 5;

/// Attempts of one viewer at all addresses together.
const MOST: usize = 30;

/// Viewers that are remembered before those are forgotten who have tried nothing lately.
const REMEMBERED: usize = 1_000;

/// The latest attempts of each viewer.
#[derive(Default)]
pub(super) struct Attempts {
    latest: Mutex<Latest>,
}

#[derive(Default)]
struct Latest {
    /// By subject; at most [`MOST`] each.
    of: HashMap<String, Vec<Attempt>>,
    /// How many viewers there were after some were last forgotten.
    remembered: usize,
}

struct Attempt {
    host: String,
    at: Instant,
    number: u64,
}

/// An attempt that counts, unless it is [`Counted::forgive`]n.
#[must_use]
pub(super) struct Counted {
    attempts: Arc<Attempts>,
    subject: String,
    number: u64,
}

impl Attempts {
    /// Counts an attempt, or refuses it where there were too many.
    pub(super) fn count(self: &Arc<Self>, subject: &str, address: &Address) -> Result<Counted, Error> {
        self.count_at(subject, &address.host(), Instant::now())
    }

    fn count_at(self: &Arc<Self>, subject: &str, host: &str, now: Instant) -> Result<Counted, Error> {
        let mut latest = self.latest();
        latest.forget_idle(now);
        let attempts = latest.of.entry(subject.to_owned()).or_default();
        attempts.retain(|attempt| now - attempt.at < WINDOW);
        let nth_last = |most: usize, times: Vec<Instant>| times.len().checked_sub(most).map(|nth| times[nth]);
        let here = attempts.iter().filter(|attempt| attempt.host == host).map(|attempt| attempt.at).collect();
        let anywhere = attempts.iter().map(|attempt| attempt.at).collect();
        if let Some(first) = nth_last(MOST_AT_ONE, here).max(nth_last(MOST, anywhere)) {
            // The one that must have passed from the window first.
            let wait = (first + WINDOW - now).as_millis().div_ceil(1_000);
            return Err(Error::too_soon(
                "address",
                format!("too many connections were tried in a short time: try again in {wait} s"),
            ));
        }
        let number = attempts.last().map_or(0, |attempt| attempt.number + 1);
        attempts.push(Attempt { host: host.to_owned(), at: now, number });
        Ok(Counted { attempts: self.clone(), subject: subject.to_owned(), number })
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latest {
    /// Forgets who has tried nothing within the window, whenever there are twice as many as after the last time.
    fn forget_idle(&mut self, now: Instant) {
        if self.of.len() >= (2 * self.remembered).max(REMEMBERED) {
            self.of.retain(|_, attempts| attempts.last().is_some_and(|attempt| now - attempt.at < WINDOW));
            self.remembered = self.of.len();
        }
    }
}

impl Counted {
    /// Counts it no longer: it has proved an account, and so harmed nobody.
    pub(super) fn forgive(self) {
        if let Some(attempts) = self.attempts.latest().of.get_mut(&self.subject) {
            attempts.retain(|attempt| attempt.number != self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts an attempt at a second; what its refusal says.
    fn count(attempts: &Arc<Attempts>, begun: Instant, subject: &str, host: &str, second: u64) -> Result<(), String> {
        let counted = attempts.count_at(subject, host, begun + Duration::from_secs(second));
        counted.map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn five_a_minute_for_a_viewer_and_an_address() {
        let (attempts, begun) = (Arc::default(), Instant::now());
        let try_at = |second| count(&attempts, begun, "ada", "harbor.example", second);
        for second in [0, 10, 20, 20, 59] {
            assert_eq!(try_at(second), Ok(()), "{second}");
        }
        assert!(try_at(59).unwrap_err().ends_with("try again in 1 s"));
        assert_eq!(try_at(60), Ok(()));
        // Refusals do not count: who waits as long as is said gets through.
        assert!(try_at(61).unwrap_err().ends_with("try again in 9 s"));
        assert_eq!(try_at(70), Ok(()));
        assert_eq!(count(&attempts, begun, "bob", "harbor.example", 70), Ok(()));
        assert_eq!(count(&attempts, begun, "ada", "harbor.example:8443", 70), Ok(()));
    }

    #[test]
    fn nobody_goes_through_a_network() {
        let (attempts, begun) = (Arc::default(), Instant::now());
        let refused = (0..1_000_u64)
            .filter(|port| count(&attempts, begun, "ada", &format!("10.0.0.1:{port}"), port / 100).is_err());
        assert_eq!(refused.count(), 1_000 - MOST);
        assert_eq!(attempts.latest().of["ada"].len(), MOST);
        assert_eq!(count(&attempts, begun, "ada", "10.0.0.2", 60), Ok(()));
    }

    #[test]
    fn what_proved_an_account_counts_no_longer() {
        let attempts: Arc<Attempts> = Arc::default();
        let now = Instant::now();
        for _ in 0..20 {
            attempts.count_at("ada", "harbor.example", now).unwrap().forgive();
        }
        let first = attempts.count_at("ada", "harbor.example", now).unwrap();
        for _ in 1..MOST_AT_ONE {
            let _ = attempts.count_at("ada", "harbor.example", now).unwrap();
        }
        assert!(attempts.count_at("ada", "harbor.example", now).is_err());
        first.forgive();
        assert!(attempts.count_at("ada", "harbor.example", now).is_ok());
    }

    #[test]
    fn memory_is_bounded_by_who_is_at_it() {
        let (attempts, begun) = (Arc::default(), Instant::now());
        for viewer in 0..100_000_u64 {
            count(&attempts, begun, &format!("u-{viewer}"), "harbor.example", viewer / 10).unwrap();
        }
        // Ten a second for a minute, and what gathers before anybody is forgotten.
        assert!(attempts.latest().of.len() <= 2 * REMEMBERED, "{}", attempts.latest().of.len());
    }
}
