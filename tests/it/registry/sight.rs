//! Who sees which registry, and what of it.

use serde_json::{Value, json};
use tests::gateway::{Client, World};

const SETTINGS: &str = "address username createdBy tls { verify } sync { inProgress } health { cause privilege }";

async fn names(viewer: &Client) -> Vec<String> {
    let mut names = viewer.ask("{ registries { nodes { name } } }").await.strings("registries.nodes", "name");
    names.sort();
    names
}

#[tokio::test]
async fn lists_hold_what_the_viewer_may_see() {
    let world = World::start().await;
    assert_eq!(names(&world.admin).await, ["main", "own"]);
    assert_eq!(names(&world.gateway.as_member("shop", "viewer")).await, ["main", "own"]);
    assert_eq!(names(&world.gateway.as_member("payments", "admin")).await, ["main"]);
    assert_eq!(names(&world.gateway.as_outsider()).await, ["main"]);
    let count = world.gateway.as_outsider().ask("{ registries { totalCount } }").await;
    assert_eq!(count.data("registries.totalCount"), 1);
}

#[tokio::test]
async fn a_registry_without_anything_visible_is_not_there() {
    let world = World::start().await;
    let library = world.space("library").await;
    world.admin.set_public(&library, false).await.succeeded();
    assert!(names(&world.gateway.as_outsider()).await.is_empty());
    assert_eq!(names(&world.gateway.as_member("payments", "viewer")).await, ["main"]);
    let document = "query ($id: ID!) { registry(id: $id) { name } }";
    let reply = world.gateway.as_outsider().query(document, json!({ "id": world.main })).await;
    assert_eq!(reply.data("registry"), &Value::Null);
}

#[tokio::test]
async fn settings_are_null_to_those_who_may_not_read_them() {
    let world = World::start().await;
    let document = format!(
        "query ($id: ID!) {{ registry(id: $id) {{ name host kind scope health {{ state checkedAt }} {SETTINGS} }} }}"
    );
    for viewer in [world.gateway.as_outsider(), world.gateway.as_member("payments", "admin")] {
        let reply = viewer.query(&document, json!({ "id": world.main })).await;
        assert_eq!(reply.data("registry.name"), "main");
        assert_eq!(reply.data("registry.health.state"), "HEALTHY");
        assert!(reply.data("registry.health.checkedAt").is_string());
        for field in ["address", "username", "createdBy", "tls", "sync", "health.cause", "health.privilege"] {
            assert_eq!(reply.data(&format!("registry.{field}")), &Value::Null, "{field}");
        }
    }
    for (viewer, id) in [
        (world.admin.clone(), &world.main),
        (world.gateway.as_member("shop", "viewer"), &world.own),
        (world.gateway.as_member("shop", "admin"), &world.own),
    ] {
        let reply = viewer.query(&document, json!({ "id": id })).await;
        for field in ["address", "tls", "sync", "health.privilege"] {
            assert_ne!(reply.data(&format!("registry.{field}")), &Value::Null, "{field}");
        }
    }
}

#[tokio::test]
async fn a_registry_shows_each_viewer_the_spaces_that_reach_them() {
    let world = World::start().await;
    let document = "query ($id: ID!) { registry(id: $id) { spaces { totalCount nodes { name } } } }";
    for (viewer, expected) in [
        (world.admin.clone(), vec!["cart", "library", "pay", "vault"]),
        (world.gateway.as_member("payments", "viewer"), vec!["library", "pay"]),
        (world.gateway.as_member("shop", "admin"), vec!["cart", "library"]),
        (world.gateway.as_outsider(), vec!["library"]),
    ] {
        let reply = viewer.query(document, json!({ "id": world.main })).await;
        assert_eq!(reply.strings("registry.spaces.nodes", "name"), expected);
        assert_eq!(reply.data("registry.spaces.totalCount"), expected.len());
    }
}

#[tokio::test]
async fn what_a_viewer_can_do_is_said() {
    let world = World::start().await;
    let document = "query ($id: ID!) { registry(id: $id) { viewerCan { update remove createSpace bindSpaces } } }";
    for (viewer, id, expected) in [
        (world.admin.clone(), &world.main, [true, true, true, true]),
        (world.admin.clone(), &world.own, [true, true, true, false]),
        (world.gateway.as_member("shop", "admin"), &world.own, [true, true, true, false]),
        (world.gateway.as_member("shop", "editor"), &world.own, [false, false, false, false]),
        (world.gateway.as_member("shop", "admin"), &world.main, [false, false, false, false]),
        (world.gateway.as_outsider(), &world.main, [false, false, false, false]),
    ] {
        let reply = viewer.query(document, json!({ "id": id })).await;
        let [update, remove, create, bind] = expected;
        let expected = json!({ "update": update, "remove": remove, "createSpace": create, "bindSpaces": bind });
        assert_eq!(reply.data("registry.viewerCan"), &expected);
    }
}

#[tokio::test]
async fn registries_can_be_searched_filtered_ordered_and_paged() {
    let world = World::start().await;
    for (arguments, expected) in [
        (r#"filter: { search: "MAI" }"#, vec!["main"]),
        ("filter: { scope: WORKSPACE }", vec!["own"]),
        ("filter: { kind: DOCKER_REGISTRY }", vec![]),
        ("filter: { health: [HEALTHY] }", vec!["main", "own"]),
        ("filter: { health: [UNREACHABLE] }", vec![]),
        ("orderBy: { field: NAME, direction: DESC }", vec!["own", "main"]),
        ("orderBy: { field: CREATED_AT }", vec!["main", "own"]),
        ("first: 1", vec!["main"]),
        ("last: 1", vec!["own"]),
    ] {
        let reply = world.admin.ask(&format!("{{ registries({arguments}) {{ nodes {{ name }} }} }}")).await;
        assert_eq!(reply.strings("registries.nodes", "name"), expected, "{arguments}");
    }
    let document = "query ($id: ID!) { registries(filter: { workspaceId: $id }) { nodes { name } } }";
    let reply = world.admin.query(document, json!({ "id": world.shop })).await;
    assert_eq!(reply.strings("registries.nodes", "name"), ["own"]);
}
