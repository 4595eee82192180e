//! The routine look at a Harbor that was probed before.

use super::*;
use crate::upstream::{Error, testing::page};

#[tokio::test]
async fn a_harbor_that_is_well_is_asked_twice() {
    let (fake, registry) = harbor_of_admin().await;
    let check = registry.check().await.expect("a check");
    assert_eq!((check.version.as_deref(), check.degraded), (Some("v2.9.5-local"), None));
    assert!(!check.latency.is_zero());
    assert_eq!(fake.sent_as().await, ["GET /api/v2.0/systeminfo basic", "GET /api/v2.0/health -"]);
}

#[tokio::test]
async fn what_is_wrong_with_it_is_said() {
    let fake = Fake::start().await;
    fake.json(INFORMATION, &INFO.replace(r#""read_only":false"#, r#""read_only":true"#)).await;
    fake.json("GET /api/v2.0/health", &DATABASE_DOWN.replace("database", "trivy")).await;
    let check = fake.harbor().check().await.expect("a check");
    assert_eq!(check.degraded.as_deref(), Some("Harbor reports as unhealthy: trivy; Harbor is in read-only mode"));
}

#[tokio::test]
async fn an_account_that_is_told_less_is_refused_after_a_second_look() {
    let (fake, registry) = harbor().await;
    fake.json(INFORMATION, PUBLIC_INFO).await;
    fake.reply(CURRENT, unauthorized()).await;
    fake.reply("GET /v2/", unauthorized()).await;
    let error = registry.check().await.expect_err("a refusal");
    assert!(error.is_unauthorized(), "{error:?}");
    assert_eq!(
        fake.sent_as().await,
        [
            "GET /api/v2.0/systeminfo basic",
            "GET /api/v2.0/users/current basic",
            "GET /api/v2.0/health -",
            "GET /v2/ basic",
            "GET /api/v2.0/systeminfo basic",
            // That it is a Harbor at all which refuses.
            "GET /api/version -",
        ]
    );
}

#[tokio::test]
async fn an_account_that_is_told_less_may_still_be_good() {
    let (fake, registry) = harbor().await;
    fake.json(INFORMATION, PUBLIC_INFO).await;
    fake.json(CURRENT, ALICE).await;
    assert_eq!(registry.check().await.expect("a check").version.as_deref(), Some("v2.9.5-local"));
}

#[tokio::test]
async fn a_harbor_that_went_back_to_an_old_version_is_refused() {
    let (fake, registry) = harbor().await;
    fake.json(INFORMATION, &INFO.replace("v2.9.5-local", "v2.3.5-1a2b3c")).await;
    let error = registry.check().await.expect_err("too old");
    assert!(matches!(&error, Error::UnsupportedVersion { version } if version == "v2.3.5-1a2b3c"), "{error:?}");
    assert_eq!(fake.sent().await, [INFORMATION]);
}

#[tokio::test]
async fn what_answers_instead_is_named_as_by_a_probe() {
    let same = async |fake: &Fake| {
        let (check, probe) = (fake.harbor().check().await, fake.harbor().probe().await);
        let check = check.expect_err("no Harbor");
        assert_eq!(check.cause(), probe.expect_err("no Harbor").cause());
        assert!(matches!(check, Error::NotTheProduct { .. } | Error::UnsupportedVersion { .. }), "{check:?}");
    };
    // A page for everything, as of a portal or a login.
    for status in [200, 401, 403, 404] {
        let fake = Fake::start().await;
        for path in [INFORMATION, CURRENT, "GET /api/version", "GET /v2/", "GET /api/v2.0/health"] {
            fake.reply(path, page(status)).await;
        }
        same(&fake).await;
    }
    let fake = Fake::start().await;
    for path in [INFORMATION, "GET /api/version"] {
        let reply = ResponseTemplate::new(404).insert_header("Docker-Distribution-Api-Version", "registry/2.0");
        fake.reply(path, reply).await;
    }
    same(&fake).await;
    let fake = Fake::start().await;
    for path in [INFORMATION, "GET /api/version"] {
        fake.reply(path, ResponseTemplate::new(302).insert_header("Location", "https://login.example.com/")).await;
    }
    same(&fake).await;
    let fake = Fake::start().await;
    fake.json("GET /api/systeminfo", r#"{"harbor_version":"v1.10.17-a1"}"#).await;
    same(&fake).await;
}

#[tokio::test]
async fn nonsense_from_a_harbor_is_nonsense() {
    let (fake, registry) = harbor().await;
    fake.json(INFORMATION, r#"{"harbor_version":"#).await;
    let error = registry.check().await.expect_err("nonsense");
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    assert_eq!(fake.sent().await, [INFORMATION, INFORMATION, "GET /api/version"]);
}
