//! Events as they happen: what the two transports of subscriptions have in common, and server-sent events (`graphql-sse`,
//! distinct connections).

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_graphql::{Response as Answer, parser::types::OperationType};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream, Stream},
};
use tokio::{
    select,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Edge, RequestId,
        accept::MediaType,
        fault::{Fault, coded},
    },
    Asked, Asker, Prepared, Refusal, admit, answer, authorization, prepare,
};
use crate::{auth::Viewer, graphql::Standing};

/// How often a client that hears of nothing is told that it is not forgotten.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What comes of one operation.
pub(super) enum Outcome {
    /// It was refused before any of it was executed: the errors are all there is.
    Refused(Box<Answer>),
    /// One answer, or one for each event.
    Answers(BoxStream<'static, Answer>),
}

/// Begins an operation of any type. Where this returns, a subscription stands: what happens from then on is told of.
pub(super) async fn begin(
    edge: &Edge,
    id: &RequestId,
    prepared: Prepared,
    viewer: Option<Arc<Viewer>>,
) -> Result<Outcome, Fault> {
    let Prepared { request, operation_type, .. } = prepared;
    let has_variables = !request.variables.is_empty();
    let patience = edge.settings.request_timeout;
    let late = |_| Fault::timeout(StatusCode::GATEWAY_TIMEOUT);
    let (first, rest) = match (operation_type, viewer) {
        (OperationType::Subscription, Some(viewer)) => {
            let standing = Standing::default();
            let mut events = edge.graph.subscribe(request, viewer, id.0.to_string(), standing.clone());
            let begun = async {
                select! {
                    biased;
                    first = events.next() => first,
                    () = standing.0.notified() => None,
                }
            };
            let first = timeout(patience, begun).await.map_err(late)?;
            (first, events)
        }
        (OperationType::Subscription, None) => return Err(authorization::missing()),
        (OperationType::Query | OperationType::Mutation, viewer) => {
            let executed = edge.graph.execute(request, viewer, id.0.to_string(), None);
            (Some(timeout(patience, executed).await.map_err(late)?.answer), stream::empty().boxed())
        }
    };
    let first = match first {
        Some(mut first) => match answer::finish(&mut first, id, has_variables) {
            true => return Ok(Outcome::Refused(Box::new(first))),
            false => Some(first),
        },
        None => None,
    };
    let id = id.clone();
    let rest = rest.map(move |mut answer| {
        answer::finish(&mut answer, &id, has_variables);
        answer
    });
    Ok(Outcome::Answers(stream::iter(first).chain(rest).boxed()))
}

pub(super) async fn respond(
    edge: &Edge,
    id: &RequestId,
    headers: &HeaderMap,
    read: impl AsyncFnOnce(Asker) -> Result<Asked, Fault>,
) -> Response {
    match open(edge, id, headers, read).await {
        Ok((outcome, time_left)) => sent(outcome, id, time_left, edge.shutdown.begun.clone()),
        Err(Refusal::Error(error)) => {
            let mut refused = Answer::from_errors(vec![*error]);
            answer::finish(&mut refused, id, false);
            sent(Outcome::Refused(Box::new(refused)), id, Duration::MAX, edge.shutdown.begun.clone())
        }
        // What is wrong with the request itself is said as HTTP says it.
        Err(Refusal::Fault(fault)) => fault.into_response(MediaType::Json, id),
    }
}

async fn open(
    edge: &Edge,
    id: &RequestId,
    headers: &HeaderMap,
    read: impl AsyncFnOnce(Asker) -> Result<Asked, Fault>,
) -> Result<(Outcome, Duration), Refusal> {
    let (asked, viewer) = admit(edge, headers, read).await?;
    let is_get = matches!(asked, Asked::Get(_));
    let prepared = prepare(edge, asked.read()?, is_get, viewer.as_deref())?;
    let time_left = viewer.as_ref().map_or(Duration::MAX, |viewer| viewer.time_left());
    Ok((begin(edge, id, prepared, viewer).await?, time_left))
}

/// Why there are no more answers.
enum End {
    /// There are none.
    Done,
    Expired,
    /// Fairway ends. The client is not told that it is over: it comes again, to whoever answers then.
    Shutdown,
}

fn sent(outcome: Outcome, id: &RequestId, time_left: Duration, shutdown: CancellationToken) -> Response {
    let answers = match outcome {
        Outcome::Refused(refused) => stream::once(async { *refused }).boxed(),
        Outcome::Answers(answers) => answers,
    };
    let events = told(answers, id.clone(), time_left, shutdown).map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Authorization, Accept"));
    // Proxies that collect answers before they pass them on would keep events to themselves.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn told(
    answers: BoxStream<'static, Answer>,
    id: RequestId,
    time_left: Duration,
    shutdown: CancellationToken,
) -> impl Stream<Item = Event> + Send + 'static {
    let expiry = Box::pin(sleep(time_left));
    stream::unfold(Some((answers, expiry, shutdown)), move |state| {
        let id = id.clone();
        async move {
            let (mut answers, mut expiry, shutdown) = state?;
            let next = select! {
                biased;
                () = shutdown.cancelled() => Err(End::Shutdown),
                () = &mut expiry => Err(End::Expired),
                answer = answers.next() => answer.ok_or(End::Done),
            };
            match next {
                Ok(answer) => Some((vec![next_event(&answer)], Some((answers, expiry, shutdown)))),
                Err(End::Done) => Some((vec![complete()], None)),
                Err(End::Expired) => Some((vec![next_event(&expired(&id)), complete()], None)),
                Err(End::Shutdown) => None,
            }
        }
    })
    .flat_map(stream::iter)
}

/// What a subscriber is told whose token has ended.
fn expired(id: &RequestId) -> Answer {
    let mut answer = Answer::from_errors(vec![coded("UNAUTHENTICATED", "the token has expired", None)]);
    answer::finish(&mut answer, id, false);
    answer
}

fn next_event(answer: &Answer) -> Event {
    let text = serde_json::to_string(answer).expect("an answer is plain JSON");
    Event::default().event("next").data(text)
}

fn complete() -> Event {
    Event::default().event("complete").data("")
}
