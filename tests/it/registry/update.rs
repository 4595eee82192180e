//! Changing a registry's settings.

use serde_json::{Value, json};
use tests::{
    gateway::{Client, Reply, World},
    harbor::SimulatedHarbor,
};

async fn update(viewer: &Client, input: Value) -> Reply {
    let document = "mutation ($input: UpdateRegistryInput!) { updateRegistry(input: $input) {
        registry { id name description address host username health { state } } } }";
    viewer.query(document, json!({ "input": input })).await
}

#[tokio::test]
async fn name_and_description_change_and_null_clears() {
    let world = World::start().await;
    let input = json!({ "id": world.main, "name": "renamed", "description": "of the platform" });
    let reply = update(&world.admin, input).await;
    assert_eq!(reply.data("updateRegistry.registry.name"), "renamed");
    assert_eq!(reply.data("updateRegistry.registry.description"), "of the platform");

    let reply = update(&world.admin, json!({ "id": world.main, "description": null })).await;
    assert_eq!(reply.data("updateRegistry.registry.description"), &Value::Null);
    assert_eq!(reply.data("updateRegistry.registry.name"), "renamed");
}

#[tokio::test]
async fn stored_credentials_never_go_to_a_new_origin() {
    let world = World::start().await;
    let elsewhere = SimulatedHarbor::start().await;
    let reply = update(&world.admin, json!({ "id": world.main, "address": elsewhere.url() })).await;
    reply.refused("BAD_USER_INPUT");
    assert_eq!(reply.field(), Some("password"));
    assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());

    let input = json!({ "id": world.main, "address": elsewhere.url(), "password": SimulatedHarbor::ADMIN_PASSWORD });
    let reply = update(&world.admin, input).await;
    assert_eq!(reply.data("updateRegistry.registry.host"), &json!(elsewhere.host()));
}

#[tokio::test]
async fn changes_that_could_leak_the_password_need_it_again() {
    let world = World::start().await;
    for change in [
        json!({ "username": "another" }),
        json!({ "address": format!("{}/harbor", world.harbor.url()) }),
        json!({ "tls": { "verify": false } }),
    ] {
        let mut input = change.clone();
        input["id"] = json!(world.main);
        let reply = update(&world.admin, input).await;
        reply.refused("BAD_USER_INPUT");
        assert_eq!(reply.field(), Some("password"), "{change}");
    }
}

#[tokio::test]
async fn a_wrong_new_password_changes_nothing() {
    let world = World::start().await;
    let reply = update(&world.admin, json!({ "id": world.main, "name": "renamed", "password": "wrong" })).await;
    reply.refused("UPSTREAM_UNAUTHORIZED");
    let document = "query ($id: ID!) { registry(id: $id) { name health { state } } }";
    let reply = world.admin.query(document, json!({ "id": world.main })).await;
    assert_eq!(reply.data("registry.name"), "main");
    // The stored one still works.
    world.admin.refresh(&world.main).await.succeeded();
    let reply = world.admin.query(document, json!({ "id": world.main })).await;
    assert_eq!(reply.data("registry.health.state"), "HEALTHY");
}

#[tokio::test]
async fn a_harbor_cannot_lose_its_account() {
    let world = World::start().await;
    let reply = update(&world.admin, json!({ "id": world.main, "username": null })).await;
    reply.refused("BAD_USER_INPUT");
}

#[tokio::test]
async fn a_name_or_address_that_is_taken_is_a_conflict() {
    let world = World::start().await;
    let second = SimulatedHarbor::start().await;
    let id = world.admin.integrate_harbor("second", &second).await;
    update(&world.admin, json!({ "id": id, "name": "MAIN" })).await.refused("CONFLICT");
    let taken = json!({ "id": id, "address": world.harbor.url(), "password": SimulatedHarbor::ADMIN_PASSWORD });
    update(&world.admin, taken).await.refused("CONFLICT");
    // Its own name, in another case, is free.
    update(&world.admin, json!({ "id": id, "name": "Second" })).await.succeeded();
}

#[tokio::test]
async fn another_host_shows_in_every_reference_at_once() {
    let world = World::start().await;
    update(&world.admin, json!({ "id": world.main, "host": "pull.example" })).await.succeeded();
    let references = world.gateway.as_outsider().selector("stray").await.references();
    assert_eq!(references, ["pull.example/library/nginx", "pull.example/library/redis"]);
}

#[tokio::test]
async fn a_workspace_admin_updates_the_own_registry_and_no_other() {
    let world = World::start().await;
    let lead = world.gateway.as_member("shop", "admin");
    update(&lead, json!({ "id": world.own, "description": "ours" })).await.succeeded();
    // The platform's one is seen, for it has a public space.
    update(&lead, json!({ "id": world.main, "description": "ours" })).await.refused("FORBIDDEN");
    let stranger = world.gateway.as_member("payments", "admin");
    update(&stranger, json!({ "id": world.own, "description": "theirs" })).await.refused("NOT_FOUND");
    for role in ["editor", "viewer"] {
        let member = world.gateway.as_member("shop", role);
        update(&member, json!({ "id": world.own, "description": "ours" })).await.refused("FORBIDDEN");
    }
}

#[tokio::test]
async fn the_host_is_an_admins_to_give_to_clear_and_to_move() {
    let world = World::start().await;
    let given = json!({ "id": world.own, "host": "pull.shop.example" });
    let reply = update(&world.admin, given).await;
    assert_eq!(reply.data("updateRegistry.registry.host"), "pull.shop.example");
    let owner = world.gateway.as_member("shop", "admin");
    let elsewhere = SimulatedHarbor::start().await;
    for input in [
        json!({ "id": world.own, "host": null }),
        json!({ "id": world.own, "host": world.harbor.host() }),
        json!({ "id": world.own, "address": elsewhere.url(), "password": SimulatedHarbor::ADMIN_PASSWORD }),
    ] {
        update(&owner, input).await.refused("FORBIDDEN");
    }
    assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());
}

#[tokio::test]
async fn a_host_that_a_workspace_pulls_by_is_not_given_to_the_platform_at_another_address() {
    let world = World::start().await;
    let input = json!({ "id": world.main, "host": world.own_harbor.host() });
    let reply = update(&world.admin, input).await;
    reply.refused("CONFLICT");
    assert_eq!(reply.field(), Some("host"));
}
