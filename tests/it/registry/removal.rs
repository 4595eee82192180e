//! Removing a registry, which never touches the registry itself.

use serde_json::{Value, json};
use tests::gateway::{Client, Reply, World};

async fn remove(viewer: &Client, id: &str, force: bool) -> Reply {
    let document =
        "mutation ($input: RemoveRegistryInput!) { removeRegistry(input: $input) { removedId removedBindings } }";
    viewer.query(document, json!({ "input": { "id": id, "force": force } })).await
}

#[tokio::test]
async fn removing_a_registry_with_bindings_names_who_depends_on_it() {
    let world = World::start().await;
    let before = world.gateway.database().row_counts().await;
    let reply = remove(&world.admin, &world.main, false).await;
    reply.refused("CONFLICT");
    for dependant in ["payments", "shop"] {
        assert!(reply.message().contains(dependant), "{}", reply.message());
    }
    let after = world.gateway.database().row_counts().await;
    assert_eq!(super::unaudited(after), super::unaudited(before));
    assert_eq!(world.admin.selector("pay-prod").await.total(), 4);
}

#[tokio::test]
async fn force_removes_the_registry_its_spaces_and_bindings_and_leaves_harbor_alone() {
    let world = World::start().await;
    let projects = world.harbor.projects();
    world.harbor.clear_requests();
    let reply = remove(&world.admin, &world.main, true).await;
    assert_eq!(reply.data("removeRegistry.removedId"), &json!(world.main));
    assert_eq!(reply.data("removeRegistry.removedBindings"), 2);
    assert_eq!(world.harbor.projects(), projects);
    assert!(world.harbor.requests().iter().all(|request| request.starts_with("GET")), "{:?}", world.harbor.requests());

    assert_eq!(world.admin.selector("pay-prod").await.total(), 0);
    let gone = world.admin.query("query ($id: ID!) { registry(id: $id) { name } }", json!({ "id": world.main })).await;
    assert_eq!(gone.data("registry"), &Value::Null);
    remove(&world.admin, &world.main, true).await.refused("NOT_FOUND");
}

#[tokio::test]
async fn a_registry_without_bindings_goes_without_force() {
    let world = World::start().await;
    let lead = world.gateway.as_member("shop", "admin");
    remove(&lead, &world.own, false).await.succeeded();
    assert_eq!(lead.selector("shop-prod").await.total(), 3);
}

#[tokio::test]
async fn a_registry_that_was_removed_can_be_integrated_again() {
    let world = World::start().await;
    remove(&world.admin, &world.main, true).await.succeeded();
    let again = world.admin.integrate_harbor("main", &world.harbor).await;
    assert_ne!(again, world.main);
    assert_eq!(world.gateway.as_outsider().selector("stray").await.total(), 2);
    // Bindings ended with the old one.
    assert_eq!(world.admin.selector("pay-prod").await.total(), 2);
}

#[tokio::test]
async fn who_may_not_remove_is_told_so_or_nothing() {
    let world = World::start().await;
    for viewer in [world.gateway.as_member("shop", "admin"), world.gateway.as_outsider()] {
        remove(&viewer, &world.main, true).await.refused("FORBIDDEN");
    }
    remove(&world.gateway.as_member("shop", "viewer"), &world.own, true).await.refused("FORBIDDEN");
    remove(&world.gateway.as_outsider(), &world.own, true).await.refused("NOT_FOUND");
    assert_eq!(world.admin.selector("shop-prod").await.total(), 5);
}
