//! Answers that need not be sent again: `ETag` and `If-None-Match`, for what was asked by GET.
//!
//! Not for POST: HTTP has no such answer to it (RFC 9110, section 13.1.2), and answers to POST cost no hash.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::super::{accept::MediaType, fault};

/// The answer, or word that the client has it already. Whoever keeps it asks again before it is shown.
pub(super) fn answer(body: Bytes, media_type: MediaType, asked: &HeaderMap) -> Response {
    let tag = tag(&body, media_type);
    let mut response = if is_known(asked, &tag) {
        let mut response = fault::answer(StatusCode::NOT_MODIFIED, media_type, Body::empty());
        response.headers_mut().remove(header::CONTENT_TYPE);
        response
    } else {
        fault::answer(StatusCode::OK, media_type, body)
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The two media types hold the same bytes, and are not the same answer.
fn tag(body: &[u8], media_type: MediaType) -> String {
    let kind = match media_type {
        MediaType::GraphqlResponse => 'g',
        MediaType::Json => 'j',
    };
    format!("\"{kind}{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(body)[..16]))
}

fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let lists = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|known| {
        // RFC 9110: compared weakly, as proxies that compress make tags weak.
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(known: &str) -> Response {
        let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_str(known).unwrap())]);
        answer(Bytes::from_static(b"{}"), MediaType::Json, &asked)
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let tag = tag(b"{}", MediaType::Json);
        let both = format!("\"other\", {tag}");
        for known in [tag.as_str(), &format!("W/{tag}"), &both, "*"] {
            let response = ask(known);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(response.headers()[header::ETAG], tag);
            assert_eq!(response.headers()[header::CACHE_CONTROL], "private, no-cache");
            assert!(response.headers()[header::VARY].to_str().unwrap().contains("Authorization"));
            assert!(!response.headers().contains_key(header::CONTENT_TYPE));
        }
        for unknown in ["", "\"other\"", "nonsense", &tag[1..]] {
            assert_eq!(ask(unknown).status(), StatusCode::OK, "{unknown}");
        }
        assert_ne!(tag, self::tag(b"{}", MediaType::GraphqlResponse));
        assert_ne!(tag, self::tag(b"[]", MediaType::Json));
    }
}
