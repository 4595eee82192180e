//! A WebSocket that speaks graphql-transport-ws, message by message: what tests of subscriptions talk through.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue, protocol::CloseFrame},
};

use super::Client;

/// More than a gateway on a busy machine needs for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// One open socket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    /// Opens a socket, and says nothing on it yet.
    ///
    /// # Panics
    /// When the gateway does not open it.
    pub async fn open_socket(&self, protocol: &str) -> Socket {
        self.try_open_socket(protocol).await.expect("the gateway opens a socket")
    }

    /// The same, where the gateway may not agree on the protocol.
    ///
    /// # Errors
    /// When it opens none.
    ///
    /// # Panics
    /// When the protocol is no word.
    pub async fn try_open_socket(&self, protocol: &str) -> Result<Socket, tokio_tungstenite::tungstenite::Error> {
        let address = format!("{}/graphql/ws", self.origin().replacen("http", "ws", 1));
        let mut request = address.into_client_request().expect("the address is one");
        let protocol = HeaderValue::from_str(protocol).expect("a protocol is a word");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (stream, _) = connect_async(request).await?;
        Ok(Socket { stream })
    }

    /// Opens a socket and says who is there.
    ///
    /// # Panics
    /// When the gateway does not let them in.
    pub async fn socket(&self) -> Socket {
        let mut socket = self.open_socket("graphql-transport-ws").await;
        let authorization = format!("Bearer {}", self.token().expect("somebody with a token"));
        socket.send(&json!({ "type": "connection_init", "payload": { "Authorization": authorization } })).await;
        assert_eq!(socket.receive().await["type"], "connection_ack");
        socket
    }
}

impl Socket {
    /// Sends one message.
    ///
    /// # Panics
    /// When the gateway has gone.
    pub async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    /// Sends any text.
    ///
    /// # Panics
    /// When the gateway has gone.
    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("the gateway is there");
    }

    /// The next message.
    ///
    /// # Panics
    /// When none comes, or the socket is closed instead.
    pub async fn receive(&mut self) -> Value {
        match self.next().await {
            Ok(message) => message,
            Err(close) => panic!("the gateway closed the socket: {close:?}"),
        }
    }

    /// The code and the reason with which the gateway closes the socket; messages before are skipped.
    ///
    /// # Panics
    /// When it does not close it.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Err(close) = self.next().await {
                let close = close.expect("the gateway says why");
                return (close.code.into(), close.reason.to_string());
            }
        }
    }

    /// Begins an operation and waits until it stands: what happens from now on is told of.
    ///
    /// # Panics
    /// When the gateway says anything first.
    pub async fn subscribe(&mut self, id: &str, document: &str, variables: Value) {
        self.begin(id, document, variables).await;
        // Messages are taken in order, and one at a time.
        self.send(&json!({ "type": "ping" })).await;
        assert_eq!(self.receive().await, json!({ "type": "pong" }));
    }

    /// Begins an operation.
    ///
    /// # Panics
    /// When the gateway has gone.
    pub async fn begin(&mut self, id: &str, document: &str, variables: Value) {
        let payload = json!({ "query": document, "variables": variables });
        self.send(&json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    async fn next(&mut self) -> Result<Value, Option<CloseFrame>> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("something comes in time");
            match message {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("messages are JSON")),
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }
}
