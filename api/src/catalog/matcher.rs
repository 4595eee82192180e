//! A search in one part: which rows match, and how well.

use std::ops::Range;

use memchr::{memchr, memrchr};

use super::search::{Search, Word, fold};
use super::selection::Part;
use super::texts::Texts;

/// How a word stands in a reference, best first. A match's demerit is the sum over the words.
mod grade {
    /// It is the last segments as a whole: `nginx` or `library/nginx` in `host/library/nginx`.
    pub(super) const NAME: u8 = 0;
    /// It begins a segment and reaches into the last one, or begins the repository: `ng` there.
    pub(super) const NAME_START: u8 = 1;
    /// It begins a segment: `lib` there.
    pub(super) const SEGMENT_START: u8 = 2;
    /// It is anywhere: `ginx` there.
    pub(super) const ANYWHERE: u8 = 3;
}

/// A search prepared for one part: what its prefix decides is decided once.
pub(super) struct Matcher<'a> {
    names: &'a Texts,
    needles: Vec<Needle<'a>>,
    /// The first needle that the prefix does not satisfy.
    pivot: Option<usize>,
}

struct Needle<'a> {
    word: &'a Word,
    in_prefix: bool,
    /// Whether the word can only lie inside one segment, of the prefix or of the repository.
    is_within_segment: bool,
    /// The best grade of its occurrences within the prefix, were the others not there.
    prefix_grade: u8,
    /// Where the word may lie across the border of prefix and repository.
    tails: Vec<Tail<'a>>,
}

/// The prefix ends with the beginning of the word; a repository that starts with `rest` completes it.
struct Tail<'a> {
    rest: &'a [u8],
    begins_segment: bool,
}

/// Whether anything in a part may match: what tells at a glance that nothing does.
pub(super) fn may_match(search: &Search, part: &Part) -> bool {
    search.words().iter().all(|word| {
        part.snapshot.may_hold(&word.trigrams)
            // Prefixes end with a slash, so that a word without one lies on one side of the border.
            || word.text.contains('/')
            || word.finder.find(fold(&part.prefix).as_bytes()).is_some()
    })
}

impl<'a> Matcher<'a> {
    pub(super) fn new(search: &'a Search, part: &'a Part) -> Self {
        let prefix = fold(&part.prefix);
        let needles: Vec<_> = search.words().iter().map(|word| Needle::new(word, prefix.as_bytes())).collect();
        let pivot = needles.iter().position(|needle| !needle.in_prefix);
        Self { names: part.snapshot.searchable(), needles, pivot }
    }

    /// Calls `found` with every row of `rows` that matches, ascending.
    pub(super) fn scan(&self, rows: Range<usize>, mut found: impl FnMut(usize)) {
        let Some(pivot) = self.pivot else {
            return rows.for_each(found);
        };
        let needle = &self.needles[pivot];
        if rows.is_empty() {
            return;
        }
        if !needle.tails.is_empty() {
            // Only words with a slash come here, and only in the spaces that they name.
            return rows.filter(|&row| self.matches(row)).for_each(found);
        }
        let bytes = &self.names.bytes()[..self.names.end(rows.end - 1)];
        let (mut row, mut from) = (rows.start, self.names.start(rows.start));
        while let Some(hit) = needle.word.finder.find(&bytes[from..]) {
            let start = from + hit;
            row = self.names.row_at(row, start);
            let end = self.names.end(row);
            if start + needle.word.text.len() > end {
                // It runs over into the next name: no match of either.
                from = start + 1;
                continue;
            }
            if self.needles[pivot + 1..].iter().all(|needle| needle.occurs(self.name(row))) {
                found(row);
            }
            from = end;
        }
    }

    /// Whether the image in `row` matches.
    fn matches(&self, row: usize) -> bool {
        self.needles.iter().all(|needle| needle.occurs(self.name(row)))
    }

    /// How far a match is from a perfect one: 0 is best.
    pub(super) fn demerit(&self, row: usize) -> u8 {
        let name = self.name(row);
        self.needles.iter().map(|needle| needle.grade(name)).sum()
    }

    fn name(&self, row: usize) -> &'a [u8] {
        self.names.get(row).as_bytes()
    }
}

impl<'a> Needle<'a> {
    fn new(word: &'a Word, prefix: &[u8]) -> Self {
        let text = word.text.as_bytes();
        let begins_segment = |at: usize| at == 0 || prefix[at - 1] == b'/';
        let in_prefix = word.finder.find(prefix).is_some();
        let at_segment = in_prefix && segments(prefix).any(|segment| segment.starts_with(text));
        let tails: Vec<_> = (1..text.len().min(prefix.len() + 1))
            .filter(|&cut| prefix.ends_with(&text[..cut]))
            .map(|cut| Tail { rest: &text[cut..], begins_segment: begins_segment(prefix.len() - cut) })
            .collect();
        let prefix_grade = if at_segment { grade::SEGMENT_START } else { grade::ANYWHERE };
        let is_within_segment = tails.is_empty() && !text.contains(&b'/');
        Self { word, in_prefix, is_within_segment, prefix_grade, tails }
    }

