//! Contract tests against recorded replies of Docker Registry 2.8.2, trimmed, and written ones of others.

mod auth;
mod catalog;
mod manifest;

use wiremock::ResponseTemplate;

use crate::upstream::{
    Error, SpaceKey, Visibility, Webhook,
    testing::{Fake, json, page, space},
};

const CATALOG: &str = "GET /v2/_catalog?n=1000";

fn everything() -> SpaceKey {
    space("/", "/")
}

/// As every reply of a Docker Registry is marked.
fn registry(reply: ResponseTemplate) -> ResponseTemplate {
    reply.insert_header("Docker-Distribution-Api-Version", "registry/2.0")
}

fn challenged(challenge: &str) -> ResponseTemplate {
    let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#;
    registry(json(401, body)).insert_header("WWW-Authenticate", challenge)
}

#[tokio::test]
async fn what_is_no_docker_registry_is_named() {
    let found = async |fake: &Fake| match fake.docker(None).probe().await {
        Err(error @ Error::NotTheProduct { .. }) => error.cause(),
        other => panic!("{other:?}"),
    };
    let fake = Fake::start().await;
    fake.reply("GET /v2/", page(200)).await;
    assert!(found(&fake).await.contains("an HTML page"));

    // A Harbor taken for a Docker Registry would be public as a whole.
    let fake = Fake::start().await;
    fake.reply("GET /v2/", registry(json(200, "{}"))).await;
    fake.reply("GET /api/version", ResponseTemplate::new(200).set_body_raw(r#"{"version":"v2.0"}"#, "text/plain"))
        .await;
    assert!(found(&fake).await.contains("a Harbor"));
}

#[tokio::test]
async fn a_routine_look_leaves_the_catalog_alone() {
    let fake = Fake::start().await;
    fake.reply("GET /v2/", registry(json(200, "{}"))).await;
    let check = fake.docker(None).check().await.expect("a check");
    assert_eq!((check.version, check.degraded), (None, None));
    assert!(!check.latency.is_zero());
    assert_eq!(fake.sent().await, ["GET /v2/", "GET /api/version"]);

    // A Harbor put in its place would be public as a whole.
    fake.reply("GET /api/version", json(200, r#"{"version":"v2.0"}"#)).await;
    let error = fake.docker(None).check().await.expect_err("a Harbor");
    assert!(error.cause().contains("a Harbor"), "{error:?}");
}

#[tokio::test]
async fn the_one_space_is_public_and_stays_as_it_is() {
    let fake = Fake::start().await;
    let registry = fake.docker(None);
    let spaces = registry.list_spaces().await.expect("spaces");
    assert_eq!((spaces[0].id.as_str(), spaces[0].visibility, spaces.len()), ("/", Visibility::Public, 1));
    assert!(registry.get_space("/").await.expect("an answer").is_some());
    assert!(registry.get_space("1").await.expect("an answer").is_none());
    assert_eq!(registry.list_public_spaces().await.expect("spaces"), spaces);
    assert!(registry.is_public("/").await.expect("an answer"));
    assert!(!registry.is_public("1").await.expect("an answer"));
    let hook = Webhook { name: "x".to_owned(), address: "http://x".to_owned(), authorization: "x".into() };
    for outcome in [
        registry.recent_images(1).await.map(|_| ()),
        registry.put_webhook(&everything(), &hook).await.map(|_| ()),
        registry.delete_webhook(&everything(), "1").await,
        registry.create_space("x", true).await.map(|_| ()),
        registry.set_space_public(&everything(), false).await.map(|_| ()),
        registry.delete_space(&everything()).await,
    ] {
        assert!(matches!(outcome, Err(Error::Unsupported { .. })), "{outcome:?}");
    }
    assert!(fake.sent().await.is_empty());
}
