//! The images of one space at one moment: packed, sorted, never changed.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::mem::take;

use chrono::{DateTime, Utc};

use super::bisect::partition;
use super::column::{Column, ColumnDraft};
use super::search::fold;
use super::texts::Texts;
use super::trigrams::Trigrams;

/// One image of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image<'a> {
    /// The path inside the space, such as `team/app`.
    pub repository: &'a str,
    /// As the registry gives it; an empty one is none.
    pub description: Option<&'a str>,
    /// How many artifacts the registry counts.
    pub artifact_count: Option<i64>,
    /// How many pulls the registry counts.
    pub pull_count: Option<i64>,
    /// When the registry last saw it change, to the microsecond.
    pub updated_at: Option<DateTime<Utc>>,
}

/// What a snapshot is built of: an [`Image`] that owns its texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageData {
    /// See [`Image::repository`].
    pub repository: String,
    /// See [`Image::description`].
    pub description: Option<String>,
    /// See [`Image::artifact_count`].
    pub artifact_count: Option<i64>,
    /// See [`Image::pull_count`].
    pub pull_count: Option<i64>,
    /// See [`Image::updated_at`]; what is finer than a microsecond is dropped.
    pub updated_at: Option<DateTime<Utc>>,
}

impl ImageData {
    fn borrowed(&self) -> Image<'_> {
        Image {
            repository: &self.repository,
            description: self.description.as_deref(),
            artifact_count: self.artifact_count,
            pull_count: self.pull_count,
            updated_at: self.updated_at,
        }
    }
}

/// What differs between two snapshots, as row numbers, each list ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows of the newer one that the older one lacks.
    pub added: Vec<usize>,
    /// Rows of the newer one that the older one has with other values.
    pub changed: Vec<usize>,
    /// Rows of the older one that the newer one lacks.
    pub removed: Vec<usize>,
}

impl Changes {
    /// Whether the two hold the same.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// The images of one space, sorted by repository, each repository once. Rows are numbered from 0.
#[derive(Default, PartialEq)]
pub struct Snapshot {
    names: Texts,
    /// The names in lower case, only where that differs: registries allow none but lower-case names, yet nothing here
    /// should break when one does not.
    folded: Option<Texts>,
    /// What the searchable names are made of, where that tells anything.
    trigrams: Option<Box<Trigrams>>,
    /// Without any rows when no image has a description.
    descriptions: Texts,
    artifact_counts: Column,
    pull_counts: Column,
    /// Microseconds since 1970.
    updated_at: Column,
}

impl Snapshot {
    /// Packs `images`, in whatever order they come; of those with the same repository the last is kept. Cheapest when
    /// they come sorted, as a database can give them. Each is dropped as soon as it is packed.
    pub fn build(images: impl IntoIterator<Item = ImageData>) -> Self {
        let mut draft = Draft::default();
        for image in images {
            draft.push(image.borrowed());
        }
        draft.finish()
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of `repository`.
    pub fn get(&self, repository: &str) -> Option<usize> {
        let row = partition(0..self.len(), |row| self.repository(row) < repository);
        (row < self.len() && self.repository(row) == repository).then_some(row)
    }

    /// The image in a row.
    ///
    /// # Panics
    /// When `row` is not below [`Snapshot::len`].
    pub fn image(&self, row: usize) -> Image<'_> {
        let description = if self.descriptions.is_blank() { "" } else { self.descriptions.get(row) };
        Image {
            repository: self.repository(row),
            description: Some(description).filter(|text| !text.is_empty()),
            artifact_count: self.artifact_counts.get(row),
            pull_count: self.pull_counts.get(row),
            updated_at: self.updated_at.get(row).and_then(DateTime::from_timestamp_micros),
        }
    }

    /// All images, by repository.
    pub fn images(&self) -> impl Iterator<Item = Image<'_>> {
        (0..self.len()).map(|row| self.image(row))
    }

