//! The images known of each space, in memory.
//!
//! Owns: immutable [`Snapshot`]s, one for each space; the [`Catalog`] that holds them at one moment; the [`Selection`],
//! which shows several of them as one list: without duplicates, searched, ordered and paged by keyset [`Cursor`]s, so
//! that page 1,000 costs what page 1 costs; and the [`Union`] of a selection that many readers share and one of a few.
//!
//! Deliberately knows nothing of permissions, of SQL and of registries. Whoever makes a [`Selection`] has already
//! decided which spaces its reader may see, and nothing outside those [`Part`]s can influence a page, a count or a
//! cursor.
//!
//! Start at [`Selection::page`]. It takes one of two ways:
//! * **walk** (`merge`): an order that a snapshot keeps ready (by reference, or by a column without a search) is a
//!   k-way merge that begins at the cursor by bisection;
//! * **scan** (`scan`): a search in any other order must see every match, so it reads the packed names once (`matches`, which are
//!   kept for a while) and picks the best few.

mod bisect;
mod column;
mod cursor;
mod duplicates;
mod matcher;
mod matches;
mod merge;
mod order;
mod page;
mod reference;
mod scan;
mod search;
mod selection;
mod snapshot;
#[cfg(test)]
mod tests;
mod texts;
mod trigrams;
mod union;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

pub use cursor::{Cursor, CursorError};
pub use order::Order;
pub use page::{Page, Query};
pub use search::{Search, SearchTooLong};
pub use selection::{Counts, Part, Row, Selection};
pub use snapshot::{Changes, Image, ImageData, Snapshot};
pub use union::Union;

/// Enough that a change copies little, few enough that a copy of all is cheap.
const SHELVES: usize = 256;

type Shelf = HashMap<Uuid, Arc<Snapshot>>;

/// The snapshot of each space that was ever read, by the space's id, at one moment. Never changed: [`Catalog::with`]
/// gives the next one, which shares with this one what stays.
#[derive(Clone, PartialEq)]
pub struct Catalog {
    shelves: Arc<[Arc<Shelf>]>,
}

impl Catalog {
    /// The images of `space`; `None` when they were never read, which is not the same as a space without images.
    pub fn get(&self, space: Uuid) -> Option<&Arc<Snapshot>> {
        self.shelves[shelf_of(space)].get(&space)
    }

    /// This catalog with other snapshots for some spaces; `None` forgets one.
    pub fn with(&self, changes: impl IntoIterator<Item = (Uuid, Option<Arc<Snapshot>>)>) -> Self {
        let mut shelves: Vec<Arc<Shelf>> = self.shelves.to_vec();
        for (space, snapshot) in changes {
            let shelf = Arc::make_mut(&mut shelves[shelf_of(space)]);
            match snapshot {
                Some(snapshot) => shelf.insert(space, snapshot),
                None => shelf.remove(&space),
            };
        }
        Self { shelves: shelves.into() }
    }

    /// The number of spaces.
    pub fn len(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.len()).sum()
    }

    /// Whether there is no space.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of images in all spaces.
    pub fn images(&self) -> usize {
        self.snapshots().map(|snapshot| snapshot.len()).sum()
    }

    /// Bytes on the heap of all snapshots, see [`Snapshot::heap_bytes`].
    pub fn heap_bytes(&self) -> usize {
        self.snapshots().map(|snapshot| snapshot.heap_bytes()).sum()
    }

    fn snapshots(&self) -> impl Iterator<Item = &Arc<Snapshot>> {
        self.shelves.iter().flat_map(|shelf| shelf.values())
    }
}

impl Default for Catalog {
    fn default() -> Self {
        Self { shelves: vec![Arc::default(); SHELVES].into() }
    }
}

/// Says how much, not what.
impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog").field("spaces", &self.len()).finish_non_exhaustive()
    }
}

/// By the last byte of the id, which is random in every kind of id that is given.
fn shelf_of(space: Uuid) -> usize {
    usize::from(space.as_bytes()[15]) % SHELVES
}
