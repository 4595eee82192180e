//! GraphQL over HTTP: the handlers of `/graphql`.
//!
//! A request is negotiated, authenticated, read, measured, looked through and only then executed. Whatever stops it on the
//! way is a [`Fault`], or an answer with errors alone.

mod absent;
mod answer;
mod authorization;
mod document;
mod events;
mod parameters;
mod persisted;
mod socket;
mod validator;

use std::{pin::pin, sync::Arc, task::Poll, time::Duration};

use async_graphql::{Request, Response as Answer, ServerError, Variables, parser::types::OperationType};
use axum::{
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, FromRequest, Request as HttpRequest, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use futures_util::{StreamExt, poll};
use tokio::time::{Instant, error::Elapsed, timeout};

use self::parameters::Read;
pub(super) use self::{persisted::Persisted, socket::open};
use super::{
    Edge, RequestId, Settings,
    accept::{MediaType, Wanted},
    fault::{Fault, coded},
    graphiql,
};
use crate::{
    auth::Viewer,
    config::Introspection,
    graphql::{
        Executed, Question,
        introspection::{introspects, introspects_only},
    },
    metrics,
};

/// How long the body of somebody is waited for who is not let in. It is in vain anyway, and holds a connection meanwhile.
const STRANGER_PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn get(State(edge): State<Arc<Edge>>, id: RequestId, headers: HeaderMap, uri: Uri) -> Response {
    let read = async |_| Ok(Asked::Get(Bytes::from(format!("?{}", uri.query().unwrap_or_default()))));
    match Wanted::of(&headers) {
        Wanted::Page => graphiql::page(&edge.settings, &headers),
        Wanted::Answer(media_type) => respond(&edge, &id, &headers, media_type, true, read).await,
        Wanted::Events => Box::pin(events::respond(&edge, &id, &headers, read)).await,
        Wanted::Nothing => not_acceptable(&id),
    }
}

pub(super) async fn post(State(edge): State<Arc<Edge>>, id: RequestId, mut request: HttpRequest) -> Response {
    let headers = std::mem::take(request.headers_mut());
    DefaultBodyLimit::max(edge.settings.body_limit_bytes).apply(&mut request);
    let wanted = Wanted::of(&headers);
    let read = async |asker| {
        if asker == Asker::Stranger {
            let patience = edge.settings.request_timeout.min(STRANGER_PATIENCE);
            let _ = within(patience, discard(request.into_body(), &edge.settings)).await;
            return Ok(Asked::Post(Bytes::new()));
        }
        parameters::check_content_type(&headers)?;
        let reading = within(edge.settings.request_timeout, Bytes::from_request(request, &()));
        let body = reading.await.map_err(|_| Fault::timeout(StatusCode::REQUEST_TIMEOUT))?;
        let body = body.map_err(|rejection| parameters::unreadable(rejection.status(), edge.settings.body_limit_bytes));
        body.map(Asked::Post)
    };
    match wanted {
        Wanted::Answer(media_type) => respond(&edge, &id, &headers, media_type, false, read).await,
        Wanted::Events => Box::pin(events::respond(&edge, &id, &headers, read)).await,
        Wanted::Page | Wanted::Nothing => not_acceptable(&id),
    }
}

/// Reads a body that nobody wants, as far as one may be, and keeps none of it: strangers get no memory.
async fn discard(body: Body, settings: &Settings) {
    let mut chunks = body.into_data_stream();
    let mut n_bytes = 0;
    while let Some(Ok(chunk)) = chunks.next().await
        && n_bytes <= settings.body_limit_bytes
    {
        n_bytes += chunk.len();
    }
}

/// What `future` comes to, if it does in time. Most bodies have come with their headers: no timer is made for them.
async fn within<F: Future>(patience: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    match poll!(future.as_mut()) {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => Box::pin(timeout(patience, future)).await,
    }
}

/// Whether whoever asks is let in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asker {
    Known,
    Stranger,
}

