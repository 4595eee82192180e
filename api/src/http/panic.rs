//! A panic is a bug, and ends one request alone.

use std::panic::AssertUnwindSafe;

use axum::{extract::Request, http::StatusCode, middleware::Next, response::Response};
use futures_util::FutureExt;
use tracing::error;

use super::{RequestId, accept::MediaType, fault::Fault};

/// Answers with an internal error where the handler panicked. What the panic says is printed by the panic hook, and is
/// for nobody outside.
pub(super) async fn catch(id: RequestId, request: Request, next: Next) -> Response {
    let media_type = MediaType::of_answer(request.headers());
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            error!("A request panicked");
            let fault = Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR", "internal error");
            fault.into_response(media_type, &id)
        }
    }
}