    /// What would have to be written to turn `self`, the older one, into `newer`.
    pub fn diff(&self, newer: &Self) -> Changes {
        let mut changes = Changes::default();
        let (mut old, mut new) = (0, 0);
        while old < self.len() && new < newer.len() {
            match self.repository(old).cmp(newer.repository(new)) {
                Ordering::Less => {
                    changes.removed.push(old);
                    old += 1;
                }
                Ordering::Greater => {
                    changes.added.push(new);
                    new += 1;
                }
                Ordering::Equal => {
                    if self.image(old) != newer.image(new) {
                        changes.changed.push(new);
                    }
                    old += 1;
                    new += 1;
                }
            }
        }
        changes.removed.extend(old..self.len());
        changes.added.extend(new..newer.len());
        changes
    }

    /// This snapshot with other values for some repositories; `None` takes one out.
    pub fn patched(&self, changes: BTreeMap<String, Option<ImageData>>) -> Self {
        let mut changes = changes.into_iter().peekable();
        let mut draft = Draft::default();
        for image in self.images() {
            while let Some((_, change)) = changes.next_if(|(repository, _)| repository.as_str() < image.repository) {
                change.iter().for_each(|added| draft.push(added.borrowed()));
            }
            match changes.next_if(|(repository, _)| repository == image.repository) {
                Some((_, change)) => change.iter().for_each(|changed| draft.push(changed.borrowed())),
                None => draft.push(image),
            }
        }
        changes.for_each(|(_, change)| change.iter().for_each(|added| draft.push(added.borrowed())));
        draft.finish()
    }

    /// Bytes on the heap: the packed rows, and the orders that were asked for so far.
    pub fn heap_bytes(&self) -> usize {
        self.names.heap_bytes()
            + self.folded.as_ref().map_or(0, Texts::heap_bytes)
            + self.trigrams.as_ref().map_or(0, |_| size_of::<Trigrams>())
            + self.descriptions.heap_bytes()
            + self.artifact_counts.heap_bytes()
            + self.pull_counts.heap_bytes()
            + self.updated_at.heap_bytes()
    }

    pub(super) fn repository(&self, row: usize) -> &str {
        self.names.get(row)
    }

    /// The names in the form in which they are searched.
    pub(super) fn searchable(&self) -> &Texts {
        self.folded.as_ref().unwrap_or(&self.names)
    }

    /// Whether a name may hold the word with these trigrams: "no" is certain.
    pub(super) fn may_hold(&self, trigrams: &[u16]) -> bool {
        self.trigrams.as_ref().is_none_or(|set| set.may_hold(trigrams))
    }

    pub(super) fn pull_counts(&self) -> &Column {
        &self.pull_counts
    }

    pub(super) fn updated_at(&self) -> &Column {
        &self.updated_at
    }
}

/// Says how much, not what: a snapshot may hold a million rows.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Rows as they come.
#[derive(Default)]
struct Draft {
    names: Texts,
    descriptions: Texts,
    artifact_counts: ColumnDraft,
    pull_counts: ColumnDraft,
    updated_at: ColumnDraft,
}

impl Draft {
    fn push(&mut self, image: Image<'_>) {
        self.names.push(image.repository);
        self.descriptions.push(image.description.unwrap_or_default());
        self.artifact_counts.push(image.artifact_count);
        self.pull_counts.push(image.pull_count);
        self.updated_at.push(image.updated_at.map(|at| at.timestamp_micros()));
    }

    fn finish(mut self) -> Snapshot {
        let mut snapshot = if self.names.iter().is_sorted_by(|left, right| left < right) {
            Snapshot {
                names: take(&mut self.names),
                folded: None,
                trigrams: None,
                descriptions: take(&mut self.descriptions),
                artifact_counts: self.artifact_counts.finish(),
                pull_counts: self.pull_counts.finish(),
                updated_at: self.updated_at.finish(),
            }
        } else {
            let rows = self.sorted_rows();
            Snapshot {
                names: self.names.gather(&rows),
                folded: None,
                trigrams: None,
                descriptions: self.descriptions.gather(&rows),
                artifact_counts: self.artifact_counts.gather(&rows),
                pull_counts: self.pull_counts.gather(&rows),
                updated_at: self.updated_at.gather(&rows),
            }
        };
        if snapshot.descriptions.is_blank() {
            snapshot.descriptions = Texts::default();
        }
        snapshot.names.shrink();
        snapshot.descriptions.shrink();
        snapshot.folded = folded(&snapshot.names);
        snapshot.trigrams = Trigrams::of(snapshot.searchable());
        snapshot
    }

