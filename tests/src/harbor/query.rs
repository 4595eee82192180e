//! The `q` and `sort` languages of Harbor's lists. Knows cells and columns, not resources.
//!
//! What Harbor does not know it ignores: a misspelt key returns everything, a misspelt sort key
//! leaves the default order. Clients must check for themselves, so the simulation must not help.

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDateTime, Utc};
use percent_encoding::percent_decode_str;

use super::reply::Refusal;

/// The value that a row has in one column.
#[derive(Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Text(&'a str),
    Number(i64),
    Time(DateTime<Utc>),
    Flag(bool),
}

/// A row that can be filtered and ordered by column name.
pub(super) trait Row {
    /// `None` for a column that does not exist.
    fn cell(&self, column: &str) -> Option<Cell<'_>>;
}

/// The right-hand side of one `q` term.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Exact(String),
    Fuzzy(String),
    Range(String, String),
    AnyOf(Vec<String>),
    /// Only `labels` on artifacts knows it; elsewhere it is ignored.
    AllOf(Vec<String>),
}

#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) key: String,
    pub(super) test: Test,
}

/// Reads the value of `q`, which Harbor decodes once more than HTTP does.
pub(super) fn parse(q: &str) -> Result<Vec<Term>, Refusal> {
    let twice_decoded = percent_decode_str(&q.replace('+', " ")).decode_utf8_lossy().into_owned();
    twice_decoded
        .split(',')
        .map(str::trim)
        .filter(|term| !term.is_empty())
        .map(|term| match term.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                Ok(Term { key: key.to_owned(), test: test(value) })
            }
            _ => Err(Refusal::bad_request("the query string must contain \"=\" and the key/value cannot be empty")),
        })
        .collect()
}

fn test(value: &str) -> Test {
    let words = |inner: &str| inner.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect();
    let between = |open: char, close: char| value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    if let Some(inner) = between('[', ']')
        && let Some((low, high)) = inner.split_once('~')
    {
        return Test::Range(low.to_owned(), high.to_owned());
    }
    if let Some(inner) = between('{', '}') {
        return Test::AnyOf(words(inner));
    }
    if let Some(inner) = between('(', ')') {
        return Test::AllOf(words(inner));
    }
    match value.strip_prefix('~') {
        Some(fuzzy) => Test::Fuzzy(fuzzy.to_owned()),
        None => Test::Exact(value.strip_prefix('\\').unwrap_or(value).to_owned()),
    }
}

/// Whether a row passes a term. Columns that do not exist pass.
///
/// A time that cannot be read reaches Harbor's database and comes back as an internal error.
pub(super) fn passes(row: &impl Row, term: &Term) -> Result<bool, Refusal> {
    let Some(cell) = row.cell(&term.key) else {
        return Ok(true);
    };
    Ok(match &term.test {
        Test::Exact(value) => compare(&cell, value)? == Some(Ordering::Equal),
        Test::Fuzzy(part) => match cell {
            Cell::Text(text) => text.to_lowercase().contains(&part.to_lowercase()),
            Cell::Number(_) | Cell::Time(_) | Cell::Flag(_) => false,
        },
        Test::Range(low, high) => {
            let above = low.is_empty() || compare(&cell, low)?.is_some_and(Ordering::is_ge);
            let below = high.is_empty() || compare(&cell, high)?.is_some_and(Ordering::is_le);
            above && below
        }
        Test::AnyOf(values) => {
            let mut any = false;
            for value in values {
                any |= compare(&cell, value)? == Some(Ordering::Equal);
            }
            any
        }
        Test::AllOf(_) => true,
    })
}

fn compare(cell: &Cell<'_>, value: &str) -> Result<Option<Ordering>, Refusal> {
    Ok(match cell {
        Cell::Text(text) => Some((*text).cmp(value)),
        Cell::Number(number) => value.parse().ok().map(|value| number.cmp(&value)),
        Cell::Flag(flag) => Some(flag.cmp(&matches!(value, "true" | "1"))),
        Cell::Time(time) => {
            let bound = NaiveDateTime::parse_from_str(value, "%Y-%m-%dT%H:%M:%S").map_err(|_| Refusal::internal())?;
            Some(time.cmp(&bound.and_utc()))
        }
    })
}

/// Orders rows by `sort=a,-b`; the default order holds only when no key of `sort` is known.
pub(super) fn order<R: Row>(rows: &mut [R], sort: &str, default: &str) {
    let keys = |list: &str| {
        list.split(',')
            .map(str::trim)
            .map(|key| match key.strip_prefix('-') {
                Some(key) => (key.to_owned(), true),
                None => (key.to_owned(), false),
            })
            .filter(|(key, _)| rows.first().is_some_and(|row| row.cell(key).is_some()))
            .collect::<Vec<_>>()
    };
    let mut wanted = keys(sort);
    if wanted.is_empty() {
        wanted = keys(default);
    }
    rows.sort_by(|left, right| {
        wanted
            .iter()
            .map(|(key, descending)| {
                let ordering = rank(left.cell(key), right.cell(key));
                if *descending { ordering.reverse() } else { ordering }
            })
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    });
}

fn rank(left: Option<Cell<'_>>, right: Option<Cell<'_>>) -> Ordering {
    match (left, right) {
        (Some(Cell::Text(left)), Some(Cell::Text(right))) => left.cmp(right),
        (Some(Cell::Number(left)), Some(Cell::Number(right))) => left.cmp(&right),
        (Some(Cell::Time(left)), Some(Cell::Time(right))) => left.cmp(&right),
        (Some(Cell::Flag(left)), Some(Cell::Flag(right))) => left.cmp(&right),
        _ => Ordering::Equal,
    }
}
