//! What was read becomes rows, and overwrites nothing that is newer.

use super::super::images::key;
use super::super::keep::{Extent, Read, snapshot};
use super::super::reading::Reading;
use super::*;
use crate::upstream::Image;

fn image(repository: &str, artifacts: i64) -> Image {
    Image {
        repository: repository.to_owned(),
        description: None,
        artifact_count: Some(artifacts),
        pull_count: None,
        updated_at: None,
    }
}

async fn begin(scene: &Scene) -> (Reading, Arc<Directory>) {
    let directory = scene.directory().await;
    let Ok(reading) = Reading::begin(&scene.storage, &directory, scene.registry, None) else {
        panic!("the registry is there")
    };
    (reading, directory)
}

fn read(scene: &Scene, directory: &Directory, images: Vec<Image>) -> Read {
    Read {
        space: directory.spaces.find(scene.space).unwrap().clone(),
        before: directory.catalog.get(scene.space).cloned(),
        now: Arc::new(snapshot(images)),
        extent: Extent::Whole,
    }
}

async fn keep(scene: &Scene, images: Vec<Image>) {
    let (reading, directory) = begin(scene).await;
    assert!(reading.keep(&[read(scene, &directory, images)]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_large_space_is_written_in_pieces_and_known_with_the_last() {
    let scene = Scene::new().await;
    let all: Vec<Image> = (0..2_500).map(|number| image(&format!("app-{number:04}"), 1)).collect();
    let before = scene.storage.epoch().await.unwrap().version();
    keep(&scene, all.clone()).await;
    assert_eq!(scene.storage.epoch().await.unwrap().version() - before, 3);
    assert_eq!(scene.images().await.unwrap().len(), 2_500);
    let row = scene.directory().await.spaces.find(scene.space).unwrap().clone();
    assert_eq!((row.image_count, row.images_as_of.is_some()), (Some(2_500), true));

    // The same once more is no write; half of it is deletions, of two rows each.
    keep(&scene, all.clone()).await;
    assert_eq!(scene.storage.epoch().await.unwrap().version() - before, 3);
    keep(&scene, all[..1_250].to_vec()).await;
    assert_eq!(scene.storage.epoch().await.unwrap().version() - before, 3 + 3);
    assert_eq!(scene.images().await.unwrap().len(), 1_250);
    assert_eq!(scene.rows().await.len(), 1_250);
}

#[tokio::test]
async fn what_another_wrote_or_deleted_since_the_reading_began_stays() {
    let scene = Scene::new().await;
    keep(&scene, vec![image("api", 1), image("old", 1), image("web", 1)]).await;
    let (late, directory) = begin(&scene).await;
    // Read later, written earlier.
    keep(&scene, vec![image("api", 3), image("new", 3), image("web", 1)]).await;
    let left = late.keep(&[read(&scene, &directory, vec![image("api", 2), image("old", 2), image("web", 2)])]).await;
    let mut left: Vec<String> = left.unwrap().into_iter().map(|(_, repository)| repository).collect();
    left.sort();
    assert_eq!(left, ["api", "old"]);
    assert_eq!(scene.images().await.unwrap(), ["api 3", "new 3", "web 2"]);
}

#[tokio::test]
async fn a_first_reading_that_comes_second_says_nothing() {
    let scene = Scene::new().await;
    let (late, directory) = begin(&scene).await;
    keep(&scene, vec![image("api", 1)]).await;
    late.keep(&[read(&scene, &directory, vec![image("api", 1), image("gone", 1)])]).await.unwrap();
    assert_eq!(scene.images().await.unwrap(), ["api 1"]);
}

#[tokio::test]
async fn a_first_reading_that_was_cut_off_is_finished_by_the_next() {
    let scene = Scene::new().await;
    // As after the first piece of a large space.
    let write = scene.storage.write(Raises::Content).await.unwrap();
    for name in ["api", "gone"] {
        let row = image::ActiveModel {
            space_id: Set(scene.space),
            repository: Set(name.to_owned()),
            artifact_count: Set(Some(1)),
            version: Set(write.version()),
            ..Default::default()
        };
        image::Entity::insert(row).exec_without_returning(write.tx()).await.unwrap();
    }
    write.commit().await.unwrap();
    assert_eq!(scene.images().await, None);
    let before = scene.rows().await;
    keep(&scene, vec![image("api", 1), image("web", 1)]).await;
    assert_eq!(scene.images().await.unwrap(), ["api 1", "web 1"]);
    assert_eq!(scene.rows().await[0], before[0], "what was right is not written again");
}

#[tokio::test]
async fn a_failure_is_written_once_and_cleared_by_the_next_reading() {
    let scene = Scene::new().await;
    keep(&scene, vec![image("api", 1)]).await;
    let known_at = scene.directory().await.spaces.find(scene.space).unwrap().images_as_of.unwrap();
    let confirmed_at = known_at + TimeDelta::seconds(30);
    let mark = async || {
        let (reading, directory) = begin(&scene).await;
        let row = directory.spaces.find(scene.space).unwrap();
        assert_eq!(key(row).name, "team");
        reading.mark(row, &upstream::Error::NotFound, Some(confirmed_at)).await.unwrap();
    };
    mark().await;
    let epoch = scene.storage.epoch().await.unwrap();
    mark().await;
    assert_eq!(scene.storage.epoch().await.unwrap(), epoch);
    let row = scene.directory().await.spaces.find(scene.space).unwrap().clone();
    assert_eq!(row.images_failure, Some(::entity::registry::Failure::Gone));
    assert_eq!(row.images_as_of, Some(confirmed_at));
    keep(&scene, vec![image("api", 1)]).await;
    let row = scene.directory().await.spaces.find(scene.space).unwrap().clone();
    assert_eq!((row.images_failure, row.images_error.as_deref()), (None, None));
}

#[tokio::test]
async fn many_who_ask_for_a_space_that_was_never_read_cause_one_reading() {
    let scene = Scene::new().await;
    scene.holds(&[("api", 1), ("web", 1)]).await;
    let reads = futures_util::future::join_all((0..20).map(|_| scene.first_images())).await;
    assert_eq!(reads, [2; 20]);
    assert_eq!(scene.requests().await, 1);
    assert_eq!(scene.images().await.unwrap().len(), 2);
}
