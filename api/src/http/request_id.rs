//! Gives each request an id, which stands in its answer, in its errors and in whatever is logged on its way.

use std::{convert::Infallible, sync::Arc, time::Instant};

use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, Level, debug, enabled, info_span};
use uuid::Uuid;

use super::panic;

pub(super) const HEADER: &str = "x-request-id";

const MAX_LENGTH: usize = 128;

/// The id of the request at hand: the caller's where that is sane, else a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

/// Surrounds the answering of each request.
pub(super) async fn assign(mut request: Request, next: Next) -> Response {
    let id = taken(request.headers()).unwrap_or_else(|| Uuid::now_v7().to_string());
    let value = HeaderValue::from_str(&id).expect("ids are visible ASCII");
    // All of them have it made, and few log anything: the rest is in the one line that tells of the answer.
    let span = info_span!("request", request.id = %id);
    let id = RequestId(id.into());
    request.extensions_mut().insert(id.clone());
    let accept = request.headers().get(header::ACCEPT).cloned();
    let asked = enabled!(Level::DEBUG).then(|| (request.method().clone(), request.uri().path().to_owned()));

    let started = Instant::now();
    let mut response = panic::catch(next.run(request), accept, &id).instrument(span.clone()).await;
    response.headers_mut().insert(HEADER, value);
    // The path without the query, which may hold variables.
    if let Some((method, path)) = asked {
        span.in_scope(|| {
            let latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let status = response.status().as_u16();
            debug!(http.method = %method, http.path = path, http.status = status, latency_ms, "Answered a request");
        });
    }
    response
}

/// The caller's id. One that is long or could break a line in a log is not taken.
fn taken(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(HEADER)?.to_str().ok()?;
    let is_sane = !id.is_empty()
        && id.len() <= MAX_LENGTH
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte));
    is_sane.then(|| id.to_owned())
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().expect("the outermost layer gives every request an id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &str) -> Option<String> {
        taken(&HeaderMap::from_iter([(HEADER.parse().unwrap(), HeaderValue::from_str(id).unwrap())]))
    }

    #[test]
    fn sane_ids_are_taken() {
        assert_eq!(check("0af7651916cd43dd-8448.eb:211").as_deref(), Some("0af7651916cd43dd-8448.eb:211"));
        assert!(check(&"a".repeat(128)).is_some());
        assert_eq!(check(&"a".repeat(129)), None);
        assert_eq!(check(""), None);
        assert_eq!(check("a b"), None);
        assert_eq!(check("a\"b"), None);
        assert_eq!(taken(&HeaderMap::new()), None);
    }
}
