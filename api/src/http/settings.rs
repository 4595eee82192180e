//! What of the configuration concerns HTTP.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use secrecy::SecretString;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{request_id, webhook};
use crate::{
    config::{Config, Introspection, TrustedDocuments},
    graphql::limits::Limits,
};

/// How long a browser may keep the answer to a preflight.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug)]
pub struct Settings {
    /// For one request, from its first byte read to its answer.
    pub request_timeout: Duration,
    /// The same for a webhook.
    pub webhook_timeout: Duration,
    pub body_limit_bytes: usize,
    /// Origins, or `*` alone; empty: no browser of another origin may call.
    pub cors_origins: Vec<String>,
    pub introspection: Introspection,
    pub limits: Limits,
    pub trusted_documents: TrustedDocuments,
    /// Whether `/metrics` is here; if not, it has a listener of its own.
    pub serves_metrics: bool,
    /// A token to fill in on the `GraphiQL` page, for callers from this machine alone.
    pub dev_token: Option<SecretString>,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            request_timeout: config.request_timeout,
            webhook_timeout: webhook::TIMEOUT,
            body_limit_bytes: config.body_limit_bytes,
            cors_origins: config.cors_origins.clone(),
            introspection: config.introspection,
            limits: Limits::default(),
            trusted_documents: config.trusted_documents.clone(),
            serves_metrics: config.metrics_listen.is_none(),
            dev_token: config.dev.as_ref().map(|dev| dev.token.clone()),
        }
    }
}

impl Settings {
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        let origins = match self.cors_origins.as_slice() {
            [] => return None,
            [origin] if origin == "*" => AllowOrigin::any(),
            // Origins were checked when they were configured; one that is no header value can match no browser's.
            origins => AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok())),
        };
        let request_id = HeaderName::from_static(request_id::HEADER);
        Some(
            CorsLayer::new()
                .allow_origin(origins)
                .allow_methods([Method::GET, Method::POST])
                .allow_headers([
                    header::AUTHORIZATION,
                    header::CONTENT_TYPE,
                    header::ACCEPT,
                    header::IF_NONE_MATCH,
                    request_id.clone(),
                ])
                .expose_headers([request_id, header::WWW_AUTHENTICATE, header::ETAG])
                .max_age(PREFLIGHT_MAX_AGE),
        )
    }
}
