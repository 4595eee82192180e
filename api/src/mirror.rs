//! All that is stored, in memory: one immutable [`Directory`] for each epoch, images included.
//!
//! A request pins one directory: what it reads is of one moment, and costs one SQL statement (the epoch), however deep it
//! goes. When the epoch has moved, what has a newer version is read and put in its place; the rest is shared with the
//! directory before. So replicas need no word from each other, and a restart serves what was known before any registry
//! has answered.
//!
//! Knows no viewer and no registry: `service` decides who sees what of it, and `sync` keeps the rows true.

mod directory;
mod index;
mod load;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use sea_orm::DbErr;

pub use self::directory::{Binding, Directory, Namespace, Registry, Space, Workspace, reference_prefix};
pub use self::index::Index;
use crate::storage::{Epoch, Storage};

/// The newest directory of this process. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Mirror {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    newest: RwLock<Option<Kept>>,
    /// One at a time, and how many have begun.
    loading: tokio::sync::Mutex<()>,
    begun: AtomicU64,
}

#[derive(Clone)]
struct Kept {
    directory: Arc<Directory>,
    /// The number of the load that read it.
    load: u64,
}

impl Mirror {
    pub fn new(storage: Storage) -> Self {
        let (newest, loading) = (RwLock::default(), tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { storage, newest, loading, begun: AtomicU64::new(0) }) }
    }

    /// A directory that is exact for an epoch read after this call began. One statement while nothing has changed, and
    /// that one shared with whoever else asks.
    pub async fn current(&self) -> Result<Arc<Directory>, DbErr> {
        let inner = &*self.inner;
        let begun = inner.begun.load(Ordering::SeqCst);
        let epoch = inner.storage.epoch().await?;
        if let Some(kept) = self.kept().filter(|kept| kept.directory.epoch == epoch) {
            return Ok(kept.directory);
        }
        let _one_at_a_time = inner.loading.lock().await;
        let newest = self.kept();
        if let Some(kept) = newest.as_ref().filter(|kept| kept.load > begun) {
            // Its load began after this call did.
            return Ok(kept.directory.clone());
        }
        let load = inner.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let directory = Arc::new(load::advance(&inner.storage, newest.map(|kept| kept.directory)).await?);
        let kept = Kept { directory: directory.clone(), load };
        *inner.newest.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(directory)
    }

    /// The newest directory that this process has read, whatever has changed since.
    pub fn newest(&self) -> Option<Arc<Directory>> {
        self.kept().map(|kept| kept.directory)
    }

    /// The epoch now, shared with whoever else asks.
    pub async fn epoch(&self) -> Result<Epoch, DbErr> {
        self.inner.storage.epoch().await
    }

    fn kept(&self) -> Option<Kept> {
        self.inner.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
