use std::{io::Write as _, sync::Arc};

use secrecy::ExposeSecret;

use super::{
    read::{parse_jwks_url, parse_origins, parse_public_url},
    *,
};
use crate::{
    auth::{OneKey, Verifier},
    config::{Config, DevSecrets, Introspection, JwtKeys, LogFormat},
    upstream::Reach,
};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn minimal() -> Options {
    Options {
        jwt: JwtOptions { jwt_secret: Some("s".repeat(32).into()), ..JwtOptions::default() },
        encryption: EncryptionOptions { encryption_key: Some(KEY.into()) },
        ..Options::default()
    }
}

fn problems(options: Options) -> Vec<&'static str> {
    options.into_config().unwrap_err().0.iter().map(|problem| problem.variable).collect()
}

#[test]
fn secrets_are_all_that_must_be_given() {
    let config = minimal().into_config().unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.database_url.expose_secret(), "sqlite://fairway.db");
    assert_eq!((config.sync_interval.as_secs(), config.upstream_timeout.as_secs()), (60, 10));
    assert_eq!((config.request_timeout.as_secs(), config.body_limit_bytes), (30, 1 << 20));
    assert_eq!((config.max_depth, config.max_complexity, config.max_connections), (20, 20_000, 800));
    assert_eq!((config.introspection, config.log_format), (Introspection::Authenticated, LogFormat::Text));
    assert!(config.metrics_listen.is_none() && config.public_url.is_none());
    assert!(config.cors_origins.is_empty() && config.log == "info" && config.dev.is_none());
}

