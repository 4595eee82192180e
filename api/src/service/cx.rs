//! The context of one request: who asks, under which id, and the one moment that it reads.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::access::Sight;
use super::{Error, Service};
use crate::auth::Viewer;
use crate::auth::policy::{Action, Scope, may};

/// Made once for a request; every function of [`super`] takes it first.
pub struct Cx {
    pub service: Service,
    pub viewer: Viewer,
    pub request_id: String,
    /// Until when this request waits for registries, all in all.
    pub(super) deadline: Instant,
    /// Pinned at the first read, and again after each mutation.
    sight: Mutex<Option<Arc<Sight>>>,
}

impl Cx {
    pub fn new(service: Service, viewer: Viewer, request_id: String) -> Self {
        let deadline = Instant::now() + service.deadline;
        Self { service, viewer, request_id, deadline, sight: Mutex::new(None) }
    }

    /// What the viewer may see, as of the moment that this request reads.
    pub async fn sight(&self) -> Result<Arc<Sight>, Error> {
        let mut sight = self.sight.lock().await;
        if let Some(sight) = &*sight {
            return Ok(sight.clone());
        }
        let directory = self.service.directory().await?;
        Ok(sight.insert(Arc::new(Sight::new(directory, &self.viewer))).clone())
    }

    /// Reads the present anew: what a mutation decides on, and what its answer shows.
    pub async fn fresh_sight(&self) -> Result<Arc<Sight>, Error> {
        *self.sight.lock().await = None;
        self.sight().await
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
