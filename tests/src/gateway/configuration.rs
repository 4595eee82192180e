//! A configuration for a gateway in process: as a small installation would have it, on a free port, with a key of its own.

use std::{net::SocketAddr, time::Duration};

use api::{
    auth::{ClaimNames, JwtConfig, JwtKey},
    config::{Config, Guards, Introspection, JwtKeys, Key, LogFormat, Networks, TrustedDocuments},
};
use secrecy::SecretString;

/// 32 bytes that never change, so that a gateway started again can read what it sealed.
pub const ENCRYPTION_KEY: &str = "ZmFpcndheS1mYWlyd2F5LWZhaXJ3YXktZmFpcndheSE=";

/// The defaults of the command line, but for where things are, and that registries may be on this host.
///
/// # Panics
/// When the secret is shorter than 32 bytes.
#[must_use]
pub fn configuration(database_url: SecretString, jwt_secret: &str) -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        metrics_listen: None,
        public_url: None,
        database_url,
        jwt: JwtConfig { issuer: None, audience: None, claims: ClaimNames::default() },
        jwt_keys: JwtKeys::One(
            JwtKey::from_secret(&SecretString::from(jwt_secret)).expect("the secret is long enough"),
        ),
        encryption_keys: vec![Key::from_base64(ENCRYPTION_KEY).expect("the key is 32 bytes in base64")],
        allows_missing_keys: false,
        sync_interval: Duration::from_secs(60),
        upstream_timeout: Duration::from_secs(10),
        upstream_guards: Guards::new(Networks::loopback(), Networks::default(), Networks::default()),
        cors_origins: Vec::new(),
        introspection: Introspection::Authenticated,
        trusted_documents: TrustedDocuments::default(),
        max_depth: 20,
        max_complexity: 20_000,
        request_timeout: Duration::from_secs(30),
        body_limit_bytes: 1024 * 1024,
        max_connections: 800,
        migrates: true,
        log: "info".to_owned(),
        log_format: LogFormat::Text,
        dev: None,
    }
}
