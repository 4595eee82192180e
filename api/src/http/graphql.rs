//! GraphQL over HTTP: the handlers of `/graphql`.
//!
//! A request is negotiated, authenticated, read, measured, looked through and only then executed. Whatever stops it on the
//! way is a [`Fault`], or an answer with errors alone.

mod absent;
mod answer;
mod authorization;
mod document;
mod parameters;

use async_graphql::{Request, Response as Answer, ServerError, Variables, parser::types::OperationType};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request as HttpRequest, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use tokio::time::timeout;

use super::{
    Edge, RequestId,
    accept::{MediaType, Wanted},
    fault::{Fault, coded},
    graphiql,
};
use crate::{auth::Viewer, config::Introspection, graphql::limits};

pub(super) async fn get(State(edge): State<Edge>, id: RequestId, headers: HeaderMap, uri: Uri) -> Response {
    let media_type = match Wanted::of(&headers) {
        Wanted::Page => return graphiql::page(&edge.settings, &headers),
        Wanted::Answer(media_type) => media_type,
        Wanted::Nothing => return not_acceptable(&id),
    };
    let read = async || parameters::from_query(uri.query().unwrap_or_default());
    respond(&edge, &id, &headers, media_type, Method::Get, read).await
}

pub(super) async fn post(State(edge): State<Edge>, id: RequestId, request: HttpRequest) -> Response {
    let headers = request.headers().clone();
    let media_type = match Wanted::of(&headers) {
        Wanted::Answer(media_type) => media_type,
        Wanted::Page | Wanted::Nothing => return not_acceptable(&id),
    };
    let read = async || {
        parameters::check_content_type(&headers)?;
        let reading = timeout(edge.settings.request_timeout, Bytes::from_request(request, &()));
        let body = reading.await.map_err(|_| Fault::timeout(StatusCode::REQUEST_TIMEOUT))?;
        let body =
            body.map_err(|rejection| parameters::unreadable(rejection.status(), edge.settings.body_limit_bytes))?;
        parameters::from_json(&body)
    };
    respond(&edge, &id, &headers, media_type, Method::Post, read).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Post,
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
    method: Method,
    read: impl AsyncFnOnce() -> Result<Request, Fault>,
) -> Response {
    match run(edge, id, headers, method, read).await {
        Ok((answer, has_variables)) => answer::into_response(answer, media_type, id, has_variables),
        Err(Refusal::Error(error)) => answer::into_response(Answer::from_errors(vec![*error]), media_type, id, false),
        Err(Refusal::Fault(fault)) => fault.into_response(media_type, id),
    }
}

async fn run(
    edge: &Edge,
    id: &RequestId,
    headers: &HeaderMap,
    method: Method,
    read: impl AsyncFnOnce() -> Result<Request, Fault>,
) -> Result<(Answer, bool), Refusal> {
    // The body is read even where nobody is let in: an answer that comes before its end would cost the client the
    // connection, and whatever it sends next on it. Its size is limited.
    let request = read().await;
    let viewer = authorization::viewer(headers, &edge.verifier)?;
    if viewer.is_none() && edge.settings.introspection != Introspection::Always {
        return Err(authorization::missing().into());
    }
    let mut request = request?;
    limits::prepare(&mut request, &edge.settings.limits).map_err(ServerError::from)?;
    // Variables may be long: lent, not copied.
    let variables = std::mem::take(&mut request.variables);
    let introspection = edge.settings.introspection;
    look_through(&mut request, &variables, method, viewer.as_ref(), introspection)?;
    absent::take_out(&mut request, &variables);
    request.variables = variables;
    if introspection == Introspection::Never {
        request = request.disable_introspection();
    }

    let has_variables = !request.variables.is_empty();
    let execution = (edge.execute)(request, viewer, id.0.clone());
    match timeout(edge.settings.request_timeout, execution).await {
        Ok(answer) => Ok((answer, has_variables)),
        Err(_) => Err(Fault::timeout(StatusCode::GATEWAY_TIMEOUT).into()),
    }
}

/// What the transport has to say of a document.
fn look_through(
    request: &mut Request,
    variables: &Variables,
    method: Method,
    viewer: Option<&Viewer>,
    introspection: Introspection,
) -> Result<(), Refusal> {
    let operation_name = request.operation_name.clone();
    let document = request.parsed_query()?;
    let operation = document::select(document, operation_name.as_deref())?;
    if method == Method::Get && operation.ty != OperationType::Query {
        let message = "only queries can be run by GET";
        return Err(Fault::new(StatusCode::METHOD_NOT_ALLOWED, "BAD_USER_INPUT", message).into());
    }
    if viewer.is_none() && !document::introspects_only(document, operation) {
        return Err(authorization::missing().into());
    }
    if introspection == Introspection::Never && document::introspects(document, operation) {
        return Err(coded("GRAPHQL_VALIDATION_FAILED", "introspection is turned off", None).into());
    }
    document::check_required_variables(operation, variables)?;
    Ok(())
}

fn not_acceptable(id: &RequestId) -> Response {
    let message = "answers come as application/graphql-response+json or application/json";
    Fault::new(StatusCode::NOT_ACCEPTABLE, "BAD_USER_INPUT", message).into_response(MediaType::Json, id)
}
