//! A large selection that many readers share, and a small one of this reader's own, as one list.

use std::cmp::Ordering;
use std::sync::Arc;

use super::cursor::Cursor;
use super::order::Order;
use super::page::{Page, Query};
use super::search::Search;
use super::selection::{Counts, Part, Row, Selection};
use super::snapshot::Image;

/// Two selections as one, in which every reference stands once: what both have is shown by the senior one. Parts are
/// numbered on, from the senior's to the junior's.
///
/// So what is the same for everybody is prepared once, and a reader costs what is their own.
#[derive(Debug)]
pub struct Union {
    senior: Arc<Selection>,
    junior: Selection,
}

impl Union {
    /// `senior` as it is, and `parts` below it.
    pub fn new(senior: Arc<Selection>, parts: Vec<Part>) -> Self {
        let junior = Selection::below(Some(senior.clone()), parts);
        Self { senior, junior }
    }

    /// A part by its number.
    pub fn part(&self, number: usize) -> &Part {
        match number.checked_sub(self.border()) {
            None => &self.senior.parts()[number],
            Some(own) => &self.junior.parts()[own],
        }
    }

    /// The number of parts.
    pub fn len(&self) -> usize {
        self.border() + self.junior.parts().len()
    }

    /// Whether there is no part.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The image in a row.
    pub fn image(&self, row: Row) -> Image<'_> {
        self.part(row.part).snapshot.image(row.index)
    }

    /// See [`Selection::find`].
    pub fn find(&self, reference: &str) -> Option<Row> {
        self.senior.find(reference).or_else(|| self.junior.find(reference).map(|row| self.numbered_on(row)))
    }

    /// See [`Selection::count`].
    pub fn count(&self, search: Option<&Search>, shown: Option<&[bool]>) -> Counts {
        let (senior, junior) = self.split(shown);
        let mut counts = self.senior.count(search, senior);
        let own = self.junior.count(search, junior);
        counts.total += own.total;
        counts.per_part.extend(own.per_part);
        counts
    }

    /// See [`Selection::cursor`].
    pub fn cursor(&self, row: Row, order: Order, search: Option<&Search>) -> Cursor {
        let (selection, row) = self.resolve(row);
        selection.cursor(row, order, search)
    }

    /// See [`Selection::page`]: a page of each, merged.
    pub fn page(&self, query: &Query<'_>) -> Page {
        let (senior, junior) = self.split(query.shown);
        let page = self.senior.page(&Query { shown: senior, ..*query });
        if self.junior.parts().is_empty() {
            return page;
        }
        let own = self.junior.page(&Query { shown: junior, ..*query });
        let mut rows = self.merged(query, &page.rows, &own.rows);
        let is_cut = rows.len() > query.limit;
        let (has_next, has_previous) = (page.has_next || own.has_next, page.has_previous || own.has_previous);
        if query.backward {
            rows.drain(..rows.len().saturating_sub(query.limit));
            Page { rows, has_next, has_previous: has_previous || is_cut }
        } else {
            rows.truncate(query.limit);
            Page { rows, has_next: has_next || is_cut, has_previous }
        }
    }

    fn merged(&self, query: &Query<'_>, senior: &[Row], junior: &[Row]) -> Vec<Row> {
        let order = match (query.order, query.search) {
            (Order::Relevance { .. }, None) => Order::ReferenceAsc,
            (order, _) => order,
        };
        let mut rows = Vec::with_capacity(senior.len() + junior.len());
        let (mut senior, mut junior) = (senior.iter().peekable(), junior.iter().peekable());
        while let (Some(one), Some(other)) = (senior.peek(), junior.peek()) {
            let one_position = self.senior.position(**one, order, query.search);
            let other_position = self.junior.position(**other, order, query.search);
            match order.compare(&one_position, &other_position) {
                Ordering::Less | Ordering::Equal => rows.extend(senior.next()),
                Ordering::Greater => rows.extend(junior.next().map(|row| self.numbered_on(*row))),
            }
        }
        rows.extend(senior);
        rows.extend(junior.map(|row| self.numbered_on(*row)));
        rows
    }

    fn border(&self) -> usize {
        self.senior.parts().len()
    }

    fn numbered_on(&self, row: Row) -> Row {
        Row { part: row.part + self.border(), ..row }
    }

    fn resolve(&self, row: Row) -> (&Selection, Row) {
        match row.part.checked_sub(self.border()) {
            None => (&self.senior, row),
            Some(part) => (&self.junior, Row { part, ..row }),
        }
    }

    fn split<'a>(&self, shown: Option<&'a [bool]>) -> (Option<&'a [bool]>, Option<&'a [bool]>) {
        match shown {
            None => (None, None),
            Some(shown) => {
                let (senior, junior) = shown.split_at(self.border().min(shown.len()));
                (Some(senior), Some(junior))
            }
        }
    }
}
