//! What a selection must answer, found by looking at everything.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::super::*;

/// All images of some parts, by reference, each with the row that shows it.
pub(super) struct Model<'a> {
    parts: &'a [Part],
    winners: BTreeMap<String, Row>,
}

/// What an image is ordered by, written out: its number, and its reference.
type Place = (Option<i64>, String);

impl<'a> Model<'a> {
    pub(super) fn new(parts: &'a [Part]) -> Self {
        let mut winners: BTreeMap<String, Row> = BTreeMap::new();
        let mut by_precedence: Vec<usize> = (0..parts.len()).collect();
        by_precedence.sort_by_key(|&part| (parts[part].rank, part));
        for part in by_precedence {
            for (index, image) in parts[part].snapshot.images().enumerate() {
                let reference = format!("{}{}", parts[part].prefix, image.repository);
                winners.entry(reference).or_insert(Row { part, index });
            }
        }
        Self { parts, winners }
    }

    pub(super) fn winners(&self) -> impl Iterator<Item = (&str, Row)> {
        self.winners.iter().map(|(reference, row)| (reference.as_str(), *row))
    }

    pub(super) fn count(&self, query: &Query<'_>) -> Counts {
        let mut per_part = vec![0; self.parts.len()];
        for (_, row) in self.listed(query) {
            per_part[row.part] += 1;
        }
        Counts { total: per_part.iter().sum(), per_part }
    }

    pub(super) fn page(&self, query: &Query<'_>) -> Page {
        let mut list: Vec<(Place, Row)> = self
            .listed(query)
            .map(|(reference, row)| ((self.key(query, reference, row), reference.to_owned()), row))
            .collect();
        list.sort_by(|left, right| compare(query.order, &left.0, &right.0));
        let place = |cursor: &Cursor| (cursor.position().key, cursor.reference().to_owned());
        let (after, before) = (query.after.map(place), query.before.map(place));
        let past = |at: &Place| after.as_ref().is_none_or(|after| compare(query.order, at, after).is_gt());
        let short = |at: &Place| before.as_ref().is_none_or(|before| compare(query.order, at, before).is_lt());
        let window: Vec<usize> =
            list.iter().enumerate().filter(|(_, (at, _))| past(at) && short(at)).map(|(number, _)| number).collect();
        let cut = query.limit.min(window.len());
        let taken = if query.backward { &window[window.len() - cut..] } else { &window[..cut] };
        // An empty page lies where its own cursor points.
        let (from, to) = match (taken.first(), taken.last()) {
            (Some(&first), Some(&last)) => (first, last + 1),
            _ if query.backward => [list.iter().filter(|(at, _)| short(at)).count(); 2].into(),
            _ => [list.iter().filter(|(at, _)| !past(at)).count(); 2].into(),
        };
        Page {
            rows: taken.iter().map(|&number| list[number].1).collect(),
            has_next: to < list.len(),
            has_previous: from > 0,
        }
    }

    fn listed(&self, query: &Query<'_>) -> impl Iterator<Item = (&str, Row)> {
        self.winners().filter(|(reference, row)| {
            query.shown.is_none_or(|shown| shown[row.part])
                && query.search.is_none_or(|search| {
                    let reference = reference.to_lowercase();
                    search.words().iter().all(|word| reference.contains(&word.text))
                })
        })
    }

    fn key(&self, query: &Query<'_>, reference: &str, row: Row) -> Option<i64> {
        let image = self.parts[row.part].snapshot.image(row.index);
        match query.order {
            Order::ReferenceAsc | Order::ReferenceDesc => None,
            Order::UpdatedAt { .. } => image.updated_at.map(|at| at.timestamp_micros()),
            Order::PullCount { .. } => image.pull_count,
            Order::Relevance { .. } => {
                let words = query.search.map_or(&[][..], Search::words);
                let (reference, start) = (reference.to_lowercase(), self.parts[row.part].prefix.to_lowercase().len());
                Some(words.iter().map(|word| -grade(&reference, start, &word.text)).sum())
            }
        }
    }
}

fn grade(reference: &str, repository_start: usize, word: &str) -> i64 {
    let occurrences = (0..reference.len()).filter(|&at| reference.as_bytes()[at..].starts_with(word.as_bytes()));
    let grades = occurrences.map(|at| {
        let begins_segment = at == 0 || reference.as_bytes()[at - 1] == b'/';
        let rest = &reference[at + word.len()..];
        match begins_segment {
            true if rest.is_empty() => 0,
            true if !rest.contains('/') || at == repository_start => 1,
            true => 2,
            false => 3,
        }
    });
    grades.min().expect("only matches are graded")
}

fn compare(order: Order, left: &Place, right: &Place) -> Ordering {
    let by_reference = left.1.cmp(&right.1);
    let desc = match order {
        Order::ReferenceAsc => return by_reference,
        Order::ReferenceDesc => return by_reference.reverse(),
        Order::UpdatedAt { desc } | Order::PullCount { desc } | Order::Relevance { desc } => desc,
    };
    // Absent numbers last, whichever way the others go.
    let number = |key: Option<i64>| key.map_or((1, 0), |key| (0, if desc { -key } else { key }));
    number(left.0).cmp(&number(right.0)).then(by_reference)
}
