//! One page of a selection.

use std::ops::Range;

use super::cursor::Cursor;
use super::merge::{Lane, Route, Start};
use super::order::Order;
use super::scan::scan;
use super::search::Search;
use super::selection::{Row, Selection, is_shown};

/// Which page of a selection. Cursors must be of this order and search, as [`Cursor::decode`] sees to.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Only images that match; `None`: all.
    pub search: Option<&'a Search>,
    /// Only images in these parts, a flag for each; `None`: in all. A part that is not shown still hides its
    /// duplicates in others: a filter never changes which part shows a reference.
    pub shown: Option<&'a [bool]>,
    /// The order of the list.
    pub order: Order,
    /// Only images past this place.
    pub after: Option<&'a Cursor>,
    /// Only images before this place.
    pub before: Option<&'a Cursor>,
    /// At most this many.
    pub limit: usize,
    /// The last ones of what the above leaves, not the first. They are still given in the order of the list.
    pub backward: bool,
}

/// One page, in the order of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The images.
    pub rows: Vec<Row>,
    /// Whether the list, whatever the cursors, has images past this page; past its place, if the page is empty.
    pub has_next: bool,
    /// Whether the list, whatever the cursors, has images before this page; before its place, if the page is empty.
    pub has_previous: bool,
}

impl Selection {
    /// One page of the images that match the query.
    ///
    /// Costs about the same wherever the page lies. A page by reference begins by bisection and reads no further than
    /// it must; one by a column looks at each part once; a search in another order than by reference reads every name.
    pub fn page(&self, query: &Query<'_>) -> Page {
        let order = match (query.order, query.search) {
            (Order::Relevance { .. }, None) => Order::ReferenceAsc,
            (order, _) => order,
        };
        let (near, far) = if query.backward { (query.before, query.after) } else { (query.after, query.before) };
        let route = Route { selection: self, order, search: query.search, backward: query.backward };
        // One more than asked for tells whether there is more.
        let limit = query.limit.saturating_add(1);
        let (mut rows, is_any_behind) = match query.search {
            Some(search) if !order.is_by_reference() => {
                scan(&route, search, near, limit, |part| is_shown(query.shown, part))
            }
            Some(_) | None => {
                let rows = self.walk(&route, near.map_or(Start::Edge, Start::Beyond), query.shown, limit);
                let back = Route { backward: !route.backward, ..route };
                (rows, near.is_some_and(|cursor| self.has_any(&back, Start::At(cursor), query.shown)))
            }
        };
        let is_within = |row: &Row| {
            far.is_none_or(|cursor| {
                let position = self.position(*row, order, query.search);
                route.compare(&position, &cursor.position()).is_lt()
            })
        };
        let kept = rows.iter().take(query.limit).take_while(|row| is_within(row)).count();
        let is_any_beyond = kept < rows.len();
        rows.truncate(kept);
        if query.backward {
            rows.reverse();
            Page { rows, has_next: is_any_behind, has_previous: is_any_beyond }
        } else {
            Page { rows, has_next: is_any_beyond, has_previous: is_any_behind }
        }
    }

    /// The first `limit` rows met from `start` on.
    fn walk(&self, route: &Route<'_>, start: Start<'_>, shown: Option<&[bool]>, limit: usize) -> Vec<Row> {
        let mut rows = Vec::new();
        for stretch in self.stretches(route, start) {
            route.merge(self.lanes(route, start, shown, stretch).collect(), limit, &mut rows);
            if rows.len() >= limit {
                break;
            }
        }
        rows
    }

    /// Whether any row is met from `start` on. Asks each part by itself: which of them is met first does not matter.
    fn has_any(&self, route: &Route<'_>, start: Start<'_>, shown: Option<&[bool]>) -> bool {
        let mut stretches = self.stretches(route, start);
        stretches.any(|stretch| self.lanes(route, start, shown, stretch).any(|mut lane| lane.next().is_some()))
    }

    /// The parts to be merged with each other, as stretches of `sorted`, as they are met from `start` on.
    fn stretches(&self, route: &Route<'_>, start: Start<'_>) -> impl Iterator<Item = Range<usize>> {
        let by_reference = route.order.is_by_reference();
        let whole = (!by_reference).then_some(0..self.sorted.len());
        let ascending = route.ascending();
        let groups = match start {
            _ if !by_reference => &[],
            Start::Edge => &*self.groups,
            Start::Beyond(cursor) | Start::At(cursor) => {
                // The last group that begins at or before the place is the only one on both sides of it.
                let after = self.groups.partition_point(|group| self.prefix(group.start) <= cursor.reference());
                if ascending { &self.groups[after.saturating_sub(1)..] } else { &self.groups[..after] }
            }
        };
        let len = groups.len();
        let groups = (0..len).map(move |number| groups[if ascending { number } else { len - 1 - number }].clone());
        whole.into_iter().chain(groups)
    }

    fn lanes<'a>(
        &'a self,
        route: &Route<'a>,
        start: Start<'_>,
        shown: Option<&[bool]>,
        stretch: Range<usize>,
    ) -> impl Iterator<Item = Lane<'a>> {
        let parts = self.sorted[stretch].iter().map(|placed| placed.part);
        // A part that others show wholly would be read to its end in search of a first row.
        let is_empty =
            |part: usize| self.duplicates(part).is_some_and(|rows| rows.len() == self.parts()[part].snapshot.len());
        parts.filter(move |&part| is_shown(shown, part) && !is_empty(part)).map(move |part| route.lane(part, start))
    }
}
