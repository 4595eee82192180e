//! A panic is a bug, and ends one request alone.

use std::panic::AssertUnwindSafe;

use axum::{
    http::{HeaderValue, StatusCode},
    response::Response,
};
use futures_util::FutureExt;
use tracing::error;

use super::{RequestId, accept::MediaType, fault::Fault};

/// Answers with an internal error where the handler panics, in a media type that is accepted. What the panic says is
/// printed by the panic hook, and is for nobody outside.
pub(super) async fn catch(
    answering: impl Future<Output = Response>,
    accept: Option<HeaderValue>,
    id: &RequestId,
) -> Response {
    match AssertUnwindSafe(answering).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            error!("A request panicked");
            let fault = Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR", "internal error");
            fault.into_response(MediaType::of_answer(accept.as_ref()), id)
        }
    }
}
