//! Versions: of a product, and as tags.

use std::cmp::Ordering;

/// The leading `major.minor.patch` of a product's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release(pub(super) u64, pub(super) u64, pub(super) u64);

impl Release {
    /// Reads `v2.12.0-b2e5a3f9`, `2.4`, `v2.16.0-dev-1`; not `-`, which builds without stamps report.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut parts = text[..end].split('.').map(str::parse::<u64>);
        let major = parts.next()?.ok()?;
        let minor = parts.next()?.ok()?;
        let patch = parts.next().and_then(Result::ok).unwrap_or(0);
        Some(Self(major, minor, patch))
    }
}

/// Orders tags from the newest version to the oldest; tags that are no versions come last, by name.
///
/// A release comes before its own candidates and variants: `1.10.0`, `1.10.0-rc1`, `1.9`, `latest`.
pub(super) fn newest_first(a: &str, b: &str) -> Ordering {
    match (numbers(a), numbers(b)) {
        (Some((left, left_rest)), Some((right, right_rest))) => compare_numbers(&right, &left)
            .then_with(|| left_rest.is_empty().cmp(&right_rest.is_empty()).reverse())
            .then_with(|| natural(right_rest, left_rest))
            .then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// The dotted numbers that a tag begins with, and the rest of it.
fn numbers(tag: &str) -> Option<(Vec<&str>, &str)> {
    let text = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let mut rest = text;
    let mut parts = Vec::new();
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            break;
        }
        parts.push(&rest[..digits]);
        rest = &rest[digits..];
        match rest.strip_prefix('.') {
            Some(after) if after.starts_with(|c: char| c.is_ascii_digit()) => rest = after,
            _ => break,
        }
    }
    (!parts.is_empty()).then_some((parts, rest))
}

fn compare_numbers(left: &[&str], right: &[&str]) -> Ordering {
    (0..left.len().max(right.len()))
        .map(|at| {
            let part = |side: &[&str]| side.get(at).copied().unwrap_or("0").to_owned();
            digits(&part(left), &part(right))
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Compares numbers of any length: dates and build numbers overflow machine words.
fn digits(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Compares text with the numbers in it as numbers: `-rc9` before `-rc10`.
fn natural(mut left: &str, mut right: &str) -> Ordering {
    while let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) {
        let order = if a.is_ascii_digit() && b.is_ascii_digit() {
            let (n, m) = (
                left.bytes().take_while(u8::is_ascii_digit).count(),
                right.bytes().take_while(u8::is_ascii_digit).count(),
            );
            let order = digits(&left[..n], &right[..m]);
            (left, right) = (&left[n..], &right[m..]);
            order
        } else {
            (left, right) = (&left[a.len_utf8()..], &right[b.len_utf8()..]);
            a.cmp(&b)
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_from_what_products_report() {
        let check = |text: &str, expected: Option<Release>| assert_eq!(Release::parse(text), expected, "{text}");
        check("v2.12.0-b2e5a3f9", Some(Release(2, 12, 0)));
        check("v2.9.5-local", Some(Release(2, 9, 5)));
        check("v2.16.0-dev-1", Some(Release(2, 16, 0)));
        check("2.4", Some(Release(2, 4, 0)));
        check("v1.10.17", Some(Release(1, 10, 17)));
        check("v2.3.4.vendor", Some(Release(2, 3, 4)));
        check("-", None);
        check("", None);
        check("dev", None);
        assert!(Release(2, 3, 9) < Release(2, 4, 0));
    }

    #[test]
    fn tags_stand_newest_version_first() {
        let mut tags = vec![
            "9.0",
            "latest",
            "10.0",
            "1.0",
            "v10.0.1",
            "10.0-rc2",
            "10.0-rc10",
            "main",
            "20240506",
            "1.0.0-alpine",
            "9.0-00",
            "99999999999999999999999",
        ];
        tags.sort_by(|a, b| newest_first(a, b));
        assert_eq!(
            tags,
            [
                "99999999999999999999999",
                "20240506",
                "v10.0.1",
                "10.0",
                "10.0-rc10",
                "10.0-rc2",
                "9.0",
                "9.0-00",
                "1.0",
                "1.0.0-alpine",
                "latest",
                "main",
            ]
        );
    }
}