#[test]
fn everything_wrong_is_told_at_once() {
    let options = Options {
        no_migrate: true,
        listen: Some("localhost".into()),
        metrics_listen: Some(":9090".into()),
        public_url: Some("ftp://fairway.example".into()),
        database: DatabaseOptions { database_url: Some("oracle://db".into()) },
        jwt: JwtOptions {
            jwt_secret: Some("hunter2".into()),
            jwt_admin_claim: Some("roles".into()),
            ..JwtOptions::default()
        },
        encryption: EncryptionOptions { encryption_key: Some("hunter2".into()) },
        allow_missing_keys: Some("perhaps".into()),
        sync_interval: Some("60".into()),
        upstream_timeout: Some("0s".into()),
        upstream_allow: Some("10.0.0.0/8, localhost".into()),
        upstream_deny: Some("10.0.0.0/33".into()),
        upstream_allow_workspace: Some("10.0.0.0-10.0.0.9".into()),
        cors_origins: Some("https://a.example, https://b.example/path".into()),
        introspection: Some("sometimes".into()),
        max_depth: Some("0".into()),
        max_complexity: Some("many".into()),
        request_timeout: Some("1".into()),
        body_limit: Some("1MB".into()),
        max_connections: Some("2000000".into()),
        trusted_documents: Some("/nowhere/documents.json".into()),
        documents: Some("some".into()),
        log: LogOptions { filter: Some("api=loud".into()), format: Some("xml".into()) },
    };
    let text = options.into_config().unwrap_err().to_string();
    insta::assert_snapshot!(text, @r"
    the configuration cannot be used:
      FAIRWAY_LISTEN: must be an IP address and a port, such as 127.0.0.1:8080
      FAIRWAY_METRICS_LISTEN: must be an IP address and a port, such as 127.0.0.1:8080
      FAIRWAY_PUBLIC_URL: must be an http or https address without user, query and fragment, such as https://fairway.example
      FAIRWAY_DATABASE_URL: must begin with sqlite://, postgres:// or mysql://
      FAIRWAY_JWT_SECRET: the secret needs at least 32 bytes
      FAIRWAY_JWT_ADMIN_CLAIM: must be a JSON pointer to a claim, such as `/roles` or `/realm_access/roles`
      FAIRWAY_ENCRYPTION_KEY: must be 32 bytes in base64
      FAIRWAY_ALLOW_MISSING_KEYS: must be true or false
      FAIRWAY_SYNC_INTERVAL: must be a duration above zero, such as 500ms, 30s, 5m, 12h or 7d
      FAIRWAY_UPSTREAM_TIMEOUT: must be a duration above zero, such as 500ms, 30s, 5m, 12h or 7d
      FAIRWAY_UPSTREAM_ALLOW: `localhost` is no network: write it like 10.0.0.0/8 or fd00::/8
      FAIRWAY_UPSTREAM_DENY: `10.0.0.0/33` is no network: write it like 10.0.0.0/8 or fd00::/8
      FAIRWAY_UPSTREAM_ALLOW_WORKSPACE: `10.0.0.0-10.0.0.9` is no network: write it like 10.0.0.0/8 or fd00::/8
      FAIRWAY_CORS_ORIGINS: `https://b.example/path` is not an origin such as https://console.example
      FAIRWAY_INTROSPECTION: must be always, authenticated or never
      FAIRWAY_TRUSTED_DOCUMENTS: cannot be read: No such file or directory (os error 2)
      FAIRWAY_DOCUMENTS: must be any or trusted
      FAIRWAY_MAX_DEPTH: must be a whole number above zero
      FAIRWAY_MAX_COMPLEXITY: must be a whole number above zero
      FAIRWAY_REQUEST_TIMEOUT: must be a duration above zero, such as 500ms, 30s, 5m, 12h or 7d
      FAIRWAY_BODY_LIMIT: must be a size above zero, such as 65536, 512KiB or 1MiB
      FAIRWAY_MAX_CONNECTIONS: must be a whole number from 1 to 1000000
      FAIRWAY_LOG: must be a filter such as info or warn,api=debug
      FAIRWAY_LOG_FORMAT: must be text or json
    ");
}

#[test]
fn missing_secrets_are_named() {
    assert_eq!(problems(Options::default()), ["FAIRWAY_JWT_SECRET", "FAIRWAY_ENCRYPTION_KEY"]);
}

#[test]
fn empty_counts_as_not_given() {
    let options = Options { listen: Some(" ".into()), cors_origins: Some(String::new()), ..minimal() };
    assert_eq!(options.into_config().unwrap().listen.port(), 8080);
}

#[test]
fn a_public_key_needs_issuer_and_audience() {
    let public = include_str!("../../../fixtures/jwt/p256.pub.pem");
    let jwt = JwtOptions { jwt_public_key: Some(public.into()), ..JwtOptions::default() };
    let options = Options { jwt: jwt.clone(), ..minimal() };
    assert_eq!(problems(options), ["FAIRWAY_JWT_ISSUER", "FAIRWAY_JWT_AUDIENCE"]);

    let jwt = JwtOptions { jwt_issuer: Some("https://id.example".into()), jwt_audience: Some("fairway".into()), ..jwt };
    assert!(Options { jwt: jwt.clone(), ..minimal() }.into_config().is_ok());

    let jwt = JwtOptions { jwt_secret: Some("s".repeat(32).into()), ..jwt };
    assert_eq!(problems(Options { jwt, ..minimal() }), ["FAIRWAY_JWT_SECRET"]);
}

#[test]
fn published_keys_need_issuer_and_audience_and_no_other_key() {
    let url = "https://login.example/realms/platform/protocol/openid-connect/certs";
    let jwt = JwtOptions { jwt_jwks_url: Some(url.into()), ..JwtOptions::default() };
    assert_eq!(problems(Options { jwt: jwt.clone(), ..minimal() }), ["FAIRWAY_JWT_ISSUER", "FAIRWAY_JWT_AUDIENCE"]);

    let jwt = JwtOptions { jwt_issuer: Some("https://login.example".into()), jwt_audience: Some("a".into()), ..jwt };
    let config = Options { jwt: jwt.clone(), ..minimal() }.into_config().unwrap();
    assert!(matches!(config.jwt_keys, JwtKeys::Published(settings) if settings.url.as_str() == url));

    let secret = JwtOptions { jwt_secret: Some("s".repeat(32).into()), ..jwt.clone() };
    assert_eq!(problems(Options { jwt: secret, ..minimal() }), ["FAIRWAY_JWT_SECRET"]);
    let public = JwtOptions { jwt_public_key: Some("/key".into()), ..jwt.clone() };
    assert_eq!(problems(Options { jwt: public, ..minimal() }), ["FAIRWAY_JWT_PUBLIC_KEY"]);
    let options = Options { jwt, ..Options::default() };
    assert_eq!(options.into_dev_config(&DevSecrets::generate()).unwrap_err().0[0].variable, "FAIRWAY_JWT_JWKS_URL");
}

#[test]
fn keys_come_over_https_or_from_this_host() {
    for text in
        ["https://login.example/jwks?tenant=7", "http://127.0.0.1:8080/jwks", "http://[::1]/", "http://localhost/"]
    {
        assert!(parse_jwks_url(text).is_ok(), "{text}");
    }
    for text in [
        "http://login.example/jwks",
        "http://10.0.0.7/jwks",
        "http://localhost.evil.example/jwks",
        "https://user:hunter2@login.example/jwks",
        "https://login.example/jwks#here",
        "file:///etc/jwks.json",
        "login.example/jwks",
        "https://",
    ] {
        let message = parse_jwks_url(text).unwrap_err();
        assert!(!message.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_public_key_may_be_a_path() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/jwt/ed25519.pub.pem");
    let jwt = |path: &str| JwtOptions {
        jwt_public_key: Some(path.into()),
        jwt_issuer: Some("i".into()),
        jwt_audience: Some("a".into()),
        ..JwtOptions::default()
    };
    assert!(Options { jwt: jwt(path), ..minimal() }.into_config().is_ok());
    assert_eq!(problems(Options { jwt: jwt("/no/such/file"), ..minimal() }), ["FAIRWAY_JWT_PUBLIC_KEY"]);
}

#[test]
fn several_encryption_keys_are_taken() {
    let encryption = EncryptionOptions { encryption_key: Some(format!("{KEY}, {KEY}").into()) };
    let options = Options { encryption, ..minimal() };
    assert_eq!(options.into_config().unwrap().encryption_keys.len(), 2);
}

#[test]
fn origins_are_exact() {
    assert_eq!(parse_origins("*").unwrap(), ["*"]);
    assert_eq!(parse_origins("https://a.example,http://b.example:8080").unwrap().len(), 2);
    for text in ["a.example", "https://a.example/", "https://a.example:443", "null", "*,https://a.example"] {
        assert!(parse_origins(text).is_err(), "{text}");
    }
}

#[test]
fn metrics_may_have_a_listener_of_their_own() {
    let listening = |listen: &str, metrics: &str| Options {
        listen: Some(listen.into()),
        metrics_listen: Some(metrics.into()),
        ..minimal()
    };
    let config = listening("127.0.0.1:8080", "[::1]:9090").into_config().unwrap();
    assert_eq!(config.metrics_listen, Some("[::1]:9090".parse().unwrap()));
    assert!(listening("127.0.0.1:0", "127.0.0.1:0").into_config().is_ok());
    assert_eq!(problems(listening("127.0.0.1:8080", "127.0.0.1:8080")), ["FAIRWAY_METRICS_LISTEN"]);
}

#[test]
fn public_urls_are_where_paths_can_be_appended() {
    for (given, read) in [
        ("https://fairway.example", "https://fairway.example"),
        ("HTTPS://Fairway.Example:443/", "https://fairway.example"),
        ("http://10.0.0.7:8080/base/", "http://10.0.0.7:8080/base"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        (" https://fairway.example/a/b ", "https://fairway.example/a/b"),
    ] {
        let options = Options { public_url: Some(given.into()), ..minimal() };
        assert_eq!(options.into_config().unwrap().public_url.as_deref(), Some(read), "{given}");
    }
    for text in [
        "fairway.example",
        "/base",
        "//fairway.example",
        "ftp://fairway.example",
        "mailto:ops@fairway.example",
        "https://",
        "https://fairway.example/?",
        "https://fairway.example/?a=b",
        "https://fairway.example/#",
        "https://ops@fairway.example",
        "https://ops:hunter2@fairway.example",
    ] {
        let message = parse_public_url(text).unwrap_err();
        assert!(!message.contains("hunter2"), "{text}");
    }
}

#[test]
fn registries_are_where_they_may_be() {
    let permits = |config: &Config, reach, ip: &str| config.upstream_guards.of(reach).permits(ip.parse().unwrap());
    let config = minimal().into_config().unwrap();
    assert!(permits(&config, Reach::Platform, "10.1.2.3") && !permits(&config, Reach::Workspace, "10.1.2.3"));
    for reach in [Reach::Platform, Reach::Workspace] {
        assert!(permits(&config, reach, "192.0.2.1"));
        assert!(!permits(&config, reach, "127.0.0.1") && !permits(&config, reach, "169.254.169.254"));
    }
    let options = Options {
        upstream_allow: Some("127.0.0.1".into()),
        upstream_deny: Some("192.0.2.0/24".into()),
        upstream_allow_workspace: Some("10.1.0.0/16".into()),
        ..minimal()
    };
    let config = options.into_config().unwrap();
    assert!(permits(&config, Reach::Workspace, "10.1.2.3") && !permits(&config, Reach::Workspace, "10.2.0.1"));
    for reach in [Reach::Platform, Reach::Workspace] {
        assert!(permits(&config, reach, "127.0.0.1") && !permits(&config, reach, "192.0.2.1"));
    }
}

#[test]
fn dev_takes_registries_on_the_same_machine() {
    let options = Options { upstream_deny: Some("127.0.0.9".into()), ..Options::default() };
    let guards = options.into_dev_config(&DevSecrets::generate()).unwrap().upstream_guards;
    for (ip, expected) in [("127.0.0.1", true), ("::1", true), ("127.0.0.9", false), ("169.254.169.254", false)] {
        assert_eq!(guards.of(Reach::Workspace).permits(ip.parse().unwrap()), expected, "{ip}");
    }
}

#[test]
fn the_sync_interval_has_bounds() {
    let with = |interval: &str| Options { sync_interval: Some(interval.into()), ..minimal() }.into_config();
    for (text, seconds) in [("1s", 1), ("1000ms", 1), ("60s", 60), ("1d", 86_400)] {
        assert_eq!(with(text).unwrap().sync_interval.as_secs(), seconds, "{text}");
    }
    for text in ["999ms", "25h", "2d"] {
        let problems = with(text).unwrap_err().to_string();
        assert!(problems.contains("FAIRWAY_SYNC_INTERVAL: must be between 1s and 1d"), "{problems}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let options = Options {
        database: DatabaseOptions { database_url: Some("postgres://fairway:hunter2@db/fairway".into()) },
        ..minimal()
    };
    let text = format!("{options:?} {:?}", options.clone().into_config().unwrap());
    assert!(!text.contains("hunter2") && !text.contains("ssss") && !text.contains("AAAA"), "{text}");
}

#[test]
fn dev_makes_what_is_not_given() {
    let secrets = DevSecrets::generate();
    let config = Options::default().into_dev_config(&secrets).unwrap();
    let token = config.dev.unwrap().token;
    let JwtKeys::One(key) = config.jwt_keys else { panic!("a secret was made") };
    let viewer = Verifier::new(&config.jwt, Arc::new(OneKey::from(key))).verify(token.expose_secret()).unwrap();
    assert!(viewer.is_admin);
}

#[test]
fn dev_stays_on_loopback() {
    let options = Options { listen: Some("0.0.0.0:8080".into()), ..Options::default() };
    let problems = options.into_dev_config(&DevSecrets::generate()).unwrap_err();
    assert_eq!(problems.0[0].variable, "FAIRWAY_LISTEN");
}

#[test]
fn dev_secrets_outlive_the_process() {
    let folder = std::env::temp_dir().join(format!("fairway-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.join("fairway.db").display());
    let first = DevSecrets::load_or_create(&url.as_str().into()).unwrap();
    let second = DevSecrets::load_or_create(&url.as_str().into()).unwrap();
    assert_eq!(first.jwt_secret.expose_secret(), second.jwt_secret.expose_secret());

    let path = folder.join("fairway.dev.json");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    std::fs::File::create(&path).unwrap().write_all(b"{}").unwrap();
    assert!(DevSecrets::load_or_create(&url.as_str().into()).is_err());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn dev_is_for_sqlite() {
    assert!(DevSecrets::load_or_create(&"postgres://db/fairway".into()).is_err());
    assert!(DevSecrets::load_or_create(&"sqlite::memory:".into()).is_ok());
}
