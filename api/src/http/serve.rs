//! Runs a site on a listener, holds its clients to limits, and ends without breaking off answers.
//!
//! `axum::serve` bounds neither how long a client may take over its headers nor how many clients there are. Here each
//! connection is watched by what it does ([`activity`]): one that begins nothing, or takes nothing of what it asked for, is
//! ended, whatever it sends to look alive.

mod activity;
mod traffic;

use std::{convert::Infallible, future::Future, io, pin::pin, sync::Arc, time::Duration};

use axum::body::Body;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{self, Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{info, trace, warn};

use self::{
    activity::{Activity, Verdict},
    traffic::{Counted, Owed},
};
use super::Site;

/// How long answers may take after the end was asked for; Kubernetes kills after 30 s.
const DRAIN: Duration = Duration::from_secs(25);

/// How long a connection may take to end in good order.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long no connection is accepted after the system had no descriptor for one.
const BACKOFF: Duration = Duration::from_millis(500);

/// Request line and headers together. A token may have 64 KiB, and a document in a query string about as much.
const MAX_HEAD_BYTES: u32 = 192 << 10;

/// Requests at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// What is taken in of one HTTP/2 request before anybody reads it; and of all on a connection.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 256 << 10;

/// How often an HTTP/2 client is asked whether it is there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);

/// What clients may take of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Connections at a time. Who comes then waits in the system's queue, and connections with nothing under way are ended.
    pub max_connections: usize,
    /// From the first byte of a request to the end of its headers; and from the connection to its first request.
    pub head: Duration,
    /// Between requests. Longer than the proxies in front keep connections, or they would send into closed ones.
    pub idle: Duration,
    /// How far an answer may be behind the slowest pace at which it must be taken.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // Processes have 1,024 descriptors where nobody says otherwise; the rest is for database and registries.
            max_connections: 800,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(30),
        }
    }
}

impl Patience {
    /// How often a connection is looked at.
    fn pulse(&self) -> Duration {
        self.head.min(self.idle).min(self.stall) / 8
    }
}

/// Serves until `shutdown` is done: then no connection is accepted any more, and the open ones have 25 s to finish.
pub async fn serve(
    listener: TcpListener,
    site: impl Site,
    patience: Patience,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let ending = CancellationToken::new();
    let places = Arc::new(Semaphore::new(patience.max_connections.max(1)));
    let builder = builder();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        // A place first: who finds none waits in the system's queue, at no cost here.
        let accepting = async {
            let place = places.clone().acquire_owned().await.expect("nothing closes the places");
            (accept(&listener).await, place)
        };
        let (stream, place) = tokio::select! {
            accepted = accepting => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut shutdown => break,
        };
        let connection = Connection { patience, places: places.clone(), ending: ending.clone() };
        connections.spawn(connection.attend(stream, place, site.clone(), builder.clone()));
    }
    drop(listener);
    info!(%address, "Shutting down: no new connections, open ones may finish");
    ending.cancel();
    let drained = async { while connections.join_next().await.is_some() {} };
    if time::timeout(DRAIN, drained).await.is_err() {
        warn!("Some connections did not finish in time and were broken off");
        connections.shutdown().await;
    }
    Ok(())
}

/// The next connection. That there is no descriptor for it is no reason to end: there will be when others have ended.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_the_client(&error) => trace!(%error, "A client was gone before it was accepted"),
            Err(error) => {
                warn!(%error, "No connection can be accepted for now");
                time::sleep(BACKOFF).await;
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // Headers that take long are ended by the watch, which sees HTTP/2 and what comes before the first request as well. The
    // number of headers is hyper's default, 100.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HEAD_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEAD_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        // WebSockets over HTTP/2.
        .enable_connect_protocol();
    builder
}

/// What a connection is held to.
struct Connection {
    patience: Patience,
    places: Arc<Semaphore>,
    ending: CancellationToken,
}

impl Connection {
    /// Answers what comes, until the client ends the connection or has to be ended.
    async fn attend(
        self,
        stream: TcpStream,
        place: OwnedSemaphorePermit,
        site: impl Site,
        builder: Builder<TokioExecutor>,
    ) {
        // An answer is written at once and whole: waiting for more to send with it would only delay it. That it cannot be
        // set is no harm.
        let _ = stream.set_nodelay(true);
        let activity = Arc::new(Activity::new(self.patience));
        let service = service_fn({
            let activity = activity.clone();
            move |request: hyper::Request<Incoming>| {
                let open = activity.begin(request.version());
                let answering = site.clone().oneshot(request.map(Body::new));
                async move {
                    let response = answering.await?;
                    Ok::<_, Infallible>(response.map(|body| Owed::new(body, open)))
                }
            }
        });
        // The place goes with the stream: an upgraded connection lives on when this has ended, and still takes one.
        let io = TokioIo::new(Counted::new(stream, activity.clone(), place));
        let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
        let mut pulse = time::interval_at(Instant::now() + self.patience.pulse(), self.patience.pulse());
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told_at = None;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        trace!(%error, "A connection was broken");
                    }
                    return;
                }
                () = self.ending.cancelled(), if told_at.is_none() => {
                    told_at = Some(Instant::now());
                    connection.as_mut().graceful_shutdown();
                }
                now = pulse.tick() => {
                    let is_crowded = self.places.available_permits() == 0;
                    match (activity.judge(now, is_crowded), told_at) {
                        (Verdict::Well, _) => {}
                        (Verdict::Over, None) => {
                            told_at = Some(now);
                            connection.as_mut().graceful_shutdown();
                        }
                        (Verdict::Over, Some(at)) if now < at + FAREWELL => {}
                        (Verdict::Over, Some(_)) | (Verdict::Stuck, _) => {
                            trace!("A connection was broken off, as nothing came of it");
                            return;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
