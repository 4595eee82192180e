//! The rules R1 to R8: what may be asked, what may be done, and that it is done wholly or not at all.
//!
//! One file for each noun, each function with [`Cx`] first, or for a mutation the [`audit::Act`] that it is part of, which
//! leaves its events however it ends. Knows no GraphQL and no HTTP.
//!
//! A mutation reads the present, decides whether the viewer sees the thing (else `NotFound`) and may change it
//! (else `Forbidden`), talks to the registry where it must, and then commits one write, in which it checks again
//! whatever another process may have changed meanwhile.

mod access;
mod answers;
pub mod artifact;
mod attempts;
pub mod audit;
pub mod binding;
mod cx;
mod error;
pub mod event;
pub mod explanation;
pub mod image;
pub mod name;
pub mod namespace;
pub mod overview;
mod present;
pub mod preview;
mod recent;
pub mod registry;
pub mod selector;
pub mod space;
pub mod webhook;
pub mod workspace;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use self::access::{Availability, RegistryView, Sight};
use self::answers::Answers;
pub use self::answers::{Place, Question};
use self::attempts::Attempts;
pub use self::cx::Cx;
pub use self::error::Error;
use self::present::Present;
use self::recent::RecentAnswers;
use tokio_util::task::TaskTracker;

use crate::mirror::Mirror;
pub use crate::mirror::{Binding, Directory, Index, Namespace, Registry, Space, Workspace, reference_prefix};
use crate::storage::Storage;
use crate::sync::Sync;
use crate::upstream::Upstream;
use crate::vault::Vault;

/// What every request shares.
#[derive(Clone)]
pub struct Service {
    storage: Storage,
    mirror: Mirror,
    sync: Sync,
    upstream: Upstream,
    vault: Arc<Vault>,
    /// The newest directory, with what was worked out of it.
    newest: Arc<Mutex<Option<Arc<Present>>>>,
    answers: Arc<Answers>,
    recent: Arc<RecentAnswers>,
    /// Who tried connections lately.
    attempts: Arc<Attempts>,
    /// Those who wait for the epoch to move.
    watch: Arc<event::Watch>,
    /// Acts under way, each in a task of its own.
    acts: TaskTracker,
    /// How long a request waits for registries that do not answer.
    deadline: Duration,
}

impl Service {
    pub fn new(
        storage: Storage,
        mirror: Mirror,
        sync: Sync,
        upstream: Upstream,
        vault: Arc<Vault>,
        deadline: Duration,
    ) -> Self {
        let (newest, answers, attempts, watch) = (Arc::default(), Arc::default(), Arc::default(), Arc::default());
        let (recent, acts) = (Arc::default(), TaskTracker::new());
        Self { storage, mirror, sync, upstream, vault, newest, answers, recent, attempts, watch, acts, deadline }
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
            tracing::warn!(acts = self.acts.len(), "Acts did not end in time and were broken off");
        }
    }

    /// Runs an act to its end, whatever becomes of the request that asked for it: a client that hangs up ends the wait,
    /// not the act.
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

    /// The present: exact for an epoch read after this call began.
    async fn present(&self) -> Result<Arc<Present>, Error> {
        let directory = self.mirror.current().await?;
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(present) = newest.as_ref().filter(|present| Arc::ptr_eq(&present.directory, &directory)) {
            return Ok(present.clone());
        }
        Ok(newest.insert(Arc::new(Present::new(directory))).clone())
    }
}
