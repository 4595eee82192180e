//! The rules R1 to R8: what may be asked, what may be done, and that it is done wholly or not at all.
//!
//! One file for each noun, each function with [`Cx`] first. Knows no GraphQL and no HTTP.
//!
//! A mutation reads the present, decides whether the viewer sees the thing (else `NotFound`) and may change it
//! (else `Forbidden`), talks to the registry where it must, and then commits one write, in which it checks again
//! whatever another process may have changed meanwhile.

mod access;
mod audit;
pub mod binding;
mod cx;
mod directory;
mod error;
pub mod image;
pub mod name;
pub mod namespace;
pub mod registry;
pub mod selector;
pub mod space;
pub mod workspace;

use std::sync::Arc;
use std::time::Duration;

pub use self::access::{Availability, Reach, RegistryView, Sight, reference_prefix};
pub use self::cx::Cx;
use self::directory::Directories;
pub use self::directory::{Binding, Directory, Index, Namespace, Registry, Space, Workspace};
pub use self::error::Error;
use tokio_util::task::TaskTracker;

use crate::storage::Storage;
use crate::sync::Sync;
use crate::upstream::Upstream;
use crate::vault::Vault;

/// What every request shares.
#[derive(Clone)]
pub struct Service {
    storage: Storage,
    sync: Sync,
    upstream: Upstream,
    vault: Arc<Vault>,
    directories: Arc<Directories>,
    /// Acts that reach a registry, each in a task of its own.
    acts: TaskTracker,
    /// How long a request waits for registries that do not answer.
    deadline: Duration,
}

impl Service {
    pub fn new(storage: Storage, sync: Sync, upstream: Upstream, vault: Arc<Vault>, deadline: Duration) -> Self {
        Self { storage, sync, upstream, vault, directories: Arc::default(), acts: TaskTracker::new(), deadline }
    }

    /// Whether the database answers, and soon: what readiness means.
    pub async fn is_ready(&self) -> bool {
        const PATIENCE: Duration = Duration::from_secs(2);
        matches!(tokio::time::timeout(PATIENCE, self.storage.epoch()).await, Ok(Ok(_)))
    }

    /// Waits for the acts under way, at most for `patience`: called when no request can begin another.
    pub async fn finish(&self, patience: Duration) {
        self.acts.close();
        if tokio::time::timeout(patience, self.acts.wait()).await.is_err() {
            tracing::warn!(acts = self.acts.len(), "Acts on registries did not end in time and were broken off");
        }
    }

    /// Runs an act that reaches a registry to its end, whatever becomes of the request that asked for it: a client
    /// that hangs up ends the wait, not the act.
    async fn to_the_end<T: Send + 'static>(
        &self,
        act: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        use tracing::Instrument;
        match self.acts.spawn(act.in_current_span()).await {
            Ok(done) => done,
            Err(failed) => Err(Error::internal(failed)),
        }
    }

    /// The present. What is no longer in it is forgotten by those who keep something of it.
    async fn directory(&self) -> Result<Arc<Directory>, Error> {
        let forget = |directory: &Directory| self.sync.retain(|space| directory.spaces.find(space).is_some());
        Ok(self.directories.current(&self.storage, forget).await?)
    }
}
