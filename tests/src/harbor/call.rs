//! One request as handlers see it: path cut and decoded, identity known, faults chosen.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, header};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::form_urlencoded;

use super::fault::Fault;
use super::identity::Identity;
use super::reply::Refusal;

#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Without duplicate and trailing slashes, still percent-encoded.
    pub(super) path: String,
    pub(super) has_trailing_slash: bool,
    /// Each percent-decoded once, so that an encoded slash does not split a segment.
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) identity: Identity,
    pub(super) faults: Vec<Fault>,
}

impl Call {
    pub(super) fn new(
        method: Method,
        path: &str,
        query: Option<&str>,
        headers: HeaderMap,
        body: Bytes,
        faults: Vec<Fault>,
    ) -> Self {
        let pieces: Vec<&str> = path.split('/').filter(|piece| !piece.is_empty()).collect();
        Self {
            method,
            path: format!("/{}", pieces.join("/")),
            has_trailing_slash: path.ends_with('/'),
            segments: pieces.into_iter().map(decode).collect(),
            query: form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect(),
            headers,
            body,
            identity: Identity::Anonymous,
            faults,
        }
    }

    /// The first value of a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A boolean parameter: these words are true, any other is false without an error.
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.query(name).map_or(default, is_true)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn has_credentials(&self) -> bool {
        self.headers.contains_key(header::AUTHORIZATION)
    }

    pub(super) fn has_session(&self) -> bool {
        self.header("cookie").is_some_and(|cookie| cookie.contains("sid="))
    }

    /// The host that the client dialled, which Harbor repeats in token realms.
    pub(super) fn host(&self) -> &str {
        self.header("host").unwrap_or("127.0.0.1")
    }

    /// A segment of `/api/v2.0/…`, counted behind the prefix.
    pub(super) fn segment(&self, at: usize) -> &str {
        self.segments.get(at + 2).map_or("", String::as_str)
    }

    /// A repository name in the path, which is decoded a second time.
    pub(super) fn repository(&self, at: usize) -> String {
        decode(self.segment(at))
    }

    pub(super) fn faulty(&self, fault: &Fault) -> bool {
        self.faults.contains(fault)
    }

    /// The JSON body, refused in the words of the generated API layer. `name` is the parameter's.
    pub(super) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Refusal> {
        let content_type = self.header("content-type").unwrap_or("application/json");
        if !content_type.starts_with("application/json") {
            return Err(Refusal::invalid(format!(
                "unsupported media type {content_type:?}, only [application/json] are allowed"
            )));
        }
        if self.body.is_empty() {
            return Err(Refusal::invalid(format!("{name} in body is required")));
        }
        let refuse = |reason: &str| Refusal::invalid(format!("parsing {name} body from \"\" failed, because {reason}"));
        let value: Value = serde_json::from_slice(&self.body).map_err(|_| refuse("unexpected EOF"))?;
        if let Some(reason) = mistyped(&value) {
            return Err(refuse(&reason));
        }
        serde_json::from_value(value).map_err(|_| refuse("json: cannot unmarshal"))
    }
}

/// The two mistakes that clients make most, in the decoder's words.
fn mistyped(value: &Value) -> Option<String> {
    let complaint = |value: &Value, field: &str| {
        let kind = match value {
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::Null | Value::String(_) => return None,
        };
        Some(format!("json: cannot unmarshal {kind} into Go struct field {field} of type string"))
    };
    complaint(value.pointer("/metadata/public").unwrap_or(&Value::Null), "ProjectMetadata.metadata.public")
        .or_else(|| complaint(value.get("project_name").unwrap_or(&Value::Null), "ProjectReq.project_name"))
}

pub(super) fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "ok" | "on" | "y" | "t" | "enabled")
}

pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
