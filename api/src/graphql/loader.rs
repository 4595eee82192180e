//! The loaders of one request: what many fields ask for is asked once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use async_graphql::runtime::{TokioSpawner, TokioTimer};
use uuid::Uuid;

use crate::service::name::NamespaceKey;
use crate::service::selector::{self, Loaded};
use crate::service::{Cx, Error, Reach};

/// Made for each request, and gone with it.
pub(super) struct Loaders {
    pub(super) reach: DataLoader<ReachLoader, HashMapCache>,
    pub(super) images: DataLoader<ImagesLoader, HashMapCache>,
}

impl Loaders {
    pub(super) fn new(cx: Arc<Cx>) -> Self {
        Self { reach: loader(ReachLoader(cx.clone())), images: loader(ImagesLoader(cx)) }
    }
}

/// Without delay: fields that ask together are collected together, and nobody waits for a timer.
fn loader<L: Send + Sync + 'static>(loader: L) -> DataLoader<L, HashMapCache> {
    DataLoader::with_cache(loader, TokioSpawner::current(), TokioTimer::default(), HashMapCache::default())
        .delay(Duration::ZERO)
}

/// What a namespace reaches, as of the version of the directory: a mutation earlier in the request changes both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ReachKey {
    pub(super) version: i64,
    pub(super) namespace: NamespaceKey,
}

/// Namespaces to the spaces that they reach.
pub(super) struct ReachLoader(Arc<Cx>);

impl Loader<ReachKey> for ReachLoader {
    type Value = Arc<Vec<Reach>>;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[ReachKey]) -> Result<HashMap<ReachKey, Self::Value>, Self::Error> {
        let namespaces: Vec<NamespaceKey> = keys.iter().map(|key| key.namespace.clone()).collect();
        let mut reach = selector::reach(&self.0, &namespaces).await.map_err(Arc::new)?;
        Ok(keys.iter().filter_map(|key| Some((key.clone(), reach.remove(&key.namespace)?))).collect())
    }
}

/// The images of a space, as of the version of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ImagesKey {
    pub(super) version: i64,
    pub(super) space: Uuid,
}

/// Spaces to their images, each loaded once.
pub(super) struct ImagesLoader(Arc<Cx>);

impl Loader<ImagesKey> for ImagesLoader {
    type Value = Loaded;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[ImagesKey]) -> Result<HashMap<ImagesKey, Self::Value>, Self::Error> {
        let spaces: Vec<Uuid> = keys.iter().map(|key| key.space).collect();
        let mut loaded = selector::images(&self.0, &spaces).await.map_err(Arc::new)?;
        Ok(keys.iter().filter_map(|key| Some((*key, loaded.remove(&key.space)?))).collect())
    }
}