    /// The rows by name, the last of each name.
    fn sorted_rows(&self) -> Vec<u32> {
        let len = u32::try_from(self.names.len()).expect("a space holds fewer images than 2^32, or memory ends first");
        let name = |row: u32| self.names.get(row as usize);
        let mut rows: Vec<u32> = (0..len).collect();
        rows.sort_by(|&left, &right| name(left).cmp(name(right)));
        rows.dedup_by(|later, kept| {
            let same = name(*later) == name(*kept);
            if same {
                *kept = *later;
            }
            same
        });
        rows
    }
}

fn folded(names: &Texts) -> Option<Texts> {
    if names.iter().all(|name| fold(name) == name) {
        return None;
    }
    let mut folded = Texts::default();
    names.iter().for_each(|name| folded.push(&fold(name)));
    folded.shrink();
    Some(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(repository: &str) -> ImageData {
        ImageData { repository: repository.into(), ..ImageData::default() }
    }

    #[test]
    fn building_sorts_and_keeps_the_last_of_each_repository() {
        let later = ImageData { pull_count: Some(2), description: Some("later".into()), ..named("b") };
        let snapshot =
            Snapshot::build([named("c"), ImageData { pull_count: Some(1), ..named("b") }, named("a"), later]);
        let rows: Vec<_> =
            snapshot.images().map(|image| (image.repository, image.description, image.pull_count)).collect();
        assert_eq!(rows, [("a", None, None), ("b", Some("later"), Some(2)), ("c", None, None)]);
        assert_eq!(snapshot.get("b"), Some(1));
        assert_eq!(snapshot.get("bb"), None);
        assert_eq!(snapshot.get("d"), None);
    }

    #[test]
    fn equal_content_is_equal_however_it_was_built() {
        let at = DateTime::from_timestamp_nanos(1_700_000_000_123_456_789);
        let image = ImageData {
            description: Some("an app".into()),
            artifact_count: Some(0),
            pull_count: Some(7),
            updated_at: Some(at),
            ..named("a")
        };
        let one = Snapshot::build([image.clone(), ImageData { description: Some(String::new()), ..named("b") }]);
        let two = Snapshot::build([named("b"), image]);
        assert_eq!(one.image(0).updated_at.map(|at| at.timestamp_subsec_nanos()), Some(123_456_000));
        let _ = one.updated_at().sequence(true);
        assert_eq!(one, two);
        assert!(one.diff(&two).is_empty());
    }

    #[test]
    fn diff_names_what_a_writer_must_write() {
        let old = Snapshot::build([named("a"), named("b"), named("d")]);
        let new =
            Snapshot::build([named("b"), ImageData { artifact_count: Some(1), ..named("d") }, named("c"), named("e")]);
        assert_eq!(old.diff(&new), Changes { added: vec![1, 3], changed: vec![2], removed: vec![0] });
        assert_ne!(old, new);
    }

    #[test]
    fn a_patch_adds_changes_and_takes_out() {
        let old = Snapshot::build([named("b"), named("c"), named("e")]);
        let changed = |name: &str| ImageData { artifact_count: Some(1), ..named(name) };
        let patch = BTreeMap::from([
            ("a".to_owned(), Some(named("a"))),
            ("b".to_owned(), Some(changed("b"))),
            ("c".to_owned(), None),
            ("d".to_owned(), None),
            ("f".to_owned(), Some(named("f"))),
        ]);
        let expected = Snapshot::build([named("a"), changed("b"), named("e"), named("f")]);
        assert_eq!(old.patched(patch), expected);
    }

    #[test]
    fn a_row_costs_little_beyond_its_name() {
        let images = (0..1_000).map(|n| ImageData {
            pull_count: Some(n),
            artifact_count: Some(n),
            updated_at: DateTime::from_timestamp_micros(n),
            ..named(&format!("team/application-{n:04}"))
        });
        let snapshot = Snapshot::build(images);
        assert_eq!(snapshot.heap_bytes(), 1_000 * ("team/application-0000".len() + 8 + 3 * 8));
    }
}
