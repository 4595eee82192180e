//! Several snapshots shown as one list, in which every reference stands once.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::bisect::partition;
use super::cursor::{Cursor, relevance};
use super::duplicates::Duplicates;
use super::matcher::Matcher;
use super::matches::{Kept, Matches};
use super::order::{Order, Position};
use super::reference::Reference;
use super::search::Search;
use super::snapshot::{Image, Snapshot};

/// One space of a selection.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its images.
    pub snapshot: Arc<Snapshot>,
    /// What stands before the repository in a reference, slash included: `host/space/`, or `host/`.
    pub prefix: Arc<str>,
    /// Where two parts hold the same reference, the one of lower rank shows it; of equal ranks, the earlier part.
    pub rank: u32,
}

/// An image of a selection: the number of a part, and the row in its snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    /// The place of the part in [`Selection::parts`].
    pub part: usize,
    /// The row in that part's snapshot.
    pub index: usize,
}

/// How many images there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// In all parts.
    pub total: usize,
    /// In each part, as [`Selection::parts`] numbers them.
    pub per_part: Vec<usize>,
}

/// The parts that a reader may see, prepared to be read many times: worth keeping for as long as it is true.
///
/// Making one costs about a comparison for each part when the parts come sorted by prefix. Duplicates are looked for
/// once, when first needed, and only among parts whose prefixes can make equal references.
#[derive(Debug)]
pub struct Selection {
    parts: Vec<Part>,
    /// The parts by prefix.
    pub(super) sorted: Vec<Placed>,
    /// Stretches of `sorted`, such that all references of one come before those of the next.
    pub(super) groups: Vec<Range<usize>>,
    duplicates: Vec<OnceLock<Option<Duplicates>>>,
    /// A selection that shows what both have, whatever the ranks.
    senior: Option<Arc<Selection>>,
    /// What was looked for lately; unused below a senior.
    matches: Kept,
}

/// A part in the order of prefixes, where those that begin with its prefix directly follow it.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) part: usize,
    /// The nearest one before that has the same prefix or a beginning of it.
    parent: Option<usize>,
}

impl Part {
    /// The rows in an order, where that is not the order of the rows themselves (or its reverse).
    pub(super) fn sequence(&self, order: Order) -> Option<&[u32]> {
        match order {
            Order::UpdatedAt { desc } => self.snapshot.updated_at().sequence(desc),
            Order::PullCount { desc } => self.snapshot.pull_counts().sequence(desc),
            Order::ReferenceAsc | Order::ReferenceDesc | Order::Relevance { .. } => None,
        }
    }
}

impl Selection {
    /// Prepares `parts`. They stay numbered as they are given.
    pub fn new(parts: Vec<Part>) -> Self {
        Self::below(None, parts)
    }

    /// The same, without the references that `senior` shows.
    pub(super) fn below(senior: Option<Arc<Self>>, parts: Vec<Part>) -> Self {
        let mut numbers: Vec<usize> = (0..parts.len()).collect();
        numbers.sort_by(|&left, &right| parts[left].prefix.cmp(&parts[right].prefix));
        let mut sorted: Vec<Placed> = Vec::with_capacity(parts.len());
        let mut groups: Vec<Range<usize>> = Vec::new();
        for (place, part) in numbers.into_iter().enumerate() {
            let holds = |&candidate: &usize| parts[part].prefix.starts_with(&*parts[sorted[candidate].part].prefix);
            let mut ancestors = std::iter::successors(place.checked_sub(1), |&candidate| sorted[candidate].parent);
            let parent = ancestors.find(holds);
            match groups.last_mut() {
                Some(group) if parent.is_some() => group.end = place + 1,
                Some(_) | None => groups.push(place..place + 1),
            }
            sorted.push(Placed { part, parent });
        }
        let duplicates = parts.iter().map(|_| OnceLock::new()).collect();
        Self { parts, sorted, groups, duplicates, senior, matches: Kept::default() }
    }

