//! The parameters of a GraphQL request, out of a body or a query string. Shapes are checked strictly: what is not
//! understood is refused, not ignored.

use std::collections::HashMap;

use async_graphql::{Extensions, Request, Variables};
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{
    Fault,
    persisted::{Named, parse_hash},
};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Parameters {
    query: Value,
    document_id: Value,
    operation_name: Value,
    variables: Value,
    extensions: Value,
}

pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), Fault> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        let message = "the body must not be compressed";
        return Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_USER_INPUT", message));
    }
    if headers.get_all(header::CONTENT_TYPE).iter().nth(1).is_some() {
        let message = "there is more than one Content-Type header";
        return Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_USER_INPUT", message));
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json"));
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
            charset.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    if is_json && is_utf8 {
        return Ok(());
    }
    let message = "the body must be application/json in UTF-8";
    Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_USER_INPUT", message))
}

/// Why a body could not be read, by the status that axum gives to it.
pub(super) fn unreadable(status: StatusCode, limit_bytes: usize) -> Fault {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let message = format!("the body is longer than {limit_bytes} bytes");
        return Fault::new(status, "BAD_USER_INPUT", message);
    }
    Fault::malformed("the body could not be read to its end")
}

/// A request, still without its document.
pub(super) struct Read {
    pub(super) request: Request,
    pub(super) named: Named,
}

pub(super) fn from_json(body: &[u8]) -> Result<Read, Fault> {
    const UNREADABLE: &str = "the body is not well-formed JSON";
    // serde would read a list as the parameters in their order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Fault::malformed(match serde_json::from_slice(body) {
            Ok(Value::Array(_)) => "batches are not supported: send one request at a time",
            Ok(_) => "the body must be a JSON object",
            Err(_) => UNREADABLE,
        }));
    }
    let parameters: Parameters = serde_json::from_slice(body).map_err(|error| {
        // Any value will do, so what is wrong with well-formed JSON is that something stands twice: whoever looked at the
        // request on its way may have seen the other one.
        Fault::malformed(if error.is_data() { "a parameter is given twice" } else { UNREADABLE })
    })?;
    parameters.into_request()
}

pub(super) fn from_object(parameters: Map<String, Value>) -> Result<Read, Fault> {
    let parameters = Parameters::deserialize(Value::Object(parameters));
    parameters.map_err(|_| Fault::malformed("the body must be a JSON object"))?.into_request()
}

/// From a query string, with its `?`.
pub(super) fn from_query(query: &[u8]) -> Result<Read, Fault> {
    let mut given = HashMap::new();
    for (name, value) in form_urlencoded::parse(query.strip_prefix(b"?").unwrap_or(query)) {
        if given.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            return Err(Fault::malformed(format!("`{name}` is given twice")));
        }
    }
    let mut text = |name| given.remove(name).map_or(Value::Null, Value::String);
    let (query, document_id, operation_name) = (text("query"), text("documentId"), text("operationName"));
    let mut json = |name: &str| match given.remove(name).filter(|text| !text.is_empty()) {
        None => Ok(Value::Null),
        Some(text) => {
            serde_json::from_str(&text).map_err(|_| Fault::malformed(format!("`{name}` is not well-formed JSON")))
        }
    };
    let (variables, extensions) = (json("variables")?, json("extensions")?);
    Parameters { query, document_id, operation_name, variables, extensions }.into_request()
}

impl Parameters {
    fn into_request(self) -> Result<Read, Fault> {
        let text = |name, value| match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            _ => Err(Fault::malformed(format!("`{name}` must be a string"))),
        };
        let (query, id) = (text("query", self.query)?, text("documentId", self.document_id)?);
        let mut request = Request::new("");
        request.operation_name = match self.operation_name {
            Value::Null => None,
            // Some clients send an empty name for none.
            Value::String(name) => Some(name).filter(|name| !name.is_empty()),
            _ => return Err(Fault::malformed("`operationName` must be a string")),
        };
        request.variables = Variables::from_json(Value::Object(object("variables", self.variables)?));
        let mut extensions = object("extensions", self.extensions)?;
        let hash = extensions.remove("persistedQuery").map(persisted_query).transpose()?;
        let extensions = serde_json::from_value(Value::Object(extensions));
        request.extensions = Extensions(extensions.map_err(|_| Fault::malformed("`extensions` must be an object"))?);
        // Some clients send an empty document along with its hash.
        let query = query.filter(|query| hash.is_none() || !query.is_empty());
        Ok(Read { request, named: Named { text: query, id, hash } })
    }
}

/// The hash in Apollo's extension.
fn persisted_query(extension: Value) -> Result<[u8; 32], Fault> {
    let Value::Object(extension) = extension else {
        return Err(Fault::malformed("`persistedQuery` must be an object"));
    };
    if extension.get("version").is_none_or(|version| *version != 1) {
        return Err(Fault::malformed("`persistedQuery` must be of version 1"));
    }
    let hash = extension.get("sha256Hash").and_then(Value::as_str).and_then(parse_hash);
    hash.ok_or_else(|| Fault::malformed("`sha256Hash` must be a SHA-256 in 64 hexadecimal digits"))
}

fn object(name: &str, value: Value) -> Result<Map<String, Value>, Fault> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(object) => Ok(object),
        _ => Err(Fault::malformed(format!("`{name}` must be an object"))),
    }
}
