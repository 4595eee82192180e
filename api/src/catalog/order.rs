//! The orders in which images can be listed.

use std::cmp::Ordering;

use super::reference::Reference;

/// The order of a list. Absent numbers come last in both directions, and ties are by reference, ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By the bytes of the whole reference.
    ReferenceAsc,
    /// By the bytes of the whole reference, from the last.
    ReferenceDesc,
    /// By the time of the last update.
    UpdatedAt {
        /// Newest first.
        desc: bool,
    },
    /// By the number of pulls.
    PullCount {
        /// Most pulled first.
        desc: bool,
    },
    /// By how well an image answers the search. Without a search all are equally relevant.
    Relevance {
        /// Best first.
        desc: bool,
    },
}

/// Where something stands in an [`Order`]: an image, or a cursor whose image may be gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position<'a> {
    /// The number ordered by; `None` when it is absent, and in the orders by reference.
    pub(super) key: Option<i64>,
    pub(super) reference: Reference<'a>,
}

impl Order {
    pub(super) fn is_by_reference(self) -> bool {
        match self {
            Self::ReferenceAsc | Self::ReferenceDesc => true,
            Self::UpdatedAt { .. } | Self::PullCount { .. } | Self::Relevance { .. } => false,
        }
    }

    pub(super) fn compare(self, left: &Position<'_>, right: &Position<'_>) -> Ordering {
        self.compare_keys(left.key, right.key).then_with(|| {
            let ascending = left.reference.cmp(&right.reference);
            if self == Self::ReferenceDesc { ascending.reverse() } else { ascending }
        })
    }

    /// [`Order::compare`] as far as the keys decide.
    pub(super) fn compare_keys(self, left: Option<i64>, right: Option<i64>) -> Ordering {
        let desc = match self {
            Self::ReferenceAsc | Self::ReferenceDesc => return Ordering::Equal,
            Self::UpdatedAt { desc } | Self::PullCount { desc } | Self::Relevance { desc } => desc,
        };
        match (left, right) {
            (Some(left), Some(right)) if desc => right.cmp(&left),
            (Some(left), Some(right)) => left.cmp(&right),
            (left, right) => left.is_none().cmp(&right.is_none()),
        }
    }
}
