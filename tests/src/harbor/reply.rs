//! What handlers answer: Harbor's envelopes, header by header. Knows nothing of resources.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::paging::Listing;

/// Success bodies; the generated API layer names no character set.
const JSON: &str = "application/json";
/// Error bodies, and everything beside the generated API layer.
const JSON_UTF8: &str = "application/json; charset=utf-8";

/// Beego's page for a path that nobody handles.
const NOT_FOUND_PAGE: &str = "<!DOCTYPE HTML>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>404 - Page Not Found</title>\n</head>\n<body>\n<div id=\"content\">The page you have requested has flown the coop.</div>\n</body>\n</html>\n";
/// What the portal answers for every path that is not the API's.
const PORTAL_PAGE: &str = "<!doctype html><html lang=\"en\"><head><title>Harbor</title></head><body><harbor-app></harbor-app></body></html>\n";

/// An answer before it becomes an HTTP response; faults distort it in this form.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Vec<u8>,
    /// Whether the session layer was reached, which hands a `sid` to every client without one.
    pub(super) sets_session: bool,
}

impl Reply {
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), sets_session: true }
    }

    /// 200 without body or content type: the answer to most writes.
    pub(super) fn done() -> Self {
        Self::empty(StatusCode::OK)
    }

    /// 201 with a path as `Location`, never an absolute URL, and no body.
    pub(super) fn created(location: String) -> Self {
        Self::empty(StatusCode::CREATED).with(header::LOCATION, location)
    }

    pub(super) fn json(value: &Value) -> Self {
        Self::body(JSON, format!("{value}\n"))
    }

    pub(super) fn json_utf8(value: &Value) -> Self {
        Self::body(JSON_UTF8, format!("{value}\n"))
    }

    /// A page of a list: `X-Total-Count` always, `Link` when there is a neighbour page.
    pub(super) fn list<R>(listing: &Listing<R>, rows: Vec<Value>) -> Self {
        let reply =
            Self::json(&Value::Array(rows)).with(HeaderName::from_static("x-total-count"), listing.total.to_string());
        match &listing.link {
            Some(link) => reply.with(header::LINK, link.clone()),
            None => reply,
        }
    }

    pub(super) fn body(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::done().with(header::CONTENT_TYPE, content_type.to_owned()) }
    }

    /// The HTML 404 for paths outside `/api/v2.0`.
    pub(super) fn page_not_found() -> Self {
        Self::body("text/html; charset=utf-8", NOT_FOUND_PAGE).status(StatusCode::NOT_FOUND)
    }

    /// The single-page application: 200 for anything.
    pub(super) fn portal() -> Self {
        Self { sets_session: false, ..Self::body("text/html", PORTAL_PAGE) }
    }

    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn with(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn without_session(mut self) -> Self {
        self.sets_session = false;
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        response.headers_mut().remove(header::CONTENT_TYPE);
        for (name, value) in self.headers {
            // Link may hold decoded query text, which is beyond ASCII at times.
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// A refused call: Harbor's error envelope and the headers that go with it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    headers: Vec<(HeaderName, String)>,
    sets_session: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Vec::new(), sets_session: true }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// Parameter and body validation, in the words of the generated API layer.
    pub(super) fn invalid(message: impl AsRef<str>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "UNPROCESSABLE_ENTITY",
            format!("validation failure list:\n{}", message.as_ref()),
        )
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "unauthorized")
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "CONFLICT", message)
    }

    pub(super) fn precondition(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "PRECONDITION", message)
    }

    /// Any failure inside: the cause is never told.
    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", "internal server error")
    }

    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn without_session(mut self) -> Self {
        self.sets_session = false;
        self
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let envelope = json!({"errors": [{"code": refusal.code, "message": refusal.message}]});
        let mut reply = Reply::json_utf8(&envelope).status(refusal.status);
        reply.headers.extend(refusal.headers);
        reply.sets_session = refusal.sets_session;
        reply
    }
}
