//! Tokens of an identity provider that publishes its keys: which are good, while it changes its keys, and while it is down.

use std::time::Duration;

use api::config::{JwksSettings, JwtKeys};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    eventually::eventually,
    gateway::{Client, ENCRYPTION_KEY, Reply, TestGateway, Token},
    identity_provider::{Answer, IdentityProvider, SigningKey, key_set},
    program::Program,
};

const WHO: &str = "{ viewer { subject } }";
const ISSUER: &str = "https://login.example";
const DEADLINE: Duration = Duration::from_secs(30);

/// A token as the provider gives it for Fairway.
fn token() -> Token {
    Token::new("ada").claim("iss", json!(ISSUER)).claim("aud", json!(["fairway", "account"]))
}

/// A gateway that takes the provider's tokens. Its settings are the usual ones, but for what `change` does.
async fn gateway(
    provider: &IdentityProvider,
    change: impl Fn(&mut JwksSettings) + Send + Sync + 'static,
) -> TestGateway {
    let url = provider.url();
    let configure = move |config: &mut api::Config| {
        let mut settings = JwksSettings::new(url.clone());
        change(&mut settings);
        config.jwt_keys = JwtKeys::Published(settings);
        config.jwt.issuer = Some(ISSUER.to_owned());
        config.jwt.audience = Some("fairway".to_owned());
    };
    TestGateway::builder().configure(configure).start().await
}

/// Tokens may bring about a reading at any time.
fn eager(settings: &mut JwksSettings) {
    settings.pause = Duration::ZERO;
}

async fn ask(gateway: &TestGateway, token: &str) -> Reply {
    gateway.with_token(token).ask(WHO).await
}

#[track_caller]
fn assert_let_in(reply: &Reply) {
    assert_eq!(reply.data("viewer.subject"), "ada");
}

#[track_caller]
fn assert_turned_away(reply: &Reply, why: &str) {
    assert_eq!((reply.status, reply.code()), (401, Some("UNAUTHENTICATED")), "{}", reply.text);
    assert!(reply.message().contains(why), "`{why}` was expected: {}", reply.message());
}

/// Asserts that nobody can tell at present whether the token is good.
#[track_caller]
fn assert_unavailable(reply: &Reply) {
    assert_eq!((reply.status, reply.code()), (503, Some("UPSTREAM_UNAVAILABLE")), "{}", reply.text);
    assert_eq!(reply.extension("retryable"), true);
    assert!(reply.header("retry-after").is_some() && reply.header("www-authenticate").is_none());
}

async fn is_ready(gateway: &TestGateway) -> bool {
    Reply::of(gateway.anonymous().request(Method::GET, "/readyz")).await.status == 200
}

#[tokio::test]
async fn tokens_of_every_kind_of_key_are_taken() {
    let keys = [SigningKey::rsa("r"), SigningKey::p256("e"), SigningKey::p384("f"), SigningKey::ed25519("d")];
    let mut published: Value =
        serde_json::from_str(&key_set(&keys.iter().collect::<Vec<_>>())).expect("a set of keys is JSON");
    // What Keycloak publishes beside, and what nobody should.
    let mut encryption = SigningKey::rsa("enc").public().clone();
    (encryption["use"], encryption["alg"]) = (json!("enc"), json!("RSA-OAEP"));
    let secret = json!({ "kty": "oct", "kid": "oct", "alg": "HS256", "k": BASE64_URL_SAFE_NO_PAD.encode([7; 32]) });
    published["keys"].as_array_mut().expect("keys are a list").extend([encryption, secret]);
    let provider = IdentityProvider::start(&[]).await;
    provider.answer(Answer::Text(published.to_string(), None));

    let gateway = gateway(&provider, |_| {}).await;
    assert!(is_ready(&gateway).await);
    for key in &keys {
        assert_let_in(&ask(&gateway, &key.sign(token())).await);
        assert_let_in(&ask(&gateway, &key.sign_as(token(), None)).await);
    }
    assert_eq!(provider.asked(), 1);
    let shared = Header { kid: Some("oct".to_owned()), ..Header::new(Algorithm::HS256) };
    let shared = token().mint_with(&shared, &EncodingKey::from_secret(&[7; 32]));
    assert_turned_away(&ask(&gateway, &shared).await, "a key that is not known");
    assert_turned_away(&ask(&gateway, &keys[0].sign_as(token(), Some("enc"))).await, "a key that is not known");
}

