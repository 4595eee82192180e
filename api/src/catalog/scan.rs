//! Scanning: a search in an order that only shows once every match is known.

use std::collections::BinaryHeap;

use super::cursor::{Cursor, relevance};
use super::merge::{Met, Route, Start};
use super::order::{Order, Position};
use super::search::Search;
use super::selection::Row;

/// The first `limit` matches met past `start` in the parts that `is_shown`, and whether there is one that is not past
/// it. One pass tells both, so that a later page costs what the first one does.
pub(super) fn scan<'a>(
    route: &Route<'a>,
    search: &Search,
    start: Option<&Cursor>,
    limit: usize,
    is_shown: impl Fn(usize) -> bool,
) -> (Vec<Row>, bool) {
    let selection = route.selection;
    let matches = selection.matches(search);
    // Ties are by reference, so each part is walked that way: whole texts need comparing only where a row may enter.
    let by_reference = Route { order: Order::ReferenceAsc, search: None, ..*route };
    // The farthest of them is on top, and leaves first.
    let mut nearest: BinaryHeap<Met<'a>> = BinaryHeap::new();
    let mut is_any_behind = false;
    let mut parts: Vec<usize> =
        selection.sorted.iter().map(|placed| placed.part).filter(|&part| is_shown(part)).collect();
    if route.backward {
        parts.reverse();
    }
    for number in parts {
        let (rows, demerits) = matches.of(number);
        if rows.is_empty() {
            continue;
        }
        let past =
            start.map(|cursor| (cursor.position().key, by_reference.lane(number, Start::Beyond(cursor)).places()));
        // A key of which this part has nothing nearer to give: all that follow lie farther on.
        let mut spent = None;
        for step in 0..rows.len() {
            let place = if route.backward { rows.len() - 1 - step } else { step };
            let row = Row { part: number, index: rows[place] as usize };
            let key = match route.order {
                Order::Relevance { .. } => relevance(demerits[place]),
                Order::UpdatedAt { .. } | Order::PullCount { .. } => selection.key(row, route.order),
                Order::ReferenceAsc | Order::ReferenceDesc => None,
            };
            if let Some((edge, beyond)) = &past {
                let along = route.compare_keys(key, *edge);
                if along.is_lt() || along.is_eq() && !beyond.contains(&row.index) {
                    is_any_behind = true;
                    continue;
                }
            }
            if spent.is_some_and(|spent| route.compare_keys(key, spent).is_ge()) {
                continue;
            }
            let met = route.met(row, Position { key, reference: selection.split_reference(row) });
            if nearest.len() < limit {
                nearest.push(met);
            } else if let Some(mut farthest) = nearest.peek_mut() {
                if met < *farthest {
                    *farthest = met;
                } else {
                    spent = Some(key);
                }
            }
        }
    }
    (nearest.into_sorted_vec().into_iter().map(|met| met.row).collect(), is_any_behind)
}
