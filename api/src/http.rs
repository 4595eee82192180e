//! The outside face: routes, the order of what surrounds them, and how a server runs and ends.
//!
//! GraphQL over HTTP is `graphql`'s, what registries tell is `webhook`'s. This module turns tokens into viewers by [`auth`](crate::auth) and hands documents to
//! the graph; it knows neither what is in the graph nor what a viewer may do there.

mod accept;
mod fault;
mod graphiql;
mod graphql;
mod health;
mod metrics;
mod panic;
mod request_id;
mod serve;
mod settings;
mod webhook;

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_graphql::{Request, Response as Answer};
use axum::{
    Router,
    body::Bytes,
    extract::Request as HttpRequest,
    middleware,
    response::Response,
    routing::{any, get},
};
use futures_util::{FutureExt, future::BoxFuture, stream::BoxStream};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{Service, ServiceBuilder};

use self::graphql::Persisted;
pub use self::{
    health::Ready,
    metrics::metrics_router,
    request_id::RequestId,
    serve::{Patience, serve},
    settings::Settings,
    webhook::{Notification, Received, WebhookKind, Webhooks},
};
use crate::{
    auth::{Verifier, Viewer},
    graphql::{Executed, Graph, Question, Standing, limits::Documents},
    metrics::Metrics,
};

/// What the routes need.
#[derive(Clone)]
pub struct HttpState {
    pub graph: Graph,
    pub verifier: Arc<Verifier>,
    pub settings: Settings,
    pub ready: Ready,
    pub webhooks: Webhooks,
    pub metrics: Metrics,
    pub shutdown: Shutdown,
}

/// How what lasts longer than an answer learns that the end is near, and is waited for.
#[derive(Clone, Default)]
pub struct Shutdown {
    /// Cancelled when the end begins.
    pub begun: CancellationToken,
    /// `WebSockets`, which are no connections of the server any more.
    pub sockets: TaskTracker,
}

impl Shutdown {
    /// Waits until all sockets are closed, which takes no longer than saying goodbye.
    pub async fn finish(&self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        self.sockets.close();
        // Whoever does not listen to it is broken off.
        let _ = timeout(PATIENCE, self.sockets.wait()).await;
    }
}

/// What answers every request.
pub trait Site:
    Service<HttpRequest, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> Site for S where
    S: Service<HttpRequest, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

/// Every route of Fairway.
pub fn router(state: HttpState) -> impl Site {
    let HttpState { graph, verifier, settings, ready, webhooks, metrics, shutdown } = state;
    routes(Edge { shutdown, ..Edge::new(graph, verifier, settings, ready, webhooks, metrics) })
}

/// The graph as the handlers see it, so that tests bring a small one.
trait Answering: Send + Sync {
    /// Looks for an answer that was given before.
    fn recall<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Option<Bytes>>;

    fn execute(
        &self,
        request: Request,
        viewer: Option<Arc<Viewer>>,
        request_id: String,
        question: Option<Question>,
    ) -> BoxFuture<'_, Executed>;

    /// Runs a subscription.
    fn subscribe(
        &self,
        request: Request,
        viewer: Arc<Viewer>,
        request_id: String,
        standing: Standing,
    ) -> BoxStream<'static, Answer>;
}

impl Answering for Graph {
    fn recall<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Option<Bytes>> {
        Self::recall(self, question).boxed()
    }

    fn execute(
        &self,
        request: Request,
        viewer: Option<Arc<Viewer>>,
        request_id: String,
        question: Option<Question>,
    ) -> BoxFuture<'_, Executed> {
        Self::execute(self, request, viewer, request_id, question).boxed()
    }

    fn subscribe(
        &self,
        request: Request,
        viewer: Arc<Viewer>,
        request_id: String,
        standing: Standing,
    ) -> BoxStream<'static, Answer> {
        Self::subscribe(self, request, viewer, request_id, standing)
    }
}

/// The state as the handlers see it.
struct Edge {
    graph: Box<dyn Answering>,
    verifier: Arc<Verifier>,
    documents: Documents,
    persisted: Persisted,
    settings: Settings,
    ready: Ready,
    webhooks: Webhooks,
    metrics: Metrics,
    shutdown: Shutdown,
}

impl Edge {
    fn new(
        graph: impl Answering + 'static,
        verifier: Arc<Verifier>,
        settings: Settings,
        ready: Ready,
        webhooks: Webhooks,
        metrics: Metrics,
    ) -> Self {
        let (documents, persisted) = (Documents::new(settings.limits), Persisted::new(&settings.trusted_documents));
        Self {
            graph: Box::new(graph),
            verifier,
            documents,
            persisted,
            settings,
            ready,
            webhooks,
            metrics,
            shutdown: Shutdown::default(),
        }
    }
}

fn routes(edge: Edge) -> impl Site {
    let cors = edge.settings.cors();
    let router = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/graphql/ws", any(graphql::open))
        .merge(graphiql::assets())
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .merge(webhook::routes());
    let (metrics, serves_metrics) = (edge.metrics.clone(), edge.settings.serves_metrics);
    let mut router = router.with_state(Arc::new(edge));
    if serves_metrics {
        router = router.merge(metrics_router(metrics.clone()));
    }
    let router = router.layer(middleware::from_fn_with_state(metrics, metrics::count));
    // Around the router, not in it: each layer in it would be copied for each request, with all that it surrounds.
    ServiceBuilder::new()
        // Outermost, so that a browser may read every answer. What it asks beforehand is answered here, without an id.
        .option_layer(cors)
        // So that every other answer has an id, and every line that is logged on the way has it too.
        .layer(middleware::from_fn(request_id::assign))
        .service(router)
}

#[cfg(test)]
mod tests;