#[tokio::test]
async fn the_key_decides_the_algorithm_and_the_signature_the_rest() {
    let (rsa, p256) = (SigningKey::rsa("r"), SigningKey::p256("e"));
    let provider = IdentityProvider::start(&[&rsa, &p256]).await;
    let gateway = gateway(&provider, |_| {}).await;

    let unsigned = |header: Value| {
        let good = rsa.sign(token());
        let payload = good.split('.').nth(1).unwrap_or_default();
        format!("{}.{payload}.", BASE64_URL_SAFE_NO_PAD.encode(header.to_string()))
    };
    for id in [json!("r"), json!(null)] {
        let reply = ask(&gateway, &unsigned(json!({ "alg": "none", "kid": id }))).await;
        assert_turned_away(&reply, "the token");
    }
    // The old trick: what is public taken for a shared secret.
    let pem = include_bytes!("../../api/fixtures/jwt/rsa2048.pub.pem").as_slice();
    let modulus = rsa.public()["n"].as_str().unwrap_or_default().as_bytes();
    for secret in [pem, modulus] {
        for id in [Some("r".to_owned()), None] {
            let header = Header { kid: id, ..Header::new(Algorithm::HS256) };
            let forged = token().mint_with(&header, &EncodingKey::from_secret(secret));
            assert_turned_away(&ask(&gateway, &forged).await, "an algorithm that is not accepted");
        }
    }
    // A good key of another kind than the one named, and a stranger's of the same kind.
    assert_turned_away(&ask(&gateway, &rsa.sign_as(token(), Some("e"))).await, "an algorithm that is not accepted");
    assert_turned_away(&ask(&gateway, &SigningKey::p256("e").sign(token())).await, "signature does not match");
    // Its own keys in its header.
    let mut header = Header { kid: Some("e".to_owned()), ..Header::new(Algorithm::ES256) };
    header.jku = Some(provider.url().to_string());
    assert_let_in(&ask(&gateway, &p256.sign(token())).await);
    let before = provider.asked();
    let reply = ask(&gateway, &SigningKey::p256("e").sign_with(&header, token())).await;
    assert_turned_away(&reply, "signature does not match");
    assert_eq!(provider.asked(), before);

    let claim = |name: &str, value: Value| p256.sign(token().claim(name, value));
    assert_turned_away(&ask(&gateway, &claim("iss", json!("https://evil.example"))).await, "another issuer");
    assert_turned_away(&ask(&gateway, &claim("aud", json!("account"))).await, "another audience");
    assert_turned_away(&ask(&gateway, &p256.sign(token().without("iss"))).await, "no `iss`");
    assert_turned_away(&ask(&gateway, &p256.sign(token().expires_in(-3600))).await, "expired");
}

#[tokio::test]
async fn keys_may_change_at_any_time() {
    let (old, new) = (SigningKey::p256("2025"), SigningKey::ed25519("2026"));
    let provider = IdentityProvider::start(&[&old]).await;
    let gateway = gateway(&provider, eager).await;
    let (of_old, of_new) = (old.sign(token()), new.sign(token()));
    assert_let_in(&ask(&gateway, &of_old).await);
    assert_turned_away(&ask(&gateway, &of_new).await, "a key that is not known");

    provider.publish(&[&old, &new]);
    assert_let_in(&ask(&gateway, &of_new).await);
    assert_let_in(&ask(&gateway, &of_old).await);

    // The next reading ends the tokens of a key that is gone, also those that were let in before.
    provider.publish(&[&new]);
    assert_turned_away(&ask(&gateway, &SigningKey::p256("other").sign(token())).await, "a key that is not known");
    assert_turned_away(&ask(&gateway, &of_old).await, "a key that is not known");
    assert_let_in(&ask(&gateway, &of_new).await);
}