    /// The parts, as they were given.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The image in a row.
    pub fn image(&self, row: Row) -> Image<'_> {
        self.parts[row.part].snapshot.image(row.index)
    }

    /// The whole reference of the image in a row.
    pub fn reference(&self, row: Row) -> String {
        self.split_reference(row).to_string()
    }

    /// The image of `reference` (without tag and digest), in the part that shows it.
    pub fn find(&self, reference: &str) -> Option<Row> {
        self.beginnings(reference)
            .filter_map(|place| {
                let part = self.sorted[place].part;
                let repository = reference.strip_prefix(&*self.parts[part].prefix)?;
                Some(Row { part, index: self.parts[part].snapshot.get(repository)? })
            })
            .min_by_key(|row| self.precedence(row.part))
    }

    /// How many images match `search` in the parts that are `shown` (one flag for each part; `None`: in all). As
    /// everywhere, a part that is not shown still hides its duplicates in others.
    pub fn count(&self, search: Option<&Search>, shown: Option<&[bool]>) -> Counts {
        let matches = search.map(|search| self.matches(search));
        let count_part = |number: usize| {
            if !is_shown(shown, number) {
                return 0;
            }
            if let Some(matches) = &matches {
                return matches.count(number);
            }
            let part = &self.parts[number];
            part.snapshot.len() - self.duplicates(number).map_or(0, Duplicates::len)
        };
        let per_part: Vec<usize> = (0..self.parts.len()).map(count_part).collect();
        Counts { total: per_part.iter().sum(), per_part }
    }

    /// All that matches `search`.
    pub(super) fn matches(&self, search: &Search) -> Arc<Matches> {
        match self.senior {
            None => self.matches.find(self, search),
            // There are many of these, and each is small: reading it again is cheaper than keeping what was found.
            Some(_) => Arc::new(Matches::find(self, search)),
        }
    }

    /// The place of a row in a list of this order and search.
    pub fn cursor(&self, row: Row, order: Order, search: Option<&Search>) -> Cursor {
        Cursor::new(order, search, &self.position(row, order, search))
    }

    pub(super) fn position(&self, row: Row, order: Order, search: Option<&Search>) -> Position<'_> {
        let key = match (order, search) {
            (Order::Relevance { .. }, Some(search)) => {
                relevance(Matcher::new(search, &self.parts[row.part]).demerit(row.index))
            }
            (order, _) => self.key(row, order),
        };
        Position { key, reference: self.split_reference(row) }
    }

    /// What a row is ordered by, where that does not depend on a search.
    pub(super) fn key(&self, row: Row, order: Order) -> Option<i64> {
        let snapshot = &self.parts[row.part].snapshot;
        match order {
            Order::ReferenceAsc | Order::ReferenceDesc => None,
            Order::UpdatedAt { .. } => snapshot.updated_at().get(row.index),
            Order::PullCount { .. } => snapshot.pull_counts().get(row.index),
            Order::Relevance { .. } => relevance(0),
        }
    }

    pub(super) fn split_reference(&self, row: Row) -> Reference<'_> {
        let part = &self.parts[row.part];
        Reference { prefix: &part.prefix, repository: part.snapshot.repository(row.index) }
    }

    pub(super) fn prefix(&self, place: usize) -> &str {
        &self.parts[self.sorted[place].part].prefix
    }

    /// The rows of a part that another part shows in its stead.
    pub(super) fn duplicates(&self, part: usize) -> Option<&Duplicates> {
        self.duplicates[part].get_or_init(|| self.find_duplicates(part)).as_ref()
    }

    fn find_duplicates(&self, part: usize) -> Option<Duplicates> {
        let mine = &self.parts[part];
        let own = self
            .related(&mine.prefix)
            .filter(|&rival| self.precedence(rival) < self.precedence(part))
            .map(|rival| &self.parts[rival]);
        let seniors =
            self.senior.iter().flat_map(|senior| senior.related(&mine.prefix).map(|rival| &senior.parts[rival]));
        let mut rivals = own.chain(seniors).peekable();
        rivals.peek()?;
        Duplicates::find(mine, rivals)
    }

    /// The parts that can hold references of a part with this prefix: those with a prefix that begins with it, or is a
    /// beginning of it. That part itself is among them.
    fn related(&self, prefix: &str) -> impl Iterator<Item = usize> {
        let after = partition(0..self.sorted.len(), |place| self.prefix(place) <= prefix);
        let below = (after..self.sorted.len()).take_while(move |&place| self.prefix(place).starts_with(prefix));
        self.beginnings(prefix).chain(below).map(|place| self.sorted[place].part)
    }

    /// The places of the prefixes that `text` begins with, the longest first.
    fn beginnings(&self, text: &str) -> impl Iterator<Item = usize> {
        let after = partition(0..self.sorted.len(), |place| self.prefix(place) <= text);
        // Whatever prefix begins the text is a beginning of the last one that sorts before it, or that one.
        let candidates = std::iter::successors(after.checked_sub(1), |&place| self.sorted[place].parent);
        candidates.filter(move |&place| text.starts_with(self.prefix(place)))
    }

    fn precedence(&self, part: usize) -> (u32, usize) {
        (self.parts[part].rank, part)
    }
}

