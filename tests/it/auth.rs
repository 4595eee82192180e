//! Tokens: which are good, and what a client is told of one that is not.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use reqwest::Method;
use serde_json::json;
use tests::gateway::{Client, JWT_SECRET, Reply, TestGateway, Token};

const WHO: &str = "{ viewer { subject } }";

/// Asserts that a request was turned away before anything of it was run.
#[track_caller]
fn assert_unauthenticated(reply: &Reply, what: &str) {
    assert_eq!(reply.status, 401, "{what}: {}", reply.text);
    assert_eq!(reply.code(), Some("UNAUTHENTICATED"), "{what}: {}", reply.text);
    let challenge = reply.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer"), "{what}: {challenge}");
    assert_eq!(reply.body().get("data"), None, "{what}: {}", reply.text);
    assert_eq!(reply.extension("retryable"), false, "{what}");
    assert!(reply.extension("requestId").is_string(), "{what}: {}", reply.text);
}

#[tokio::test]
async fn a_good_token_is_let_in() {
    let gateway = TestGateway::start().await;
    for token in [
        Token::new("ada"),
        Token::new("ada").expires_in(60),
        Token::new("ada").claim("iss", json!("anybody")).claim("extra", json!({ "deep": [1, 2] })),
    ] {
        let reply = gateway.with_token(token.mint()).ask(WHO).await;
        assert_eq!(reply.data("viewer.subject"), "ada");
    }
}

#[tokio::test]
async fn a_request_without_a_token_is_turned_away() {
    let gateway = TestGateway::start().await;
    assert_unauthenticated(&gateway.anonymous().ask(WHO).await, "no token");
    // Also where the document is none: nobody learns what would be accepted.
    assert_unauthenticated(&gateway.anonymous().ask("{ nonsense").await, "no token, no document");
}

#[tokio::test]
async fn bad_tokens_are_turned_away() {
    let gateway = TestGateway::start().await;
    let good = Token::new("ada").admin();
    let unsigned = {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let payload = good.clone().mint().split('.').nth(1).map(str::to_owned).unwrap_or_default();
        format!("{}.{payload}.", part(r#"{"alg":"none","typ":"JWT"}"#))
    };
    let tampered = {
        let mint = good.clone().mint();
        let parts: Vec<&str> = mint.split('.').collect();
        let other = Token::new("eve").admin().mint();
        let payload = other.split('.').nth(1).map(str::to_owned).unwrap_or_default();
        format!("{}.{payload}.{}", parts[0], parts[2])
    };
    for (what, token) in [
        ("garbage", "garbage".to_owned()),
        ("empty", String::new()),
        ("three dots", "a.b.c".to_owned()),
        ("too long", "x".repeat(6_000)),
        ("unsigned", unsigned),
        ("tampered with", tampered),
        ("expired", good.clone().expires_in(-3600).mint()),
        ("without an end", good.clone().without("exp").mint()),
        ("an end that is no number", good.clone().claim("exp", json!("soon")).mint()),
        ("without a subject", good.clone().without("sub").mint()),
        ("an empty subject", good.clone().claim("sub", json!("")).mint()),
        ("a subject that is no text", good.clone().claim("sub", json!(17)).mint()),
        (
            "not yet good",
            good.clone().claim("nbf", json!(4_000_000_000_u64)).claim("exp", json!(4_100_000_000_u64)).mint(),
        ),
        ("another secret", good.clone().signed_with("another-secret-that-is-also-32-bytes-long").mint()),
        ("another algorithm", good.clone().algorithm(Algorithm::HS512).mint()),
    ] {
        let reply = gateway.with_token(token.clone()).ask(WHO).await;
        assert_unauthenticated(&reply, what);
        assert!(token.is_empty() || !reply.text.contains(&token), "{what}: the token is in the answer");
        assert!(!reply.text.contains(JWT_SECRET), "{what}");
    }
}

#[tokio::test]
async fn an_expired_token_is_told_apart_for_the_client_can_renew_it() {
    let gateway = TestGateway::start().await;
    let reply = gateway.with_token(Token::new("ada").expires_in(-3600).mint()).ask(WHO).await;
    assert!(reply.message().contains("expired"), "{}", reply.message());
    let reply =
        gateway.with_token(Token::new("ada").signed_with("another-secret-of-at-least-32-bytes").mint()).ask(WHO).await;
    assert!(!reply.message().contains("expired"), "{}", reply.message());
}

#[tokio::test]
async fn only_the_bearer_scheme_is_read() {
    let gateway = TestGateway::start().await;
    let token = Token::new("ada").mint();
    let nobody = gateway.anonymous();
    let body = json!({ "query": WHO });
    for (authorization, is_good) in [
        (format!("Bearer {token}"), true),
        // The scheme's name has no case.
        (format!("bearer {token}"), true),
        (format!("Basic {token}"), false),
        (token.clone(), false),
        (format!("Bearer{token}"), false),
    ] {
        let request = nobody.request(Method::POST, "/graphql").header("authorization", &authorization).json(&body);
        let reply = Reply::of(request).await;
        assert_eq!(reply.status == 200, is_good, "{}: {}", &authorization[..12], reply.text);
    }
    // Addresses end up in logs, so a token there is none.
    let request = nobody.request(Method::POST, &format!("/graphql?access_token={token}")).json(&body);
    assert_unauthenticated(&Reply::of(request).await, "token in the address");
}

#[tokio::test]
async fn roles_that_are_not_known_are_no_roles() {
    let gateway = TestGateway::start().await;
    gateway.as_admin().create_workspace("shop").await;
    for role in ["owner", "Admin", ""] {
        let client: Client = gateway.as_member("shop", role);
        let reply = client.ask("{ viewer { memberships { role } } workspace(name: \"shop\") { id } }").await;
        assert_eq!(reply.data("viewer.memberships"), &json!([]), "`{role}`");
        assert_eq!(reply.data("workspace"), &json!(null), "`{role}`");
    }
}
