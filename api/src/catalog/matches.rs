//! What a search finds in a whole selection, read once: its pages, its count, and whoever else looks for the same words.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::matcher::{Matcher, may_match};
use super::search::Search;
use super::selection::Selection;

/// The results that one selection keeps have together no more bytes than this: a few searches that find nearly
/// everything, or as many as are kept of those that people make.
const MAX_BYTES: usize = 8 << 20;

/// How many results a selection keeps. People who page, count and refine come back within seconds.
const MAX_KEPT: usize = 64;

/// Every image of a selection that matches one search.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Matches {
    /// Where each part's rows begin in `rows`, and where the last one's end.
    starts: Box<[u32]>,
    /// Row numbers, ascending within each part. What another part shows is left out.
    rows: Box<[u32]>,
    /// How far each is from a perfect match.
    demerits: Box<[u8]>,
}

impl Matches {
    pub(super) fn find(selection: &Selection, search: &Search) -> Self {
        let (mut starts, mut rows, mut demerits) = (vec![0], Vec::new(), Vec::new());
        for (number, part) in selection.parts().iter().enumerate() {
            if may_match(search, part) {
                let (matcher, duplicates) = (Matcher::new(search, part), selection.duplicates(number));
                matcher.scan(0..part.snapshot.len(), |row| {
                    if !duplicates.is_some_and(|rows| rows.contains(row)) {
                        rows.push(u32::try_from(row).unwrap_or(u32::MAX));
                        demerits.push(matcher.demerit(row));
                    }
                });
            }
            starts.push(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        }
        Self { starts: starts.into(), rows: rows.into(), demerits: demerits.into() }
    }

    /// How many there are in a part.
    pub(super) fn count(&self, part: usize) -> usize {
        self.range(part).len()
    }

    /// The rows of a part, ascending, and the demerit of each.
    pub(super) fn of(&self, part: usize) -> (&[u32], &[u8]) {
        let range = self.range(part);
        (&self.rows[range.clone()], &self.demerits[range])
    }

    fn range(&self, part: usize) -> Range<usize> {
        self.starts[part] as usize..self.starts[part + 1] as usize
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.starts) + size_of_val(&*self.rows) + size_of_val(&*self.demerits)
    }
}

/// Results that were asked for lately, the latest first.
#[derive(Default)]
pub(super) struct Kept {
    results: Mutex<VecDeque<(String, Arc<Matches>)>>,
}

impl Kept {
    /// The result for these words, found now if it is not kept.
    pub(super) fn find(&self, selection: &Selection, search: &Search) -> Arc<Matches> {
        let words = search.words_joined();
        let recall = |results: &mut VecDeque<(String, Arc<Matches>)>| {
            let place = results.iter().position(|(kept, _)| *kept == words)?;
            let result = results.remove(place)?;
            results.push_front(result.clone());
            Some(result.1)
        };
        if let Some(kept) = recall(&mut self.results.lock().unwrap_or_else(PoisonError::into_inner)) {
            return kept;
        }
        // Without the lock: two who look for the same at once read twice, and nobody waits for another's search.
        let found = Arc::new(Matches::find(selection, search));
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = recall(&mut results) {
            return kept;
        }
        results.push_front((words, found.clone()));
        let mut bytes = 0;
        let fits = |(_, result): &&(String, Arc<Matches>)| {
            bytes += result.bytes();
            bytes <= MAX_BYTES
        };
        let n_kept = results.iter().take(MAX_KEPT).take_while(fits).count();
        results.truncate(n_kept);
        found
    }
}

/// Says how much, not what.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.results.lock().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("Kept").field("len", &len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::selection::Part;
    use super::super::snapshot::{ImageData, Snapshot};
    use super::*;

    fn selection(n: usize) -> Selection {
        let image = |n| ImageData { repository: format!("app-{n:07}"), ..ImageData::default() };
        let snapshot = Arc::new(Snapshot::build((0..n).map(image)));
        Selection::new(vec![Part { snapshot, prefix: "host/library/".into(), rank: 0 }])
    }

    fn search(words: &str) -> Search {
        Search::parse(words).unwrap().unwrap()
    }

    #[test]
    fn what_was_found_is_found_again_whatever_the_order_and_case_of_its_words() {
        let (selection, kept) = (selection(10), Kept::default());
        let first = kept.find(&selection, &search("app lib"));
        assert_eq!(first.count(0), 10);
        assert!(Arc::ptr_eq(&first, &kept.find(&selection, &search("LIB App"))));
        assert_eq!(kept.find(&selection, &search("app-0000003")).count(0), 1);
    }

    #[test]
    fn little_is_kept() {
        let len = |kept: &Kept| kept.results.lock().unwrap().len();
        let (few, kept) = (selection(1), Kept::default());
        for n in 0..2 * MAX_KEPT {
            kept.find(&few, &search(&format!("x{n}")));
        }
        assert_eq!(len(&kept), MAX_KEPT);
        let (many, kept) = (selection(MAX_BYTES / 5 / 2), Kept::default());
        for word in ["a", "p", "app", "app-"] {
            assert_eq!(kept.find(&many, &search(word)).count(0), many.parts()[0].snapshot.len());
        }
        assert_eq!(len(&kept), 1, "two of them have more bytes than may be kept");
    }
}