/// What was asked for.
enum Asked {
    /// A query string that nobody has looked into, with its `?`: its bytes alone may be enough to answer it.
    Get(Bytes),
    /// A body, likewise. One that is good begins with no `?`.
    Post(Bytes),
}

impl Asked {
    fn read(&self) -> Result<Read, Fault> {
        match self {
            Self::Get(query) => parameters::from_query(query),
            Self::Post(body) => parameters::from_json(body),
        }
    }
}

/// An answer of the graph.
enum Reply {
    /// One that was given before.
    Kept(Bytes),
    /// One just made, and whether variables came with the request.
    New(Box<Executed>, bool),
}

/// What becomes of a request that the media type leaves open.
enum Refusal {
    Fault(Fault),
    /// A request error of the GraphQL specification.
    Error(Box<ServerError>),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<ServerError> for Refusal {
    fn from(error: ServerError) -> Self {
        Self::Error(Box::new(error))
    }
}

async fn respond(
    edge: &Edge,
    id: &RequestId,
    headers: &HeaderMap,
    media_type: MediaType,
    is_get: bool,
    read: impl AsyncFnOnce(Asker) -> Result<Asked, Fault>,
) -> Response {
    let began = Instant::now();
    let outcome = run(edge, id, headers, read).await;
    let counted = counted(&outcome);
    let response = match outcome {
        Ok(Reply::Kept(body)) => answer::again(body, media_type, is_get.then_some(headers)),
        Ok(Reply::New(executed, has_variables)) => {
            answer::into_response(*executed, media_type, id, has_variables, is_get.then_some(headers))
        }
        Err(Refusal::Error(error)) => {
            answer::into_response(Answer::from_errors(vec![*error]).into(), media_type, id, false, None)
        }
        Err(Refusal::Fault(fault)) => fault.into_response(media_type, id),
    };
    edge.metrics.graphql_answered(counted, began.elapsed());
    response
}

fn counted(outcome: &Result<Reply, Refusal>) -> metrics::Answer {
    match outcome {
        Ok(Reply::Kept(_)) => metrics::Answer::Reused,
        Ok(Reply::New(executed, _)) if answer::is_request_error(&executed.answer) => metrics::Answer::Refused,
        Ok(Reply::New(..)) => metrics::Answer::Executed,
        // The graph ran, and was not done.
        Err(Refusal::Fault(fault)) if fault.status == StatusCode::GATEWAY_TIMEOUT => metrics::Answer::Executed,
        Err(Refusal::Fault(_) | Refusal::Error(_)) => metrics::Answer::Refused,
    }
}

/// What is asked, and by whom; for those who are let in.
async fn admit(
    edge: &Edge,
    headers: &HeaderMap,
    read: impl AsyncFnOnce(Asker) -> Result<Asked, Fault>,
) -> Result<(Asked, Option<Arc<Viewer>>), Refusal> {
    let viewer = match authorization::viewer(headers, &edge.verifier).await {
        Ok(None) if edge.settings.introspection != Introspection::Always => Err(authorization::missing()),
        viewer => viewer,
    };
    let viewer = match viewer {
        Ok(viewer) => viewer,
        Err(refused) => {
            // The body is read even where nobody is let in: an answer that comes before its end would cost the client
            // the connection, and whatever it sends next on it. What is wrong with it is not said.
            let _ = read(Asker::Stranger).await;
            return Err(refused.into());
        }
    };
    Ok((read(Asker::Known).await?, viewer))
}

async fn run(
    edge: &Edge,
    id: &RequestId,
    headers: &HeaderMap,
    read: impl AsyncFnOnce(Asker) -> Result<Asked, Fault>,
) -> Result<Reply, Refusal> {
    let (asked, viewer) = admit(edge, headers, read).await?;
    let question = match (&asked, &viewer) {
        // What begins as a query string does is no good body, and must not pass for one.
        (Asked::Post(body), _) if body.starts_with(b"?") => None,
        (Asked::Get(bytes) | Asked::Post(bytes), Some(viewer)) => Some(Question::new(viewer.clone(), bytes.clone())),
        (_, None) => None,
    };
    if let Some(question) = &question {
        // Without a timer of its own: it reads one row at most, and gives that up by itself.
        if let Some(body) = edge.graph.recall(question).await {
            return Ok(Reply::Kept(body));
        }
    }
    // Most of what this takes lies in here, and should not be carried along where there is a kept answer.
    Box::pin(make(edge, id, asked, viewer, question)).await
}

/// Makes an answer anew.
async fn make(
    edge: &Edge,
    id: &RequestId,
    asked: Asked,
    viewer: Option<Arc<Viewer>>,
    question: Option<Question>,
) -> Result<Reply, Refusal> {
    let is_get = matches!(asked, Asked::Get(_));
    let Prepared { request, operation_type, registers } = prepare(edge, asked.read()?, is_get, viewer.as_deref())?;
    // What acts is done again; and so is what registers, or what was driven out would never come back.
    let question = question.filter(|_| operation_type == OperationType::Query && !registers);
    let has_variables = !request.variables.is_empty();
    let execution = edge.graph.execute(request, viewer, id.0.to_string(), question);
    match timeout(edge.settings.request_timeout, execution).await {
        Ok(executed) => Ok(Reply::New(Box::new(executed), has_variables)),
        Err(_) => Err(Fault::timeout(StatusCode::GATEWAY_TIMEOUT).into()),
    }
}

/// A request that may be executed.
struct Prepared {
    request: Request,
    operation_type: OperationType,
    /// Whether it brought a document to be named from now on.
    registers: bool,
}

/// Finds the document, measures it, and looks it through.
fn prepare(edge: &Edge, read: Read, is_get: bool, viewer: Option<&Viewer>) -> Result<Prepared, Refusal> {
    let Read { mut request, named } = read;
    let wanted = edge.persisted.find(named)?;
    request.query = wanted.text;
    edge.documents.prepare(&mut request).map_err(ServerError::from)?;
    // Only what was found good, and not for strangers.
    let registers = wanted.registers.filter(|_| viewer.is_some());
    if let Some(hash) = registers {
        edge.persisted.register(hash, &request.query);
    }
    // Variables may be long: lent, not copied.
    let variables = std::mem::take(&mut request.variables);
    let introspection = edge.settings.introspection;
    let operation_type = look_through(&mut request, &variables, is_get, viewer, introspection)?;
    absent::take_out(&mut request, &variables);
    request.variables = variables;
    if introspection == Introspection::Never {
        request = request.disable_introspection();
    }
    Ok(Prepared { request, operation_type, registers: registers.is_some() })
}

/// What the transport has to say of a document, and what it finds there to be run.
fn look_through(
    request: &mut Request,
    variables: &Variables,
    is_get: bool,
    viewer: Option<&Viewer>,
    introspection: Introspection,
) -> Result<OperationType, Refusal> {
    let operation_name = request.operation_name.clone();
    let document = request.parsed_query()?;
    let operation = document::select(document, operation_name.as_deref())?;
    if is_get && operation.ty == OperationType::Mutation {
        let message = "only queries can be run by GET";
        return Err(Fault::new(StatusCode::METHOD_NOT_ALLOWED, "BAD_USER_INPUT", message).into());
    }
    if operation.ty == OperationType::Subscription {
        document::check_subscription(operation)?;
    }
    if viewer.is_none() && !introspects_only(document, operation) {
        return Err(authorization::missing().into());
    }
    if introspection == Introspection::Never && introspects(document, operation) {
        return Err(coded("GRAPHQL_VALIDATION_FAILED", "introspection is turned off", None).into());
    }
    document::check_required_variables(operation, variables)?;
    Ok(operation.ty)
}

fn not_acceptable(id: &RequestId) -> Response {
    let message = "answers come as application/graphql-response+json, application/json or text/event-stream";
    Fault::new(StatusCode::NOT_ACCEPTABLE, "BAD_USER_INPUT", message).into_response(MediaType::Json, id)
}
