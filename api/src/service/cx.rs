//! The context of one request: who asks, under which id, and the one moment that it reads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::access::Sight;
use super::{Error, Service};
use crate::auth::Viewer;
use crate::auth::policy::{Action, Scope, may};
use crate::storage::Epoch;

/// What one request asks registries for, at most. A page of a hundred images with one thing of each is far below.
const MAX_QUESTIONS: usize = 500;

/// Made once for a request; every function of [`super`] takes it first.
pub struct Cx {
    pub service: Service,
    pub viewer: Arc<Viewer>,
    pub request_id: String,
    /// Until when this request waits for registries, all in all.
    deadline: RwLock<Instant>,
    /// Pinned at the first read, and again after each mutation.
    sight: Mutex<Option<Arc<Sight>>>,
    /// How many questions it has asked registries.
    n_questions: AtomicUsize,
    /// Whether the answer follows from more than what is stored.
    depends_on_more: AtomicBool,
}

impl Cx {
    pub fn new(service: Service, viewer: Arc<Viewer>, request_id: String) -> Self {
        let deadline = RwLock::new(Instant::now() + service.deadline);
        let (sight, n_questions) = (Mutex::new(None), AtomicUsize::new(0));
        let depends_on_more = AtomicBool::new(false);
        Self { service, viewer, request_id, deadline, sight, n_questions, depends_on_more }
    }

    /// What the viewer may see, as of the moment that this request reads.
    pub async fn sight(&self) -> Result<Arc<Sight>, Error> {
        let mut sight = self.sight.lock().await;
        if let Some(sight) = &*sight {
            return Ok(sight.clone());
        }
        // Boxed: each field of each node that asks for the sight would carry what reading the directory takes, and hardly
        // one of them comes to read it.
        let present = Box::pin(self.service.present()).await?;
        Ok(sight.insert(Arc::new(Sight::new(present, &self.viewer))).clone())
    }

    /// The same, if this request has read already: without waiting for anything.
    pub fn sight_at_hand(&self) -> Option<Arc<Sight>> {
        self.sight.try_lock().ok()?.clone()
    }

    /// Reads the present anew: what a mutation decides on, and what its answer shows.
    pub async fn fresh_sight(&self) -> Result<Arc<Sight>, Error> {
        *self.sight.lock().await = None;
        self.sight().await
    }

    /// Counts questions to a registry: lists within lists ask for thousands, however little the document looks like it.
    ///
    /// # Errors
    /// When the request has asked enough.
    pub(super) fn count_questions(&self, n: usize) -> Result<(), Error> {
        if self.n_questions.fetch_add(n, Ordering::Relaxed) + n <= MAX_QUESTIONS {
            return Ok(());
        }
        Err(Error::unsupported(format!(
            "one request asks registries for at most {MAX_QUESTIONS} things: select fewer images at a time"
        )))
    }

    /// Begins anew, for the next event of a subscription: its own moment, and its own time to wait for registries.
    pub(super) async fn renew(&self) -> Result<Arc<Sight>, Error> {
        *self.deadline.write().unwrap_or_else(PoisonError::into_inner) = Instant::now() + self.service.deadline;
        self.n_questions.store(0, Ordering::Relaxed);
        self.fresh_sight().await
    }

    pub(super) fn deadline(&self) -> Instant {
        *self.deadline.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells that the answer shows what the epoch says nothing of: what a registry was asked just now, when something
    /// was last looked at, what is under way in this process. Such an answer is not given again.
    pub fn depends_on_more(&self) {
        self.depends_on_more.store(true, Ordering::Relaxed);
    }

    /// The epoch from which, and from nothing else, all follows that was read in this context. None when it depends on
    /// more, or when nothing was read.
    pub(super) fn follows_from(&self) -> Option<Epoch> {
        // Whoever still holds the lock is still reading.
        let sight = self.sight.try_lock().ok()?;
        let epoch = sight.as_ref().map(|sight| sight.directory().epoch);
        epoch.filter(|_| !self.depends_on_more.load(Ordering::Relaxed))
    }

    pub(super) fn may(&self, action: Action, scope: Scope<'_>) -> bool {
        may(&self.viewer, action, scope)
    }

    /// R2 for a thing that the viewer sees.
    pub(super) fn authorize(&self, action: Action, scope: Scope<'_>) -> Result<(), Error> {
        if self.may(action, scope) {
            return Ok(());
        }
        let who = match scope {
            Scope::Platform => "only an Admin may do this".to_owned(),
            Scope::Workspace(name) => {
                format!("only an Admin or a Workspace Admin of `{name}` may do this")
            }
        };
        Err(Error::forbidden(who))
    }
}
