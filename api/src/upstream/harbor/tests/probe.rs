//! What is found out about a Harbor and its account.

use wiremock::ResponseTemplate;

use super::*;
use crate::upstream::{
    Error, Kind, Privilege,
    testing::{header, page, registry, settings},
};

#[tokio::test]
async fn an_administrator_lacks_nothing() {
    let (fake, registry) = harbor_of_admin().await;
    let probe = registry.probe().await.expect("a probe");
    assert_eq!(probe.version.as_deref(), Some("v2.9.5-local"));
    assert_eq!(probe.privilege, Privilege::SystemAdmin);
    assert_eq!((probe.degraded, probe.lacks, probe.sees_private), (None, vec![], true));
    assert_eq!(
        fake.sent_as().await,
        [
            "GET /api/version -",
            "GET /api/v2.0/systeminfo -",
            "GET /api/v2.0/users/current basic",
            "GET /api/v2.0/systeminfo basic",
            "GET /api/v2.0/health -",
        ]
    );
    // A cookie would turn on Harbor's CSRF check.
    assert!(fake.requests().await.iter().all(|sent| header(sent, "cookie").is_empty()));
}

#[tokio::test]
async fn a_user_who_is_no_administrator_lacks_the_platform() {
    let (fake, registry) = harbor().await;
    fake.json("GET /api/v2.0/systeminfo", &INFO.replace("everyone", "adminonly")).await;
    fake.json(CURRENT, ALICE).await;
    fake.reply(FIRST_PRIVATE, counted(0, "[]")).await;
    let probe = registry.probe().await.expect("a probe");
    assert_eq!(probe.privilege, Privilege::User);
    assert_eq!(probe.lacks, ["may not list all projects", "cannot see private projects", "may not create projects"]);
    assert!(!probe.sees_private);
}

#[tokio::test]
async fn what_a_robot_may_do_is_tried() {
    let (fake, registry) = harbor().await;
    fake.json("GET /api/v2.0/systeminfo", INFO).await;
    fake.reply(CURRENT, complaint(412, "PRECONDITION", "get current user not available for security context: robot"))
        .await;
    fake.json(
        "GET /api/v2.0/users/current/permissions?scope=/system&relative=true",
        r#"[{"action":"list","resource":"project"}]"#,
    )
    .await;
    fake.reply(FIRST_PRIVATE, counted(1, &format!("[{PRIVATE}]"))).await;
    fake.reply(
        "GET /api/v2.0/projects/acme-private/repositories?page=1&page_size=1",
        complaint(403, "FORBIDDEN", "forbidden"),
    )
    .await;
    let probe = registry.probe().await.expect("a probe");
    assert_eq!(probe.privilege, Privilege::Robot);
    assert_eq!(probe.lacks, ["may not list the repositories of projects"]);
    assert!(probe.sees_private);
}

