//! Lists that are whole, and those that are not.

use super::*;
use crate::upstream::{Error, Space, Visibility};

#[tokio::test]
async fn a_list_of_projects_is_read_by_pages_to_its_end() {
    let (fake, registry) = harbor_of_admin().await;
    let rows: Vec<String> =
        (1..=100).map(|id| LIBRARY.replace(r#""project_id":1"#, &format!(r#""project_id":{id}"#))).collect();
    fake.reply(PROJECTS, counted(101, &format!("[{}]", rows.join(",")))).await;
    fake.reply(PROJECTS_2, counted(101, r#"[{"project_id":400,"name":"nometa","registry_id":7}]"#)).await;
    let spaces = registry.list_spaces().await.expect("spaces");
    assert_eq!(spaces.len(), 101);
    assert_eq!(
        spaces[100],
        Space {
            id: "400".to_owned(),
            name: "nometa".to_owned(),
            // Nothing says that it is public.
            visibility: Visibility::Private,
            is_proxy_cache: true,
            image_count: None,
            created_at: None,
        }
    );
    assert_eq!(spaces[0].visibility, Visibility::Public);
    assert_eq!(spaces[0].image_count, Some(3));
    assert_eq!(fake.sent().await, [PROJECTS, PROJECTS_2]);
}

#[tokio::test]
async fn pages_shorter_than_asked_for_are_not_the_end() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(PROJECTS, counted(2, &format!("[{LIBRARY}]"))).await;
    fake.reply(PROJECTS_2, counted(2, &format!("[{PRIVATE}]"))).await;
    assert_eq!(registry.list_spaces().await.expect("spaces").len(), 2);
}

#[tokio::test]
async fn a_list_without_a_count_ends_with_an_empty_page() {
    let (fake, registry) = harbor_of_admin().await;
    fake.json(PROJECTS, &format!("[{LIBRARY},{PRIVATE}]")).await;
    fake.json(PROJECTS_2, "[]").await;
    assert_eq!(registry.list_spaces().await.expect("spaces").len(), 2);
}

#[tokio::test]
async fn a_list_that_changed_is_read_once_more() {
    let (fake, registry) = harbor_of_admin().await;
    fake.once(PROJECTS, counted(3, &format!("[{LIBRARY}]"))).await;
    fake.once(PROJECTS_2, counted(2, &format!("[{PRIVATE}]"))).await;
    fake.once("GET /api/v2.0/projects?page=3&page_size=100&sort=project_id&with_detail=true", counted(2, "[]")).await;
    fake.reply(PROJECTS, counted(2, &format!("[{LIBRARY},{PRIVATE}]"))).await;
    assert_eq!(registry.list_spaces().await.expect("spaces").len(), 2);
}

#[tokio::test]
async fn a_list_that_stays_short_is_an_error() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(PROJECTS, counted(3, &format!("[{LIBRARY}]"))).await;
    // A proxy that gives the first page for every page.
    fake.reply(PROJECTS_2, counted(3, &format!("[{LIBRARY}]"))).await;
    let error = registry.list_spaces().await.expect_err("a short list");
    assert!(matches!(error, Error::Changed { .. }) && error.is_retryable(), "{error:?}");
    assert_eq!(fake.sent().await.len(), 4);
}

#[tokio::test]
async fn a_count_that_is_too_low_hides_nothing() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(PROJECTS, counted(1, &format!("[{LIBRARY},{PRIVATE}]"))).await;
    fake.reply(PROJECTS_2, counted(1, "[]")).await;
    assert_eq!(registry.list_spaces().await.expect("spaces").len(), 2);
}

#[tokio::test]
async fn a_list_shown_to_everybody_is_taken_for_what_it_is() {
    let (fake, registry) = harbor().await;
    // What Harbor shows to whoever has a wrong password; whether that is so is for a check to find out.
    fake.reply(PROJECTS, counted(1, &format!("[{LIBRARY}]"))).await;
    let spaces = registry.list_spaces().await.expect("spaces");
    assert_eq!((spaces.len(), spaces[0].visibility), (1, Visibility::Public));
    assert_eq!(fake.sent_as().await, [format!("{PROJECTS} basic")]);
}

#[tokio::test]
async fn a_broken_reply_is_asked_for_once_more() {
    let (fake, registry) = harbor_of_admin().await;
    fake.once(PROJECTS, counted(1, r#"[{"project_id":1,"#)).await;
    fake.reply(PROJECTS, counted(1, &format!("[{LIBRARY}]"))).await;
    assert_eq!(registry.list_spaces().await.expect("spaces").len(), 1);
}
