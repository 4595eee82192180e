//! The loaders of one request: what many fields ask for is asked once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::entity::registry_sync;
use async_graphql::dataloader::{CacheFactory, DataLoader, HashMapCache, Loader, NoCache};
use async_graphql::runtime::{TokioSpawner, TokioTimer};
use uuid::Uuid;

use crate::service::name::NamespaceKey;
use crate::service::selector::{self, Reachable};
use crate::service::{Cx, Error, registry};

/// Made for each request, and gone with it.
pub(super) struct Loaders {
    pub(super) reachable: DataLoader<ReachableLoader, HashMapCache>,
    /// Collects, and keeps nothing: a mutation earlier in the request may have moved what it reads.
    pub(super) turns: DataLoader<TurnLoader, NoCache>,
}

impl Loaders {
    pub(super) fn new(cx: Arc<Cx>) -> Self {
        Self {
            reachable: loader(ReachableLoader(cx.clone()), HashMapCache::default()),
            turns: loader(TurnLoader(cx), NoCache),
        }
    }
}

/// Without delay: fields that ask together are collected together, and nobody waits for a timer.
fn loader<L: Send + Sync + 'static, C: CacheFactory>(loader: L, cache: C) -> DataLoader<L, C> {
    DataLoader::with_cache(loader, TokioSpawner::current(), TokioTimer::default(), cache).delay(Duration::ZERO)
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