#[tokio::test]
async fn sick_parts_and_read_only_mode_are_degraded_not_down() {
    let (fake, registry) = harbor().await;
    fake.json("GET /api/v2.0/systeminfo", &INFO.replace(r#""read_only":false"#, r#""read_only":true"#)).await;
    fake.json(CURRENT, ADMIN).await;
    let probe = registry.probe().await.expect("a probe");
    assert_eq!(probe.degraded.as_deref(), Some("Harbor is in read-only mode"));

    let fake = Fake::start().await;
    fake.reply("GET /api/version", json(200, r#"{"version":"v2.0"}"#)).await;
    fake.json("GET /api/v2.0/health", &DATABASE_DOWN.replace("database", "trivy")).await;
    fake.json("GET /api/v2.0/systeminfo", INFO).await;
    fake.json(CURRENT, ADMIN).await;
    let probe = fake.harbor().probe().await.expect("a probe");
    assert_eq!(probe.degraded.as_deref(), Some("Harbor reports as unhealthy: trivy"));
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_two_witnesses() {
    let (fake, registry) = harbor().await;
    fake.json("GET /api/v2.0/systeminfo", PUBLIC_INFO).await;
    fake.reply(CURRENT, unauthorized()).await;
    fake.reply("GET /v2/", unauthorized()).await;
    let error = registry.probe().await.expect_err("a refusal");
    assert!(error.is_unauthorized() && !error.is_retryable(), "{error:?}");
    assert_eq!(
        fake.sent_as().await[2..],
        [
            "GET /api/v2.0/users/current basic",
            "GET /api/v2.0/health -",
            "GET /v2/ basic",
            "GET /api/v2.0/systeminfo basic",
        ]
    );
}

#[tokio::test]
async fn a_database_that_is_down_is_no_wrong_password() {
    let fake = Fake::start().await;
    fake.json("GET /api/v2.0/health", DATABASE_DOWN).await;
    fake.reply(CURRENT, unauthorized()).await;
    fake.json("GET /api/v2.0/systeminfo", PUBLIC_INFO).await;
    let error = fake.harbor().check().await.expect_err("a refusal");
    assert!(matches!(error, Error::Unavailable { status: 401, .. }), "{error:?}");
    assert!(error.cause().contains("database") && error.is_retryable());
    // Nothing more is tried with the account.
    assert_eq!(
        fake.sent_as().await,
        ["GET /api/v2.0/systeminfo basic", "GET /api/v2.0/users/current basic", "GET /api/v2.0/health -"]
    );
}

#[tokio::test]
async fn witnesses_that_disagree_settle_nothing() {
    let (fake, registry) = harbor().await;
    fake.json("GET /api/v2.0/systeminfo", INFO).await;
    fake.reply(CURRENT, unauthorized()).await;
    fake.reply("GET /v2/", unauthorized()).await;
    let error = registry.probe().await.expect_err("a refusal");
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_cli_secret_is_a_user_although_the_api_refuses_it() {
    let (fake, registry) = harbor().await;
    fake.json("GET /api/v2.0/systeminfo", INFO).await;
    fake.reply(CURRENT, unauthorized()).await;
    fake.json("GET /v2/", "{}").await;
    fake.reply(FIRST_PRIVATE, counted(0, "[]")).await;
    assert_eq!(registry.probe().await.expect("a probe").privilege, Privilege::User);
}

#[tokio::test]
async fn old_harbors_are_refused_with_their_version() {
    let (fake, registry) = harbor().await;
    fake.json("GET /api/v2.0/systeminfo", r#"{"harbor_version":"v2.3.5-1a2b3c"}"#).await;
    let error = registry.probe().await.expect_err("too old");
    assert!(error.cause().contains("v2.3.5-1a2b3c") && error.cause().contains("2.4"), "{}", error.cause());
    // The account is not even shown to it.
    assert!(fake.sent_as().await.iter().all(|sent| sent.ends_with(" -")));

    let fake = Fake::start().await;
    fake.reply("GET /api/version", complaint(404, "NOT_FOUND", "path was not found")).await;
    fake.json("GET /api/systeminfo", r#"{"harbor_version":"v1.10.17-a1"}"#).await;
    let error = fake.harbor().probe().await.expect_err("too old");
    assert!(matches!(&error, Error::UnsupportedVersion { version } if version == "v1.10.17-a1"), "{error:?}");
}

#[tokio::test]
async fn a_harbor_without_a_version_is_judged_by_what_it_does() {
    for version in ["-", "dev"] {
        let (fake, registry) = harbor().await;
        fake.json("GET /api/v2.0/systeminfo", &INFO.replace("v2.9.5-local", version)).await;
        fake.json(CURRENT, ADMIN).await;
        assert_eq!(registry.probe().await.expect("a probe").version.as_deref(), Some(version));
    }
}

#[tokio::test]
async fn what_answers_instead_of_harbor_is_named() {
    let found = async |fake: &Fake| match fake.harbor().probe().await {
        Err(error @ Error::NotTheProduct { .. }) => error.cause(),
        other => panic!("{other:?}"),
    };

    let fake = Fake::start().await;
    fake.reply("GET /api/version", page(200)).await;
    assert!(found(&fake).await.contains("an HTML page"));

    let fake = Fake::start().await;
    let reply = ResponseTemplate::new(404)
        .set_body_raw("404 page not found\n", "text/plain; charset=utf-8")
        .insert_header("Docker-Distribution-Api-Version", "registry/2.0");
    fake.reply("GET /api/version", reply).await;
    assert!(found(&fake).await.contains("a Docker Registry"));

    let fake = Fake::start().await;
    let reply = ResponseTemplate::new(302).insert_header("Location", "https://login.example.com/oauth?state=1");
    fake.reply("GET /api/version", reply).await;
    let cause = found(&fake).await;
    assert!(cause.contains("https://login.example.com") && !cause.contains("state"), "{cause}");
    assert_eq!(fake.sent().await, ["GET /api/version"]);
}

#[tokio::test]
async fn a_harbor_below_a_path_is_hinted_at_where_it_is() {
    let (fake, _) = harbor().await;
    fake.reply("GET /harbor/api/version", page(200)).await;
    let address = format!("{}/harbor", fake.uri());
    let registry = registry(Kind::Harbor, &address, None, settings());
    let error = registry.probe().await.expect_err("the portal");
    assert!(error.cause().contains(&fake.uri()), "{}", error.cause());
}

#[tokio::test]
async fn a_hidden_health_leaves_it_to_the_witnesses() {
    let fake = Fake::start().await;
    fake.reply("GET /api/v2.0/health", unauthorized()).await;
    fake.json("GET /v2/", "{}").await;
    fake.reply("GET /api/v2.0/projects/1", unauthorized()).await;
    let error = fake.harbor().get_space("1").await.expect_err("a refusal");
    assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
}