#[tokio::test]
async fn keys_are_read_again_when_the_provider_says_so() {
    let (old, new) = (SigningKey::p256("2025"), SigningKey::p256("2026"));
    let provider = IdentityProvider::start(&[&old]).await;
    provider.answer(Answer::Text(key_set(&[&old]), Some("public, max-age=0")));
    let gateway = gateway(&provider, |settings| {
        settings.intervals = Duration::from_millis(50)..=Duration::from_secs(3600);
    })
    .await;
    let of_old = old.sign(token());
    assert_let_in(&ask(&gateway, &of_old).await);
    provider.publish(&[&new]);
    eventually(DEADLINE, "the old key ends", async || (ask(&gateway, &of_old).await.status == 401).then_some(())).await;
    assert_let_in(&ask(&gateway, &new.sign(token())).await);
    // An hour from then on, as this answer does not say when.
    assert!(provider.asked() >= 2);
}

#[tokio::test]
async fn unknown_keys_do_not_hammer_the_provider() {
    let key = SigningKey::p256("k");
    let provider = IdentityProvider::start(&[&key]).await;
    let gateway = gateway(&provider, |_| {}).await;
    assert_eq!(provider.asked(), 1);

    // All who come meanwhile wait for one reading.
    provider.answer(Answer::Nothing);
    let strangers: Vec<String> = (0..20).map(|number| key.sign_as(token(), Some(&format!("x{number}")))).collect();
    let asking = join_all(strangers.iter().map(|stranger| ask(&gateway, stranger)));
    let releasing = async {
        eventually(DEADLINE, "the provider is asked", async || (provider.asked() > 1).then_some(())).await;
        // Who has a good token does not wait.
        assert_let_in(&ask(&gateway, &key.sign(token())).await);
        provider.publish(&[&key]);
        provider.release();
    };
    let (replies, ()) = tokio::join!(asking, releasing);
    for reply in &replies {
        assert_turned_away(reply, "a key that is not known");
    }
    // And who comes later for none.
    for stranger in &strangers {
        assert_turned_away(&ask(&gateway, stranger).await, "a key that is not known");
    }
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn a_provider_that_is_down_keeps_nobody_from_starting() {
    let key = SigningKey::p256("k");
    let provider = IdentityProvider::start(&[&key]).await;
    provider.answer(Answer::Status(503));
    let gateway = gateway(&provider, |_| {}).await;
    assert!(!is_ready(&gateway).await);
    assert_unavailable(&ask(&gateway, &key.sign(token())).await);
    assert_turned_away(&gateway.anonymous().ask(WHO).await, "a token is needed");

    provider.publish(&[&key]);
    eventually(DEADLINE, "it asks again", async || is_ready(&gateway).await.then_some(())).await;
    assert_let_in(&ask(&gateway, &key.sign(token())).await);
}

#[tokio::test]
async fn whatever_the_provider_answers_the_last_keys_are_kept() {
    let (old, new) = (SigningKey::p256("old"), SigningKey::p256("new"));
    let elsewhere = IdentityProvider::start(&[&new]).await;
    let provider = IdentityProvider::start(&[&old]).await;
    let gateway = gateway(&provider, |settings| {
        eager(settings);
        settings.timeout = Duration::from_millis(500);
    })
    .await;
    let padding = "x".repeat(1 << 20);
    let huge = key_set(&[&new]).replacen('{', &format!("{{\"padding\":\"{padding}\","), 1);
    for answer in [
        Answer::Status(500),
        Answer::Status(404),
        Answer::Status(204),
        Answer::Text("<html>Log in</html>".to_owned(), None),
        Answer::Text("{\"error\":\"no\"}".to_owned(), None),
        Answer::Text(huge, None),
        Answer::Redirect(elsewhere.url().to_string()),
        Answer::Nothing,
    ] {
        let shown = format!("{answer:?}").chars().take(60).collect::<String>();
        provider.answer(answer);
        // Whether this one is good cannot be told.
        assert_unavailable(&ask(&gateway, &new.sign(token())).await);
        assert_eq!(ask(&gateway, &old.sign(token())).await.status, 200, "{shown}");
        assert!(is_ready(&gateway).await, "{shown}");
    }
    assert_eq!(elsewhere.asked(), 0);
    provider.publish(&[&new]);
    assert_let_in(&ask(&gateway, &new.sign(token())).await);
}

#[tokio::test]
async fn keys_are_not_kept_for_ever() {
    let key = SigningKey::p256("k");
    let provider = IdentityProvider::start(&[&key]).await;
    let gateway = gateway(&provider, |settings| settings.kept = Duration::from_millis(200)).await;
    let of_key = key.sign(token());
    // Read an hour ago at most, but for this gateway that is too long.
    eventually(DEADLINE, "they end", async || (ask(&gateway, &of_key).await.status == 503).then_some(())).await;
    assert_unavailable(&ask(&gateway, &of_key).await);
    assert!(!is_ready(&gateway).await);
}

#[tokio::test]
async fn a_provider_that_trusts_no_key_is_believed() {
    let key = SigningKey::p256("k");
    let provider = IdentityProvider::start(&[&key]).await;
    let gateway = gateway(&provider, eager).await;
    assert_let_in(&ask(&gateway, &key.sign(token())).await);
    provider.publish(&[]);
    assert_turned_away(&ask(&gateway, &SigningKey::p256("x").sign(token())).await, "a key that is not known");
    assert_turned_away(&ask(&gateway, &key.sign(token())).await, "a key that is not known");
}

/// What the README tells to export for Keycloak.
fn readme_settings() -> Vec<(String, String)> {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("### Keycloak").expect("the README has a section on Keycloak");
    let (_, block) = section.split_once("```sh\n").expect("the section has a block of commands");
    let (block, _) = block.split_once("```").expect("the block ends");
    let settings: Vec<(String, String)> = block
        .split_whitespace()
        .filter(|word| *word != "export")
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert!(settings.len() >= 6, "{settings:?}");
    settings
}

#[tokio::test]
async fn the_settings_of_the_readme_are_enough_for_keycloak() {
    let key = SigningKey::rsa("kc");
    let provider = IdentityProvider::start(&[&key]).await;
    let mut settings = readme_settings();
    let folder = tempfile::TempDir::with_prefix("fairway-keycloak-").expect("a temporary folder can be made");
    let jwks = settings.iter_mut().find(|(name, _)| name == "FAIRWAY_JWT_JWKS_URL").expect("the address is among them");
    jwks.1 = provider.url().to_string();
    settings.extend([
        ("FAIRWAY_DATABASE_URL".to_owned(), format!("sqlite://{}/fairway.db", folder.path().display())),
        ("FAIRWAY_ENCRYPTION_KEY".to_owned(), ENCRYPTION_KEY.to_owned()),
    ]);
    let environment: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let program = Program::serve(&environment).await;

    // As Keycloak 26 makes them, with the mappers that the README names.
    let claims = |roles: Value, groups: Value| {
        Token::new("f1b1c0de-8a43-4f0e-9d55-0b8f6b6d0c11")
            .claim("iss", json!("https://login.example.com/realms/platform"))
            .claim("aud", json!(["fairway", "account"]))
            .claim("typ", json!("Bearer"))
            .claim("azp", json!("console"))
            .claim("realm_access", json!({ "roles": roles }))
            .claim("resource_access", json!({ "account": { "roles": ["manage-account"] } }))
            .claim("groups", groups)
            .claim("scope", json!("openid profile email"))
            .claim("name", json!("Ada Lovelace"))
            .claim("preferred_username", json!("ada"))
    };
    let who = "{ viewer { name isAdmin memberships { role workspace { name } } } }";
    let ask = async |token: Token| Client::at(program.origin(), Some(key.sign(token))).ask(who).await;
    let admin = claims(json!(["default-roles-platform", "offline_access", "fairway-admin"]), json!([]));
    let reply = ask(admin.clone()).await;
    assert_eq!((reply.data("viewer.isAdmin"), reply.data("viewer.name")), (&json!(true), &json!("Ada Lovelace")));
    for workspace in ["payments", "shop"] {
        Client::at(program.origin(), Some(key.sign(admin.clone()))).create_workspace(workspace).await;
    }

    let groups = json!(["/payments/admin", "/payments/viewer", "/shop/viewer", "/shop", "/everybody", "/a/b/c"]);
    let reply = ask(claims(json!(["default-roles-platform"]), groups)).await;
    assert_eq!(reply.data("viewer.isAdmin"), false);
    let memberships = json!([
        { "role": "ADMIN", "workspace": { "name": "payments" } },
        { "role": "VIEWER", "workspace": { "name": "shop" } },
    ]);
    assert_eq!(reply.data("viewer.memberships"), &memberships);

    // A token of another realm, signed alike.
    let other = admin.claim("iss", json!("https://login.example.com/realms/other"));
    assert_turned_away(&ask(other).await, "another issuer");
}
