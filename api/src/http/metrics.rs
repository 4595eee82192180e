//! `/metrics`, and the counting of what is answered.

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use tracing::error;

use crate::metrics::{CONTENT_TYPE, Metrics};

/// `/metrics` and nothing else, for a listener of its own or beside the other routes.
pub fn metrics_router(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(metrics)
}

/// Asks for no token, as Prometheus brings none: what is told here is no secret.
async fn scrape(State(metrics): State<Metrics>) -> Response {
    match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            error!(%error, "The metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Counts each answer. A request whose client hangs up has none.
pub(super) async fn count(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    // The pattern that matched: paths themselves are the callers' to make up.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut counted = Counted { metrics, route, status: None };
    let response = next.run(request).await;
    counted.status = Some(response.status());
    response
}

/// Counts when it is dropped: also on the way of a panic, which is answered farther out.
struct Counted {
    metrics: Metrics,
    route: Option<MatchedPath>,
    status: Option<StatusCode>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let of_panic = std::thread::panicking().then_some(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(status) = self.status.or(of_panic) {
            let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
            self.metrics.http_answered(route, status.as_u16());
        }
    }
}
