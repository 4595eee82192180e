//! Those who must not be reached, and a registry that sends its clients to them.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// What a registry could be taken for, so that whoever got this far would go on.
const REPLY: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDocker-Distribution-Api-Version: registry/2.0\r\n\
    Content-Length: 47\r\n\r\n{\"token\":\"canary\",\"repositories\":[\"canary/song\"]}";

/// A listener that counts whoever connects.
pub(super) struct Canary {
    pub(super) address: SocketAddr,
    hits: Arc<AtomicUsize>,
}

impl Canary {
    pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let (address, hits) = (listener.local_addr()?, Arc::new(AtomicUsize::new(0)));
        let counter = hits.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // A connection alone tells an attacker that somebody listens: it counts, whatever is sent.
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    while matches!(stream.read(&mut request).await, Ok(n) if n > 0) {
                        if stream.write_all(REPLY).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Ok(Self { address, hits })
    }

    pub(super) fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

/// How a [`Trap`] sends its clients elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lure {
    /// A challenge whose realm is there.
    Realm,
    /// A next page that is there.
    Link,
    /// A redirect, with this status.
    Redirect(u16),
    /// The `Location` of a created thing.
    Location,
}

/// A Docker Registry at an open address that sends its clients to another one.
#[derive(Clone)]
pub(super) struct Trap {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<(Lure, String)>>,
    hits: Arc<AtomicUsize>,
}

impl Trap {
    pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let trap = Self {
            address: listener.local_addr()?,
            state: Arc::new(Mutex::new((Lure::Link, String::new()))),
            hits: Arc::default(),
        };
        let answering = trap.clone();
        let router = Router::new().fallback(move |request: Request| {
            let answer = answering.answer(request.uri().path());
            async move { answer }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(trap)
    }

    pub(super) fn lure(&self, lure: Lure, origin: &str) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (lure, origin.to_owned());
    }

    /// How many requests came since this was asked last.
    pub(super) fn take_hits(&self) -> usize {
        self.hits.swap(0, Ordering::SeqCst)
    }

    fn answer(&self, path: &str) -> Response {
        self.hits.fetch_add(1, Ordering::SeqCst);
        let (lure, origin) = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (status, name, value) = match lure {
            Lure::Realm => (401, header::WWW_AUTHENTICATE, format!("Bearer realm=\"{origin}/token\",service=\"trap\"")),
            Lure::Link => (200, header::LINK, format!("<{origin}/v2/_catalog?last=a&n=1>; rel=\"next\"")),
            Lure::Redirect(status) => (status, header::LOCATION, format!("{origin}{path}")),
            Lure::Location => (201, header::LOCATION, format!("{origin}{path}")),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        let value = HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(""));
        let plain = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (
                header::HeaderName::from_static("docker-distribution-api-version"),
                HeaderValue::from_static("registry/2.0"),
            ),
        ];
        let body = r#"{"repositories":["trap/app"],"tags":["1"],"name":"trap/app"}"#;
        (status, plain, [(name, value)], body).into_response()
    }
}
