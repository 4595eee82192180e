//! What everybody is shown, asked for without the account.

use super::*;
use crate::upstream::{Error, testing::page};

fn project(id: i64) -> String {
    format!("GET /api/v2.0/projects/{id}")
}

#[tokio::test]
async fn public_spaces_are_listed_without_the_account() {
    let (fake, registry) = harbor().await;
    // Nothing private is shown to everybody, and if it were it would not be taken for public.
    fake.reply(PROJECTS, counted(2, &format!("[{LIBRARY},{PRIVATE}]"))).await;
    let spaces = registry.list_public_spaces().await.expect("spaces");
    let names: Vec<&str> = spaces.iter().map(|space| space.name.as_str()).collect();
    assert_eq!(names, ["library"]);
    assert_eq!(fake.sent_as().await, [format!("{PROJECTS} -")]);
}

#[tokio::test]
async fn only_what_harbor_says_makes_a_space_private() {
    let (fake, registry) = harbor().await;
    fake.json(&project(1), LIBRARY).await;
    fake.json(&project(3), PRIVATE).await;
    fake.reply(&project(4), unauthorized()).await;
    fake.reply(&project(5), complaint(403, "FORBIDDEN", "forbidden")).await;
    fake.reply(&project(6), complaint(404, "NOT_FOUND", "project 6 not found")).await;
    assert!(registry.is_public("1").await.expect("an answer"));
    for id in ["3", "4", "5", "6"] {
        assert!(!registry.is_public(id).await.expect("an answer"), "{id}");
    }

    fake.reply(&project(7), page(401)).await;
    fake.reply(&project(8), page(403)).await;
    fake.reply(&project(9), page(404)).await;
    fake.reply(&project(10), complaint(404, "NOT_FOUND", "path /api/v2.0/projects/10 was not found")).await;
    fake.json(&project(11), LIBRARY).await;
    fake.reply(&project(12), page(200)).await;
    for id in ["7", "8", "9", "10", "11", "12", "x"] {
        let error = registry.is_public(id).await.expect_err("no answer of Harbor");
        assert!(!error.is_unauthorized(), "{id}: {error:?}");
    }
    // A refusal is not looked into either: that would take the account.
    assert!(fake.sent_as().await.iter().all(|sent| sent.ends_with(" -")));
    assert_eq!(fake.sent().await.len(), 11);
}

#[tokio::test]
async fn a_login_in_front_says_nothing_of_the_account() {
    let (fake, registry) = harbor().await;
    fake.reply(PROJECTS, page(401)).await;
    let error = registry.list_public_spaces().await.expect_err("a login");
    assert!(matches!(error, Error::NotTheProduct { .. }), "{error:?}");
    assert_eq!(fake.sent_as().await, [format!("{PROJECTS} -")]);
}
