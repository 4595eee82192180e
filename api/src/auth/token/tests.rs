use std::collections::BTreeMap;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::auth::{Grant, JwtKey, OneKey, Role, mint};

pub(crate) const RSA_PUBLIC: &str = include_str!("../../../fixtures/jwt/rsa2048.pub.pem");
pub(crate) const EC_PUBLIC: &str = include_str!("../../../fixtures/jwt/p256.pub.pem");
pub(crate) const ED_PUBLIC: &str = include_str!("../../../fixtures/jwt/ed25519.pub.pem");
pub(crate) const ED_PRIVATE: &str = include_str!("../../../fixtures/jwt/ed25519.pem");

const SECRET: &str = "a secret of more than thirty-two bytes";
const NOW: i64 = 1_800_000_000;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

fn config() -> JwtConfig {
    JwtConfig { issuer: None, audience: None, claims: ClaimNames::default() }
}

fn secret() -> Arc<dyn KeySource> {
    Arc::new(OneKey::from(JwtKey::from_secret(&SECRET.into()).unwrap()))
}

fn sign(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn verify(claims: Value) -> Result<Viewer, TokenError> {
    Verifier::new(&config(), secret()).verify_at(&sign(&claims), now()).map(Arc::unwrap_or_clone)
}

#[test]
fn a_token_names_its_viewer() {
    let viewer = verify(json!({
        "sub": "u-17", "name": "Ada", "roles": ["admin"], "exp": NOW + 60,
        "workspaces": { "payments": "admin", "shop": "viewer", "lab": "guest" },
    }));
    assert_eq!(
        viewer,
        Ok(Viewer {
            subject: "u-17".into(),
            name: Some("Ada".into()),
            is_admin: true,
            memberships: BTreeMap::from([("payments".into(), Role::Admin), ("shop".into(), Role::Viewer)]),
            expires_at: DateTime::from_timestamp(NOW + 60, 0).unwrap(),
        })
    );
}

#[test]
fn a_bare_token_gives_no_rights() {
    let viewer = verify(json!({ "sub": "u-17", "exp": NOW + 60 })).unwrap();
    assert_eq!((viewer.is_admin, viewer.memberships.len(), viewer.name), (false, 0, None));
}

#[test]
fn exp_and_sub_are_required() {
    let refused = |claims| verify(claims).unwrap_err();
    assert_eq!(refused(json!({ "sub": "u" })), TokenError::MissingClaim("exp"));
    assert_eq!(refused(json!({ "sub": "u", "exp": "soon" })), TokenError::BadClaim("exp"));
    assert_eq!(refused(json!({ "sub": "u", "exp": u64::MAX })), TokenError::BadClaim("exp"));
    assert_eq!(refused(json!({ "sub": "u", "exp": 1e300 })), TokenError::BadClaim("exp"));
    assert_eq!(refused(json!({ "exp": NOW + 60 })), TokenError::MissingClaim("sub"));
    for sub in [json!(""), json!("  "), json!(17), json!("a\nb"), json!("s".repeat(256))] {
        assert_eq!(refused(json!({ "sub": sub, "exp": NOW + 60 })), TokenError::BadClaim("sub"));
    }
}

#[test]
fn times_have_a_leeway_of_thirty_seconds() {
    assert!(verify(json!({ "sub": "u", "exp": NOW - 29 })).is_ok());
    assert_eq!(verify(json!({ "sub": "u", "exp": NOW - 30 })), Err(TokenError::Expired));
    assert!(verify(json!({ "sub": "u", "exp": NOW + 60, "nbf": NOW + 30 })).is_ok());
    assert_eq!(verify(json!({ "sub": "u", "exp": NOW + 60, "nbf": NOW + 31 })), Err(TokenError::NotYetValid));
    assert!(verify(json!({ "sub": "u", "exp": NOW as f64 + 0.5 })).is_ok());
}

#[test]
fn a_kept_token_ends_when_it_says() {
    let verifier = Verifier::new(&config(), secret());
    let token = sign(&json!({ "sub": "u", "exp": NOW + 60, "nbf": NOW }));
    let at = |seconds| verifier.verify_at(&token, now() + TimeDelta::seconds(seconds)).map(|_| verifier.kept.len());
    assert_eq!(at(0), Ok(1));
    assert_eq!(at(89), Ok(1));
    assert_eq!(at(90), Err(TokenError::Expired));
    assert_eq!(verifier.kept.len(), 0);
    assert_eq!(at(90), Err(TokenError::Expired));
    // A clock may be set back.
    assert_eq!(at(0), Ok(1));
    assert_eq!(at(-31), Err(TokenError::NotYetValid));
    assert_eq!(at(-30), Ok(1));
}

#[test]
fn a_kept_token_is_found_by_all_of_its_text() {
    let verifier = Verifier::new(&config(), secret());
    let token = sign(&json!({ "sub": "u", "exp": NOW + 60 }));
    let first = verifier.verify_at(&token, now()).unwrap();
    assert!(Arc::ptr_eq(&first, &verifier.verify_at(&token, now()).unwrap()));
    let another = sign(&json!({ "sub": "v", "exp": NOW + 60 }));
    assert_eq!(verifier.verify_at(&another, now()).unwrap().subject, "v");
    // The same claims under no signature, and under the other's.
    let (claims, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = another.rsplit_once('.').unwrap();
    assert!(verifier.verify_at(&format!("{claims}."), now()).is_err());
    assert_eq!(verifier.verify_at(&format!("{claims}.{signature}"), now()), Err(TokenError::WrongSignature));
    assert_eq!(verifier.kept.len(), 2);
}

#[test]
fn refusals_are_not_kept() {
    let verifier = Verifier::new(&config(), secret());
    for claims in [json!({ "sub": "u", "exp": NOW - 60 }), json!({ "sub": "u", "exp": NOW + 60, "nbf": NOW + 60 })] {
        assert!(verifier.verify_at(&sign(&claims), now()).is_err());
    }
    assert_eq!(verifier.kept.len(), 0);
}

#[test]
fn kept_tokens_are_bounded() {
    let verifier = Verifier::new(&config(), secret());
    let long = "x".repeat(30_000);
    for number in 0..500 {
        let claims = json!({ "sub": format!("u-{number}"), "exp": NOW + 60, "padding": long });
        verifier.verify_at(&sign(&claims), now()).unwrap();
    }
    assert!(verifier.kept.weight() <= MAX_KEPT_BYTES && verifier.kept.len() > 100, "{}", verifier.kept.len());
}

#[test]
fn issuer_and_audience_are_checked_when_configured() {
    let config = JwtConfig { issuer: Some("https://id.example".into()), audience: Some("fairway".into()), ..config() };
    let verifier = Verifier::new(&config, secret());
    let check = |claims: Value| verifier.verify_at(&sign(&claims), now()).map(|viewer| viewer.subject.clone());
    let claims = |iss: Value, aud: Value| json!({ "sub": "u", "exp": NOW + 60, "iss": iss, "aud": aud });

    assert_eq!(check(claims(json!("https://id.example"), json!("fairway"))), Ok("u".into()));
    assert_eq!(check(claims(json!("https://id.example"), json!(["other", "fairway"]))), Ok("u".into()));
    assert_eq!(check(claims(json!("https://evil.example"), json!("fairway"))), Err(TokenError::WrongIssuer));
    assert_eq!(check(claims(json!("https://id.example"), json!("other"))), Err(TokenError::WrongAudience));
    assert_eq!(check(claims(Value::Null, json!("fairway"))), Err(TokenError::MissingClaim("iss")));
    assert_eq!(check(claims(json!("https://id.example"), Value::Null)), Err(TokenError::MissingClaim("aud")));
}

#[test]
fn issuer_and_audience_are_ignored_when_not_configured() {
    assert!(verify(json!({ "sub": "u", "exp": NOW + 60, "iss": "x", "aud": ["y"] })).is_ok());
}

#[test]
fn other_signatures_are_refused() {
    let verifier = Verifier::new(&config(), secret());
    let claims = json!({ "sub": "u", "exp": NOW + 60 });
    let other = encode(&Header::default(), &claims, &EncodingKey::from_secret(&[7; 32])).unwrap();
    assert_eq!(verifier.verify_at(&other, now()), Err(TokenError::WrongSignature));

    let longer = Header::new(Algorithm::HS512);
    let longer = encode(&longer, &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    assert_eq!(verifier.verify_at(&longer, now()), Err(TokenError::WrongAlgorithm));

    // `{"alg":"none"}`, and no signature.
    let payload = sign(&claims).split('.').nth(1).unwrap().to_owned();
    let none = format!("eyJhbGciOiJub25lIn0.{payload}.");
    assert!(verifier.verify_at(&none, now()).is_err());
}

#[test]
fn what_is_no_token_is_malformed() {
    let verifier = Verifier::new(&config(), secret());
    for token in ["", "x", "a.b.c", "..", "eyJhbGciOiJIUzI1NiJ9.e30"] {
        assert_eq!(verifier.verify_at(token, now()), Err(TokenError::Malformed), "{token}");
    }
    assert_eq!(verifier.verify_at(&"x".repeat(MAX_TOKEN_BYTES + 1), now()), Err(TokenError::TooLong));
}

#[test]
fn public_keys_verify_what_their_private_keys_signed() {
    let rsa = include_bytes!("../../../fixtures/jwt/rsa2048.pem");
    let ec = include_bytes!("../../../fixtures/jwt/p256.pem");
    let cases = [
        (RSA_PUBLIC, Algorithm::RS256, EncodingKey::from_rsa_pem(rsa).unwrap()),
        (EC_PUBLIC, Algorithm::ES256, EncodingKey::from_ec_pem(ec).unwrap()),
        (ED_PUBLIC, Algorithm::EdDSA, EncodingKey::from_ed_pem(ED_PRIVATE.as_bytes()).unwrap()),
    ];
    for (public, algorithm, private) in cases {
        let key = OneKey::from(JwtKey::from_public_pem(public).unwrap());
        let verifier = Verifier::new(&config(), Arc::new(key));
        let claims = json!({ "sub": "u", "exp": NOW + 60 });
        let token = encode(&Header::new(algorithm), &claims, &private).unwrap();
        assert!(verifier.verify_at(&token, now()).is_ok(), "{algorithm:?}");

        // The old trick: the public key taken for a shared secret.
        let forged = encode(&Header::default(), &claims, &EncodingKey::from_secret(public.as_bytes())).unwrap();
        assert_eq!(verifier.verify_at(&forged, now()), Err(TokenError::WrongAlgorithm), "{algorithm:?}");
    }
}

#[test]
fn minted_tokens_verify() {
    let groups = ClaimNames { admin: "/groups".into(), admin_value: "/ops".into(), workspaces: "/groups".into() };
    let nested = ClaimNames { admin: "/a~1b/roles".into(), workspaces: "/a~1b/spaces".into(), ..ClaimNames::default() };
    for claims in [ClaimNames::default(), groups, nested] {
        let config = JwtConfig { issuer: Some("me".into()), audience: Some("fairway".into()), claims };
        let grant = Grant {
            subject: "u-17".into(),
            name: Some("Ada".into()),
            is_admin: true,
            memberships: BTreeMap::from([("payments".into(), Role::Editor)]),
            expires_at: now() + TimeDelta::hours(1),
        };
        let token = mint(&SecretString::from(SECRET), &config, &grant);
        let viewer = Verifier::new(&config, secret()).verify_at(&token, now()).unwrap();
        assert_eq!(viewer.memberships, grant.memberships, "{:?}", config.claims);
        assert!(viewer.is_admin && viewer.name == grant.name && viewer.expires_at == grant.expires_at);
    }
}

/// Keys that a test changes.
#[derive(Default)]
struct Changing {
    keys: std::sync::Mutex<Option<Arc<KeySet>>>,
    /// What becomes known when newer keys are asked for; none where they cannot be read.
    published: Option<Arc<KeySet>>,
}

impl KeySource for Changing {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.keys.lock().unwrap().clone()
    }

    fn refresh(&self) -> futures_util::future::BoxFuture<'_, bool> {
        if let Some(published) = &self.published {
            *self.keys.lock().unwrap() = Some(published.clone());
        }
        Box::pin(std::future::ready(self.published.is_some()))
    }
}

/// Keys by their ids, and a token that one of them has signed.
fn keys(named: &[(Option<&str>, &str)]) -> Arc<KeySet> {
    let key = |pem: &str| JwtKey::from_public_pem(pem).unwrap();
    Arc::new(KeySet::new(named.iter().map(|(name, pem)| (name.map(str::to_owned), key(pem))).collect()))
}

fn sign_as(key_id: Option<&str>) -> String {
    let header = Header { kid: key_id.map(str::to_owned), ..Header::new(Algorithm::EdDSA) };
    let claims = json!({ "sub": "u", "exp": clock::now().timestamp() + 60 });
    encode(&header, &claims, &EncodingKey::from_ed_pem(ED_PRIVATE.as_bytes()).unwrap()).unwrap()
}

fn changing(known: Option<Arc<KeySet>>, published: Option<Arc<KeySet>>) -> (Arc<Changing>, Verifier) {
    let source = Arc::new(Changing { keys: std::sync::Mutex::new(known), published });
    (source.clone(), Verifier::new(&config(), source))
}

#[test]
fn a_token_is_verified_with_the_key_it_names() {
    let (_, verifier) = changing(Some(keys(&[(Some("rsa"), RSA_PUBLIC), (Some("ed"), ED_PUBLIC)])), None);
    let check = |key_id| verifier.verify(&sign_as(key_id)).map(|viewer| viewer.subject.clone());
    assert_eq!(check(Some("ed")), Ok("u".into()));
    assert_eq!(check(None), Ok("u".into()));
    // The key decides the algorithm, whatever the token says of itself.
    assert_eq!(check(Some("rsa")), Err(TokenError::WrongAlgorithm));
    assert_eq!(check(Some("other")), Err(TokenError::UnknownKey));
}

#[test]
fn a_kept_token_ends_with_its_key() {
    let (source, verifier) = changing(Some(keys(&[(Some("ed"), ED_PUBLIC)])), None);
    let token = sign_as(Some("ed"));
    let first = verifier.verify(&token).unwrap();
    assert!(Arc::ptr_eq(&first, &verifier.verify(&token).unwrap()), "it is kept");
    *source.keys.lock().unwrap() = Some(keys(&[(Some("rsa"), RSA_PUBLIC)]));
    assert_eq!(verifier.verify(&token), Err(TokenError::UnknownKey));
    *source.keys.lock().unwrap() = None;
    assert_eq!(verifier.verify(&token), Err(TokenError::KeysUnavailable));
}

#[tokio::test]
async fn keys_that_are_not_known_are_asked_for() {
    let known = || Some(keys(&[(Some("rsa"), RSA_PUBLIC)]));
    let token = sign_as(Some("ed"));
    let (_, verifier) = changing(known(), Some(keys(&[(Some("ed"), ED_PUBLIC)])));
    assert!(verifier.authenticate(&token).await.is_ok());
    let (_, verifier) = changing(known(), known());
    assert_eq!(verifier.authenticate(&token).await, Err(TokenError::UnknownKey));
    // Not to be told from a good one.
    let (_, verifier) = changing(known(), None);
    assert_eq!(verifier.authenticate(&token).await, Err(TokenError::KeysUnavailable));
    let (_, verifier) = changing(None, None);
    assert_eq!(verifier.authenticate(&token).await, Err(TokenError::KeysUnavailable));
}

#[test]
fn extensions_that_must_be_understood_are_not() {
    let header = Header { crit: Some(vec!["b64".into()]), ..Header::default() };
    let claims = json!({ "sub": "u", "exp": NOW + 60 });
    let token = encode(&header, &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    let refused = Verifier::new(&config(), secret()).verify_at(&token, now());
    assert_eq!(refused, Err(TokenError::UnknownExtension));
}
