//! Waiting for what happens by itself, with a deadline: the only place where tests sleep.

use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until there is something to see, and returns it.
///
/// # Panics
/// When there is nothing by the deadline; `what` says what was waited for.
#[track_caller]
pub fn eventually<T>(
    deadline: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let begun = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            let waited = begun.elapsed();
            assert!(waited < deadline, "{what}: not after {waited:?} (waited for at {caller})");
            tokio::time::sleep(PAUSE).await;
        }
    }
}
