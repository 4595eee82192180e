//! Flags and environment. Each option is kept as the text that was given, and read in one go, so that a start fails with
//! all that is wrong and not with the first of it. An empty text counts as not given.

mod read;

use std::convert::Infallible;

use clap::Args;
use secrecy::SecretString;

/// Everything that `fairway serve` understands.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "FAIRWAY_LISTEN")]
    pub listen: Option<String>,
    /// Address and port for /metrics alone [default: /metrics is served with the rest]
    #[arg(long, env = "FAIRWAY_METRICS_LISTEN")]
    pub metrics_listen: Option<String>,
    /// Address under which registries reach Fairway, http or https, for webhooks [default: none]
    #[arg(long, env = "FAIRWAY_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Refuse to start on a database with pending migrations, instead of applying them
    #[arg(long)]
    pub no_migrate: bool,
    #[command(flatten)]
    pub database: DatabaseOptions,
    #[command(flatten)]
    pub jwt: JwtOptions,
    #[command(flatten)]
    pub encryption: EncryptionOptions,
    /// Serve although stored passwords were sealed with keys that are not given: their registries are not reached
    #[arg(long, env = "FAIRWAY_ALLOW_MISSING_KEYS", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub allow_missing_keys: Option<String>,
    /// Time between two looks at a registry [default: 60s]
    #[arg(long, env = "FAIRWAY_SYNC_INTERVAL")]
    pub sync_interval: Option<String>,
    /// Deadline of one request to a registry [default: 10s]
    #[arg(long, env = "FAIRWAY_UPSTREAM_TIMEOUT")]
    pub upstream_timeout: Option<String>,
    /// Networks that registries may be in beside the default, such as 127.0.0.0/8; separated by commas [default: none]
    #[arg(long, env = "FAIRWAY_UPSTREAM_ALLOW")]
    pub upstream_allow: Option<String>,
    /// Networks that no registry may be in, whatever else is said [default: none]
    #[arg(long, env = "FAIRWAY_UPSTREAM_DENY")]
    pub upstream_deny: Option<String>,
    /// Private networks that registries of workspaces may be in [default: none]
    #[arg(long, env = "FAIRWAY_UPSTREAM_ALLOW_WORKSPACE")]
    pub upstream_allow_workspace: Option<String>,
    /// Origins of browsers that may call, separated by commas, or * [default: none]
    #[arg(long, env = "FAIRWAY_CORS_ORIGINS")]
    pub cors_origins: Option<String>,
    /// Who may read the schema: always, authenticated or never [default: authenticated]
    #[arg(long, env = "FAIRWAY_INTROSPECTION")]
    pub introspection: Option<String>,
    /// File of documents that clients may name instead of sending [default: none]
    #[arg(long, env = "FAIRWAY_TRUSTED_DOCUMENTS")]
    pub trusted_documents: Option<String>,
    /// Whether other documents are run: any, or trusted for none but those of the file [default: any]
    #[arg(long, env = "FAIRWAY_DOCUMENTS")]
    pub documents: Option<String>,
    /// How deep selections may be nested [default: 20]
    #[arg(long, env = "FAIRWAY_MAX_DEPTH")]
    pub max_depth: Option<String>,
    /// How complex a document may be [default: 20000]
    #[arg(long, env = "FAIRWAY_MAX_COMPLEXITY")]
    pub max_complexity: Option<String>,
    /// Deadline of one request to Fairway [default: 30s]
    #[arg(long, env = "FAIRWAY_REQUEST_TIMEOUT")]
    pub request_timeout: Option<String>,
    /// Size that a request body may have [default: 1MiB]
    #[arg(long, env = "FAIRWAY_BODY_LIMIT")]
    pub body_limit: Option<String>,
    /// How many connections clients may have at a time [default: 800]
    #[arg(long, env = "FAIRWAY_MAX_CONNECTIONS")]
    pub max_connections: Option<String>,
    #[command(flatten)]
    pub log: LogOptions,
}

/// Where the data is.
#[derive(Args, Clone, Debug, Default)]
pub struct DatabaseOptions {
    /// Address of the database; a secret, for it may hold a password.
    #[arg(help = "Database: sqlite, postgres or mysql [default: sqlite://fairway.db]", long, env = "FAIRWAY_DATABASE_URL", hide_env_values = true, value_parser = secret)]
    pub database_url: Option<SecretString>,
}

/// What stored secrets are sealed with.
#[derive(Args, Clone, Debug, Default)]
pub struct EncryptionOptions {
    /// 32 bytes in base64 that seal registry passwords; several separated by commas, newest first
    #[arg(long, env = "FAIRWAY_ENCRYPTION_KEY", hide_env_values = true, value_parser = secret)]
    pub encryption_key: Option<SecretString>,
}

/// How tokens are verified.
#[derive(Args, Clone, Debug, Default)]
pub struct JwtOptions {
    /// Shared secret of tokens (HS256), at least 32 bytes
    #[arg(long, env = "FAIRWAY_JWT_SECRET", hide_env_values = true, value_parser = secret)]
    pub jwt_secret: Option<SecretString>,
    /// Public key of tokens: PEM text, or the path of such a file (RSA, P-256 or Ed25519)
    #[arg(long, env = "FAIRWAY_JWT_PUBLIC_KEY")]
    pub jwt_public_key: Option<String>,
    /// Address where an identity provider publishes its keys (JWKS), https; http on this host alone
    #[arg(long, env = "FAIRWAY_JWT_JWKS_URL")]
    pub jwt_jwks_url: Option<String>,
    /// The `iss` that tokens must have; needed with a public key or a JWKS address
    #[arg(long, env = "FAIRWAY_JWT_ISSUER")]
    pub jwt_issuer: Option<String>,
    /// The `aud` that tokens must name; needed with a public key or a JWKS address
    #[arg(long, env = "FAIRWAY_JWT_AUDIENCE")]
    pub jwt_audience: Option<String>,
    /// JSON pointer to the claim that makes an Admin [default: /roles]
    #[arg(long, env = "FAIRWAY_JWT_ADMIN_CLAIM")]
    pub jwt_admin_claim: Option<String>,
    /// The value in that claim that makes an Admin [default: admin]
    #[arg(long, env = "FAIRWAY_JWT_ADMIN_VALUE")]
    pub jwt_admin_value: Option<String>,
    /// JSON pointer to the claim with the workspaces [default: /workspaces]
    #[arg(long, env = "FAIRWAY_JWT_WORKSPACES_CLAIM")]
    pub jwt_workspaces_claim: Option<String>,
}

/// What is logged, and how.
#[derive(Args, Clone, Debug, Default)]
pub struct LogOptions {
    /// What to log, such as info or warn,api=debug [default: info]
    #[arg(long = "log", env = "FAIRWAY_LOG")]
    pub filter: Option<String>,
    /// How to log: text or json [default: text]
    #[arg(long = "log-format", env = "FAIRWAY_LOG_FORMAT")]
    pub format: Option<String>,
}

fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}

#[cfg(test)]
mod tests;
