//! One call to one registry: limits, deadlines, retries and the breaker, the same for every product.
//!
//! Knows no product: a reply with any status but a redirect, a 429 or a 5xx is the product's to judge.

mod breaker;
mod lane;
mod reply;
mod retry;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use reqwest::{
    Client, Method, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION},
};
use secrecy::ExposeSecret;
use tokio::time::timeout;
use url::Url;

pub(super) use self::{
    lane::{Lane, Traffic},
    reply::Reply,
};
use super::{Address, Credentials, Error, Settings, error::UnreachableKind};

/// How much longer than one wait a whole body may take.
const BODY_PATIENCE: u32 = 6;

/// The way to one registry.
#[derive(Clone)]
pub(super) struct Transport {
    client: Client,
    address: Address,
    lane: Arc<Lane>,
    settings: Settings,
}

/// A request before it is sent.
#[derive(Clone)]
pub(super) struct Call {
    method: Method,
    url: Url,
    authorization: Option<HeaderValue>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Vec<u8>>,
    is_insistent: bool,
}

impl Call {
    /// Sends this account, or none.
    pub(super) fn authorized(mut self, authorization: Option<HeaderValue>) -> Self {
        self.authorization = authorization;
        self
    }

    pub(super) fn accept(self, accept: &'static str) -> Self {
        self.header(ACCEPT, accept)
    }

    pub(super) fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    pub(super) fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = Some(body.to_string().into_bytes());
        self.header(CONTENT_TYPE, "application/json")
    }

    /// Sends it even while the breaker is open.
    pub(super) fn insistent(mut self) -> Self {
        self.is_insistent = true;
        self
    }

    /// POST is the one method used here that does a second thing when it is sent a second time.
    fn is_idempotent(&self) -> bool {
        self.method != Method::POST
    }
}

