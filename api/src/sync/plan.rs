//! Which spaces of a Harbor have to be read anew, and which way costs fewer requests. No I/O.

use std::collections::HashMap;
use std::sync::Arc;

use ::entity::space;

use super::keep::data;
use crate::catalog::{ImageData, Snapshot};
use crate::upstream;

/// Rows on a page of Harbor.
const PAGE: usize = 100;

/// The most images that are read at once: what they take in memory is bounded, and so is what is lost when the list
/// changes meanwhile.
const MOST_AT_ONCE: usize = 100_000;

/// How many spaces that failed by themselves are tried again in one sweep. Where an account may not read any, all of
/// them fail, on each sweep.
const FAILED_A_SWEEP: usize = 20;

/// A space as a sweep finds it.
#[derive(Clone)]
pub(super) struct Holding {
    pub(super) space: Arc<space::Model>,
    /// How many images the registry counts in it, where it tells.
    pub(super) listed: Option<usize>,
    /// The images that are stored; none when they were never read.
    pub(super) known: Option<Arc<Snapshot>>,
}

impl Holding {
    /// Whether what is stored cannot be what the registry has.
    pub(super) fn is_out_of_step(&self) -> bool {
        match (&self.known, self.listed) {
            (None, _) => true,
            (Some(known), Some(listed)) => known.len() != listed,
            (Some(_), None) => false,
        }
    }

    /// Whether it is empty on both sides, as far as anybody knows.
    pub(super) fn is_empty(&self) -> bool {
        self.listed == Some(0) && self.known.as_ref().is_none_or(|known| known.is_empty())
    }

    fn requests(&self) -> usize {
        self.listed.unwrap_or_default().div_ceil(PAGE).max(1)
    }
}

/// The holdings that have to be read anew. `is_due` says which are due although nothing speaks against what is stored;
/// `turn` counts the sweeps, so that of many that fail others are tried each time.
pub(super) fn unread(holdings: &[Holding], is_due: impl Fn(&Holding) -> bool, turn: usize) -> Vec<Holding> {
    let is_wanted = |holding: &&Holding| !holding.is_empty() && (holding.is_out_of_step() || is_due(holding));
    let (failed, mut wanted): (Vec<&Holding>, Vec<&Holding>) = holdings
        .iter()
        .filter(|holding| is_wanted(holding) || has_failed(holding))
        .partition(|holding| has_failed(holding));
    let (due, others): (Vec<&Holding>, Vec<&Holding>) = failed.into_iter().partition(|holding| is_due(holding));
    wanted.extend(due);
    let first = (turn * FAILED_A_SWEEP).checked_rem(others.len()).unwrap_or_default();
    wanted.extend(others.iter().cycle().skip(first).take(FAILED_A_SWEEP.min(others.len())));
    wanted.into_iter().cloned().collect()
}

fn has_failed(holding: &Holding) -> bool {
    holding.space.images_failure.is_some()
}

/// Whether reading the images of all spaces at once, `total` of them, takes fewer requests than each of these spaces.
pub(super) fn is_cheaper_at_once(unread: &[Holding], total: usize) -> bool {
    let each: usize = unread.iter().map(Holding::requests).sum();
    total <= MOST_AT_ONCE && total.div_ceil(PAGE).max(1) < each
}

/// Images by the registry's id of their space.
pub(super) fn by_space(images: Vec<(String, upstream::Image)>) -> HashMap<String, Vec<ImageData>> {
    let mut by_space: HashMap<String, Vec<ImageData>> = HashMap::new();
    for (space, image) in images {
        by_space.entry(space).or_default().extend(data(image));
    }
    by_space
}

#[cfg(test)]
mod tests {
    use ::entity::registry::Failure;
    use uuid::Uuid;

    use super::super::tests::space;
    use super::*;

    fn holding(number: u128, listed: usize, known: Option<usize>) -> Holding {
        let named = |n: usize| ImageData { repository: n.to_string(), ..ImageData::default() };
        Holding {
            space: Arc::new(space(number, "team")),
            listed: Some(listed),
            known: known.map(|known| Arc::new(Snapshot::build((0..known).map(named)))),
        }
    }

    fn failed(number: u128) -> Holding {
        let mut holding = holding(number, 3, Some(3));
        Arc::make_mut(&mut holding.space).images_failure = Some(Failure::Nonsense);
        holding
    }

    fn numbers(holdings: &[Holding]) -> Vec<u128> {
        holdings.iter().map(|holding| holding.space.id.as_u128()).collect()
    }

    #[test]
    fn what_counts_otherwise_or_was_never_read_is_read() {
        let holdings = [
            holding(1, 3, Some(3)),
            holding(2, 3, Some(2)),
            holding(3, 3, None),
            holding(4, 0, None),
            holding(5, 0, Some(1)),
            failed(6),
        ];
        assert_eq!(numbers(&unread(&holdings, |_| false, 0)), [2, 3, 5, 6]);
        assert_eq!(numbers(&unread(&holdings, |_| true, 0)), [1, 2, 3, 5, 6]);
        let only_first = |holding: &Holding| holding.space.id == Uuid::from_u128(1);
        assert_eq!(numbers(&unread(&holdings, only_first, 0)), [1, 2, 3, 5, 6]);
    }

    #[test]
    fn of_many_that_fail_others_are_tried_each_time() {
        let holdings: Vec<Holding> = (0..50).map(failed).collect();
        let mut tried: Vec<u128> = (0..3).flat_map(|turn| numbers(&unread(&holdings, |_| false, turn))).collect();
        assert_eq!(tried.len(), 3 * FAILED_A_SWEEP);
        tried.sort_unstable();
        tried.dedup();
        assert_eq!(tried.len(), 50);
        assert_eq!(unread(&holdings, |_| true, 0).len(), 50, "when everything is read, all of them");
    }

    #[test]
    fn the_way_of_fewer_requests_is_taken() {
        let each = |counts: &[usize]| -> Vec<Holding> { counts.iter().map(|count| holding(1, *count, None)).collect() };
        assert!(!is_cheaper_at_once(&each(&[3]), 3), "as many");
        assert!(is_cheaper_at_once(&each(&[3, 4]), 7));
        assert!(!is_cheaper_at_once(&each(&[3, 4]), 900), "most of what it holds is known");
        assert!(!is_cheaper_at_once(&each(&[60_000, 60_000, 1]), 120_001), "too many to hold at once");
    }
}
