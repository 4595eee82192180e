//! Projects: read, made, changed, deleted.

use wiremock::ResponseTemplate;

use super::*;
use crate::upstream::{
    Error, Visibility,
    testing::{header, page, space},
};

#[tokio::test]
async fn only_a_trustworthy_404_means_that_a_space_is_gone() {
    let (fake, registry) = harbor_of_admin().await;
    fake.json("GET /api/v2.0/projects/3", PRIVATE).await;
    fake.reply("GET /api/v2.0/projects/4", complaint(404, "NOT_FOUND", "project 4 not found")).await;
    fake.reply("GET /api/v2.0/projects/5", complaint(403, "FORBIDDEN", "forbidden")).await;
    fake.reply("GET /api/v2.0/projects/6", page(404)).await;
    fake.reply("GET /api/v2.0/projects/7", complaint(404, "NOT_FOUND", "path /api/v2.0/projects/7 was not found"))
        .await;
    fake.json("GET /api/v2.0/projects/8", PRIVATE).await;

    let found = registry.get_space("3").await.expect("an answer").expect("a space");
    assert_eq!((found.name.as_str(), found.visibility), ("acme-private", Visibility::Private));
    assert_eq!(registry.get_space("4").await.expect("an answer"), None);
    assert!(matches!(registry.get_space("5").await, Err(Error::Forbidden { .. })));
    assert!(matches!(registry.get_space("6").await, Err(Error::NotTheProduct { .. })));
    assert!(matches!(registry.get_space("7").await, Err(Error::NotTheProduct { .. })));
    assert!(matches!(registry.get_space("8").await, Err(Error::Malformed { .. })));
}

#[tokio::test]
async fn a_project_is_made_once_and_read_back() {
    let (fake, registry) = harbor_of_admin().await;
    let made = ResponseTemplate::new(201).insert_header("Location", "/api/v2.0/projects/3");
    fake.reply("POST /api/v2.0/projects", made).await;
    fake.json("GET /api/v2.0/projects/3", PRIVATE).await;
    let space = registry.create_space("acme-private", false).await.expect("a space");
    assert_eq!((space.id.as_str(), space.name.as_str()), ("3", "acme-private"));
    let sent = &fake.requests().await[0];
    assert_eq!(
        sent.body_json::<serde_json::Value>().expect("JSON"),
        serde_json::json!({"project_name": "acme-private", "metadata": {"public": "false"}})
    );
    assert_eq!(header(sent, "content-type"), "application/json");
}

#[tokio::test]
async fn a_project_called_like_a_number_is_read_by_its_name() {
    let (fake, registry) = harbor_of_admin().await;
    let made = ResponseTemplate::new(201).insert_header("Location", "/api/v2.0/projects/3");
    fake.reply("POST /api/v2.0/projects", made).await;
    fake.json("GET /api/v2.0/projects/3", PRIVATE).await;
    fake.json("GET /api/v2.0/projects/12345", &PRIVATE.replace("acme-private", "12345")).await;
    let space = registry.create_space("12345", false).await.expect("a space");
    assert_eq!(space.name, "12345");
    let requests = fake.requests().await;
    assert_eq!(header(&requests[1], "x-is-resource-name"), "");
    assert_eq!(header(&requests[2], "x-is-resource-name"), "true");
}

#[tokio::test]
async fn refusals_of_a_new_project_keep_harbors_words() {
    let (fake, registry) = harbor_of_admin().await;
    let refuse = async |reply: ResponseTemplate| {
        fake.once("POST /api/v2.0/projects", reply).await;
        registry.create_space("x", true).await.expect_err("a refusal")
    };
    let error = refuse(complaint(409, "CONFLICT", "The project named x already exists")).await;
    assert!(matches!(&error, Error::Conflict { message } if message.contains("already exists")), "{error:?}");
    let error = refuse(complaint(400, "BAD_REQUEST", "illegal characters")).await;
    assert!(matches!(&error, Error::Rejected { status: 400, .. }) && error.cause().contains("illegal"), "{error:?}");
    let error = refuse(complaint(403, "FORBIDDEN", "Only system admin can create project")).await;
    assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
    let error =
        refuse(complaint(403, "DENIED", "The system is in read only mode. Any modification is prohibited.")).await;
    assert!(matches!(error, Error::ReadOnly), "{error:?}");
    let error = refuse(complaint(500, "UNKNOWN", "internal server error")).await;
    assert!(matches!(error, Error::Unavailable { status: 500, .. }), "{error:?}");
    // Never sent again: the first one may have worked.
    assert_eq!(fake.sent().await.len(), 5);
}

#[tokio::test]
async fn visibility_is_changed_by_id_and_read_back() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply("PUT /api/v2.0/projects/3", ResponseTemplate::new(200)).await;
    fake.json("GET /api/v2.0/projects/3", &PRIVATE.replace("false", "True")).await;
    let key = space("3", "acme-private");
    let opened = registry.set_space_public(&key, true).await.expect("a space");
    assert_eq!(opened.visibility, Visibility::Public);
    assert_eq!(
        fake.requests().await[0].body_json::<serde_json::Value>().expect("JSON"),
        serde_json::json!({"metadata": {"public": "true"}})
    );
    // Harbor answers 200 to some changes that it does not make.
    let error = registry.set_space_public(&key, false).await.expect_err("no change");
    assert!(matches!(error, Error::Changed { .. }), "{error:?}");
}

#[tokio::test]
async fn deleting_is_refused_while_repositories_are_left_and_done_once_gone() {
    let (fake, registry) = harbor_of_admin().await;
    let full = "precondition failed: the project contains repositories, can not be deleted";
    fake.reply("DELETE /api/v2.0/projects/3", complaint(412, "PRECONDITION", full)).await;
    fake.reply("DELETE /api/v2.0/projects/4", complaint(404, "NOT_FOUND", "project 4 not found")).await;
    fake.reply("DELETE /api/v2.0/projects/5", ResponseTemplate::new(200)).await;
    let error = registry.delete_space(&space("3", "a")).await.expect_err("a refusal");
    assert!(matches!(&error, Error::Conflict { message } if message.contains("repositories")), "{error:?}");
    registry.delete_space(&space("4", "b")).await.expect("gone already");
    registry.delete_space(&space("5", "c")).await.expect("deleted");
}
