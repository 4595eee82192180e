//! The images known of each space, in memory.
//!
//! Owns: immutable [`Snapshot`]s, one for each space; the [`Catalog`] that holds the newest of each; and the
//! [`Selection`], which shows several of them as one list: without duplicates, searched, ordered and paged by keyset
//! [`Cursor`]s, so that page 1,000 costs what page 1 costs.
//!
//! Deliberately knows nothing of permissions, of SQL and of registries. Whoever makes a [`Selection`] has already
//! decided which spaces its reader may see, and nothing outside those [`Part`]s can influence a page, a count or a
//! cursor.
//!
//! Start at [`Selection::page`]. It takes one of two ways:
//! * **walk** (`merge`): an order that a snapshot keeps ready (by reference, or by a column without a search) is a
//!   k-way merge that begins at the cursor by bisection;
//! * **scan** (`scan`): a search in any other order must see every match, so it reads the packed names once and keeps
//!   the best few.

mod bisect;
mod column;
mod cursor;
mod duplicates;
mod matcher;
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

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use cursor::{Cursor, CursorError};
pub use order::Order;
pub use page::{Page, Query};
pub use search::{Search, SearchTooLong};
pub use selection::{Counts, Part, Row, Selection};
pub use snapshot::{Changes, Image, ImageData, Snapshot};

/// What is known of one space, and since when.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The images.
    pub snapshot: Arc<Snapshot>,
    /// When the registry last confirmed them.
    pub as_of: DateTime<Utc>,
}

/// The newest snapshot of each space, by the space's id.
///
/// Readers share a lock that is held for a few look-ups and never while a snapshot is built, read or dropped. What
/// they take out is theirs: a replaced snapshot lives until its last reader is done.
#[derive(Debug, Default)]
pub struct Catalog {
    spaces: RwLock<HashMap<Uuid, Arc<Entry>>>,
}

impl Catalog {
    /// An empty catalog.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is known of `space`; `None` when nothing was loaded, which is not the same as a space without images.
    pub fn get(&self, space: Uuid) -> Option<Arc<Entry>> {
        self.read().get(&space).cloned()
    }

    /// [`Catalog::get`] for many spaces under one lock: the answers stand in the order of the ids, and belong to the
    /// same moment.
    pub fn get_many(&self, spaces: &[Uuid]) -> Vec<Option<Arc<Entry>>> {
        let held = self.read();
        spaces.iter().map(|space| held.get(space).cloned()).collect()
    }

    /// Puts `entry` in the place of what was known of `space`, and gives that back, so that a large snapshot is
    /// dropped outside the lock. The last writer wins: deciding which of two is newer is the caller's, who knows
    /// their versions.
    pub fn replace(&self, space: Uuid, entry: Entry) -> Option<Arc<Entry>> {
        let entry = Arc::new(entry);
        self.write().insert(space, entry)
    }

    /// Forgets `space`, and gives back what was known of it.
    pub fn remove(&self, space: Uuid) -> Option<Arc<Entry>> {
        self.write().remove(&space)
    }

    /// Forgets the spaces for which `keep` is false. What is forgotten is dropped outside the lock.
    pub fn retain(&self, keep: impl Fn(Uuid) -> bool) {
        let gone: Vec<Uuid> = self.read().keys().filter(|space| !keep(**space)).copied().collect();
        let forgotten: Vec<_> = gone.into_iter().filter_map(|space| self.remove(space)).collect();
        drop(forgotten);
    }

    /// Forgets everything, for a process that must load anew.
    pub fn clear(&self) {
        let forgotten = std::mem::take(&mut *self.write());
        drop(forgotten);
    }

    /// The number of spaces held.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether no space is held.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// Bytes on the heap of all snapshots held, see [`Snapshot::heap_bytes`].
    pub fn heap_bytes(&self) -> usize {
        self.read().values().map(|entry| entry.snapshot.heap_bytes()).sum()
    }

    // A panic cannot leave the map half changed, so a poisoned lock is as good as a clean one.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<Uuid, Arc<Entry>>> {
        self.spaces.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Uuid, Arc<Entry>>> {
        self.spaces.write().unwrap_or_else(PoisonError::into_inner)
    }
}
