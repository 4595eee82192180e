//! Reads the options: from texts to values, noting every problem on the way.

use std::{net::SocketAddr, ops::RangeInclusive, path::Path, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use super::{DatabaseOptions, EncryptionOptions, JwtOptions, LogOptions, Options};
use crate::{
    auth::{ClaimNames, Grant, JwtConfig, JwtKey, mint},
    clock,
    config::{
        Config, Dev, DevSecrets, Guards, Introspection, JwksSettings, JwtKeys, LogFormat, Networks, Problems,
        TrustedDocuments, documents,
        quantity::{parse_count, parse_duration, parse_size},
    },
    vault::Key,
};

/// How long the token lives that is filled in on the `GraphiQL` page.
const DEV_TOKEN_LIFE: chrono::TimeDelta = chrono::TimeDelta::days(30);

/// What may stand between two looks at a registry.
const SYNC_INTERVALS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);

fn given(option: Option<&String>) -> Option<&str> {
    option.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn given_secret(option: Option<&SecretString>) -> Option<&SecretString> {
    option.filter(|secret| !secret.expose_secret().trim().is_empty())
}

impl Options {
    /// The configuration, or all that is wrong with it.
    pub fn into_config(self) -> Result<Config, Problems> {
        self.read(None)
    }

    /// The configuration for development: what secrets are not given come from `secrets`.
    pub fn into_dev_config(self, secrets: &DevSecrets) -> Result<Config, Problems> {
        self.read(Some(secrets))
    }

    fn read(mut self, dev: Option<&DevSecrets>) -> Result<Config, Problems> {
        let mut problems = Problems::default();
        if let Some(secrets) = dev {
            self.fill_in(secrets, &mut problems);
        }
        let second = Duration::from_secs(1);
        let p = &mut problems;

        let listen: SocketAddr =
            p.read("FAIRWAY_LISTEN", given(self.listen.as_ref()), ([127, 0, 0, 1], 8080).into(), parse_address);
        if dev.is_some() && !listen.ip().is_loopback() {
            p.add("FAIRWAY_LISTEN", "must be a loopback address with --dev, which hands out an Admin's token");
        }
        let metrics_listen = p.read("FAIRWAY_METRICS_LISTEN", given(self.metrics_listen.as_ref()), None, |text| {
            parse_address(text).map(Some)
        });
        // Port 0 is another free port each time.
        if metrics_listen.is_some_and(|address| address == listen && address.port() != 0) {
            p.add(
                "FAIRWAY_METRICS_LISTEN",
                "must differ from FAIRWAY_LISTEN, which serves /metrics when this is not given",
            );
        }
        let public_url = p
            .read("FAIRWAY_PUBLIC_URL", given(self.public_url.as_ref()), None, |text| parse_public_url(text).map(Some));
        let database_url = self.database.read(p);
        let jwt = self.jwt.read(p);
        let encryption_keys = self.encryption.read(p);
        let allows_missing_keys =
            p.read("FAIRWAY_ALLOW_MISSING_KEYS", given(self.allow_missing_keys.as_ref()), false, parse_bool);
        let sync_interval =
            p.read("FAIRWAY_SYNC_INTERVAL", given(self.sync_interval.as_ref()), 60 * second, parse_sync_interval);
        let upstream_timeout =
            p.read("FAIRWAY_UPSTREAM_TIMEOUT", given(self.upstream_timeout.as_ref()), 10 * second, parse_duration);
        let upstream_guards = self.guards(p, dev.is_some());
        let cors_origins = p.read("FAIRWAY_CORS_ORIGINS", given(self.cors_origins.as_ref()), Vec::new(), parse_origins);
        let introspection = p.read(
            "FAIRWAY_INTROSPECTION",
            given(self.introspection.as_ref()),
            Introspection::Authenticated,
            parse_introspection,
        );
        let trusted_documents = read_documents(p, self.trusted_documents.as_ref(), self.documents.as_ref());
        let max_depth = p.read("FAIRWAY_MAX_DEPTH", given(self.max_depth.as_ref()), 20, parse_count);
        let max_complexity = p.read("FAIRWAY_MAX_COMPLEXITY", given(self.max_complexity.as_ref()), 20_000, parse_count);
        let request_timeout =
            p.read("FAIRWAY_REQUEST_TIMEOUT", given(self.request_timeout.as_ref()), 30 * second, parse_duration);
        let body_limit_bytes = p.read("FAIRWAY_BODY_LIMIT", given(self.body_limit.as_ref()), 1 << 20, parse_size);
        let max_connections =
            p.read("FAIRWAY_MAX_CONNECTIONS", given(self.max_connections.as_ref()), 800, parse_max_connections);
        let (log, log_format) = self.log.read(p);
        let dev = match (&dev, &jwt) {
            (Some(secrets), Some((jwt, _))) => Some(Dev { token: self.dev_token(jwt, secrets) }),
            _ => None,
        };

        match (jwt, problems.0.is_empty()) {
            (Some((jwt, jwt_keys)), true) => Ok(Config {
                migrates: !self.no_migrate,
                listen,
                metrics_listen,
                public_url,
                database_url,
                jwt,
                jwt_keys,
                encryption_keys,
                allows_missing_keys,
                sync_interval,
                upstream_timeout,
                upstream_guards,
                cors_origins,
                introspection,
                trusted_documents,
                max_depth,
                max_complexity,
                request_timeout,
                body_limit_bytes,
                max_connections,
                log,
                log_format,
                dev,
            }),
            _ => Err(problems),
        }
    }

    fn fill_in(&mut self, secrets: &DevSecrets, problems: &mut Problems) {
        let asymmetric =
            [("FAIRWAY_JWT_PUBLIC_KEY", &self.jwt.jwt_public_key), ("FAIRWAY_JWT_JWKS_URL", &self.jwt.jwt_jwks_url)];
        let mut given_anyway = asymmetric.into_iter().filter(|(_, value)| given(value.as_ref()).is_some());
        if let Some((variable, _)) = given_anyway.next() {
            problems.add(variable, "cannot be used with --dev, which makes its own tokens");
        } else if given_secret(self.jwt.jwt_secret.as_ref()).is_none() {
            self.jwt.jwt_secret = Some(secrets.jwt_secret.clone());
        }
        if given_secret(self.encryption.encryption_key.as_ref()).is_none() {
            self.encryption.encryption_key = Some(secrets.encryption_key.to_base64());
        }
    }

    fn dev_token(&self, jwt: &JwtConfig, secrets: &DevSecrets) -> SecretString {
        let grant = Grant {
            subject: "developer".to_owned(),
            name: Some("Developer".to_owned()),
            is_admin: true,
            memberships: [].into(),
            expires_at: clock::now() + DEV_TOKEN_LIFE,
        };
        mint(self.jwt.jwt_secret.as_ref().unwrap_or(&secrets.jwt_secret), jwt, &grant).into()
    }

    fn guards(&self, problems: &mut Problems, is_dev: bool) -> Guards {
        let mut networks = |variable, list: Option<&String>| {
            problems.read(variable, given(list), Networks::default(), str::parse::<Networks>)
        };
        let allow = networks("FAIRWAY_UPSTREAM_ALLOW", self.upstream_allow.as_ref());
        let deny = networks("FAIRWAY_UPSTREAM_DENY", self.upstream_deny.as_ref());
        let private = networks("FAIRWAY_UPSTREAM_ALLOW_WORKSPACE", self.upstream_allow_workspace.as_ref());
        // A developer's registries are mostly on the same machine.
        let allow = if is_dev { allow.and(Networks::loopback()) } else { allow };
        Guards::new(allow, deny, private)
    }
}

impl EncryptionOptions {
    /// The keys, newest first, never none.
    pub fn into_keys(self) -> Result<Vec<Key>, Problems> {
        let mut problems = Problems::default();
        let keys = self.read(&mut problems);
        if problems.0.is_empty() { Ok(keys) } else { Err(problems) }
    }

    fn read(&self, problems: &mut Problems) -> Vec<Key> {
        const VARIABLE: &str = "FAIRWAY_ENCRYPTION_KEY";
        let Some(keys) = given_secret(self.encryption_key.as_ref()) else {
            problems.add(VARIABLE, "is needed: 32 random bytes in base64, such as `openssl rand -base64 32` prints");
            return Vec::new();
        };
        let read = keys.expose_secret().split(',').map(str::trim).filter(|key| !key.is_empty()).map(Key::from_base64);
        problems.read(VARIABLE, Some(""), Vec::new(), |_| read.collect::<Result<Vec<_>, _>>())
    }
}

impl DatabaseOptions {
    /// The address of the database, its scheme checked.
    pub fn into_url(self) -> Result<SecretString, Problems> {
        let mut problems = Problems::default();
        let url = self.read(&mut problems);
        if problems.0.is_empty() { Ok(url) } else { Err(problems) }
    }

    /// The address as given or by default, unchecked: where `--dev` keeps its secrets beside.
    #[must_use]
    pub fn url(&self) -> SecretString {
        given_secret(self.database_url.as_ref()).cloned().unwrap_or_else(|| "sqlite://fairway.db".into())
    }

    fn read(&self, problems: &mut Problems) -> SecretString {
        let url = self.url();
        let schemes = ["sqlite:", "postgres://", "postgresql://", "mysql://"];
        if !schemes.iter().any(|scheme| url.expose_secret().starts_with(scheme)) {
            problems.add("FAIRWAY_DATABASE_URL", "must begin with sqlite://, postgres:// or mysql://");
        }
        url
    }
}

impl JwtOptions {
    /// How tokens are verified and signed with a shared secret: what `fairway token` needs.
    pub fn into_signing(self) -> Result<(SecretString, JwtConfig), Problems> {
        let mut problems = Problems::default();
        let jwt = self.read(&mut problems);
        match (given_secret(self.jwt_secret.as_ref()), jwt, problems.0.is_empty()) {
            (Some(secret), Some((jwt, _)), true) => Ok((secret.clone(), jwt)),
            (None, _, true) => {
                problems.add("FAIRWAY_JWT_SECRET", "is needed to make a token");
                Err(problems)
            }
            _ => Err(problems),
        }
    }

    fn read(&self, problems: &mut Problems) -> Option<(JwtConfig, JwtKeys)> {
        let issuer = given(self.jwt_issuer.as_ref());
        let audience = given(self.jwt_audience.as_ref());
        let keys = self.read_keys(problems);
        let defaults = ClaimNames::default();
        let mut claim = |variable, value: Option<&String>, default| {
            problems.read(variable, given(value), default, |text| ClaimNames::check(text).map(|()| text.to_owned()))
        };
        let claims = ClaimNames {
            admin: claim("FAIRWAY_JWT_ADMIN_CLAIM", self.jwt_admin_claim.as_ref(), defaults.admin),
            workspaces: claim("FAIRWAY_JWT_WORKSPACES_CLAIM", self.jwt_workspaces_claim.as_ref(), defaults.workspaces),
            admin_value: given(self.jwt_admin_value.as_ref()).map_or(defaults.admin_value, str::to_owned),
        };
        let config = JwtConfig { issuer: issuer.map(str::to_owned), audience: audience.map(str::to_owned), claims };
        keys.map(|keys| (config, keys))
    }

    fn read_keys(&self, problems: &mut Problems) -> Option<JwtKeys> {
        const SECRET: &str = "FAIRWAY_JWT_SECRET";
        const PUBLIC_KEY: &str = "FAIRWAY_JWT_PUBLIC_KEY";
        const JWKS_URL: &str = "FAIRWAY_JWT_JWKS_URL";
        let secret = given_secret(self.jwt_secret.as_ref());
        let public_key = given(self.jwt_public_key.as_ref());
        let jwks_url = given(self.jwt_jwks_url.as_ref());
        match (secret, public_key, jwks_url) {
            (None, None, None) => {
                problems.add(SECRET, "is needed, or FAIRWAY_JWT_PUBLIC_KEY, or FAIRWAY_JWT_JWKS_URL");
                None
            }
            (Some(secret), None, None) => problems
                .read(SECRET, Some(""), None, |_| JwtKey::from_secret(secret).map(|key| Some(JwtKeys::One(key)))),
            (None, Some(key), None) => {
                self.check_is_for_here(problems, PUBLIC_KEY);
                problems
                    .read(PUBLIC_KEY, Some(key), None, |key| read_public_key(key).map(|key| Some(JwtKeys::One(key))))
            }
            (None, None, Some(url)) => {
                self.check_is_for_here(problems, JWKS_URL);
                problems.read(JWKS_URL, Some(url), None, |url| {
                    parse_jwks_url(url).map(|url| Some(JwtKeys::Published(JwksSettings::new(url))))
                })
            }
            (Some(_), Some(_), _) => {
                problems.add(SECRET, "cannot be used together with FAIRWAY_JWT_PUBLIC_KEY");
                None
            }
            (Some(_), None, Some(_)) => {
                problems.add(SECRET, "cannot be used together with FAIRWAY_JWT_JWKS_URL");
                None
            }
            (None, Some(_), Some(_)) => {
                problems.add(PUBLIC_KEY, "cannot be used together with FAIRWAY_JWT_JWKS_URL");
                None
            }
        }
    }

    /// Providers sign tokens for many services with one key; only these two tell that a token is for here.
    fn check_is_for_here(&self, problems: &mut Problems, keys: &str) {
        let needed = [("FAIRWAY_JWT_ISSUER", &self.jwt_issuer), ("FAIRWAY_JWT_AUDIENCE", &self.jwt_audience)];
        for (variable, value) in needed {
            if given(value.as_ref()).is_none() {
                problems.add(variable, format!("is needed with {keys}"));
            }
        }
    }
}

impl LogOptions {
    /// Filter and format, or what is wrong with them.
    pub fn into_parts(self) -> Result<(String, LogFormat), Problems> {
        let mut problems = Problems::default();
        let parts = self.read(&mut problems);
        if problems.0.is_empty() { Ok(parts) } else { Err(problems) }
    }

    fn read(&self, problems: &mut Problems) -> (String, LogFormat) {
        let filter = problems.read("FAIRWAY_LOG", given(self.filter.as_ref()), "info".to_owned(), |text| {
            match text.parse::<tracing_subscriber::EnvFilter>() {
                Ok(_) => Ok(text.to_owned()),
                Err(_) => Err("must be a filter such as info or warn,api=debug"),
            }
        });
        let format =
            problems.read("FAIRWAY_LOG_FORMAT", given(self.format.as_ref()), LogFormat::Text, |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("must be text or json"),
            });
        (filter, format)
    }
}

