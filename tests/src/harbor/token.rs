//! `/service/token`: bearer tokens for `/v2/`. Grants what the caller has, never what was asked.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::SecondsFormat;
use serde_json::json;

use super::call::Call;
use super::permission::may;
use super::reply::{Refusal, Reply};
use super::state::State;
use super::system::Answer;

const SERVICE: &str = "harbor-registry";
const LIFETIME: Duration = Duration::from_secs(1800);

/// What a token opens. Harbor checks projects, not repositories: measured, and kept so.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) user: String,
    pub(super) expires: Instant,
    rights: Vec<(i64, &'static str)>,
}

impl Grant {
    pub(super) fn allows(&self, project: i64, action: &str) -> bool {
        self.rights.contains(&(
            project,
            match action {
                "pull" => "pull",
                "push" => "push",
                "delete" => "delete",
                _ => return false,
            },
        ))
    }
}

/// With a wrong password and a scope: 200, and a token that opens nothing.
pub(super) fn issue(state: &mut State, call: &Call) -> Answer {
    let service = call.query("service").unwrap_or_default();
    if service != SERVICE {
        return Ok(Reply::body("text/plain; charset=utf-8", format!("Unable to handle service: {service}"))
            .status(StatusCode::BAD_REQUEST));
    }
    let scopes: Vec<&str> =
        call.query.iter().filter(|(key, _)| key == "scope").flat_map(|(_, value)| value.split_whitespace()).collect();
    if scopes.is_empty() && call.identity.is_anonymous() {
        return Ok(Reply::empty(StatusCode::UNAUTHORIZED));
    }
    let mut rights = Vec::new();
    for scope in scopes {
        let repository = scope
            .strip_prefix("repository:")
            .and_then(|rest| rest.rsplit_once(':'))
            .and_then(|(repository, _)| repository.split_once('/'));
        let project = repository.and_then(|(project, _)| state.project_named(project));
        if let Some(project) = project {
            for action in ["pull", "push", "delete"] {
                if may(state, &call.identity, project, "repository", action) {
                    rights.push((project.id, action));
                }
            }
        }
    }
    let grant = Grant { user: call.identity.name().to_owned(), expires: Instant::now() + LIFETIME, rights };
    let token = sign(state, &grant);
    state.tokens.insert(token.clone(), grant);
    let issued_at = api::clock::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    Ok(Reply::body(
        "application/json; charset=utf-8",
        json!({
            "token": token, "access_token": "", "expires_in": LIFETIME.as_secs(),
            "issued_at": issued_at,
        })
        .to_string(),
    ))
}

/// Looks like a JWT; only this Harbor has to recognise it, so the signature is a serial number.
fn sign(state: &mut State, grant: &Grant) -> String {
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = part(json!({"alg": "RS256", "typ": "JWT"}));
    let claims = part(json!({"aud": SERVICE, "iss": "harbor-token-issuer", "sub": grant.user}));
    let signature = URL_SAFE_NO_PAD.encode(format!("{:032}", state.ids.salt.draw()));
    format!("{header}.{claims}.{signature}")
}

pub(super) fn wrong_method() -> Reply {
    Reply::body("text/plain; charset=utf-8", "Method Not Allowed\n").status(StatusCode::METHOD_NOT_ALLOWED)
}

/// The refusal of `/v2/`: the message comes twice, and how to go on stands in a header.
pub(super) fn challenge(message: &str, how: String) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", format!("{message}: {message}"))
        .with(axum::http::header::WWW_AUTHENTICATE, how)
}
