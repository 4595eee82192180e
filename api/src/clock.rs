//! The time of day. The only module that reads the wall clock, so everything below takes time as an argument.

use chrono::{DateTime, SubsecRound, Utc};

/// The present moment, cut to whole milliseconds: what every database keeps and what the graph shows.
#[must_use]
pub fn now() -> DateTime<Utc> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let now = Utc::now();
    now.trunc_subsecs(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_has_whole_milliseconds() {
        assert_eq!(now().timestamp_subsec_nanos() % 1_000_000, 0);
    }
}
