//! One reading of the published keys: a GET with a deadline and a limit, and no way to be led elsewhere.

use std::time::Duration;

use reqwest::{
    Client, Response, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, HeaderMap},
    redirect::Policy,
};
use tokio::time::timeout;
use url::Url;

use super::Settings;
use crate::auth::{KeySet, KeySetError, Unused};

/// Sets are of a few thousand bytes.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Why the keys could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no client can be made")]
    Client(#[source] reqwest::Error),
    #[error("the identity provider does not answer")]
    Unreachable(#[source] reqwest::Error),
    #[error("the identity provider did not answer in time")]
    Timeout,
    #[error("the identity provider answered with status {}", .0.as_u16())]
    Status(StatusCode),
    #[error("what the identity provider answered is longer than 1 MiB")]
    TooLarge,
    #[error("what the identity provider answered cannot be used")]
    Content(#[source] KeySetError),
}

/// What a provider publishes.
pub(super) struct Published {
    pub(super) keys: KeySet,
    pub(super) unused: Vec<Unused>,
    /// How long it may be kept, as far as it says so.
    pub(super) max_age: Option<Duration>,
}

pub(super) struct Fetcher {
    client: Client,
    url: Url,
    timeout: Duration,
}

impl Fetcher {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        // An Err says that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .user_agent(concat!("fairway/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            // Whoever could redirect could bring keys of their own.
            .redirect(Policy::none())
            .referer(false)
            .gzip(true)
            .pool_max_idle_per_host(0);
        // On this host nothing is encrypted, and an image without authorities must do.
        let is_plain = settings.url.scheme() == "http";
        let builder = if is_plain { builder.tls_certs_only(std::iter::empty()) } else { builder.https_only(true) };
        let client = builder.build().map_err(Error::Client)?;
        Ok(Self { client, url: settings.url.clone(), timeout: settings.timeout })
    }

    pub(super) async fn fetch(&self) -> Result<Published, Error> {
        timeout(self.timeout, self.exchange()).await.unwrap_or(Err(Error::Timeout))
    }

    async fn exchange(&self) -> Result<Published, Error> {
        let request = self.client.get(self.url.clone()).header(ACCEPT, "application/jwk-set+json, application/json");
        let response = request.send().await.map_err(|error| Error::Unreachable(error.without_url()))?;
        if response.status() != StatusCode::OK {
            return Err(Error::Status(response.status()));
        }
        let max_age = max_age(response.headers());
        let body = body(response).await?;
        let (keys, unused) = KeySet::from_jwks(&body).map_err(Error::Content)?;
        Ok(Published { keys, unused, max_age })
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Error::Unreachable(error.without_url()))? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(Error::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The `max-age` of `Cache-Control`; zero where nothing may be kept.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives: Vec<String> =
        values.flat_map(|value| value.split(',')).map(|directive| directive.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|directive| directive == "no-store" || directive == "no-cache") {
        return Some(Duration::ZERO);
    }
    let age = directives.iter().find_map(|directive| directive.strip_prefix("max-age="))?;
    age.trim_matches('"').parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_control_is_read() {
        let read = |values: &[&'static str]| {
            max_age(&values.iter().map(|value| (CACHE_CONTROL, value.parse().unwrap())).collect())
                .map(|age| age.as_secs())
        };
        for (values, expected) in [
            (&["max-age=600"][..], Some(600)),
            (&["public, Max-Age=\"600\", must-revalidate"], Some(600)),
            (&["public", "max-age=7"], Some(7)),
            (&["no-cache"], Some(0)),
            (&["max-age=600, no-store"], Some(0)),
            (&["public"], None),
            (&["max-age=soon"], None),
            (&["s-maxage=600"], None),
            (&[], None),
        ] {
            assert_eq!(read(values), expected, "{values:?}");
        }
    }
}
