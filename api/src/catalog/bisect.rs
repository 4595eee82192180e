//! Bisection over row numbers, for rows that are packed and so are no slice.

use std::ops::Range;

/// The first row of `rows` for which `before` is false, or the end. `before` must be true for a beginning of `rows`
/// and false for the rest.
pub(super) fn partition(rows: Range<usize>, before: impl Fn(usize) -> bool) -> usize {
    let Range { mut start, mut end } = rows;
    while start < end {
        let middle = start + (end - start) / 2;
        if before(middle) {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    start
}

/// As [`partition`], but cheap when the answer is near the start, and never much dearer: for moving along one list in
/// step with another.
pub(super) fn gallop(rows: Range<usize>, before: impl Fn(usize) -> bool) -> usize {
    let Range { mut start, end } = rows;
    let mut stride = 1;
    while start < end {
        let probe = (start + stride - 1).min(end - 1);
        if !before(probe) {
            return partition(start..probe, before);
        }
        start = probe + 1;
        stride *= 2;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_find_every_border() {
        for end in 0..40 {
            for start in 0..=end {
                for border in start..=end {
                    assert_eq!(partition(start..end, |row| row < border), border);
                    assert_eq!(gallop(start..end, |row| row < border), border);
                }
            }
        }
    }
}
