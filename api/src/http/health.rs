//! For whoever runs Fairway: is it alive, and should it be sent requests.

use std::{fmt, future::Future, sync::Arc};

use axum::{extract::State, http::StatusCode};
use futures_util::{FutureExt, future::BoxFuture};

use super::Edge;

/// Asks whether requests can be served, which is the case when the database answers.
#[derive(Clone)]
pub struct Ready(Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>);

impl Ready {
    /// `check` runs for each probe, and bounds its own time.
    pub fn new<F>(check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        Self(Arc::new(move || check().boxed()))
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready")
    }
}

/// The process runs and answers. Asks nothing else: a database that is down is no reason to restart Fairway.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

pub(super) async fn ready(State(edge): State<Arc<Edge>>) -> (StatusCode, &'static str) {
    if (edge.ready.0)().await { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