    fn occurs(&self, name: &[u8]) -> bool {
        self.in_prefix
            || self.tails.iter().any(|tail| name.starts_with(tail.rest))
            || self.word.finder.find(name).is_some()
    }

    /// The grade in a reference that is known to hold the word.
    fn grade(&self, name: &[u8]) -> u8 {
        let text = self.word.text.as_bytes();
        if self.is_within_segment {
            return self.grade_within_segment(text, name);
        }
        let within = segments(name).enumerate().filter_map(|(number, segment)| {
            let grade = grade_of_rest(segment.strip_prefix(text)?);
            Some(if number == 0 { grade.min(grade::NAME_START) } else { grade })
        });
        let across = self.tails.iter().filter(|tail| tail.begins_segment);
        let across = across.filter_map(|tail| Some(grade_of_rest(name.strip_prefix(tail.rest)?)));
        within.chain(across).min().map_or(self.prefix_grade, |grade| grade.min(self.prefix_grade))
    }

    /// [`Needle::grade`] of what nearly every word is. Asked for every match of a search by relevance, so it looks at
    /// the best places first.
    fn grade_within_segment(&self, text: &[u8], name: &[u8]) -> u8 {
        let last = memrchr(b'/', name).map_or(0, |slash| slash + 1);
        if name[last..].starts_with(text) {
            return if name.len() - last == text.len() { grade::NAME } else { grade::NAME_START };
        }
        if name.starts_with(text) {
            return grade::NAME_START;
        }
        let begins_another = || segments(&name[..last]).any(|segment| segment.starts_with(text));
        if self.prefix_grade > grade::SEGMENT_START && begins_another() {
            grade::SEGMENT_START
        } else {
            self.prefix_grade
        }
    }
}

/// The grade of an occurrence that begins a segment, by what follows it up to the end of the reference.
fn grade_of_rest(rest: &[u8]) -> u8 {
    if rest.is_empty() {
        grade::NAME
    } else if memchr(b'/', rest).is_none() {
        grade::NAME_START
    } else {
        grade::SEGMENT_START
    }
}

/// What begins at each segment of `path`, up to the end of the path. Nothing begins after a trailing slash.
fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut next = Some(path);
    std::iter::from_fn(move || {
        let segment = next.filter(|rest| !rest.is_empty())?;
        next = memchr(b'/', segment).map(|slash| &segment[slash + 1..]);
        Some(segment)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::snapshot::{ImageData, Snapshot};
    use super::*;

    fn part(prefix: &str, repositories: &[&str]) -> Part {
        let images = repositories.iter().map(|name| ImageData { repository: (*name).into(), ..ImageData::default() });
        Part { snapshot: Arc::new(Snapshot::build(images)), prefix: prefix.into(), rank: 0 }
    }

    fn check(search: &str, prefix: &str, repositories: &[&str]) -> Vec<(String, u8)> {
        let part = part(prefix, repositories);
        let search = Search::parse(search).unwrap().unwrap();
        let matcher = Matcher::new(&search, &part);
        let mut found = Vec::new();
        matcher.scan(0..part.snapshot.len(), |row| {
            found.push((part.snapshot.repository(row).into(), matcher.demerit(row)))
        });
        found.sort_by_key(|(_, demerit)| *demerit);
        found
    }

    fn named(rows: &[(&str, u8)]) -> Vec<(String, u8)> {
        rows.iter().map(|(name, demerit)| ((*name).into(), *demerit)).collect()
    }

    #[test]
    fn names_come_before_segments_before_anything() {
        let repositories =
            ["nginx", "nginx-exporter", "proxy/nginx", "nginx/docs", "a/nginx/docs", "my-nginx", "redis"];
        let expected = [
            ("nginx", 0),
            ("proxy/nginx", 0),
            ("nginx-exporter", 1),
            ("nginx/docs", 1),
            ("a/nginx/docs", 2),
            ("my-nginx", 3),
        ];
        assert_eq!(check("NGINX", "host/library/", &repositories), named(&expected));
    }

    #[test]
    fn a_word_may_lie_across_prefix_and_repository() {
        assert_eq!(check("library/ng", "host/library/", &["nginx", "a/ng"]), named(&[("nginx", 1)]));
        assert_eq!(check("rary/nginx", "host/library/", &["nginx", "ng"]), named(&[("nginx", 3)]));
        assert_eq!(
            check("library/nginx", "host/library/", &["nginx", "nginx-x"]),
            named(&[("nginx", 0), ("nginx-x", 1)])
        );
    }

    #[test]
    fn no_word_lies_across_two_names() {
        assert_eq!(check("bc", "h/", &["ab", "cd", "xbc"]), named(&[("xbc", 3)]));
    }

    #[test]
    fn what_the_prefix_holds_every_row_holds() {
        assert_eq!(check("lib x", "host/library/", &["a", "x"]), named(&[("x", 2)]));
        assert_eq!(check("host", "Host/library/", &["a", "b"]), named(&[("a", 2), ("b", 2)]));
    }
}
