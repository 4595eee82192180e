//! From the graph's answer to an HTTP response. Here, and nowhere else, errors that async-graphql makes by itself get their
//! code; the graph's own errors come with theirs.

use async_graphql::{Response as Answer, ServerError, Value};
use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use tracing::error;

use super::{
    super::{
        RequestId,
        accept::MediaType,
        fault::{answer, errors_alone, is_retryable},
    },
    validator,
};
use crate::graphql::Executed;

/// A document can be wrong in thousands of places; the first few are enough to mend it.
const MAX_REQUEST_ERRORS: usize = 20;

/// async-graphql repeats what is wrong, and that may be all of the document.
const MAX_MESSAGE_CHARS: usize = 500;

/// An answer that was given before. It had no errors: whatever the media type, it is the same bytes. `asked` are the
/// headers of a GET, whose client may have the answer already.
pub(super) fn again(body: Bytes, media_type: MediaType, asked: Option<&HeaderMap>) -> Response {
    match asked {
        Some(asked) => validator::answer(body, media_type, asked),
        None => answer(StatusCode::OK, media_type, body),
    }
}

pub(super) fn into_response(
    executed: Executed,
    media_type: MediaType,
    id: &RequestId,
    has_variables: bool,
    asked: Option<&HeaderMap>,
) -> Response {
    let Executed { answer: mut reply, place } = executed;
    let is_request_error = finish(&mut reply, id, has_variables);
    let (status, body) = if is_request_error {
        let status = match media_type {
            MediaType::GraphqlResponse => StatusCode::BAD_REQUEST,
            MediaType::Json => StatusCode::OK,
        };
        (status, errors_alone(&reply.errors).into())
    } else {
        (StatusCode::OK, Bytes::from(serde_json::to_vec(&reply).expect("an answer is plain JSON")))
    };
    if let Some(place) = place {
        place.keep(body.clone());
    }
    let mut response = match asked {
        // Errors may be gone next time, and each tells of its request.
        Some(asked) if reply.errors.is_empty() => validator::answer(body, media_type, asked),
        _ => answer(status, media_type, body),
    };
    response.headers_mut().extend(reply.http_headers);
    response
}

/// Gives errors what is missing of them. True where they are all there is.
pub(super) fn finish(reply: &mut Answer, id: &RequestId, has_variables: bool) -> bool {
    let is_request_error = is_request_error(reply);
    if is_request_error {
        reply.errors.truncate(MAX_REQUEST_ERRORS);
    }
    for error in &mut reply.errors {
        complete(error, id, has_variables);
    }
    is_request_error
}

/// Whether the document was refused before any field of it was executed.
pub(super) fn is_request_error(reply: &Answer) -> bool {
    let is_refused = reply.errors.iter().all(|error| error.path.is_empty());
    reply.data == Value::Null && !reply.errors.is_empty() && is_refused
}

fn complete(error: &mut ServerError, id: &RequestId, has_variables: bool) {
    let given = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    let code = match given {
        Some(Value::String(code)) => code.clone(),
        _ => classify(error, has_variables).to_owned(),
    };
    let is_bare = given.is_none();
    if is_bare && code == "INTERNAL_SERVER_ERROR" {
        error!(error = error.message, "A field failed in a way that has no code");
        "internal error".clone_into(&mut error.message);
    }
    if is_bare && let Some((end, _)) = error.message.char_indices().nth(MAX_MESSAGE_CHARS) {
        error.message.truncate(end);
        error.message.push('…');
    }
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("retryable").is_none() {
        extensions.set("retryable", is_retryable(&code));
    }
    extensions.set("code", code);
    extensions.set("requestId", &*id.0);
}

/// The code of an error that has none, which async-graphql made. It tells its errors apart by their text alone; the version
/// is pinned, and tests run each of these.
fn classify(error: &ServerError, has_variables: bool) -> &'static str {
    let starts_with = |texts: &[&str]| texts.iter().any(|text| error.message.starts_with(text));
    let is_bad_value = starts_with(&["Invalid value for argument", "Failed to parse \"", "Expected input type \""]);
    let is_request_error = error.path.is_empty();
    if is_request_error
        && starts_with(&[
            "Query is too complex",
            "Query is nested too deep",
            "The recursion depth of the query",
            "The amount of aliases",
            "The number of directives",
        ])
    {
        "QUERY_TOO_COMPLEX"
    } else if is_request_error && starts_with(&["Subscriptions are not supported"]) {
        "UNSUPPORTED"
    } else if is_bad_value && (has_variables || !is_request_error) {
        // The same text stands for a bad literal, which is the document's fault, and for a bad variable.
        "BAD_USER_INPUT"
    } else if is_request_error {
        "GRAPHQL_VALIDATION_FAILED"
    } else {
        "INTERNAL_SERVER_ERROR"
    }
}
