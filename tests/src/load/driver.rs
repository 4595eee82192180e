//! The driver: a number of connections that ask, wait for the answer, and ask again, for a bounded time.
//!
//! Bare HTTP/1.1 connections, each kept open: nothing between the clock and the socket but hyper.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    task::{AbortHandle, JoinSet},
};

use super::question::Ask;

/// Longer than Fairway's own deadline for a request, so that one that is never answered ends all the same.
const PATIENCE: Duration = Duration::from_secs(40);
/// Failed exchanges after which a connection gives up: something is wrong that asking again does not mend.
const MOST_UNANSWERED: usize = 20;

/// How hard to ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drive {
    pub(super) address: SocketAddr,
    pub(super) connections: usize,
    pub(super) length: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// How long each request took, in order of length.
    latencies: Vec<Duration>,
    elapsed: Duration,
    /// Requests without an answer as it should be.
    pub(super) n_failed: usize,
    /// What was wrong with the first of those.
    pub(super) failure: Option<String>,
}

impl Outcome {
    pub(super) fn n_requests(&self) -> usize {
        self.latencies.len()
    }

    pub(super) fn per_second(&self) -> f64 {
        self.n_requests() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that this share of the requests did not exceed; none when nothing was asked.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = (self.latencies.len() as f64 * share).ceil() as usize;
        self.latencies.get(rank.max(1) - 1).copied()
    }

    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.n_failed += other.n_failed;
        self.failure = self.failure.take().or(other.failure);
    }
}

impl Drive {
    /// Asks until the time is over. `ask` makes the `n`th request; `judge` says what is wrong with its answer.
    pub(super) async fn run<A, J>(self, ask: A, judge: J) -> Outcome
    where
        A: Fn(u64) -> Ask + Send + Sync + 'static,
        J: Fn(u64, &Bytes) -> anyhow::Result<()> + Send + Sync + 'static,
    {
        let (ask, judge, number) = (Arc::new(ask), Arc::new(judge), Arc::new(AtomicU64::new(0)));
        let begun = Instant::now();
        let end = begun + self.length;
        // Ends with this future, should somebody drop it.
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            let (ask, judge, number) = (ask.clone(), judge.clone(), number.clone());
            connections.spawn(async move {
                let (mut outcome, mut kept, mut n_unanswered) = (Outcome::default(), None, 0);
                while Instant::now() < end && n_unanswered < MOST_UNANSWERED {
                    let n = number.fetch_add(1, Ordering::Relaxed);
                    let request = ask(n);
                    let asked = Instant::now();
                    let exchange = tokio::time::timeout(PATIENCE, exchange(&mut kept, self.address, request)).await;
                    let latency = asked.elapsed();
                    let answer = exchange.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {PATIENCE:?}")));
                    n_unanswered += usize::from(answer.is_err());
                    if let Err(error) = answer.and_then(|answer| judge(n, &answer)) {
                        outcome.n_failed += 1;
                        outcome.failure.get_or_insert(format!("{error:#}"));
                    }
                    // Failures too: who waits for one waits all the same.
                    outcome.latencies.push(latency);
                }
                outcome
            });
        }
        let mut outcome = Outcome::default();
        while let Some(ended) = connections.join_next().await {
            outcome.add(ended.expect("asking does not panic"));
        }
        outcome.elapsed = begun.elapsed();
        outcome.latencies.sort_unstable();
        outcome
    }
}

/// An open connection.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("no connection")?;
        stream.set_nodelay(true).context("the connection cannot be set up")?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // How it ends is told by the request that meets its end.
        let task = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Self { sender, task })
    }
}

async fn exchange(kept: &mut Option<Connection>, address: SocketAddr, ask: Ask) -> anyhow::Result<Bytes> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => Connection::open(address).await?,
    };
    let request = Request::post("/graphql")
        .header(header::HOST, "fairway")
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, ask.authorization)
        .body(Full::new(ask.body))
        .context("the request is one")?;
    connection.sender.ready().await.context("the connection was closed")?;
    let response = connection.sender.send_request(request).await.context("no answer")?;
    let status = response.status();
    let answer = response.into_body().collect().await.context("the answer broke off")?.to_bytes();
    *kept = Some(connection);
    if status != StatusCode::OK {
        bail!("status {status}: {}", String::from_utf8_lossy(&answer[..answer.len().min(300)]));
    }
    Ok(answer)
}

/// Says what is wrong with an answer that must have data and no errors.
pub(super) fn is_whole(answer: &Bytes) -> anyhow::Result<()> {
    // async-graphql writes `errors` last, and leaves it out when there are none.
    let tail = &answer[answer.len().saturating_sub(4_096)..];
    let has_errors = !answer.starts_with(b"{\"data\":{") || String::from_utf8_lossy(tail).contains("\"errors\":[");
    ensure!(!has_errors, "it was refused: {}", String::from_utf8_lossy(&answer[..answer.len().min(500)]));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(milliseconds: impl Iterator<Item = u64>) -> Outcome {
        Outcome { latencies: milliseconds.map(Duration::from_millis).collect(), ..Outcome::default() }
    }

    #[test]
    fn a_quantile_is_the_smallest_latency_that_covers_its_share() {
        let hundred = outcome(1..=100);
        assert_eq!(hundred.quantile(0.5), Some(Duration::from_millis(50)));
        assert_eq!(hundred.quantile(0.99), Some(Duration::from_millis(99)));
        assert_eq!(hundred.quantile(1.0), Some(Duration::from_millis(100)));
        assert_eq!(outcome(7..=7).quantile(0.01), Some(Duration::from_millis(7)));
        assert_eq!(outcome(0..0).quantile(0.5), None);
    }

    #[test]
    fn an_answer_with_errors_is_not_whole() {
        is_whole(&Bytes::from_static(b"{\"data\":{\"a\":1}}")).unwrap();
        for refused in ["{\"data\":null,\"errors\":[{}]}", "{\"data\":{\"a\":null},\"errors\":[{}]}", "{\"errors\":[]}"]
        {
            is_whole(&Bytes::from(refused)).unwrap_err();
        }
    }
}
