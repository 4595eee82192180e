//! What HTTP itself costs: a handler that reads the question and returns bytes that it was given.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr},
};

use anyhow::Context;
use axum::{
    Router,
    http::{HeaderValue, header},
    routing::post,
};
use bytes::Bytes;
use tokio::{net::TcpListener, sync::oneshot};

/// Reads an answer of `length` bytes from standard input, says on standard output where it listens, and serves until the
/// input ends, as it does with the process that started it.
///
/// # Errors
/// When it cannot listen, or the input ends early.
pub async fn serve(length: usize) -> anyhow::Result<()> {
    let mut answer = vec![0; length];
    std::io::stdin().read_exact(&mut answer).context("the answer cannot be read")?;
    let answer = Bytes::from(answer);
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let handler = move |_question: Bytes| async move { (content_type, answer) };
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.context("no port is free")?;
    let address = listener.local_addr().context("a listener has an address")?;
    writeln!(std::io::stdout(), "{address}").context("nobody asks where it listens")?;
    let (alone, left_alone) = oneshot::channel::<()>();
    // A thread, and not one of the runtime's, which would wait for it.
    std::thread::spawn(move || {
        // Whatever comes, or fails: it is the end of what holds the other end of the pipe.
        let _ = std::io::stdin().read(&mut [0]);
        drop(alone);
    });
    tokio::select! {
        served = axum::serve(listener, Router::new().route("/graphql", post(handler))) => served.context("it cannot serve"),
        _ = left_alone => Ok(()),
    }
}
