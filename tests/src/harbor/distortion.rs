//! Faults that replace or distort whole answers. Knows bytes and headers, not resources.

use std::convert::Infallible;
use std::future::pending;
use std::io::{self, Write};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::{Compression, write::GzEncoder};
use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::fault::{ErrorPage, Fault};
use super::reply::Reply;

/// How long [`Fault::SlowBody`] waits in front of each byte.
const TRICKLE: Duration = Duration::from_millis(50);
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// The answer of whatever stands in front of Harbor, if one of the faults never lets the request
/// through. Does not return under [`Fault::Hang`].
pub(super) async fn instead(faults: &[Fault], target: &str) -> Option<Response> {
    for fault in faults {
        let reply = match fault {
            Fault::Hang => pending().await,
            Fault::Status(status, page) => error_page(*status, *page),
            Fault::HtmlPage => Reply::portal(),
            Fault::LoginRedirect => {
                let login = format!("https://login.example.com/authorize?return_to={target}");
                Reply::empty(StatusCode::FOUND).with(header::LOCATION, login)
            }
            Fault::RedirectTo(origin, status) => {
                Reply::empty(code(*status)).with(header::LOCATION, format!("{}{target}", origin.trim_end_matches('/')))
            }
            Fault::TooManyRequests { retry_after } => Reply::body("text/plain", "Too Many Requests\n")
                .status(StatusCode::TOO_MANY_REQUESTS)
                .with(header::RETRY_AFTER, retry_after.to_string()),
            Fault::HugeBody(size) => return Some(huge(*size)),
            Fault::GzipBomb(size) => {
                Reply::body("application/json", gzip_bomb(*size)).with(header::CONTENT_ENCODING, "gzip".to_owned())
            }
            Fault::DeepJson => {
                let depth = 100_000;
                Reply::body("application/json", "[".repeat(depth) + &"]".repeat(depth) + "\n")
            }
            _ => continue,
        };
        return Some(reply.into_response());
    }
    None
}

/// Harbor's own answer on its way out.
pub(super) fn distort(faults: &[Fault], mut reply: Reply) -> Response {
    for fault in faults {
        match fault {
            Fault::WrongTotalCount(count) => {
                for (name, value) in &mut reply.headers {
                    if *name == TOTAL_COUNT {
                        *value = count.to_string();
                    }
                }
            }
            Fault::NoTotalCount => reply.headers.retain(|(name, _)| *name != TOTAL_COUNT),
            Fault::NullArrays => rewrite(&mut reply, null_arrays),
            Fault::NoMetadata => rewrite(&mut reply, |value| {
                each_project(value, |project| {
                    project.remove("metadata");
                });
            }),
            Fault::StringyMetadata(text) => rewrite(&mut reply, |value| {
                each_project(value, |project| {
                    if let Some(public) = project.get_mut("metadata").and_then(|metadata| metadata.get_mut("public"))
                        && *public == "true"
                    {
                        *public = Value::from(*text);
                    }
                });
            }),
            Fault::HalfJson => reply.body.truncate(reply.body.len() / 2),
            Fault::ListsSwapped => rewrite(&mut reply, swap),
            Fault::NullValues => rewrite(&mut reply, |value| each_value(value, &|_, value| *value = Value::Null)),
            Fault::Numbers(text) => rewrite(&mut reply, |value| {
                let number: Value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(*text));
                each_value(value, &|key, value| {
                    if value.is_number() && !key.ends_with("id") {
                        value.clone_from(&number);
                    }
                });
            }),
            Fault::Times(text) => rewrite(&mut reply, |value| {
                each_value(value, &|key, value| {
                    if key.ends_with("_time") {
                        *value = Value::from(*text);
                    }
                });
            }),
            Fault::Names(text) => rewrite(&mut reply, |value| rename(value, text)),
            Fault::LongNames(length) => rewrite(&mut reply, |value| rename(value, &"x".repeat(*length))),
            Fault::LongHeader(length) => {
                reply.headers.push((HeaderName::from_static("x-long"), "x".repeat(*length)));
            }
            Fault::ManyHeaders(count) => {
                let name = |number| HeaderName::from_bytes(format!("x-{number}").as_bytes());
                reply.headers.extend((0..*count).filter_map(|number| Some((name(number).ok()?, "x".to_owned()))));
            }
            Fault::ContentType(text) => {
                reply.headers.retain(|(name, _)| *name != header::CONTENT_TYPE);
                reply.headers.push((header::CONTENT_TYPE, (*text).to_owned()));
            }
            Fault::InvalidUtf8 => spoil_first_name(&mut reply.body),
            Fault::Bom => drop(reply.body.splice(0..0, *b"\xef\xbb\xbf")),
            _ => {}
        }
    }
    let body = Bytes::from(std::mem::take(&mut reply.body));
    let mut response = reply.into_response();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    let half = body.slice(..body.len() / 2);
    for fault in faults {
        match fault {
            Fault::SlowBody => return with_body(response, body.len(), trickle(body)),
            Fault::Truncated => return with_body(response, body.len(), cut(half)),
            Fault::WrongContentLength => return with_body(response, half.len(), chunk(body)),
            _ => {}
        }
    }
    *response.body_mut() = Body::from(body);
    response
}

