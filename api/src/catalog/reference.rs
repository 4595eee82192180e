//! A whole reference in two pieces, compared without ever being joined.

use std::cmp::Ordering;
use std::fmt;

/// `prefix` followed by `repository`, as one text. Two are equal when the whole texts are, wherever each is cut.
/// The order is that of the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference<'a> {
    pub(super) prefix: &'a str,
    pub(super) repository: &'a str,
}

impl<'a> Reference<'a> {
    /// A reference that is in one piece already.
    pub(super) fn whole(text: &'a str) -> Self {
        Self { prefix: "", repository: text }
    }
}

impl Ord for Reference<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.prefix.len() > other.prefix.len() {
            return other.cmp(self).reverse();
        }
        let (shared, beyond) = other.prefix.as_bytes().split_at(self.prefix.len());
        let repository = self.repository.as_bytes();
        let (within, after) = repository.split_at(repository.len().min(beyond.len()));
        // A repository that ends within the other's prefix makes the first two comparisons decide or the third, which
        // then compares nothing with what is left of the other.
        self.prefix
            .as_bytes()
            .cmp(shared)
            .then_with(|| within.cmp(beyond))
            .then_with(|| after.cmp(other.repository.as_bytes()))
    }
}

impl PartialOrd for Reference<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Reference<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Reference<'_> {}

impl fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.prefix)?;
        f.write_str(self.repository)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_compares_as_the_whole() {
        let texts = ["", "h/", "h/a", "h/a/", "h/a-b/x", "h/a/b", "h/ab", "h2/a"];
        for left in texts {
            for right in texts {
                for (cut_left, cut_right) in (0..=left.len()).flat_map(|l| (0..=right.len()).map(move |r| (l, r))) {
                    let (prefix, repository) = left.split_at(cut_left);
                    let one = Reference { prefix, repository };
                    let (prefix, repository) = right.split_at(cut_right);
                    let two = Reference { prefix, repository };
                    assert_eq!(one.cmp(&two), left.cmp(right), "{one:?} {two:?}");
                }
            }
        }
    }
}
