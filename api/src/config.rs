//! What Fairway is told at start: one validated value, [`Config`], made from flags and environment by [`Options`].
//!
//! Everything that can be wrong is found before anything is opened, and is reported at once. Nothing here reads a file but
//! a public key and trusted documents, nor opens a connection.

mod dev;
mod documents;
mod options;
mod problem;
mod quantity;

use std::{net::SocketAddr, time::Duration};

use secrecy::SecretString;

pub use self::{
    dev::{DevError, DevSecrets},
    documents::TrustedDocuments,
    options::{DatabaseOptions, EncryptionOptions, JwtOptions, LogOptions, Options},
    problem::{Problem, Problems},
    quantity::parse_duration,
};
pub use crate::{
    auth::{JwtConfig, JwtKey},
    jwks::Settings as JwksSettings,
    upstream::{Guards, Networks},
    vault::Key,
};

/// The whole configuration, valid. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    /// Where `/metrics` is served, and nothing else; `listen` when there is none.
    pub metrics_listen: Option<SocketAddr>,
    /// Where registries and browsers reach Fairway: `http` or `https`, a path perhaps, no slash at the end.
    pub public_url: Option<String>,
    /// Secret, for it may hold a password.
    pub database_url: SecretString,
    /// Whether pending migrations are applied at start; if not, they keep Fairway from starting.
    pub migrates: bool,
    pub jwt: JwtConfig,
    pub jwt_keys: JwtKeys,
    /// Newest first, never empty.
    pub encryption_keys: Vec<Key>,
    /// Whether it starts although stored secrets were sealed with other keys than these.
    pub allows_missing_keys: bool,
    /// Between two sweeps of a registry.
    pub sync_interval: Duration,
    /// For one request to a registry.
    pub upstream_timeout: Duration,
    /// Which networks registries may be in.
    pub upstream_guards: Guards,
    /// Origins of browsers that may call, or `*` alone.
    pub cors_origins: Vec<String>,
    pub introspection: Introspection,
    pub trusted_documents: TrustedDocuments,
    /// Of selections in a document.
    pub max_depth: usize,
    pub max_complexity: usize,
    /// For one request to Fairway.
    pub request_timeout: Duration,
    pub body_limit_bytes: usize,
    /// Of clients, at a time, on each listener.
    pub max_connections: usize,
    /// Filter directives, such as `info,api=debug`.
    pub log: String,
    pub log_format: LogFormat,
    /// Present when started for development.
    pub dev: Option<Dev>,
}

/// What tokens are verified with.
#[derive(Clone, Debug)]
pub enum JwtKeys {
    /// One key, for as long as the process lives.
    One(JwtKey),
    /// Those that an identity provider publishes.
    Published(JwksSettings),
}

/// Who may ask for the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Introspection {
    /// Everybody, also without a token.
    Always,
    /// Whoever has a valid token.
    Authenticated,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    /// One JSON object a line.
    Json,
}

/// What `serve --dev` adds.
#[derive(Clone, Debug)]
pub struct Dev {
    /// A token of an Admin, filled in on the `GraphiQL` page.
    pub token: SecretString,
}
