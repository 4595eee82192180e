//! GraphQL over `WebSockets`: `graphql-transport-ws`, as <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md> has it.
//!
//! One task for each socket: it takes a message or an answer at a time, and takes the next answer only when the one
//! before is written. So a client that does not read holds up its own answers, takes no memory for them, and is ended.

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use async_graphql::{Response as Answer, ServerError};
use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
    response::Response,
};
use futures_util::{
    StreamExt,
    stream::{self, AbortHandle, BoxStream, SelectAll},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::{
    select,
    time::{self, Instant, MissedTickBehavior, Sleep, interval_at, sleep, timeout},
};

use super::{
    super::{Edge, RequestId, accept::MediaType, fault::Fault},
    Refusal,
    answer::finish,
    authorization,
    events::{KEEP_ALIVE, Outcome, begin},
    parameters, prepare,
};
use crate::auth::Viewer;

const PROTOCOL: &str = "graphql-transport-ws";

/// How long a client may take to say who it is.
const MAX_SILENCE: Duration = Duration::from_secs(10);

/// How long a client may take to take one message.
const MAX_STALL: Duration = Duration::from_secs(30);

/// How long it may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(2);

/// Operations at a time on one socket.
const MAX_OPERATIONS: usize = 100;

/// A close frame holds no more.
const MAX_REASON_BYTES: usize = 123;

pub(in crate::http) async fn open(
    State(edge): State<Arc<Edge>>,
    id: RequestId,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let message = "this path is for WebSockets that speak graphql-transport-ws";
        return Fault::new(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", message).into_response(MediaType::Json, &id);
    };
    let limit = edge.settings.body_limit_bytes;
    let sockets = edge.shutdown.sockets.clone();
    upgrade.protocols([PROTOCOL]).max_message_size(limit).max_frame_size(limit).on_upgrade(move |socket| {
        let token = sockets.token();
        async move {
            Session::new(edge, id, socket).attend().await;
            drop(token);
        }
    })
}

/// Why a session ends.
enum End {
    /// The client is told: a code of the protocol, and a reason.
    Told(u16, String),
    /// There is nobody to tell.
    Gone,
}

fn told<T>(code: u16, reason: impl Into<String>) -> Result<T, End> {
    Err(End::Told(code, reason.into()))
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromClient {
    ConnectionInit {
        #[serde(default)]
        payload: Option<Map<String, Value>>,
    },
    Ping {},
    Pong {},
    Subscribe {
        id: String,
        payload: Map<String, Value>,
    },
    Complete {
        id: String,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ToClient<'a> {
    ConnectionAck {},
    Pong {},
    Next { id: &'a str, payload: &'a Answer },
    Error { id: &'a str, payload: &'a [ServerError] },
    Complete { id: &'a str },
}

/// An answer of an operation, or its end.
type Told = (String, Option<Answer>);

struct Session {
    edge: Arc<Edge>,
    id: RequestId,
    socket: WebSocket,
    viewer: Option<Arc<Viewer>>,
    /// Until when the client must have said who it is; from then on, until when its token is good.
    deadline: Pin<Box<Sleep>>,
    operations: SelectAll<BoxStream<'static, Told>>,
    running: HashMap<String, AbortHandle>,
    /// Whether anything came since the client was last asked for a sign of life.
    is_heard: bool,
}

impl Session {
    fn new(edge: Arc<Edge>, id: RequestId, socket: WebSocket) -> Self {
        let deadline = Box::pin(sleep(edge.settings.request_timeout.min(MAX_SILENCE)));
        let (operations, running) = (SelectAll::new(), HashMap::new());
        Self { edge, id, socket, viewer: None, deadline, operations, running, is_heard: true }
    }

    async fn attend(mut self) {
        let end = if self.socket.protocol().is_none() {
            End::Told(4406, "Subprotocol not acceptable".to_owned())
        } else {
            match self.serve().await {
                Ok(never) => match never {},
                Err(end) => end,
            }
        };
        if let End::Told(code, mut reason) = end {
            let end = (0..=MAX_REASON_BYTES.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
            reason.truncate(end.unwrap_or_default());
            let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
            let farewell = async {
                // The client answers with the same, and then there is nothing more.
                if self.socket.send(frame).await.is_ok() {
                    while let Some(Ok(_)) = self.socket.recv().await {}
                }
            };
            let _ = timeout(FAREWELL, farewell).await;
        }
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, End> {
        let shutdown = self.edge.shutdown.begun.clone();
        let mut pulse = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            select! {
                biased;
                () = shutdown.cancelled() => return told(1001, "Going away"),
                () = &mut self.deadline => {
                    return match self.viewer {
                        None => told(4408, "Connection initialisation timeout"),
                        Some(_) => told(4403, "Forbidden: the token has expired"),
                    };
                }
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.take(message).await?,
                    Some(Err(_)) | None => return Err(End::Gone),
                },
                Some((id, answer)) = self.operations.next(), if !self.running.is_empty() => {
                    self.tell_of(&id, answer).await?;
                }
                _ = pulse.tick() => {
                    if !std::mem::take(&mut self.is_heard) {
                        return Err(End::Gone);
                    }
                    self.write(Message::Ping(Default::default())).await?;
                }
            }
        }
    }

    async fn take(&mut self, message: Message) -> Result<(), End> {
        self.is_heard = true;
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return told(4400, "Messages are text"),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Gone),
        };
        match serde_json::from_str(&text) {
            Ok(FromClient::ConnectionInit { payload }) => self.let_in(payload.unwrap_or_default()).await,
            Ok(FromClient::Ping {}) => self.send(&ToClient::Pong {}).await,
            Ok(FromClient::Pong {}) => Ok(()),
            Ok(FromClient::Subscribe { id, payload }) => self.subscribe(id, payload).await,
            Ok(FromClient::Complete { id }) => {
                if let Some(running) = self.running.remove(&id) {
                    running.abort();
                }
                Ok(())
            }
            Err(_) => told(4400, "This is no message of graphql-transport-ws"),
        }
    }

    async fn let_in(&mut self, payload: Map<String, Value>) -> Result<(), End> {
        if self.viewer.is_some() {
            return told(4429, "Too many initialisation requests");
        }
        let authorization = payload.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let Some((_, authorization)) = authorization else {
            return told(4401, "Unauthorized: connection_init needs {\"Authorization\":\"Bearer …\"}");
        };
        match authorization::verify(authorization.as_str().unwrap_or_default(), &self.edge.verifier).await {
            Ok(viewer) => {
                self.deadline.as_mut().reset(after(viewer.time_left()));
                self.viewer = Some(viewer);
                self.send(&ToClient::ConnectionAck {}).await
            }
            Err(fault) => told(4403, format!("Forbidden: {}", fault.message)),
        }
    }

    async fn subscribe(&mut self, id: String, payload: Map<String, Value>) -> Result<(), End> {
        let Some(viewer) = self.viewer.clone() else { return told(4401, "Unauthorized") };
        if self.running.contains_key(&id) {
            return told(4409, format!("Subscriber for {id} already exists"));
        }
        if self.running.len() >= MAX_OPERATIONS {
            let message = format!("at most {MAX_OPERATIONS} operations run on one socket at a time");
            let fault = Fault::new(StatusCode::TOO_MANY_REQUESTS, "BAD_USER_INPUT", message);
            return self.refuse(&id, Refusal::Fault(fault)).await;
        }
        let read = parameters::from_object(payload).map_err(Refusal::from);
        let prepared = read.and_then(|read| prepare(&self.edge, read, false, Some(&viewer)));
        let outcome = match prepared {
            Ok(prepared) => begin(&self.edge, &self.id, prepared, Some(viewer)).await.map_err(Refusal::from),
            Err(refusal) => Err(refusal),
        };
        let answers = match outcome {
            Ok(Outcome::Answers(answers)) => answers,
            Ok(Outcome::Refused(refused)) => {
                return self.send(&ToClient::Error { id: &id, payload: &refused.errors }).await;
            }
            Err(refusal) => return self.refuse(&id, refusal).await,
        };
        let name = id.clone();
        let told = answers.map(Some).chain(stream::once(async { None })).map(move |answer| (name.clone(), answer));
        let (told, running) = stream::abortable(told);
        self.running.insert(id, running);
        self.operations.push(told.boxed());
        Ok(())
    }

    async fn refuse(&mut self, id: &str, refusal: Refusal) -> Result<(), End> {
        let errors = match refusal {
            Refusal::Fault(fault) => vec![fault.error(&self.id)],
            Refusal::Error(error) => {
                let mut refused = Answer::from_errors(vec![*error]);
                finish(&mut refused, &self.id, false);
                refused.errors
            }
        };
        self.send(&ToClient::Error { id, payload: &errors }).await
    }

    async fn tell_of(&mut self, id: &str, answer: Option<Answer>) -> Result<(), End> {
        match answer {
            Some(answer) => self.send(&ToClient::Next { id, payload: &answer }).await,
            None => {
                self.running.remove(id);
                self.send(&ToClient::Complete { id }).await
            }
        }
    }

    async fn send(&mut self, message: &ToClient<'_>) -> Result<(), End> {
        let text = serde_json::to_string(message).expect("messages are plain JSON");
        self.write(Message::Text(text.into())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match timeout(MAX_STALL, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => told(4408, "Messages are not taken"),
        }
    }
}

/// A moment so far from now; one that the clock can tell.
fn after(duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 86_400);
    time::Instant::now() + duration.min(FAR)
}
