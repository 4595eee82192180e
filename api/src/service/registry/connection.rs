//! A connection as somebody types it in: parsed, tried, and judged.

use ::entity::registry::{HealthState, Kind, Privilege};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::super::audit::Act;
use super::super::name::shown;
use super::super::{Cx, Error};
use crate::auth::policy::{Action, Scope};
use crate::sync::{Found, health_of, lacking, privilege, reach};
use crate::upstream::{self, Address, Credentials, Endpoint, Tls};

/// How a registry is reached.
#[derive(Clone, Debug)]
pub struct Connection {
    pub kind: Kind,
    pub address: String,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub tls: Tls,
}

/// A [`Connection`] that could be tried.
pub(super) struct Parsed {
    pub address: Address,
    pub endpoint: Endpoint,
}

impl Connection {
    /// Checked as a connection of this workspace, or of the platform.
    pub(super) fn parse(self, workspace: Option<Uuid>) -> Result<Parsed, Error> {
        if !self.address.trim_start().to_ascii_lowercase().starts_with("http") || !self.address.contains("://") {
            return Err(Error::invalid("address", "an address begins with `https://` or `http://`"));
        }
        let address = Address::parse(&self.address).map_err(|error| Error::invalid("address", error.to_string()))?;
        if address.as_str().len() > 500 {
            return Err(Error::invalid("address", "an address has at most 500 characters"));
        }
        let username = self.username.filter(|username| !username.is_empty());
        let password = self.password.filter(|password| !password.expose_secret().is_empty());
        let is_odd =
            |name: &String| name.chars().count() > 255 || name.contains(':') || name.contains(char::is_control);
        if username.as_ref().is_some_and(is_odd) {
            let message = "a user name has at most 255 characters, no colon and no control characters";
            return Err(Error::invalid("username", message));
        }
        if password.as_ref().is_some_and(|password| password.expose_secret().len() > 1_024) {
            return Err(Error::invalid("password", "a password has at most 1,024 bytes"));
        }
        if self.tls.ca_certificate.as_ref().is_some_and(|pem| pem.len() > 60_000) {
            return Err(Error::invalid("tls", "`caCertificate` has at most 60,000 bytes"));
        }
        let credentials = match (username, password) {
            (Some(username), Some(password)) => Some(Credentials { username, password }),
            (None, None) if self.kind == Kind::DockerRegistry => None,
            (None, None) => {
                let message = "a Harbor is reached with an account: give its user name and password";
                return Err(Error::invalid("username", message));
            }
            (None, _) => return Err(Error::invalid("username", "a user name is needed with the password")),
            (Some(_), None) => return Err(Error::invalid("password", "a password is needed with the user name")),
        };
        let endpoint = Endpoint {
            kind: self.kind.into(),
            address: address.clone(),
            credentials,
            tls: self.tls,
            reach: reach(workspace),
        };
        Ok(Parsed { address, endpoint })
    }
}

/// An address as it was typed, in its plain form. One that cannot be read is not shown: it may hold a password.
pub fn address_to_show(typed: &str) -> String {
    Address::parse(typed)
        .map_or_else(|_| "an address that cannot be read".to_owned(), |parsed| parsed.as_str().to_owned())
}

/// What a connection test reports.
pub struct Tested {
    pub state: HealthState,
    pub cause: Option<String>,
    pub version: Option<String>,
    pub latency_ms: Option<i32>,
    pub privilege: Option<Privilege>,
    pub spaces: Option<usize>,
    pub images: Option<i64>,
}

/// Tries the connection and stores nothing. A registry that refuses or does not answer is a result, not an error.
pub async fn test(cx: &Act, connection: Connection, workspace: Option<Uuid>) -> Result<Tested, Error> {
    authorize(cx, Action::TestConnection, workspace).await?;
    let parsed = connection.parse(workspace)?;
    let client = cx.service.upstream.registry(parsed.endpoint).map_err(|error| refused(None, error))?;
    let _counted = cx.service.attempts.count(&cx.viewer.subject, &parsed.address)?;
    cx.begin().await?;
    // A name that leads to a closed network reads like an address there.
    let found = match cx.service.sync.look(&client).await {
        Err(error @ upstream::Error::Blocked { .. }) => return Err(refused(None, error)),
        found => found,
    };
    let (state, cause) = health_of(found.as_ref().map(|found| &found.probe));
    Ok(match found {
        Ok(Found { probe, spaces }) => Tested {
            state,
            cause: cause.or_else(|| lacking(&probe).filter(|_| workspace.is_none())),
            latency_ms: i32::try_from(probe.latency.as_millis()).ok(),
            privilege: Some(privilege(&probe)),
            version: probe.version,
            images: spaces.iter().map(|space| space.image_count).sum(),
            spaces: Some(spaces.len()),
        },
        Err(_) => Tested { state, cause, version: None, latency_ms: None, privilege: None, spaces: None, images: None },
    })
}

/// R2 for a scope: of a workspace that the viewer sees, or of the platform.
pub(super) async fn authorize(cx: &Cx, action: Action, workspace: Option<Uuid>) -> Result<(), Error> {
    match workspace {
        None => cx.authorize(action, Scope::Platform),
        Some(id) => {
            let owner = super::super::workspace::get_fresh(cx, id).await.map_err(|error| error.on("workspaceId"))?;
            cx.authorize(action, Scope::Workspace(&owner.name))
        }
    }
}

/// Proves the account for the viewer, who may be wrong about it a few times a minute, and at PLATFORM scope that it may
/// do what Admins will ask of it.
pub(super) async fn prove(cx: &Act, name: &str, endpoint: Endpoint, is_platform: bool) -> Result<Found, Error> {
    let is_anonymous = endpoint.credentials.is_none();
    let address = endpoint.address.clone();
    let client = cx.service.upstream.registry(endpoint).map_err(|error| refused(Some(name), error))?;
    let counted = cx.service.attempts.count(&cx.viewer.subject, &address)?;
    cx.begin().await?;
    let found = cx.service.sync.look(&client).await.map_err(|error| match error {
        source if is_anonymous && source.is_unauthorized() => {
            let message = "the registry asks for an account: give its user name and password".to_owned();
            Error::Upstream { message, registry: Some(shown(name)), field: Some("username"), source }
        }
        error => refused(Some(name), error),
    })?;
    counted.forgive();
    match lacking(&found.probe).filter(|_| is_platform) {
        Some(lacks) => Err(Error::invalid("username", lacks)),
        None => Ok(found),
    }
}

/// A registry's refusal as the fault of the field that can mend it.
pub(super) fn refused(registry: Option<&str>, error: upstream::Error) -> Error {
    let message = error.cause();
    match &error {
        upstream::Error::NotTheProduct { .. } | upstream::Error::Malformed { .. } | upstream::Error::Blocked { .. } => {
            Error::Invalid { message, field: "address" }
        }
        upstream::Error::UnsupportedVersion { .. } | upstream::Error::Unsupported { .. } => {
            Error::Unsupported { message, field: Some("address") }
        }
        upstream::Error::InvalidCertificate { .. } => Error::Invalid { message, field: "tls" },
        _ => {
            let field = if error.is_unauthorized() { "password" } else { "address" };
            Error::Upstream { message, registry: registry.map(shown), field: Some(field), source: error }
        }
    }
}
