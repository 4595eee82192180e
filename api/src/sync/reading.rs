//! One reading of a registry, and what it may write of what it read.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use ::entity::registry;
use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use sea_orm::prelude::*;

use super::lease::Lease;
use crate::clock;
use crate::mirror::Directory;
use crate::storage::{Raises, Storage, Write};
use crate::upstream;

/// Begins before the first request of what it reads. Its writes leave alone what others have written since: that may be
/// newer. They are refused once the registry's settings have changed, and those of a sweep once its lease is lost.
pub(super) struct Reading {
    pub(super) registry: Arc<registry::Model>,
    /// When it began.
    pub(super) at: DateTime<Utc>,
    /// The version of the newest row then.
    noted: i64,
    /// A sweep has one. What reads little, because somebody waits for it, goes without.
    lease: Option<Lease>,
    storage: Storage,
    /// The versions of its own writes.
    own: Mutex<HashSet<i64>>,
}

/// Why a reading ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The registry is there no more.
    Gone,
    /// Its settings have changed: what was read tells of others.
    Void,
    /// The lease has lapsed, or is another's.
    Lost,
    Database(DbErr),
    /// The registry failed as a whole.
    Failed(upstream::Error),
}

impl From<DbErr> for Stop {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl Reading {
    /// A reading that begins now: `directory` was current a moment ago.
    pub(super) fn begin(
        storage: &Storage,
        directory: &Directory,
        registry: Uuid,
        lease: Option<Lease>,
    ) -> Result<Self, Stop> {
        let registry = directory.registries.find(registry).ok_or(Stop::Gone)?.clone();
        Ok(Self {
            registry,
            at: clock::now(),
            noted: directory.epoch.version(),
            lease,
            storage: storage.clone(),
            own: Mutex::default(),
        })
    }

    pub(super) fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// Begins a write. From here to [`Reading::commit`] the lease and the settings stay as they are.
    pub(super) async fn write(&self, raises: Raises) -> Result<Write, Stop> {
        let write = self.storage.write(raises).await?;
        if let Some(lease) = &self.lease
            && !lease.holds(&write).await?
        {
            return Err(Stop::Lost);
        }
        match registry::Entity::find_by_id(self.registry.id).one(write.tx()).await? {
            None => Err(Stop::Gone),
            Some(now) if now.updated_at != self.registry.updated_at => Err(Stop::Void),
            Some(_) => Ok(write),
        }
    }

    pub(super) async fn commit(&self, write: Write) -> Result<(), Stop> {
        let version = write.version();
        write.commit().await?;
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(version);
        Ok(())
    }

    /// Whether somebody else wrote a row of this version since the reading began.
    pub(super) fn is_newer(&self, version: i64) -> bool {
        version > self.noted && !self.own.lock().unwrap_or_else(PoisonError::into_inner).contains(&version)
    }

    /// The version that no row was newer than when the reading began.
    pub(super) fn noted(&self) -> i64 {
        self.noted
    }

    pub(super) fn storage(&self) -> &Storage {
        &self.storage
    }
}
