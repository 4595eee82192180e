//! The `Authorization` header.

use std::sync::Arc;

use axum::http::{HeaderMap, header};

use super::Fault;
use crate::auth::{TokenError, Verifier, Viewer};

/// The viewer whom the header names; none without the header. A bad token is refused even where none would do: its owner
/// is better told.
pub(super) async fn viewer(headers: &HeaderMap, verifier: &Verifier) -> Result<Option<Arc<Viewer>>, Fault> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, another) = (values.next(), values.next());
    let Some(value) = value else { return Ok(None) };
    if another.is_some() {
        return Err(Fault::unauthenticated("there is more than one Authorization header"));
    }
    verify(value.to_str().unwrap_or_default(), verifier).await.map(Some)
}

/// The viewer of `Bearer <token>`.
pub(super) async fn verify(value: &str, verifier: &Verifier) -> Result<Arc<Viewer>, Fault> {
    let token = value.split_once(' ').and_then(|(scheme, token)| {
        // RFC 9110: schemes are case-insensitive.
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let token = token.ok_or_else(|| Fault::unauthenticated("the Authorization header must be `Bearer <token>`"))?;
    verifier.authenticate(token).await.map_err(|error| match error {
        // The token may be good, and its owner need not sign in again.
        TokenError::KeysUnavailable => Fault::keys_unavailable(error.to_string()),
        _ => Fault::unauthenticated(error.to_string()),
    })
}

pub(super) fn missing() -> Fault {
    Fault::unauthenticated("a token is needed, as `Authorization: Bearer <token>`")
}
