//! Accounts at a Docker Registry: none, Basic, or a token fetched with Basic from where the registry says.
//!
//! The account goes to nobody who did not ask for it, and to no host but the registry's own: a challenge that names
//! another one would otherwise be a way to have it sent there.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use reqwest::{
    Method, StatusCode,
    header::{HeaderValue, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use url::Url;

use super::{
    Distribution, Scope,
    challenge::{self, Challenge},
};
use crate::upstream::{
    Error,
    http::{Call, Reply, Transport, basic, bearer},
    lock,
};

/// Tokens kept; one is for one repository.
const MAX_TOKENS: usize = 256;

/// What the specification says of a token without `expires_in`.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// No token is kept longer, whatever it says.
const LONGEST_LIFETIME: Duration = Duration::from_secs(3600);

/// What a registry has said of how to speak to it.
pub(super) struct Known {
    pub(super) scheme: Option<Scheme>,
    pub(super) tokens: HashMap<String, Token>,
}

/// How a registry wants the account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Basic,
    Bearer,
}

pub(super) struct Token {
    header: HeaderValue,
    renew_at: Instant,
}

/// Harbor sends an empty `access_token` beside `token`, others only the one or the other.
#[derive(Deserialize)]
struct TokenReply {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Distribution {
    /// Sends a request, and once more with what the registry asks for. The reply may still be a 401, which is final.
    pub(super) async fn exchange(&self, call: Call, scope: Scope<'_>) -> Result<Reply, Error> {
        let was_basic = lock(&self.known).scheme == Some(Scheme::Basic);
        let known = self.known_authorization(scope);
        let reply = self.transport.send(call.clone().authorized(known.clone())).await?;
        if reply.status() != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        let authorization = match challenge::preferred(reply.headers().get_all(WWW_AUTHENTICATE)) {
            // A second try with what was refused just now changes nothing.
            Some(Challenge::Basic) if was_basic && known.is_some() => return Ok(reply),
            Some(Challenge::Basic) => match &self.credentials {
                Some(credentials) => {
                    lock(&self.known).scheme = Some(Scheme::Basic);
                    basic(credentials)
                }
                None => return Ok(reply),
            },
            Some(Challenge::Bearer { realm, service }) => self.fetch_token(&realm, service.as_deref(), scope).await?,
            None => return Ok(reply),
        };
        self.transport.send(call.authorized(Some(authorization))).await
    }

    fn known_authorization(&self, scope: Scope<'_>) -> Option<HeaderValue> {
        let known = lock(&self.known);
        match known.scheme? {
            Scheme::Basic => self.credentials.as_ref().map(basic),
            Scheme::Bearer => known
                .tokens
                .get(&scope.text().unwrap_or_default())
                .filter(|token| Instant::now() < token.renew_at)
                .map(|token| token.header.clone()),
        }
    }

    async fn fetch_token(&self, realm: &str, service: Option<&str>, scope: Scope<'_>) -> Result<HeaderValue, Error> {
        let mut url = token_url(self.transport.address().url(), realm)?;
        // The scope is ours, not the challenge's: what a registry asks for is no reason to ask for more.
        let text = scope.text();
        let pairs = [("service", service), ("scope", text.as_deref())];
        for (key, value) in pairs {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(key, value);
            }
        }
        let call = Transport::call_url(Method::GET, url)
            .accept("application/json")
            .authorized(self.credentials.as_ref().map(basic));
        let reply = self.transport.send(call).await?;
        match reply.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED => return Err(Error::Unauthorized),
            StatusCode::FORBIDDEN => {
                return Err(Error::Forbidden { message: reply.complaint().message });
            }
            status => {
                let complaint = reply.complaint();
                return Err(Error::Rejected {
                    status: status.as_u16(),
                    code: complaint.code,
                    message: complaint.message,
                });
            }
        }
        let found: TokenReply = reply.json()?;
        let header = [found.token, found.access_token]
            .into_iter()
            .flatten()
            .find(|token| !token.is_empty())
            .and_then(|token| bearer(&token))
            .ok_or_else(|| Error::malformed("the token service gave no token"))?;
        let lifetime = found.expires_in.map_or(DEFAULT_LIFETIME, Duration::from_secs).min(LONGEST_LIFETIME);
        let token = Token {
            header: header.clone(),
            // Early, as clocks differ.
            renew_at: Instant::now() + lifetime * 2 / 3,
        };
        let mut known = lock(&self.known);
        known.scheme = Some(Scheme::Bearer);
        if known.tokens.len() >= MAX_TOKENS {
            known.tokens.clear();
        }
        known.tokens.insert(text.unwrap_or_default(), token);
        Ok(header)
    }
}

/// Where tokens come from, if that is on the registry's own host.
pub(super) fn token_url(own: &Url, realm: &str) -> Result<Url, Error> {
    let mut url = own.join(realm).map_err(|_| Error::malformed("the realm of a challenge is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str() != own.host_str() {
        return Err(Error::Unsupported {
            what: format!(
                "the registry sends its clients to {} for tokens, and Fairway gives its account to no other host",
                url.host_str().unwrap_or("another place")
            ),
        });
    }
    if own.scheme() == "https" && url.scheme() == "http" {
        // Misconfigured behind a proxy that ends TLS: the same path is there, and the account stays covered.
        let (path, query) = (url.path().to_owned(), url.query().map(str::to_owned));
        url = own.clone();
        url.set_path(&path);
        url.set_query(query.as_deref());
    }
    // A realm may hold what would be sent as an account.
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(url)
}
