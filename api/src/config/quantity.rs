//! Durations and sizes as people write them: `60s`, `1MiB`.

use std::time::Duration;

/// A duration above zero: a whole number and one of `ms`, `s`, `m`, `h`, `d`.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "must be a duration above zero, such as 500ms, 30s, 5m, 12h or 7d";
    let (number, unit) = split(text).ok_or(EXPECTED)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(EXPECTED),
    };
    match number.checked_mul(millis) {
        // A thousand years is more than any clock here can add.
        Some(millis) if millis > 0 && millis < 1_000 * 365 * 86_400_000 => Ok(Duration::from_millis(millis)),
        _ => Err(EXPECTED),
    }
}

/// A size in bytes, above zero: a whole number, alone or with one of `KiB`, `MiB`.
pub(super) fn parse_size(text: &str) -> Result<usize, &'static str> {
    const EXPECTED: &str = "must be a size above zero, such as 65536, 512KiB or 1MiB";
    let (number, unit) = split(text).ok_or(EXPECTED)?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return Err(EXPECTED),
    };
    let bytes = number.checked_mul(factor).filter(|bytes| *bytes > 0).ok_or(EXPECTED)?;
    usize::try_from(bytes).map_err(|_| EXPECTED)
}

/// A whole number above zero.
pub(super) fn parse_count(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|count| *count > 0).ok_or("must be a whole number above zero")
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(parse_duration("12 h"), Ok(Duration::from_secs(43_200)));
        for text in
            ["", "60", "0s", "-1s", "1.5s", "s", "1w", "99999999999999999999s", "18446744073709551615d", "500000d"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("65536"), Ok(65_536));
        assert_eq!(parse_size("512KiB"), Ok(524_288));
        assert_eq!(parse_size("1 MiB"), Ok(1_048_576));
        for text in ["", "0", "1MB", "-1", "MiB", "18446744073709551615MiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
