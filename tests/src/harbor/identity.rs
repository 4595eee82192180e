//! Who is asking. Harbor tries its identity providers in turn; whoever none of them knows is
//! anonymous, with a wrong password too, and never refused for that alone.

use std::time::Instant;

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::reply::Refusal;
use super::state::State;
use super::token::Grant;

#[derive(Clone, Debug)]
pub(super) enum Identity {
    Anonymous,
    User {
        id: i64,
        name: String,
    },
    Robot {
        id: i64,
        name: String,
    },
    /// A bearer token of `/service/token`, good below `/v2/` only.
    Token(Grant),
}

impl Identity {
    pub(super) fn is_anonymous(&self) -> bool {
        matches!(self, Self::Anonymous)
    }

    pub(super) fn is_sysadmin(&self, state: &State) -> bool {
        match self {
            Self::User { id, .. } => state.users.get(id).is_some_and(|user| user.is_sysadmin),
            Self::Anonymous | Self::Robot { .. } | Self::Token(_) => false,
        }
    }

    /// As audit rows and webhooks name the caller; nobody is an empty name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Anonymous => "",
            Self::User { name, .. } | Self::Robot { name, .. } => name,
            Self::Token(grant) => &grant.user,
        }
    }

    /// 401 to the anonymous, 403 to everybody else.
    pub(super) fn refuse(&self, message: impl Into<String>) -> Refusal {
        if self.is_anonymous() { Refusal::unauthorized() } else { Refusal::forbidden(message) }
    }
}

/// User name and password of a Basic header; `None` for anything that cannot be read.
pub(super) fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let header = headers.get("authorization")?.to_str().ok()?;
    let encoded = header.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

pub(super) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Finds out who is asking. `registry` says that the path is below `/v2/`.
pub(super) fn identify(state: &State, headers: &HeaderMap, registry: bool) -> Identity {
    if registry && let Some(token) = bearer_token(headers) {
        return state
            .tokens
            .get(token)
            .filter(|grant| grant.expires > Instant::now())
            .map_or(Identity::Anonymous, |grant| Identity::Token(grant.clone()));
    }
    let Some((name, password)) = basic_credentials(headers) else {
        return Identity::Anonymous;
    };
    if let Some(robot) = state.robots.values().find(|robot| robot.full_name == name) {
        let expired = robot.expires_at >= 0 && robot.expires_at <= api::clock::now().timestamp();
        if robot.secret == password && !robot.disabled && !expired {
            return Identity::Robot { id: robot.id, name };
        }
        return Identity::Anonymous;
    }
    match state.user_named(&name) {
        Some(user) if user.password == password => Identity::User { id: user.id, name: user.name.clone() },
        _ => Identity::Anonymous,
    }
}
