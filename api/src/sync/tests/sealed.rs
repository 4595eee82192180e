//! Sealing again: what others have changed meanwhile stays as they left it.

use super::super::sealed::{Replacement, replace};
use super::*;

async fn row(scene: &Scene) -> registry::Model {
    registry::Entity::find_by_id(scene.registry).one(scene.storage.connection()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_secret_is_replaced_only_where_it_is_the_one_that_was_read() {
    let scene = Scene::new().await;
    let old = scene.sync.inner.vault.seal(&"hunter2".into(), &webhook_context(scene.registry));
    let write = scene.storage.write(Raises::Access).await.unwrap();
    let secret = registry::ActiveModel {
        id: Set(scene.registry),
        webhook_secret: Set(Some(old.clone())),
        version: Set(write.version()),
        ..Default::default()
    };
    registry::Entity::update(secret).exec(write.tx()).await.unwrap();
    write.commit().await.unwrap();
    let before = row(&scene).await;
    scene.directory().await;
    let replacement = |old: &[u8]| Replacement {
        registry: scene.registry,
        secret: Secret::WebhookSecret,
        old: old.to_vec(),
        new: vec![9],
    };
    assert_eq!(replace(&scene.storage, &[replacement(b"another")]).await.unwrap(), 0);
    assert_eq!(row(&scene).await, before);

    assert_eq!(replace(&scene.storage, &[replacement(b"another"), replacement(&old)]).await.unwrap(), 1);
    let after = row(&scene).await;
    assert_eq!((after.webhook_secret.as_deref(), after.updated_at), (Some(&[9][..]), before.updated_at));
    assert!(after.version > before.version);
    let newest = scene.directory().await;
    assert_eq!(
        newest.registries.find(scene.registry).unwrap().webhook_secret.as_deref(),
        Some(&[9][..]),
        "mirrors read it again"
    );

    // What cannot be opened is left alone, and told.
    let vault = Vault::new(&[Key::generate()]);
    let done = reseal(&scene.storage, &vault).await.unwrap();
    assert_eq!((done.sealed, done.contested, done.unopened.len()), (0, 0, 1));
    assert_eq!(list_unopened(&scene.storage, &vault).await.unwrap(), done.unopened);
    assert_eq!(row(&scene).await, after);
}
