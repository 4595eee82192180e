//! Accounts, challenges and tokens.

use super::*;
use crate::upstream::{
    Error, Privilege,
    testing::{BASIC, ann},
};

#[tokio::test]
async fn an_open_registry_never_sees_the_account() {
    let fake = Fake::start().await;
    fake.reply("GET /v2/", registry(json(200, "{}"))).await;
    fake.json("GET /v2/_catalog?n=1", r#"{"repositories":["a"]}"#).await;
    let probe = fake.docker(Some(ann())).probe().await.expect("a probe");
    assert_eq!(probe.privilege, Privilege::Anonymous);
    assert_eq!((probe.version, probe.lacks), (None, vec![]));
    assert!(fake.sent_as().await.iter().all(|sent| sent.ends_with(" -")));
}

#[tokio::test]
async fn basic_is_sent_once_asked_for_and_then_at_once() {
    let fake = Fake::start().await;
    fake.authorized(CATALOG, BASIC, json(200, r#"{"repositories":["acme/secret"]}"#)).await;
    fake.reply(CATALOG, challenged(r#"Basic realm="basic-realm""#)).await;
    let registry = fake.docker(Some(ann()));
    assert_eq!(registry.list_images(&everything()).await.expect("images").len(), 1);
    assert_eq!(registry.list_images(&everything()).await.expect("images").len(), 1);
    assert_eq!(fake.sent_as().await, [format!("{CATALOG} -"), format!("{CATALOG} basic"), format!("{CATALOG} basic")]);
}

#[tokio::test]
async fn a_wrong_password_is_sent_no_more_than_needed() {
    let fake = Fake::start().await;
    fake.reply("GET /v2/", challenged(r#"Basic realm="basic-realm""#)).await;
    let error = fake.docker(Some(ann())).probe().await.expect_err("a refusal");
    assert!(error.is_unauthorized(), "{error:?}");
    assert_eq!(fake.sent_as().await, ["GET /v2/ -", "GET /v2/ basic"]);
    let error = fake.docker(None).probe().await.expect_err("a refusal");
    assert!(error.is_unauthorized(), "{error:?}");
}

#[tokio::test]
async fn a_token_is_fetched_for_each_scope_and_kept() {
    let fake = Fake::start().await;
    let realm = format!(r#"Bearer realm="{}/token",service="registry",scope="everything""#, fake.uri());
    fake.authorized("GET /v2/app/tags/list", "Bearer good", json(200, r#"{"name":"app","tags":["1.0"]}"#)).await;
    fake.reply("GET /v2/app/tags/list", challenged(&realm)).await;
    fake.authorized(
        "GET /token?service=registry&scope=repository%3Aapp%3Apull",
        BASIC,
        json(200, r#"{"token":"good","access_token":"","expires_in":300}"#),
    )
    .await;
    let registry = fake.docker(Some(ann()));
    for _ in 0..2 {
        assert_eq!(registry.list_tags(&everything(), "app").await.expect("tags").len(), 1);
    }
    assert_eq!(
        fake.sent_as().await,
        [
            "GET /v2/app/tags/list -",
            "GET /token?service=registry&scope=repository%3Aapp%3Apull basic",
            "GET /v2/app/tags/list Bearer good",
            "GET /v2/app/tags/list Bearer good",
        ]
    );
}

#[tokio::test]
async fn an_access_token_does_where_there_is_no_other() {
    let fake = Fake::start().await;
    fake.authorized(CATALOG, "Bearer other", json(200, r#"{"repositories":[]}"#)).await;
    fake.reply(CATALOG, challenged(r#"Bearer realm="/auth/token""#)).await;
    fake.json("GET /auth/token?scope=registry%3Acatalog%3A*", r#"{"access_token":"other"}"#).await;
    assert_eq!(fake.docker(None).list_images(&everything()).await.expect("images"), []);
}

#[tokio::test]
async fn the_account_goes_to_no_other_host() {
    let fake = Fake::start().await;
    fake.reply("GET /v2/", challenged(r#"Bearer realm="http://169.254.169.254/token",service="x""#)).await;
    let error = fake.docker(Some(ann())).probe().await.expect_err("a refusal");
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    assert!(error.cause().contains("169.254.169.254"));
    assert_eq!(fake.sent_as().await, ["GET /v2/ -"]);
}

#[tokio::test]
async fn a_token_that_does_not_help_is_not_fetched_again_and_again() {
    let fake = Fake::start().await;
    fake.reply("GET /v2/", challenged(r#"Bearer realm="/token""#)).await;
    fake.reply("GET /token", json(200, r#"{"token":"weak"}"#)).await;
    let error = fake.docker(Some(ann())).probe().await.expect_err("a refusal");
    assert!(error.is_unauthorized(), "{error:?}");
    assert_eq!(fake.sent().await, ["GET /v2/", "GET /token", "GET /v2/"]);
}

#[tokio::test]
async fn a_registry_may_come_to_want_the_account_another_way() {
    let fake = Fake::start().await;
    let tags = r#"{"name":"app","tags":["1.0"]}"#;
    fake.once("GET /v2/app/tags/list", challenged(r#"Bearer realm="/token""#)).await;
    fake.json("GET /token?scope=repository%3Aapp%3Apull", r#"{"token":"good","expires_in":300}"#).await;
    fake.once("GET /v2/app/tags/list", json(200, tags)).await;
    let registry = fake.docker(Some(ann()));
    assert_eq!(registry.list_tags(&everything(), "app").await.expect("tags").len(), 1);

    fake.authorized("GET /v2/app/tags/list", BASIC, json(200, tags)).await;
    fake.reply("GET /v2/app/tags/list", challenged(r#"Basic realm="basic-realm""#)).await;
    assert_eq!(registry.list_tags(&everything(), "app").await.expect("tags").len(), 1);
}
