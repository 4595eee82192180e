//! The first reading of a space's images, because somebody asks for them before any sweep has come to it.

use std::sync::Arc;

use ::entity::{registry, space};
use tokio::time::{Instant, timeout_at};

use super::Sync;
use super::images::key;
use super::keep::{Extent, Read, snapshot};
use super::reading::{Reading, Stop};
use crate::catalog::Snapshot;
use crate::upstream;

impl Sync {
    /// The images of a space that were never read: read now, once for all who ask meanwhile, and kept. When all of them
    /// hang up it ends. When somebody has waited to the deadline it goes on: who asks next finds what it has read.
    ///
    /// # Errors
    /// At once while the account is refused, or while the registry does not answer anybody.
    pub async fn first_images(
        &self,
        registry: Arc<registry::Model>,
        space: Arc<space::Model>,
        deadline: Instant,
    ) -> Result<Arc<Snapshot>, Arc<upstream::Error>> {
        if self.is_refused(&registry) {
            return Err(Arc::new(upstream::Error::Unauthorized));
        }
        let sync = self.clone();
        // Under other settings it is another reading.
        let load = (space.id, registry.updated_at);
        let read = async move { sync.read_first(&registry, &space).await };
        let (read, interest) = self.inner.first_reads.join_while_wanted(load, read);
        match timeout_at(deadline, read).await {
            Ok(Some(read)) => read,
            Ok(None) => Err(Arc::new(upstream::Error::Malformed { what: "its list of images".into() })),
            Err(_elapsed) => {
                interest.outlive();
                Err(Arc::new(upstream::Error::Timeout))
            }
        }
    }

    async fn read_first(
        &self,
        registry: &registry::Model,
        space: &Arc<space::Model>,
    ) -> Result<Arc<Snapshot>, Arc<upstream::Error>> {
        let begun = match self.inner.mirror.current().await {
            Ok(directory) => {
                if let Some(known) = directory.catalog.get(space.id) {
                    return Ok(known.clone());
                }
                Reading::begin(&self.inner.storage, &directory, registry.id, None)
            }
            Err(error) => Err(Stop::Database(error)),
        };
        let client = self.client(registry).map_err(Arc::new)?;
        let listed = client.list_images(&key(space)).await;
        self.heed(registry, listed.as_ref().err());
        let now = Arc::new(snapshot(listed.map_err(Arc::new)?));
        let read = Read { space: space.clone(), before: None, now: now.clone(), extent: Extent::Whole };
        let kept = match begun {
            // Read with settings that are not those of now.
            Ok(reading) if reading.registry.updated_at != registry.updated_at => Err(Stop::Void),
            Ok(reading) => reading.keep(&[read]).await.map(|_| ()),
            Err(stop) => Err(stop),
        };
        if let Err(stop) = kept {
            // The answer is true all the same, and the next sweep reads the space again.
            tracing::warn!(space.id = %space.id, ?stop, "The images of a space were not written down");
        }
        Ok(now)
    }
}