fn read_public_key(key: &str) -> Result<JwtKey, String> {
    if key.contains("-----BEGIN") {
        return JwtKey::from_public_pem(key).map_err(|error| error.to_string());
    }
    let pem = std::fs::read_to_string(Path::new(key)).map_err(|error| format!("cannot be read as a file: {error}"))?;
    JwtKey::from_public_pem(&pem).map_err(|error| error.to_string())
}

fn parse_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "must be an IP address and a port, such as 127.0.0.1:8080")
}

/// Without a slash at its end, so that paths can be appended.
pub(super) fn parse_public_url(text: &str) -> Result<String, &'static str> {
    match url::Url::parse(text) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none() =>
        {
            Ok(url.as_str().trim_end_matches('/').to_owned())
        }
        // What was typed is not repeated: it may hold a password.
        _ => Err("must be an http or https address without user, query and fragment, such as https://fairway.example"),
    }
}

/// Over plain http, whoever is in between could bring keys of their own and so make themselves Admin; on the same host
/// nobody is in between.
pub(super) fn parse_jwks_url(text: &str) -> Result<url::Url, &'static str> {
    let is_here = |url: &url::Url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url::Url::parse(text) {
        Ok(url)
            if (url.scheme() == "https" || url.scheme() == "http" && is_here(&url))
                && url.username().is_empty()
                && url.password().is_none()
                && url.fragment().is_none() =>
        {
            Ok(url)
        }
        _ => Err("must be an https address without user and fragment, such as https://login.example/jwks.json; \
                  http is for this host alone"),
    }
}

