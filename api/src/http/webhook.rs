//! The door for webhooks: what registries tell of themselves.
//!
//! Takes a notification in and answers in time, whoever it is for. What it says, and whether its sender may say it, is for
//! the one who is told: nothing is parsed here, and nobody is let in here.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::{Instant, timeout_at};

use super::Edge;
use crate::{graphql, metrics::WebhookOutcome};

/// A notification names one artifact, or the few of a replication or a retention run.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Harbor waits for 3 s, the way there and back included, and calls later answers failures.
pub(super) const TIMEOUT: Duration = Duration::from_millis(2_500);

const MEDIA_TYPES: [&str; 4] = [
    "application/json",
    "application/cloudevents+json",
    "application/vnd.docker.distribution.events.v1+json",
    "application/vnd.docker.distribution.events.v2+json",
];

/// Which kind of registry an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookKind {
    Harbor,
    Docker,
}

/// What a registry, or somebody who says so, sent. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    pub kind: WebhookKind,
    /// The id in the address, as it was typed.
    pub registry: String,
    /// The whole header; none also where there are several or it is not text.
    pub authorization: Option<String>,
    pub content_type: Option<String>,
    pub body: Bytes,
}

/// What became of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    Accepted,
    Unauthorized,
    /// There is no such registry, or it is of another kind. Outside, this looks like [`Received::Unauthorized`].
    Unknown,
    /// From a sender who is known: it is told why, and counted by its registry.
    Malformed(String),
    /// It could not be looked into. The sender may try again.
    Failed,
}

/// Who is told of notifications.
#[derive(Clone)]
pub struct Webhooks(Arc<dyn Fn(Notification) -> BoxFuture<'static, Received> + Send + Sync>);

impl Webhooks {
    /// `receive` checks who sends before it looks at what is sent. It is cancelled when it takes longer than registries
    /// wait: what takes long belongs into a task of its own.
    pub fn new<F>(receive: impl Fn(Notification) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Received> + Send + 'static,
    {
        Self(Arc::new(move |notification| receive(notification).boxed()))
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhooks")
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification")
            .field("kind", &self.kind)
            .field("registry", &self.registry)
            .field("content_type", &self.content_type)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/webhooks/harbor/{registryId}", post(harbor))
        .route("/webhooks/docker/{registryId}", post(docker))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

async fn harbor(State(edge): State<Arc<Edge>>, Path(registry): Path<String>, request: Request) -> Response {
    respond(&edge, WebhookKind::Harbor, registry, request).await
}

async fn docker(State(edge): State<Arc<Edge>>, Path(registry): Path<String>, request: Request) -> Response {
    respond(&edge, WebhookKind::Docker, registry, request).await
}

async fn respond(edge: &Edge, kind: WebhookKind, registry: String, request: Request) -> Response {
    let deadline = Instant::now() + edge.settings.webhook_timeout;
    let key = graphql::registry_key(&registry);
    let answer = match read(kind, registry, request, deadline).await {
        Ok(notification) => match timeout_at(deadline, (edge.webhooks.0)(notification)).await {
            Ok(received) => Answer::from(received),
            Err(_) => Answer::new(StatusCode::SERVICE_UNAVAILABLE, WebhookOutcome::TimedOut, "try again later"),
        },
        Err(answer) => answer,
    };
    edge.metrics.webhook_received(key.filter(|_| answer.is_sender_known), answer.outcome);
    answer.into_response()
}

async fn read(
    kind: WebhookKind,
    registry: String,
    request: Request,
    deadline: Instant,
) -> Result<Notification, Answer> {
    let malformed = |status, text| Answer::new(status, WebhookOutcome::Malformed, text);
    let content_type = only(request.headers(), &header::CONTENT_TYPE);
    if !content_type.as_deref().is_some_and(is_understood) {
        return Err(malformed(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be a notification in JSON"));
    }
    let authorization = only(request.headers(), &header::AUTHORIZATION);
    let body = match timeout_at(deadline, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return Err(malformed(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 256 KiB"));
        }
        Ok(Err(_)) => return Err(malformed(StatusCode::BAD_REQUEST, "the body could not be read to its end")),
        Err(_) => {
            let text = "the body took too long";
            return Err(Answer::new(StatusCode::REQUEST_TIMEOUT, WebhookOutcome::TimedOut, text));
        }
    };
    Ok(Notification { kind, registry, authorization, content_type, body })
}

/// A header that stands once.
fn only(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().map(str::to_owned),
        _ => None,
    }
}

fn is_understood(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    MEDIA_TYPES.iter().any(|understood| understood.eq_ignore_ascii_case(media_type))
}

/// A short text, and how it is counted.
struct Answer {
    status: StatusCode,
    outcome: WebhookOutcome,
    text: String,
    is_sender_known: bool,
}

impl Answer {
    /// To a sender of whom nothing is known.
    fn new(status: StatusCode, outcome: WebhookOutcome, text: impl Into<String>) -> Self {
        Self { status, outcome, text: text.into(), is_sender_known: false }
    }
}

impl From<Received> for Answer {
    fn from(received: Received) -> Self {
        // One text for both: nothing tells which ids exist.
        let unauthorized = |outcome| Self::new(StatusCode::UNAUTHORIZED, outcome, "the registry's secret is needed");
        let known = |status, outcome, text| Self { status, outcome, text, is_sender_known: true };
        match received {
            Received::Accepted => known(StatusCode::ACCEPTED, WebhookOutcome::Accepted, "accepted".to_owned()),
            Received::Unauthorized => unauthorized(WebhookOutcome::Unauthorized),
            Received::Unknown => unauthorized(WebhookOutcome::Unknown),
            Received::Malformed(text) => known(StatusCode::BAD_REQUEST, WebhookOutcome::Malformed, text),
            Received::Failed => Self::new(StatusCode::SERVICE_UNAVAILABLE, WebhookOutcome::TimedOut, "try again later"),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.text + "\n").into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
