//! Harbor 2.4 and later, by its API `/api/v2.0` and, for digests, its registry `/v2`.
//!
//! Harbor takes a wrong password for no password and answers with what everybody may see, so this client sends the
//! account with every call that needs it, proves it when it is told to (a check or a probe, by [`identity`]), and believes
//! a refusal only when it is sure of it.

mod artifact;
mod identity;
mod list;
mod probe;
mod project;
mod repository;
mod scan;
mod webhook;

#[cfg(test)]
mod tests;

use std::time::Duration;

use reqwest::{
    Method, StatusCode,
    header::{ACCEPT, HeaderName, HeaderValue},
};
use serde::de::DeserializeOwned;

use super::{
    Address, Credentials, Error,
    http::{Call, Reply, Transport, basic},
    name,
};

/// The API below the address.
const API: &str = "/api/v2.0";

/// Makes a number in a project's place a name: a project may be called `123`.
const IS_NAME: HeaderName = HeaderName::from_static("x-is-resource-name");

/// A client for one Harbor.
pub(super) struct Harbor {
    transport: Transport,
    authorization: Option<HeaderValue>,
    /// Project robots have a `+` in their name, between project and robot.
    is_project_robot_name: bool,
}

/// How the slashes of a repository name get through the proxies before Harbor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slashes {
    /// `%252F`: right for Harbor with and without its own proxy, which decodes once.
    Twice,
    /// `%2F`: for proxies that refuse a percent sign that is itself escaped.
    Once,
}

impl Harbor {
    pub(super) fn new(transport: Transport, credentials: Option<&Credentials>) -> Self {
        Self {
            transport,
            authorization: credentials.map(basic),
            is_project_robot_name: credentials.is_some_and(|c| c.username.contains('+')),
        }
    }

    pub(super) fn address(&self) -> &Address {
        self.transport.address()
    }

    pub(super) fn gave_up(&self) {
        self.transport.gave_up();
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.transport.is_suspended()
    }

    /// The same Harbor as everybody sees it: this client has no account that it could send.
    fn without_account(&self) -> Self {
        Self { transport: self.transport.clone(), authorization: None, is_project_robot_name: false }
    }

    /// A call to the API with the account. Sent at once and not on demand: the API never asks for it.
    fn call(&self, method: Method, path: &str) -> Result<Call, Error> {
        Ok(self
            .transport
            .call(method, &format!("{API}{path}"))?
            .header(ACCEPT, "application/json")
            .authorized(self.authorization.clone()))
    }

    /// Sends a call and judges the status of the reply.
    async fn send(&self, call: Call) -> Result<Reply, Error> {
        let reply = self.transport.send(call).await?;
        self.judged(reply).await
    }

    async fn judged(&self, reply: Reply) -> Result<Reply, Error> {
        match judge(&reply) {
            Ok(()) => Ok(reply),
            Err(Error::Unauthorized) => Err(self.explain_refusal(&reply).await),
            Err(error) => Err(error),
        }
    }

    /// Reads an object. A reply that broke off is read once more.
    async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        self.read_timed(call).await.map(|(found, _)| found)
    }

    /// The same, with the time until the headers of the first reply came.
    async fn read_timed<T: DeserializeOwned>(&self, call: Call) -> Result<(T, Duration), Error> {
        let reply = self.send(call.clone()).await?;
        let found = match reply.json() {
            Err(Error::Malformed { .. }) => self.send(call).await?.json(),
            outcome => outcome,
        };
        Ok((found?, reply.elapsed()))
    }

    /// Reads a path with a repository's name between `before` and `after`, and finds out once per origin how slashes
    /// get there.
    async fn get_of_repository(&self, before: &str, repository: &str, after: &str) -> Result<Reply, Error> {
        let call = |slashes: Slashes| self.call(Method::GET, &format!("{before}{}{after}", slashes.escape(repository)));
        let slashes = Slashes::from_memory(self.transport.encoding());
        if !repository.contains('/') {
            return self.send(call(slashes)?).await;
        }
        let first = self.transport.send(call(slashes)?).await?;
        if !is_lost(&first) {
            return self.judged(first).await;
        }
        let other = slashes.other();
        let second = self.transport.send(call(other)?).await?;
        if is_lost(&second) {
            return self.judged(first).await;
        }
        self.transport.remember_encoding(other.to_memory());
        self.judged(second).await
    }
}

impl Slashes {
    fn from_memory(value: u8) -> Self {
        if value == 1 { Self::Once } else { Self::Twice }
    }

    fn to_memory(self) -> u8 {
        match self {
            Self::Twice => 0,
            Self::Once => 1,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Twice => Self::Once,
            Self::Once => Self::Twice,
        }
    }

    fn escape(self, repository: &str) -> String {
        let once = name::escape(repository);
        match self {
            Self::Once => once,
            Self::Twice => name::escape(&once),
        }
    }
}

/// Whether a request did not get to what it was for: refused by a proxy, or taken by Harbor for an unknown path.
/// Harbor's own 404 for a missing artifact is no sign of that.
fn is_lost(reply: &Reply) -> bool {
    let complaint = reply.complaint();
    match reply.status() {
        StatusCode::BAD_REQUEST => !complaint.is_genuine,
        StatusCode::NOT_FOUND => !complaint.is_genuine || is_unknown_path(&complaint.message),
        _ => false,
    }
}

/// `path /api/v2.0/x was not found`
fn is_unknown_path(message: &str) -> bool {
    message.starts_with("path ") && message.ends_with(" was not found")
}

/// What the status of a reply means.
fn judge(reply: &Reply) -> Result<(), Error> {
    let status = reply.status();
    if status.is_success() {
        return Ok(());
    }
    let complaint = reply.complaint();
    let message = complaint.message;
    Err(match status {
        StatusCode::UNAUTHORIZED => Error::Unauthorized,
        StatusCode::FORBIDDEN if message.contains("read only") => Error::ReadOnly,
        // System-wide refusals say nothing but the caller's own name.
        StatusCode::FORBIDDEN => Error::Forbidden { message },
        StatusCode::NOT_FOUND if !complaint.is_genuine || is_unknown_path(&message) => {
            Error::NotTheProduct { found: "a server that does not know Harbor's API paths".to_owned() }
        }
        StatusCode::NOT_FOUND => Error::NotFound,
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Error::Conflict { message },
        _ => Error::Rejected { status: status.as_u16(), code: complaint.code, message },
    })
}
