//! When a request is worth sending again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::{Error, Reply, is_broken};

/// Attempts after the first one.
const RETRIES: u32 = 2;

/// The pause before the first retry; it doubles.
const BASE: Duration = Duration::from_millis(100);

/// A registry that asks for a longer pause gets it from the caller, who can do something else meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest pause believed: a proxy once configured with a year must not keep a registry dark.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// How long to wait before sending again; `None` to leave it. Never after a refusal: a wrong password locks users out.
pub(super) fn pause(attempt: u32, outcome: &Result<Reply, Error>) -> Option<Duration> {
    if attempt >= RETRIES {
        return None;
    }
    let asked = match outcome {
        Err(Error::Unavailable { retry_after, .. }) => retry_after.unwrap_or_default(),
        Err(error) if is_broken(error) => Duration::ZERO,
        Ok(_) | Err(_) => return None,
    };
    let pause = asked.max(jitter(BASE * 2_u32.pow(attempt)));
    (pause <= PATIENCE).then_some(pause)
}

/// Reads `Retry-After`: seconds, or an HTTP date.
pub(super) fn requested(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let asked = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = DateTime::parse_from_rfc2822(text).ok()?;
            (until.with_timezone(&Utc) - DateTime::<Utc>::from(std::time::SystemTime::now()))
                .to_std()
                .unwrap_or_default()
        }
    };
    Some(asked.min(LONGEST))
}

/// Between half of a pause and the whole of it, so that replicas do not come back in step.
pub(super) fn jitter(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    pause.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;
    use crate::upstream::UnreachableKind;

    #[test]
    fn only_what_may_help_is_sent_again() {
        let unavailable = |retry_after| Err(Error::Unavailable { status: 503, retry_after });
        let reset = Err(Error::Unreachable { kind: UnreachableKind::Reset, source: None });
        assert!(pause(0, &reset).is_some());
        assert!(pause(1, &unavailable(None)).is_some());
        assert!(pause(2, &unavailable(None)).is_none());
        assert_eq!(pause(0, &unavailable(Some(Duration::from_secs(1)))), Some(Duration::from_secs(1)));
        assert!(pause(0, &unavailable(Some(Duration::from_secs(30)))).is_none());
        assert!(pause(0, &Err(Error::Unauthorized)).is_none());
        assert!(pause(0, &Err(Error::Timeout)).is_none());
    }

    #[test]
    fn a_pause_asked_for_is_seconds_or_a_date() {
        let check = |text: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            requested(&headers)
        };
        assert_eq!(check("7"), Some(Duration::from_secs(7)));
        assert_eq!(check("31536000"), Some(LONGEST));
        assert_eq!(check("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(check("Wed, 21 Oct 2150 07:28:00 GMT"), Some(LONGEST));
        assert_eq!(check("soon"), None);
    }
}
