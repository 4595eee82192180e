//! The loaders of one request: what many fields ask for is asked once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::entity::registry_sync;
use async_graphql::dataloader::{CacheFactory, DataLoader, HashMapCache, Loader, NoCache};
use async_graphql::runtime::TokioTimer;
use futures_util::task::{FutureObj, Spawn, SpawnError};
use tokio::task::JoinSet;
use tracing::Instrument;
use uuid::Uuid;

use crate::service::name::NamespaceKey;
use crate::service::selector::{self, Reachable};
use crate::service::{Cx, Error, registry};

/// Made for each request, and gone with it.
pub(super) struct Loaders {
    pub(super) reachable: DataLoader<ReachableLoader, HashMapCache>,
    /// Collects, and keeps nothing: a mutation earlier in the request may have moved what it reads.
    pub(super) turns: DataLoader<TurnLoader, NoCache>,
    tasks: Tasks,
}

impl Loaders {
    pub(super) fn new(cx: Arc<Cx>) -> Self {
        let tasks = Tasks::default();
        Self {
            reachable: loader(ReachableLoader(cx.clone()), HashMapCache::default(), &tasks),
            turns: loader(TurnLoader(cx), NoCache, &tasks),
            tasks,
        }
    }
}

impl Drop for Loaders {
    /// What they load is for this request alone: a client that hangs up ends it.
    fn drop(&mut self) {
        self.tasks.lock().abort_all();
    }
}

/// Without delay: fields that ask together are collected together, and nobody waits for a timer.
fn loader<L: Send + Sync + 'static, C: CacheFactory>(loader: L, cache: C, tasks: &Tasks) -> DataLoader<L, C> {
    DataLoader::with_cache(loader, tasks.clone(), TokioTimer::default(), cache).delay(Duration::ZERO)
}

/// The tasks in which loaders load. They hold the loaders, and so must be ended by somebody else.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    fn lock(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spawn for Tasks {
    fn spawn_obj(&self, task: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.lock().spawn(task.in_current_span());
        Ok(())
    }
}

/// What a namespace reaches, as of the version of the directory: a mutation earlier in the request changes both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ReachableKey {
    pub(super) version: i64,
    pub(super) namespace: NamespaceKey,
}

/// Namespaces to what they reach. Images of spaces that were never read are read once for all of them.
pub(super) struct ReachableLoader(Arc<Cx>);

impl Loader<ReachableKey> for ReachableLoader {
    type Value = Reachable;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[ReachableKey]) -> Result<HashMap<ReachableKey, Self::Value>, Self::Error> {
        let namespaces: Vec<NamespaceKey> = keys.iter().map(|key| key.namespace.clone()).collect();
        let mut reachable = selector::reachable(&self.0, &namespaces).await.map_err(Arc::new)?;
        Ok(keys.iter().filter_map(|key| Some((key.clone(), reachable.remove(&key.namespace)?))).collect())
    }
}

/// Registries to how they are kept in step.
pub(super) struct TurnLoader(Arc<Cx>);

impl Loader<Uuid> for TurnLoader {
    type Value = registry_sync::Model;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Self::Value>, Self::Error> {
        registry::turns(&self.0, keys.to_vec()).await.map_err(Arc::new)
    }
}
