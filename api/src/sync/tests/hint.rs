//! Hints are followed soon, and never believed.

use super::*;

#[tokio::test]
async fn a_hint_has_one_repository_read_again() {
    let scene = Scene::new().await;
    scene.holds(&[("api", 1), ("web", 1)]).await;
    assert_eq!(scene.first_images().await, 2);
    scene.tells("api", Some(2)).await;
    scene.tells("web", None).await;
    scene.tells("new", Some(7)).await;
    let before = scene.requests().await;
    for repository in ["api", "web", "new"] {
        scene.sync.hint(scene.registry, scene.space, Some(repository.to_owned()));
    }
    scene.becomes(&["api 2", "new 7"]).await;
    assert!(scene.requests().await - before <= 4, "each is read by itself, and at most once more");
}

#[tokio::test]
async fn a_hint_that_changes_nothing_raises_no_epoch() {
    let scene = Scene::new().await;
    scene.holds(&[("api", 1)]).await;
    scene.first_images().await;
    scene.tells("api", Some(1)).await;
    let (before, asked) = (scene.storage.epoch().await.unwrap(), scene.requests().await);
    scene.sync.hint(scene.registry, scene.space, Some("api".to_owned()));
    while scene.requests().await == asked || !scene.sync.inner.hints.is_idle() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(scene.storage.epoch().await.unwrap(), before);
}

#[tokio::test]
async fn a_hint_of_a_whole_space_reads_it_also_for_the_first_time() {
    let scene = Scene::new().await;
    scene.holds(&[("api", 1), ("web", 1)]).await;
    scene.sync.hint(scene.registry, scene.space, None);
    scene.becomes(&["api 1", "web 1"]).await;
}

#[tokio::test]
async fn many_hints_cost_few_requests() {
    let scene = Scene::new().await;
    scene.holds(&[("api", 1)]).await;
    scene.first_images().await;
    scene.tells("api", Some(2)).await;
    let before = scene.requests().await;
    for _ in 0..500 {
        scene.sync.hint(scene.registry, scene.space, Some("api".to_owned()));
    }
    scene.becomes(&["api 2"]).await;
    assert!(scene.requests().await - before <= 2);
}
