//! Docker Registry: CNCF distribution 2.8 and 3.x, and what else speaks its protocol under `/v2/`.
//!
//! It has no projects, no visibility and no times; all of it is the one space `/`, which everybody may pull from.

mod artifact;
mod auth;
mod catalog;
mod challenge;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod link;
mod manifest;
mod probe;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use reqwest::{Method, StatusCode, header::HeaderName};

use self::auth::Known;
pub(super) use self::manifest::Documents;
use super::{
    Address, Credentials, Error, Space, Visibility,
    http::{Call, Reply, Transport},
};

/// Every manifest type there is. Without the OCI ones an OCI image is 404, and without the lists the registry picks
/// one platform's image, which has another digest.
pub(super) const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

/// The digest of the manifest in a reply.
pub(super) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Stands on every reply of a Docker Registry.
pub(super) const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The id and name of the one space.
const SPACE: &str = "/";

/// A client for one Docker Registry.
pub(super) struct Distribution {
    transport: Transport,
    credentials: Option<Credentials>,
    /// How the registry wants to be spoken to, once it has said so.
    known: Mutex<Known>,
    documents: Arc<Documents>,
}

/// What a request is about, for the token it may need.
#[derive(Clone, Copy)]
enum Scope<'a> {
    /// Whether the registry speaks to the account at all.
    Ping,
    Catalog,
    Pull(&'a str),
}

impl Distribution {
    pub(super) fn new(transport: Transport, credentials: Option<&Credentials>, documents: Arc<Documents>) -> Self {
        Self {
            documents,
            transport,
            credentials: credentials.cloned(),
            known: Mutex::new(Known { scheme: None, tokens: HashMap::new() }),
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

    pub(super) fn space(&self) -> Space {
        Space {
            id: SPACE.to_owned(),
            name: SPACE.to_owned(),
            visibility: Visibility::Public,
            is_proxy_cache: false,
            image_count: None,
            created_at: None,
        }
    }

    /// Sends a request with whatever account it takes, and judges the status of the reply. A 404 is the caller's.
    async fn request(
        &self,
        method: Method,
        path: &str,
        accept: &'static str,
        scope: Scope<'_>,
    ) -> Result<Reply, Error> {
        self.send(self.transport.call(method, path)?.accept(accept), scope).await
    }

    /// The same for a call that is made already.
    async fn send(&self, call: Call, scope: Scope<'_>) -> Result<Reply, Error> {
        let reply = self.exchange(call, scope).await?;
        let status = reply.status();
        if status.is_success() || status == StatusCode::NOT_FOUND {
            return Ok(reply);
        }
        if status == StatusCode::UNAUTHORIZED {
            return Err(self.explain_refusal(scope).await);
        }
        let complaint = reply.complaint();
        Err(match status {
            StatusCode::FORBIDDEN => Error::Forbidden { message: complaint.message },
            _ => Error::Rejected { status: status.as_u16(), code: complaint.code, message: complaint.message },
        })
    }

    /// A call for whether the registry speaks to the account at all.
    fn ping(&self) -> Result<Call, Error> {
        Ok(self.transport.call(Method::GET, "/v2/")?.accept("application/json"))
    }

    /// A refusal of one thing speaks against the account only if the registry refuses it everything.
    async fn explain_refusal(&self, scope: Scope<'_>) -> Error {
        if matches!(scope, Scope::Ping) {
            return Error::Unauthorized;
        }
        let ping = match self.ping() {
            Ok(ping) => ping,
            Err(error) => return error,
        };
        match self.exchange(ping, Scope::Ping).await {
            Ok(reply) if reply.status() == StatusCode::UNAUTHORIZED => Error::Unauthorized,
            Ok(_) => Error::Forbidden { message: String::new() },
            Err(error) => error,
        }
    }
}

impl Scope<'_> {
    /// As the token protocol writes it.
    fn text(self) -> Option<String> {
        match self {
            Self::Ping => None,
            Self::Catalog => Some("registry:catalog:*".to_owned()),
            Self::Pull(repository) => Some(format!("repository:{repository}:pull")),
        }
    }
}

/// Whether a 404 is the registry's own, and not of something before it.
fn is_genuine(reply: &Reply) -> bool {
    reply.header(API_VERSION).is_some() || reply.complaint().is_genuine
}
