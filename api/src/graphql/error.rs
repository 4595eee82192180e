//! The one map from what went wrong to what a client reads: a code, a message, and the field or registry at fault.

use std::sync::Arc;

use async_graphql::{Error as GraphqlError, ErrorExtensions};

use crate::service::Error;

/// What resolvers answer.
pub(super) type Result<T> = std::result::Result<T, Failure>;

/// A failure on its way to the client. It has no `Display`, deliberately: the library takes whatever has one for an
/// error of its own, and would send it without a code.
#[derive(Clone)]
pub(super) struct Failure(Arc<Error>);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<Arc<Error>> for Failure {
    fn from(error: Arc<Error>) -> Self {
        Self(error)
    }
}

impl From<Failure> for GraphqlError {
    fn from(Failure(error): Failure) -> Self {
        if let Error::Internal(source) = &*error {
            // The one place where it is logged: with the request's id, which its span carries.
            tracing::error!(error = &**source as &dyn std::error::Error, "A request failed inside");
        }
        GraphqlError::new(error.to_string()).extend_with(|_, extensions| {
            extensions.set("code", code(&error));
            extensions.set("retryable", is_retryable(&error));
            if let Some(field) = field(&error) {
                extensions.set("field", field);
            }
            if let Error::Upstream { registry: Some(registry), .. } = &*error {
                extensions.set("registry", registry.as_str());
            }
        })
    }
}

fn code(error: &Error) -> &'static str {
    use crate::upstream;
    match error {
        Error::Forbidden { .. } => "FORBIDDEN",
        Error::NotFound { .. } => "NOT_FOUND",
        Error::Conflict { .. } => "CONFLICT",
        Error::Invalid { .. } => "BAD_USER_INPUT",
        Error::Unsupported { .. } => "UNSUPPORTED",
        Error::Upstream { source, .. } if source.is_unauthorized() => "UPSTREAM_UNAUTHORIZED",
        Error::Upstream { source: upstream::Error::Forbidden { .. }, .. } => "UPSTREAM_UNAUTHORIZED",
        Error::Upstream {
            source: upstream::Error::Rejected { .. } | upstream::Error::ReadOnly | upstream::Error::Conflict { .. },
            ..
        } => "UPSTREAM_REJECTED",
        // To this viewer the registry is out of reach for a while: no code says it better.
        Error::TooSoon { .. } | Error::Upstream { .. } => "UPSTREAM_UNAVAILABLE",
        Error::Internal(_) => "INTERNAL_SERVER_ERROR",
    }
}

/// Whether the same request may succeed later, with nothing mended in between by its sender.
fn is_retryable(error: &Error) -> bool {
    match error {
        Error::Upstream { source, .. } => source.is_retryable(),
        Error::TooSoon { .. } | Error::Internal(_) => true,
        Error::Forbidden { .. }
        | Error::NotFound { .. }
        | Error::Conflict { .. }
        | Error::Invalid { .. }
        | Error::Unsupported { .. } => false,
    }
}

fn field(error: &Error) -> Option<&'static str> {
    match error {
        Error::Invalid { field, .. } | Error::TooSoon { field, .. } => Some(field),
        Error::NotFound { field, .. }
        | Error::Conflict { field, .. }
        | Error::Unsupported { field, .. }
        | Error::Upstream { field, .. } => *field,
        Error::Forbidden { .. } | Error::Internal(_) => None,
    }
}
