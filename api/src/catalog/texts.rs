//! Many short texts in one buffer: no allocation for each, and a search is one pass over the bytes.

use super::bisect::gallop;

/// Texts by row number.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Texts {
    packed: String,
    /// Where each text ends in `packed`; it starts where the one before ends.
    ends: Vec<usize>,
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) {
        self.packed.push_str(text);
        self.ends.push(self.packed.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether all texts together hold no byte.
    pub(super) fn is_blank(&self) -> bool {
        self.packed.is_empty()
    }

    pub(super) fn get(&self, row: usize) -> &str {
        &self.packed[self.start(row)..self.ends[row]]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// All bytes; a row's are at [`Texts::start`]`..`[`Texts::end`].
    pub(super) fn bytes(&self) -> &[u8] {
        self.packed.as_bytes()
    }

    pub(super) fn start(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    pub(super) fn end(&self, row: usize) -> usize {
        self.ends[row]
    }

    /// The row that holds the byte at `offset`, looked for from row `from` on.
    pub(super) fn row_at(&self, from: usize, offset: usize) -> usize {
        gallop(from..self.len(), |row| self.ends[row] <= offset)
    }

    /// The texts of `rows`, in that order.
    pub(super) fn gather(&self, rows: &[u32]) -> Self {
        let mut gathered =
            Self { packed: String::with_capacity(self.packed.len()), ends: Vec::with_capacity(rows.len()) };
        for &row in rows {
            gathered.push(self.get(row as usize));
        }
        gathered
    }

    pub(super) fn shrink(&mut self) {
        self.packed.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.packed.capacity() + self.ends.capacity() * size_of::<usize>()
    }
}
