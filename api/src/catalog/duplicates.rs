//! The rows of one part that another part shows already.

use std::ops::Range;
use std::sync::Arc;

use super::bisect::{gallop, partition};
use super::selection::Part;
use super::snapshot::Snapshot;

/// A set of row numbers.
#[derive(Debug)]
pub(super) struct Duplicates {
    words: Box<[u64]>,
    len: usize,
}

impl Duplicates {
    /// The rows of `part` whose references stand in one of `rivals` too; `None` when there are none. The prefixes of
    /// `part` and of each rival are equal, or one begins with the other: no two others can make equal references.
    pub(super) fn find<'a>(part: &Part, rivals: impl Iterator<Item = &'a Part>) -> Option<Self> {
        let mut found = Self { words: vec![0; part.snapshot.len().div_ceil(64)].into(), len: 0 };
        for rival in rivals {
            found.add_shared(part, rival);
        }
        (found.len > 0).then_some(found)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn contains(&self, row: usize) -> bool {
        self.words[row / 64] >> (row % 64) & 1 == 1
    }

    fn add(&mut self, row: usize) {
        self.len += usize::from(!self.contains(row));
        self.words[row / 64] |= 1 << (row % 64);
    }

    fn add_shared(&mut self, part: &Part, rival: &Part) {
        if part.prefix == rival.prefix && Arc::ptr_eq(&part.snapshot, &rival.snapshot) {
            return (0..part.snapshot.len()).for_each(|row| self.add(row));
        }
        let mut mine = Stretch::beyond(part, &rival.prefix);
        let mut theirs = Stretch::beyond(rival, &part.prefix);
        // Each skips to where the other is: what the two do not share costs next to nothing.
        while let (Some(my), Some(their)) = (mine.first(), theirs.first()) {
            if my == their {
                self.add(mine.rows.start);
                mine.rows.start += 1;
                theirs.rows.start += 1;
            } else if my < their {
                mine.skip_below(their);
            } else {
                theirs.skip_below(my);
            }
        }
    }
}

/// The rows of a snapshot that begin with a text, looked at without that text.
struct Stretch<'a> {
    snapshot: &'a Snapshot,
    rows: Range<usize>,
    cut: usize,
}

impl<'a> Stretch<'a> {
    /// The rows of `part` whose references begin with `prefix`, which begins with the part's own prefix or is begun by
    /// it.
    fn beyond(part: &'a Part, prefix: &str) -> Self {
        let snapshot = &*part.snapshot;
        let beyond = prefix.get(part.prefix.len()..).unwrap_or_default();
        let start = partition(0..snapshot.len(), |row| snapshot.repository(row) < beyond);
        let end = partition(start..snapshot.len(), |row| snapshot.repository(row).starts_with(beyond));
        Self { snapshot, rows: start..end, cut: beyond.len() }
    }

    fn name(&self, row: usize) -> &'a [u8] {
        &self.snapshot.repository(row).as_bytes()[self.cut..]
    }

    fn first(&self) -> Option<&'a [u8]> {
        (!self.rows.is_empty()).then(|| self.name(self.rows.start))
    }

    fn skip_below(&mut self, name: &[u8]) {
        self.rows.start = gallop(self.rows.clone(), |row| self.name(row) < name);
    }
}
