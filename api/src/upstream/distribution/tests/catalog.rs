//! Lists of repositories and tags.

use super::*;
use crate::upstream::{Error, testing::complaint};

#[tokio::test]
async fn a_catalog_is_read_by_its_links_however_odd_their_host() {
    let fake = Fake::start().await;
    let first = json(200, r#"{"repositories":["acme/app","acme/team/deep/app"]}"#)
        .insert_header("Link", r#"<http://internal:5000/v2/_catalog?last=acme%2Fteam%2Fdeep%2Fapp&n=2>; rel="next""#);
    fake.reply(CATALOG, first).await;
    fake.json(
        "GET /v2/_catalog?last=acme%2Fteam%2Fdeep%2Fapp&n=2",
        r#"{"repositories":["acme/team/deep/app","single"]}"#,
    )
    .await;
    let images = fake.docker(None).list_images(&everything()).await.expect("images");
    let names: Vec<&str> = images.iter().map(|image| image.repository.as_str()).collect();
    assert_eq!(names, ["acme/app", "acme/team/deep/app", "single"]);
}

#[tokio::test]
async fn a_catalog_that_refuses_the_page_size_is_read_in_smaller_pages() {
    let fake = Fake::start().await;
    fake.reply(CATALOG, complaint(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested")).await;
    fake.json("GET /v2/_catalog?n=100", r#"{"repositories":["single"]}"#).await;
    assert_eq!(fake.docker(None).list_images(&everything()).await.expect("images").len(), 1);
}

#[tokio::test]
async fn a_catalog_whose_place_is_gone_is_read_anew() {
    let fake = Fake::start().await;
    let first =
        json(200, r#"{"repositories":["a"]}"#).insert_header("Link", r#"</v2/_catalog?last=a&n=1>; rel="next""#);
    fake.reply(CATALOG, first).await;
    fake.reply("GET /v2/_catalog?last=a&n=1", complaint(400, "BAD_REQUEST", "last is gone")).await;
    fake.json("GET /v2/_catalog?n=100", r#"{"repositories":["b"]}"#).await;
    let images = fake.docker(None).list_images(&everything()).await.expect("images");
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].repository, "b");
}

#[tokio::test]
async fn a_catalog_in_a_circle_ends() {
    let fake = Fake::start().await;
    let link = r#"</v2/_catalog?last=a>; rel="next""#;
    for request in [CATALOG, "GET /v2/_catalog?last=a"] {
        fake.reply(request, json(200, r#"{"repositories":["a"]}"#).insert_header("Link", link)).await;
    }
    let error = fake.docker(None).list_images(&everything()).await.expect_err("a circle");
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    assert_eq!(fake.sent().await.len(), 2);
}

#[tokio::test]
async fn a_closed_catalog_is_said_to_be_closed() {
    for status in [403, 404, 405] {
        let fake = Fake::start().await;
        fake.reply("GET /v2/", registry(json(200, "{}"))).await;
        fake.reply(CATALOG, complaint(status, "DENIED", "no")).await;
        fake.reply("GET /v2/_catalog?n=1", complaint(status, "DENIED", "no")).await;
        let registry = fake.docker(None);
        let error = registry.list_images(&everything()).await.expect_err("closed");
        assert!(matches!(&error, Error::Forbidden { .. }) && error.cause().contains("closed"), "{error:?}");
        assert_eq!(registry.probe().await.expect("a probe").lacks, ["may not list the images"]);
    }
    // 401 for this alone.
    let fake = Fake::start().await;
    fake.json("GET /v2/", "{}").await;
    fake.reply(CATALOG, complaint(401, "UNAUTHORIZED", "no")).await;
    let error = fake.docker(None).list_images(&everything()).await.expect_err("closed");
    assert!(error.cause().contains("closed"), "{error:?}");
}

#[tokio::test]
async fn tags_stand_highest_version_first() {
    let fake = Fake::start().await;
    fake.json("GET /v2/acme/app/tags/list", r#"{"name":"acme/app","tags":["9.0","latest","10.0","1.0"]}"#).await;
    let tags = fake.docker(None).list_tags(&everything(), "acme/app").await.expect("tags");
    let names: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names, ["10.0", "9.0", "1.0", "latest"]);
    assert!(tags.iter().all(|tag| tag.digest.is_none() && tag.pushed_at.is_none()));
}

#[tokio::test]
async fn a_repository_without_tags_has_none() {
    let fake = Fake::start().await;
    fake.json("GET /v2/acme/gone/tags/list", r#"{"name":"acme/gone","tags":null}"#).await;
    let unknown = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry","detail":{"name":"acme/nosuch"}}]}"#;
    fake.reply("GET /v2/acme/nosuch/tags/list", json(404, unknown)).await;
    fake.reply("GET /v2/acme/page/tags/list", page(404)).await;
    let registry = fake.docker(None);
    assert_eq!(registry.list_tags(&everything(), "acme/gone").await.expect("tags"), []);
    assert_eq!(registry.list_tags(&everything(), "acme/nosuch").await.expect("tags"), []);
    let error = registry.list_tags(&everything(), "acme/page").await.expect_err("not a registry's 404");
    assert!(matches!(error, Error::NotTheProduct { .. }), "{error:?}");
}

#[tokio::test]
async fn an_empty_page_with_a_link_is_not_the_end() {
    let fake = Fake::start().await;
    let first =
        json(200, r#"{"repositories":[]}"#).insert_header("Link", r#"</v2/_catalog?next_page=t0k3n>; rel="next""#);
    fake.reply(CATALOG, first).await;
    fake.json("GET /v2/_catalog?next_page=t0k3n", r#"{"repositories":["a"]}"#).await;
    let images = fake.docker(None).list_images(&everything()).await.expect("images");
    assert_eq!(images.len(), 1);
}

#[tokio::test]
async fn all_images_are_of_the_one_space() {
    let fake = Fake::start().await;
    fake.json(CATALOG, r#"{"repositories":["acme/app","single"]}"#).await;
    let images = fake.docker(None).list_all_images().await.expect("images");
    let names: Vec<_> = images.iter().map(|(id, image)| (id.as_str(), image.repository.as_str())).collect();
    assert_eq!(names, [("/", "acme/app"), ("/", "single")]);
}

#[tokio::test]
async fn one_image_is_there_if_it_has_a_list_of_tags() {
    let fake = Fake::start().await;
    fake.json("GET /v2/acme/app/tags/list?n=1", r#"{"name":"acme/app","tags":["1.0"]}"#).await;
    fake.json("GET /v2/acme/emptied/tags/list?n=1", r#"{"name":"acme/emptied","tags":null}"#).await;
    fake.reply("GET /v2/acme/nosuch/tags/list?n=1", complaint(404, "NAME_UNKNOWN", "not known to registry")).await;
    fake.reply("GET /v2/acme/odd/tags/list?n=1", complaint(404, "NOT_FOUND", "no")).await;
    fake.reply("GET /v2/acme/page/tags/list?n=1", page(404)).await;
    fake.reply("GET /v2/acme/login/tags/list?n=1", page(200)).await;
    let registry = fake.docker(None);
    let get = async |repository: &str| registry.get_image(&everything(), repository).await;
    assert_eq!(get("acme/app").await.expect("an answer").expect("an image").repository, "acme/app");
    assert!(get("acme/emptied").await.expect("an answer").is_some());
    assert_eq!(get("acme/nosuch").await.expect("an answer"), None);
    assert_eq!(get("../nosuch").await.expect("an answer"), None);
    assert!(matches!(get("acme/odd").await, Err(Error::Rejected { status: 404, .. })));
    assert!(matches!(get("acme/page").await, Err(Error::NotTheProduct { .. })));
    assert!(matches!(get("acme/login").await, Err(Error::NotTheProduct { .. })));
    assert_eq!(fake.sent().await.len(), 6);
}