/// More often than each second is a burden on registries; more seldom than each day, what they tell is history.
fn parse_sync_interval(text: &str) -> Result<Duration, &'static str> {
    let interval = parse_duration(text)?;
    if SYNC_INTERVALS.contains(&interval) { Ok(interval) } else { Err("must be between 1s and 1d") }
}

/// What a system could give descriptors for.
fn parse_max_connections(text: &str) -> Result<usize, &'static str> {
    parse_count(text).ok().filter(|count| *count <= 1_000_000).ok_or("must be a whole number from 1 to 1000000")
}

fn parse_bool(text: &str) -> Result<bool, &'static str> {
    text.parse().map_err(|_| "must be true or false")
}

fn read_documents(problems: &mut Problems, file: Option<&String>, which: Option<&String>) -> TrustedDocuments {
    const FILE: &str = "FAIRWAY_TRUSTED_DOCUMENTS";
    const WHICH: &str = "FAIRWAY_DOCUMENTS";
    let file = given(file);
    let by_id = problems.read(FILE, file, Default::default(), |path| {
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
        documents::parse(&text).map_err(str::to_owned)
    });
    let are_all = problems.read(WHICH, given(which), false, |which| match which {
        "any" => Ok(false),
        "trusted" => Ok(true),
        _ => Err("must be any or trusted"),
    });
    if are_all && file.is_none() {
        problems.add(WHICH, "needs FAIRWAY_TRUSTED_DOCUMENTS: nothing at all would be run");
    }
    TrustedDocuments { by_id, are_all }
}

fn parse_introspection(text: &str) -> Result<Introspection, &'static str> {
    match text {
        "always" => Ok(Introspection::Always),
        "authenticated" => Ok(Introspection::Authenticated),
        "never" => Ok(Introspection::Never),
        _ => Err("must be always, authenticated or never"),
    }
}

/// Origins as browsers send them: scheme, host and port, nothing after.
pub(super) fn parse_origins(text: &str) -> Result<Vec<String>, String> {
    let origins: Vec<&str> = text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).collect();
    if origins == ["*"] {
        return Ok(vec!["*".to_owned()]);
    }
    let parse = |origin: &&str| match url::Url::parse(origin) {
        Ok(url) if url.origin().is_tuple() && url.origin().ascii_serialization() == *origin => Ok(origin.to_string()),
        _ => Err(format!("`{origin}` is not an origin such as https://console.example")),
    };
    origins.iter().map(parse).collect()
}