pub(super) fn is_shown(shown: Option<&[bool]>, part: usize) -> bool {
    shown.is_none_or(|shown| shown.get(part).copied().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::super::page::{Page, Query};
    use super::super::snapshot::ImageData;
    use super::*;

    fn part(rank: u32, prefix: &str, repositories: &[&str]) -> Part {
        let image = |name: &&str| ImageData { repository: (*name).into(), ..ImageData::default() };
        let snapshot = Arc::new(Snapshot::build(repositories.iter().map(image)));
        Part { snapshot, prefix: prefix.into(), rank }
    }

    fn list(selection: &Selection, shown: Option<&[bool]>) -> Vec<(usize, String)> {
        let query = Query {
            search: None,
            shown,
            order: Order::ReferenceAsc,
            after: None,
            before: None,
            limit: 100,
            backward: false,
        };
        let Page { rows, .. } = selection.page(&query);
        let named = rows.iter().map(|&row| (row.part, selection.reference(row)));
        named.collect()
    }

    fn named(rows: &[(usize, &str)]) -> Vec<(usize, String)> {
        rows.iter().map(|(part, name)| (*part, (*name).into())).collect()
    }

    #[test]
    fn references_are_ordered_as_wholes_across_parts() {
        let parts =
            vec![part(0, "h/a/", &["z"]), part(0, "h/a-b/", &["a", "z"]), part(0, "h/", &["a/b", "a0", "a-b/m"])];
        let expected = [(1, "h/a-b/a"), (2, "h/a-b/m"), (1, "h/a-b/z"), (2, "h/a/b"), (0, "h/a/z"), (2, "h/a0")];
        assert_eq!(list(&Selection::new(parts), None), named(&expected));
    }

    #[test]
    fn the_part_of_lowest_rank_shows_a_reference_whoever_is_shown() {
        let parts = vec![part(2, "h/a/", &["x", "y"]), part(1, "h/", &["a/x", "b"]), part(0, "h/a/", &["y"])];
        let selection = Selection::new(parts);
        let expected = [(1, "h/a/x"), (2, "h/a/y"), (1, "h/b")];
        assert_eq!(list(&selection, None), named(&expected));
        assert_eq!(selection.count(None, None).per_part, [0, 2, 1]);
        assert_eq!(list(&selection, Some(&[true, false, false])), []);
        assert_eq!(selection.find("h/a/x"), Some(Row { part: 1, index: 0 }));
        assert_eq!(selection.find("h/a/z"), None);
    }
}