impl Transport {
    pub(super) fn new(client: Client, address: Address, lane: Arc<Lane>, settings: Settings) -> Self {
        Self { client, address, lane, settings }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn encoding(&self) -> u8 {
        self.lane.encoding()
    }

    pub(super) fn remember_encoding(&self, encoding: u8) {
        self.lane.remember_encoding(encoding);
    }

    /// A call to a path below the address. Path and query come escaped.
    pub(super) fn call(&self, method: Method, path: &str) -> Result<Call, Error> {
        let url = Url::parse(&format!("{}{path}", self.address.as_str()))
            .map_err(|_| Error::malformed("a path cannot be built from what it sent"))?;
        Ok(Self::call_url(method, url))
    }

    /// A call to a path at the root of the origin, where a registry behind a path may be found after all.
    pub(super) fn call_root(&self, method: Method, path: &str) -> Result<Call, Error> {
        let url = Url::parse(&format!("{}{path}", self.address.origin()))
            .map_err(|_| Error::malformed("a path cannot be built from what it sent"))?;
        Ok(Self::call_url(method, url))
    }

    /// A call to a URL that the registry named. [`Transport::send`] refuses it on another host.
    pub(super) fn call_url(method: Method, url: Url) -> Call {
        Call { method, url, authorization: None, headers: Vec::new(), body: None, is_insistent: false }
    }

    /// Sends a call, again up to twice where that is harmless and may help.
    ///
    /// A registry that sends nothing costs a call one [`Settings::timeout`], as what timed out is not sent again. The
    /// worst is eight of them: as retries begin within the first, the last one may wait as long again for headers, and
    /// six times as long for a body that drips. The wait for a place in the lane comes on top, and ends when the
    /// breaker opens; how long it may be at most is for the caller to say, who may drop the call at any time.
    ///
    /// # Errors
    /// Everything without a reply to judge: no connection, no time, a redirect, 429 and 5xx; and the last of these again,
    /// without sending anything, while the breaker is open.
    pub(super) async fn send(&self, call: Call) -> Result<Reply, Error> {
        if call.url.host_str() != self.address.url().host_str() {
            // The last line of defence for credentials: whoever built this call should have refused already.
            return Err(Error::unsupported("the registry sends its clients to another host"));
        }
        let breaker = &self.lane.breaker;
        let pass = if call.is_insistent { breaker.insist() } else { breaker.enter()? };
        let mut attempt = 0;
        let mut spent = Duration::ZERO;
        loop {
            let permit = self.lane.permit(&pass).await?;
            let started = Instant::now();
            let outcome = self.attempt(&call).await;
            spent += started.elapsed();
            let pause = retry::pause(attempt, &outcome).filter(|_| call.is_idempotent());
            match pause {
                Some(pause) if spent + pause <= self.settings.timeout => {
                    drop(permit);
                    tokio::time::sleep(pause).await;
                    spent += pause;
                    attempt += 1;
                }
                Some(_) | None => {
                    // With the permit in hand: whoever waits for it shall see a breaker that this opens.
                    pass.settle(&outcome);
                    return outcome;
                }
            }
        }
    }

    /// Takes note that whoever asked has waited as long as they could, and dropped the call: to the breaker that is a call
    /// that failed, which it could not see by itself.
    pub(super) fn gave_up(&self) {
        let breaker = &self.lane.breaker;
        if let Ok(pass) = breaker.enter() {
            pass.settle::<()>(&Err(Error::Timeout));
        }
    }

    /// Whether the breaker is open: calls fail without being sent, but for one now and then.
    pub(super) fn is_suspended(&self) -> bool {
        self.lane.breaker.is_open()
    }

    async fn attempt(&self, call: &Call) -> Result<Reply, Error> {
        self.lane.count_request();
        let outcome = self.exchange(call).await;
        self.lane.count_outcome(&outcome);
        outcome
    }

    async fn exchange(&self, call: &Call) -> Result<Reply, Error> {
        let mut request = self.client.request(call.method.clone(), call.url.clone());
        if let Some(authorization) = &call.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let started = Instant::now();
        let response = timeout(self.settings.timeout, request.send())
            .await
            .map_err(|_| Error::Timeout)?
            .map_err(|error| Error::from_exchange(error, &self.address.host()))?;
        let status = response.status();
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            return Err(self.redirected(&response));
        }
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Error::Unavailable {
                status: status.as_u16(),
                retry_after: retry::requested(response.headers()),
            });
        }
        let elapsed = started.elapsed();
        let headers = response.headers().clone();
        let patience = self.settings.timeout * BODY_PATIENCE;
        let body = timeout(patience, self.body(response)).await.map_err(|_| Error::Timeout)??;
        Ok(Reply::new(status, headers, body, elapsed))
    }

    /// Reads a body as it comes, decompressed, so that neither a bomb nor a drip outgrows its bounds.
    async fn body(&self, mut response: Response) -> Result<BytesMut, Error> {
        let limit = self.settings.max_body_bytes;
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(Error::TooLarge);
        }
        let mut body = BytesMut::new();
        loop {
            let chunk = timeout(self.settings.timeout, response.chunk())
                .await
                .map_err(|_| Error::Timeout)?
                .map_err(Error::from_body)?;
            let Some(chunk) = chunk else { return Ok(body) };
            if body.len() + chunk.len() > limit {
                return Err(Error::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Says where a redirect leads. Following it would take the account to where nobody stored it for.
    fn redirected(&self, response: &Response) -> Error {
        let target = response
            .headers()
            .get(LOCATION)
            .and_then(|location| location.to_str().ok())
            .and_then(|location| response.url().join(location).ok())
            .filter(Url::has_host);
        let found = match target {
            Some(target) if target.origin() == response.url().origin() => {
                format!("a redirect to another path, {}", super::error::presentable(target.path()))
            }
            Some(target) => format!(
                "a redirect to {}: give that as the address if it is the registry, or let the API past the login page",
                target.origin().ascii_serialization()
            ),
            None => "a redirect without a target".to_owned(),
        };
        Error::NotTheProduct { found }
    }
}

/// The `Authorization` header of an account, marked so that no log shows it.
pub(super) fn basic(credentials: &Credentials) -> HeaderValue {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let pair = format!("{}:{}", credentials.username, credentials.password.expose_secret());
    secret_header(&format!("Basic {}", STANDARD.encode(pair))).expect("base64 is ASCII")
}

/// A bearer token as a header; `None` if it could not be sent.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    secret_header(&format!("Bearer {token}"))
}

fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Whether an error means that the connection broke under a request.
fn is_broken(error: &Error) -> bool {
    matches!(error, Error::Unreachable { kind: UnreachableKind::Reset, .. })
}

#[cfg(test)]
mod tests;
