//! Times as registries write them.

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Deserializer};

/// Reads RFC 3339 of any precision and offset. Go writes year 1 for "never", which is `None`, as is what cannot be read:
/// a time is never worth failing a list for.
pub(super) fn parse(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text.trim()).ok().map(|time| time.with_timezone(&Utc)).filter(|time| time.year() > 1)
}

/// [`parse`] for serde; absent, null and odd values are `None`.
pub(super) fn deserialize<'de, D>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error>
where
    D: Deserializer<'de>,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(parse))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(parse(text).map(|t| t.to_rfc3339()).as_deref(), expected, "{text}");
    }

    #[test]
    fn any_precision_and_offset_is_read() {
        check("2024-05-06T07:08:09.123Z", Some("2024-05-06T07:08:09.123+00:00"));
        check("2024-05-06T07:08:09.123456789Z", Some("2024-05-06T07:08:09.123456789+00:00"));
        check("2024-05-06T09:08:09+02:00", Some("2024-05-06T07:08:09+00:00"));
    }

    #[test]
    fn never_and_nonsense_are_none() {
        check("0001-01-01T00:00:00.000Z", None);
        check("0001-01-01T00:00:00+08:00", None);
        check("", None);
        check("yesterday", None);
    }
}