fn error_page(status: u16, page: ErrorPage) -> Reply {
    let code = code(status);
    let reason = code.canonical_reason().unwrap_or("Unknown");
    let reply = match page {
        ErrorPage::Html => Reply::body(
            "text/html",
            format!(
                "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n\
                 <center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n\
                 </body>\r\n</html>\r\n"
            ),
        ),
        ErrorPage::Text => Reply::body("text/plain", format!("{reason}\n")),
        ErrorPage::Empty => Reply::done(),
    };
    reply.status(code).with(header::SERVER, "nginx".to_owned()).without_session()
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a fault names a status between 100 and 999")
}

/// An array of ones, produced while it is read so that it costs no memory here.
fn huge(size: usize) -> Response {
    const CHUNK: usize = 16 * 1024;
    let middle = stream::iter((0..size / CHUNK).map(|_| Bytes::from("1,".repeat(CHUNK / 2))));
    let body = stream::iter([Bytes::from_static(b"[")])
        .chain(middle)
        .chain(stream::iter([Bytes::from_static(b"1]\n")]))
        .map(Ok::<_, Infallible>);
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (headers, Body::from_stream(body)).into_response()
}

fn with_body(mut response: Response, length: usize, body: Body) -> Response {
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    *response.body_mut() = body;
    response
}

fn trickle(body: Bytes) -> Body {
    let bytes = stream::iter(0..body.len()).then(move |at| {
        let byte = body.slice(at..=at);
        async move {
            tokio::time::sleep(TRICKLE).await;
            Ok::<_, Infallible>(byte)
        }
    });
    Body::from_stream(bytes)
}

/// An error in the stream makes the server drop the connection. The pause in front of it lets
/// headers and half of the body leave first.
fn cut(half: Bytes) -> Body {
    let error = stream::once(async {
        tokio::time::sleep(TRICKLE).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    Body::from_stream(stream::iter([Ok(half)]).chain(error))
}

/// A stream hides its length, so the server keeps the header that was set.
fn chunk(body: Bytes) -> Body {
    Body::from_stream(stream::iter([Ok::<_, Infallible>(body)]))
}

fn rewrite(reply: &mut Reply, change: impl FnOnce(&mut Value)) {
    if let Ok(mut value) = serde_json::from_slice(&reply.body) {
        change(&mut value);
        reply.body = format!("{value}\n").into_bytes();
    }
}

/// Each value of each object, with its key.
fn each_value(value: &mut Value, change: &impl Fn(&str, &mut Value)) {
    match value {
        Value::Array(rows) => rows.iter_mut().for_each(|row| each_value(row, change)),
        Value::Object(fields) => {
            for (key, value) in fields {
                each_value(value, change);
                change(key, value);
            }
        }
        _ => {}
    }
}

fn rename(value: &mut Value, name: &str) {
    each_value(value, &|key, value| {
        if matches!(key, "name" | "repository_name" | "project_name") {
            *value = Value::from(name);
        }
    });
}

fn swap(value: &mut Value) {
    *value = match value.take() {
        Value::Array(rows) => {
            Value::Object(rows.into_iter().enumerate().map(|(n, row)| (n.to_string(), row)).collect())
        }
        other => Value::Array(vec![other]),
    };
}

/// An array of ones, compressed.
fn gzip_bomb(size: usize) -> Vec<u8> {
    const CHUNK: usize = 1 << 20;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let ones = "1,".repeat(CHUNK / 2);
    let mut write = |bytes: &[u8]| encoder.write_all(bytes).expect("memory can be written to");
    write(b"[");
    (0..size / CHUNK).for_each(|_| write(ones.as_bytes()));
    write(b"1]\n");
    encoder.finish().expect("memory can be written to")
}

fn each_project(value: &mut Value, change: impl Fn(&mut serde_json::Map<String, Value>)) {
    let rows = match value {
        Value::Array(rows) => rows.as_mut_slice(),
        Value::Object(_) => std::slice::from_mut(value),
        _ => return,
    };
    rows.iter_mut().filter_map(Value::as_object_mut).for_each(change);
}

fn null_arrays(value: &mut Value) {
    match value {
        Value::Array(rows) if rows.is_empty() => *value = Value::Null,
        Value::Array(rows) => rows.iter_mut().for_each(null_inner_arrays),
        _ => null_inner_arrays(value),
    }
}

fn null_inner_arrays(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(null_inner_arrays),
        Value::Array(_) => *value = Value::Null,
        _ => {}
    }
}

fn spoil_first_name(body: &mut Vec<u8>) {
    let name = b"\"name\":\"";
    let at = body.windows(name.len()).position(|window| window == name);
    let at = at.map_or(body.len() / 2, |at| at + name.len());
    body.splice(at..at, *b"\xff\xfe");
}
