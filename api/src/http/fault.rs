//! What goes wrong before a document is executed, as an answer.

use async_graphql::{ErrorExtensionValues, Pos, ServerError};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;

use super::{RequestId, accept::MediaType};

/// When a client may try again that could not be let in for lack of keys.
const RETRY_AFTER_SECS: &str = "5";

/// A refusal: an HTTP status, and one GraphQL error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The request is not what GraphQL over HTTP asks for.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", message)
    }

    pub(super) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
    }

    /// Nobody can be let in for a while.
    pub(super) fn keys_unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "UPSTREAM_UNAVAILABLE", message)
    }

    pub(super) fn timeout(status: StatusCode) -> Self {
        Self::new(status, "TIMEOUT", "the request took too long")
    }

    /// The same as a GraphQL error.
    pub(super) fn error(&self, id: &RequestId) -> ServerError {
        let mut error = coded(self.code, &*self.message, None);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("retryable", is_retryable(self.code));
        extensions.set("requestId", &*id.0);
        error
    }

    pub(super) fn into_response(self, media_type: MediaType, id: &RequestId) -> Response {
        let error = self.error(id);
        let mut response = answer(self.status, media_type, errors_alone(&[error]));
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECS));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

/// Whether the same request may succeed later. For codes whose origin did not say.
pub(super) fn is_retryable(code: &str) -> bool {
    matches!(code, "TIMEOUT" | "UPSTREAM_UNAVAILABLE")
}

/// A GraphQL error with its code.
pub(super) fn coded(code: &str, message: impl Into<String>, position: Option<Pos>) -> ServerError {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    let mut error = ServerError::new(message, position);
    error.extensions = Some(extensions);
    error
}

/// The body of an answer without `data`, which the specification asks for where nothing was executed.
pub(super) fn errors_alone(errors: &[ServerError]) -> Vec<u8> {
    #[derive(Serialize)]
    struct ErrorsAlone<'a> {
        errors: &'a [ServerError],
    }
    serde_json::to_vec(&ErrorsAlone { errors }).expect("errors are plain JSON")
}

/// An answer that depends on who asks, and is kept by nobody in between.
pub(super) fn answer(status: StatusCode, media_type: MediaType, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type.header());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Authorization, Accept"));
    response
}
