//! Walking: several parts as one list, from a place on, in an order that each part keeps ready.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Range;

use super::bisect::partition;
use super::cursor::Cursor;
use super::duplicates::Duplicates;
use super::matcher::Matcher;
use super::order::{Order, Position};
use super::search::Search;
use super::selection::{Row, Selection};

/// How many rows are searched at a time: enough that the search runs at full speed, few enough that a page that is
/// soon full has not looked far.
const BLOCK_ROWS: usize = 256;

/// A list, and the way in which it is walked.
#[derive(Clone, Copy)]
pub(super) struct Route<'a> {
    pub(super) selection: &'a Selection,
    pub(super) order: Order,
    pub(super) search: Option<&'a Search>,
    /// From the end to the beginning.
    pub(super) backward: bool,
}

/// Where a walk starts.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    /// At the list's beginning, or at its end when walking backward.
    Edge,
    /// Past a place.
    Beyond(&'a Cursor),
    /// At a place, the image there included.
    At(&'a Cursor),
}

/// The rows of one part that are still to be walked.
pub(super) struct Lane<'a> {
    part: usize,
    /// Whether `rows` are walked from their start.
    ascending: bool,
    rows: Range<usize>,
    /// The part's rows in the order walked, where that is not the order of the rows themselves.
    sequence: Option<&'a [u32]>,
    duplicates: Option<&'a Duplicates>,
    matcher: Option<Matcher<'a>>,
    /// Rows that match and are next, the nearest one last; used with a matcher only.
    matched: Vec<usize>,
}

/// A row as it is met on a route. What is met first is the least.
pub(super) struct Met<'a> {
    pub(super) row: Row,
    position: Position<'a>,
    order: Order,
    backward: bool,
}

impl<'a> Route<'a> {
    /// Whether the rows of a part are met in the order of its sequence, and not in reverse.
    pub(super) fn ascending(&self) -> bool {
        (self.order == Order::ReferenceDesc) == self.backward
    }

    /// Which of two places is met first.
    pub(super) fn compare(&self, left: &Position<'_>, right: &Position<'_>) -> Ordering {
        let forward = self.order.compare(left, right);
        if self.backward { forward.reverse() } else { forward }
    }

    /// [`Route::compare`] as far as the keys decide.
    pub(super) fn compare_keys(&self, left: Option<i64>, right: Option<i64>) -> Ordering {
        let forward = self.order.compare_keys(left, right);
        if self.backward { forward.reverse() } else { forward }
    }

    pub(super) fn met(&self, row: Row, position: Position<'a>) -> Met<'a> {
        Met { row, position, order: self.order, backward: self.backward }
    }

    /// What is left of a part from `start` on.
    pub(super) fn lane(&self, number: usize, start: Start<'_>) -> Lane<'a> {
        let part = &self.selection.parts()[number];
        let sequence = part.sequence(self.order);
        let ascending = self.ascending();
        let mut rows = 0..part.snapshot.len();
        let border = |cursor: &Cursor, beyond: bool| {
            let place = cursor.position();
            partition(rows.clone(), |at| {
                let index = sequence.map_or(at, |sequence| sequence[at] as usize);
                let row = Row { part: number, index };
                let met = self.compare_keys(self.selection.key(row, self.order), place.key);
                let met = met.then_with(|| self.compare(&self.position(row), &place));
                let along = if ascending { met } else { met.reverse() };
                // The row at the place itself goes to the part of the sequence that is not walked, or that is.
                along.is_lt() || along.is_eq() && ascending == beyond
            })
        };
        let border = match start {
            Start::Edge => None,
            Start::Beyond(cursor) => Some(border(cursor, true)),
            Start::At(cursor) => Some(border(cursor, false)),
        };
        match border {
            Some(border) if ascending => rows.start = border,
            Some(border) => rows.end = border,
            None => {}
        }
        Lane {
            part: number,
            ascending,
            rows,
            sequence,
            duplicates: self.selection.duplicates(number),
            matcher: self.search.map(|search| Matcher::new(search, part)),
            matched: Vec::new(),
        }
    }

    /// Appends to `rows` what the lanes hold, as it is met, until there are `limit` or no more.
    pub(super) fn merge(&self, mut lanes: Vec<Lane<'a>>, limit: usize, rows: &mut Vec<Row>) {
        if let [lane] = lanes.as_mut_slice() {
            return rows.extend(lane.take(limit.saturating_sub(rows.len())));
        }
        let first = |(number, lane): (usize, &mut Lane<'a>)| Some(Reverse((self.walked(lane.next()?), number)));
        let mut nearest: BinaryHeap<_> = lanes.iter_mut().enumerate().filter_map(first).collect();
        while rows.len() < limit
            && let Some(mut head) = nearest.peek_mut()
        {
            let Reverse((met, number)) = &mut *head;
            rows.push(met.row);
            match lanes[*number].next() {
                Some(row) => *met = self.walked(row),
                None => drop(PeekMut::pop(head)),
            }
        }
    }

    fn walked(&self, row: Row) -> Met<'a> {
        self.met(row, self.position(row))
    }

    /// Of a row that is walked to: no order that depends on the search is walked.
    fn position(&self, row: Row) -> Position<'a> {
        self.selection.position(row, self.order, None)
    }
}

impl Lane<'_> {
    /// Where what is left lies in the sequence of the part.
    pub(super) fn places(&self) -> Range<usize> {
        self.rows.clone()
    }

    fn next_place(&mut self) -> Option<usize> {
        if self.ascending { self.rows.next() } else { self.rows.next_back() }
    }

    /// The next row, whether it is another part's or not.
    fn next_index(&mut self) -> Option<usize> {
        if self.matcher.is_none() {
            let place = self.next_place()?;
            return Some(self.sequence.map_or(place, |rows| rows[place] as usize));
        }
        while self.matched.is_empty() && !self.rows.is_empty() {
            self.search_block();
        }
        self.matched.pop()
    }

    fn search_block(&mut self) {
        let Range { start, end } = self.rows;
        let block = if self.ascending {
            self.rows.start = end.min(start + BLOCK_ROWS);
            start..self.rows.start
        } else {
            self.rows.end = start.max(end.saturating_sub(BLOCK_ROWS));
            self.rows.end..end
        };
        if let Some(matcher) = &self.matcher {
            matcher.scan(block, |row| self.matched.push(row));
        }
        if self.ascending {
            self.matched.reverse();
        }
    }
}

impl Iterator for Lane<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            let index = self.next_index()?;
            if !self.duplicates.is_some_and(|rows| rows.contains(index)) {
                return Some(Row { part: self.part, index });
            }
        }
    }
}

impl Ord for Met<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let forward = self.order.compare(&self.position, &other.position);
        if self.backward { forward.reverse() } else { forward }
    }
}

impl PartialOrd for Met<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Met<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Met<'_> {}
