//! Images of all projects at once, and single ones read again.

use super::*;
use crate::upstream::{
    Error,
    testing::{page, space},
};

const ALL: &str = "GET /api/v2.0/repositories?page=1&page_size=100&sort=repository_id";
const RECENT: &str = "GET /api/v2.0/repositories?page=3&page_size=100&sort=-update_time,-repository_id";
const ONE: &str = "GET /api/v2.0/projects/acme-private/repositories?page=1&page_size=100\
                   &q=name%3Dacme-private%2Fteam%2Fapp&sort=repository_id";

fn row(id: i64, name: &str, project: i64, updated: &str) -> String {
    format!(
        r#"{{"artifact_count":1,"id":{id},"name":"{name}","project_id":{project},"pull_count":0,"update_time":"{updated}"}}"#
    )
}

fn rows(rows: &[String]) -> String {
    format!("[{}]", rows.join(","))
}

fn names(images: &[(String, crate::upstream::Image)]) -> Vec<(&str, &str)> {
    images.iter().map(|(id, image)| (id.as_str(), image.repository.as_str())).collect()
}

const EARLY: &str = "2026-11-21T02:07:14.000Z";
const LATE: &str = "2026-11-21T02:07:15.000Z";
const NEVER: &str = "0001-01-01T00:00:00.000Z";

#[tokio::test]
async fn all_images_come_in_one_list_with_their_spaces() {
    let (fake, registry) = harbor_of_admin().await;
    let all = [
        row(1, "library/hello", 1, LATE),
        row(2, "acme-private/team/app", 3, EARLY),
        row(3, "acme-private/app", 3, EARLY),
    ];
    fake.reply(ALL, counted(3, &rows(&all))).await;
    let images = registry.list_all_images().await.expect("images");
    assert_eq!(names(&images), [("1", "hello"), ("3", "app"), ("3", "team/app")]);
    assert_eq!(images[1].1.artifact_count, Some(1));
    assert_eq!(fake.sent_as().await, [format!("{ALL} basic")]);
}

#[tokio::test]
async fn a_list_of_all_images_is_whole_or_none() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(ALL, counted(5, &rows(&[row(1, "library/hello", 1, LATE)]))).await;
    fake.reply(&ALL.replace("page=1&", "page=2&"), counted(5, "[]")).await;
    let error = registry.list_all_images().await.expect_err("a short list");
    assert!(matches!(error, Error::Changed { .. }), "{error:?}");

    let (fake, registry) = harbor_of_admin().await;
    fake.reply(ALL, counted(1, &rows(&[row(1, "library", 1, LATE)]))).await;
    let error = registry.list_all_images().await.expect_err("a bad name");
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
}

#[tokio::test]
async fn the_last_changed_come_by_the_page() {
    let (fake, registry) = harbor_of_admin().await;
    let page = [row(7, "library/new", 1, NEVER), row(2, "library/hello", 1, LATE), row(1, "acme/app", 3, EARLY)];
    fake.reply(RECENT, counted(203, &rows(&page))).await;
    let recent = registry.recent_images(3).await.expect("images");
    assert_eq!(names(&recent.images), [("1", "new"), ("1", "hello"), ("3", "app")]);
    assert_eq!(recent.total, Some(203));
    assert_eq!(fake.sent_as().await, [format!("{RECENT} basic")]);
}

#[tokio::test]
async fn another_order_is_not_taken_for_the_last_changes() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(RECENT, counted(2, &rows(&[row(1, "acme/app", 3, EARLY), row(2, "acme/web", 3, LATE)]))).await;
    let error = registry.recent_images(3).await.expect_err("another order");
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
}

#[tokio::test]
async fn one_image_is_read_off_the_list() {
    let (fake, registry) = harbor_of_admin().await;
    let key = space("3", "acme-private");
    fake.once(ONE, counted(1, &rows(&[row(2, "acme-private/team/app", 3, LATE)]))).await;
    fake.reply(ONE, counted(0, "[]")).await;
    let image = registry.get_image(&key, "team/app").await.expect("an answer").expect("an image");
    assert_eq!((image.repository.as_str(), image.artifact_count), ("team/app", Some(1)));
    assert_eq!(registry.get_image(&key, "team/app").await.expect("an answer"), None);
    assert_eq!(registry.get_image(&key, "../x").await.expect("an answer"), None);
    assert_eq!(fake.sent().await, [ONE, ONE]);
}

#[tokio::test]
async fn a_filter_that_is_ignored_costs_the_whole_list_and_finds_the_image() {
    let (fake, registry) = harbor_of_admin().await;
    let key = space("3", "acme-private");
    let first: Vec<String> = (1..=100).map(|id| row(id, &format!("acme-private/app-{id}"), 3, EARLY)).collect();
    fake.reply(ONE, counted(101, &rows(&first))).await;
    let second = ONE.replace("page=1&", "page=2&");
    fake.once(&second, counted(101, &rows(&[row(200, "acme-private/team/app", 3, EARLY)]))).await;
    assert!(registry.get_image(&key, "team/app").await.expect("an answer").is_some());
    fake.reply(&second, counted(101, &rows(&[row(200, "acme-private/team/app2", 3, EARLY)]))).await;
    assert_eq!(registry.get_image(&key, "team/app").await.expect("an answer"), None);
    assert_eq!(fake.sent().await.len(), 4);
}

#[tokio::test]
async fn an_image_of_a_space_made_anew_is_not_the_one_asked_for() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(ONE, counted(1, &rows(&[row(2, "acme-private/team/app", 211, LATE)]))).await;
    let error = registry.get_image(&space("3", "acme-private"), "team/app").await.expect_err("another project");
    assert!(error.is_not_found(), "{error:?}");

    let (fake, registry) = harbor_of_admin().await;
    fake.reply(ONE, page(404)).await;
    let error = registry.get_image(&space("3", "acme-private"), "team/app").await.expect_err("a page");
    assert!(matches!(error, Error::NotTheProduct { .. }), "{error:?}");
}
