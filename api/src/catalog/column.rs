//! A column of numbers that may be absent, and the rows in the order of those numbers.

use std::cmp::Reverse;
use std::sync::OnceLock;

/// Stands for an absent number, which halves the column. No count and no time that a registry reports comes near it.
const ABSENT: i64 = i64::MIN;

/// Numbers by row number.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// Empty when every number is absent, as in all spaces of registries that do not count.
    values: Box<[i64]>,
    ascending: OnceLock<Box<[u32]>>,
    descending: OnceLock<Box<[u32]>>,
}

impl Column {
    pub(super) fn get(&self, row: usize) -> Option<i64> {
        self.values.get(row).copied().filter(|&value| value != ABSENT)
    }

    /// The rows by their number, absent ones last and equal ones by row; `None` when that is the order of the rows
    /// themselves. Sorted by the first who asks, and then kept: most spaces are never asked for it.
    pub(super) fn sequence(&self, descending: bool) -> Option<&[u32]> {
        if self.values.is_empty() {
            return None;
        }
        let kept = if descending { &self.descending } else { &self.ascending };
        Some(kept.get_or_init(|| self.sort(descending)))
    }

    fn sort(&self, descending: bool) -> Box<[u32]> {
        let mut rows: Box<[u32]> = (0..).take(self.values.len()).collect();
        let value = |row: u32| self.values[row as usize];
        if descending {
            // What stands for an absent number is the least of all, and so comes last by itself.
            rows.sort_by_key(|&row| Reverse(value(row)));
        } else {
            rows.sort_by_key(|&row| (value(row) == ABSENT, value(row)));
        }
        rows
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let sorted = [&self.ascending, &self.descending].into_iter().filter_map(OnceLock::get);
        size_of_val(&*self.values) + sorted.map(|rows| size_of_val(&**rows)).sum::<usize>()
    }
}

impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

/// Numbers being collected, in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct ColumnDraft(Vec<i64>);

impl ColumnDraft {
    pub(super) fn push(&mut self, value: Option<i64>) {
        self.0.push(value.unwrap_or(ABSENT));
    }

    /// The column of `rows`, in that order.
    pub(super) fn gather(&self, rows: &[u32]) -> Column {
        Self(rows.iter().map(|&row| self.0[row as usize]).collect()).finish()
    }

    pub(super) fn finish(self) -> Column {
        if self.0.iter().all(|&value| value == ABSENT) {
            return Column::default();
        }
        Column { values: self.0.into_boxed_slice(), ..Column::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[Option<i64>]) -> Column {
        let mut draft = ColumnDraft::default();
        values.iter().for_each(|&value| draft.push(value));
        draft.finish()
    }

    #[test]
    fn absent_numbers_are_last_both_ways_and_ties_keep_their_order() {
        let column = column(&[Some(2), None, Some(1), Some(2), None]);
        assert_eq!(column.sequence(false), Some(&[2, 0, 3, 1, 4][..]));
        assert_eq!(column.sequence(true), Some(&[0, 3, 2, 1, 4][..]));
    }

    #[test]
    fn a_column_without_numbers_takes_no_room() {
        let column = column(&[None; 100]);
        assert_eq!(column.get(7), None);
        assert_eq!(column.sequence(true), None);
        assert_eq!(column.heap_bytes(), 0);
    }
}
