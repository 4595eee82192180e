//! The outside face: routes, the order of what surrounds them, and how a server runs and ends.
//!
//! GraphQL over HTTP is `graphql`'s. This module turns tokens into viewers by [`auth`](crate::auth) and hands documents to
//! the graph; it knows neither what is in the graph nor what a viewer may do there.

mod accept;
mod fault;
mod graphiql;
mod graphql;
mod health;
mod panic;
mod request_id;
mod serve;
mod settings;

use std::sync::Arc;

use async_graphql::{Request, Response};
use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use futures_util::{FutureExt, future::BoxFuture};

pub use self::{health::Ready, request_id::RequestId, serve::serve, settings::Settings};
use crate::{
    auth::{Verifier, Viewer},
    graphql::Graph,
};

/// What the routes need.
#[derive(Clone)]
pub struct HttpState {
    pub graph: Graph,
    pub verifier: Arc<Verifier>,
    pub settings: Settings,
    pub ready: Ready,
}

/// Every route of Fairway.
pub fn router(state: HttpState) -> Router {
    let HttpState { graph, verifier, settings, ready } = state;
    let execute = move |request: Request, viewer: Option<Viewer>, request_id: String| {
        let graph = graph.clone();
        async move { graph.execute(request, viewer, request_id).await }.boxed()
    };
    routes(Edge { execute: Arc::new(execute), verifier, settings: Arc::new(settings), ready })
}

type Execute = dyn Fn(Request, Option<Viewer>, String) -> BoxFuture<'static, Response> + Send + Sync;

/// The state as the handlers see it: the graph is something that executes, so that tests bring a small one.
#[derive(Clone)]
struct Edge {
    execute: Arc<Execute>,
    verifier: Arc<Verifier>,
    settings: Arc<Settings>,
    ready: Ready,
}

fn routes(edge: Edge) -> Router {
    let mut router = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .merge(graphiql::assets())
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .with_state(edge.clone())
        .layer(DefaultBodyLimit::max(edge.settings.body_limit_bytes))
        .layer(middleware::from_fn(panic::catch));
    if let Some(cors) = edge.settings.cors() {
        router = router.layer(cors);
    }
    // Outermost, so that every answer has an id and every line that is logged on the way has it too.
    router.layer(middleware::from_fn(request_id::assign))
}

#[cfg(test)]
mod tests;
