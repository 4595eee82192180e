//! Bindings between spaces and workspaces: idempotent, and all or nothing.

use serde_json::{Value, json};
use tests::{
    docker_registry::DockerRegistry,
    gateway::{Client, Reply, World},
};

async fn set_workspaces(viewer: &Client, space: &str, workspaces: &[&str]) -> Reply {
    let document = "mutation ($input: SetSpaceWorkspacesInput!) { setSpaceWorkspaces(input: $input) {
        added removed space { workspaces { name } bindings { totalCount } } } }";
    viewer.query(document, json!({ "input": { "spaceId": space, "workspaceIds": workspaces } })).await
}

/// The workspaces of a space, by name.
async fn workspaces(viewer: &Client, space: &str) -> Vec<String> {
    let reply =
        viewer.query("query ($id: ID!) { space(id: $id) { workspaces { name } } }", json!({ "id": space })).await;
    reply.strings("space.workspaces", "name")
}

#[tokio::test]
async fn every_space_is_bound_to_every_workspace() {
    let world = World::start().await;
    let (cart, vault) = (world.space("cart").await, world.space("vault").await);
    let reply = world.admin.bind(&[&cart, &vault], &[&world.payments, &world.shop]).await;
    // Of the four pairs one stood already.
    assert_eq!(reply.data("bindSpaces.created"), 3);
    assert_eq!(reply.list("bindSpaces.bindings").len(), 4);
    assert_eq!(reply.strings("bindSpaces.spaces", "name"), ["cart", "vault"]);
    for space in [&cart, &vault] {
        assert_eq!(workspaces(&world.admin, space).await, ["payments", "shop"]);
    }
}

#[tokio::test]
async fn binding_again_changes_nothing() {
    let world = World::start().await;
    let pay = world.space("pay").await;
    let first = world.admin.bind(&[&pay], &[&world.payments]).await;
    let second = world.admin.bind(&[&pay], &[&world.payments]).await;
    assert_eq!(second.data("bindSpaces.created"), 0);
    assert_eq!(first.data("bindSpaces.bindings"), second.data("bindSpaces.bindings"));
}

#[tokio::test]
async fn a_pair_named_twice_is_bound_once() {
    let world = World::start().await;
    let vault = world.space("vault").await;
    let reply = world.admin.bind(&[&vault, &vault], &[&world.shop, &world.shop]).await;
    assert_eq!(reply.data("bindSpaces.created"), 1);
    assert_eq!(reply.list("bindSpaces.bindings").len(), 1);
}

#[tokio::test]
async fn one_unknown_id_and_nothing_is_bound() {
    let world = World::start().await;
    let (vault, cart) = (world.space("vault").await, world.space("cart").await);
    let gone = world.admin.create_workspace("passing").await;
    let document = "mutation ($id: ID!) { deleteWorkspace(input: { id: $id }) { deletedId } }";
    world.admin.query(document, json!({ "id": gone })).await.succeeded();
    world.admin.bind(&[&vault, &cart], &[&world.payments, &gone]).await.refused("NOT_FOUND");
    assert!(workspaces(&world.admin, &vault).await.is_empty());
    assert_eq!(workspaces(&world.admin, &cart).await, ["shop"]);

    world.admin.bind(&[&vault, "nonsense"], &[&world.payments]).await.refused("BAD_USER_INPUT");
    world.admin.bind(&[&vault, &world.payments], &[&world.payments]).await.refused("BAD_USER_INPUT");
    assert!(workspaces(&world.admin, &vault).await.is_empty());
}

#[tokio::test]
async fn unbinding_is_idempotent_and_all_or_nothing() {
    let world = World::start().await;
    let (pay, cart) = (world.space("pay").await, world.space("cart").await);
    world.admin.unbind(&[&pay, "nonsense"], &[&world.payments]).await.refused("BAD_USER_INPUT");
    assert_eq!(workspaces(&world.admin, &pay).await, ["payments"]);

    let reply = world.admin.unbind(&[&pay, &cart], &[&world.payments]).await;
    assert_eq!(reply.data("unbindSpaces.removed"), 1);
    let reply = world.admin.unbind(&[&pay, &cart], &[&world.payments]).await;
    assert_eq!(reply.data("unbindSpaces.removed"), 0);
    assert_eq!(workspaces(&world.admin, &cart).await, ["shop"]);
}

#[tokio::test]
async fn more_than_a_thousand_pairs_are_refused_with_the_limit_named() {
    let world = World::start().await;
    for number in 0..40 {
        world.harbor.create_project(&format!("project-{number}"), false);
    }
    world.admin.refresh(&world.main).await.succeeded();
    let reply = world.admin.ask("{ spaces(first: 100, filter: { search: \"project-\" }) { nodes { id } } }").await;
    let spaces = reply.strings("spaces.nodes", "id");
    let mut workspaces_named = Vec::new();
    for number in 0..26 {
        workspaces_named.push(world.admin.create_workspace(&format!("workspace-{number}")).await);
    }
    let spaces: Vec<&str> = spaces.iter().map(String::as_str).collect();
    let workspaces_named: Vec<&str> = workspaces_named.iter().map(String::as_str).collect();
    assert_eq!(spaces.len() * workspaces_named.len(), 1040);
    let reply = world.admin.bind(&spaces, &workspaces_named).await;
    reply.refused("BAD_USER_INPUT");
    assert!(reply.message().replace([',', '\u{202f}'], "").contains("1000"), "{}", reply.message());
    assert!(workspaces(&world.admin, spaces[0]).await.is_empty());

    // Exactly the limit is none too many.
    let reply = world.admin.bind(&spaces, &workspaces_named[..25]).await;
    assert_eq!(reply.data("bindSpaces.created"), 1000);
}

#[tokio::test]
async fn the_workspaces_of_a_space_can_be_set_as_a_whole() {
    let world = World::start().await;
    let pay = world.space("pay").await;
    let third = world.admin.create_workspace("third").await;
    let reply = set_workspaces(&world.admin, &pay, &[&world.shop, &third]).await;
    assert_eq!(reply.data("setSpaceWorkspaces.added"), 2);
    assert_eq!(reply.data("setSpaceWorkspaces.removed"), 1);
    assert_eq!(reply.strings("setSpaceWorkspaces.space.workspaces", "name"), ["shop", "third"]);
    assert_eq!(reply.data("setSpaceWorkspaces.space.bindings.totalCount"), 2);
    assert_eq!(world.admin.selector("pay-prod").await.total(), 2);

    let again = set_workspaces(&world.admin, &pay, &[&world.shop, &third]).await;
    assert_eq!(
        (again.data("setSpaceWorkspaces.added"), again.data("setSpaceWorkspaces.removed")),
        (&json!(0), &json!(0))
    );

    let none = set_workspaces(&world.admin, &pay, &[]).await;
    assert_eq!(none.data("setSpaceWorkspaces.removed"), 2);
    set_workspaces(&world.admin, &pay, &[&world.shop, "nonsense"]).await.refused("BAD_USER_INPUT");
    assert!(workspaces(&world.admin, &pay).await.is_empty());
}

#[tokio::test]
async fn a_space_of_a_workspaces_own_registry_cannot_be_bound() {
    let world = World::start().await;
    let closed = world.admin.space(&world.own, "closed").await;
    world.admin.bind(&[&closed], &[&world.payments]).await.refused("UNSUPPORTED");
    set_workspaces(&world.admin, &closed, &[&world.payments]).await.refused("UNSUPPORTED");
    let pay = world.space("pay").await;
    world.admin.bind(&[&pay, &closed], &[&world.shop]).await.refused("UNSUPPORTED");
    assert_eq!(workspaces(&world.admin, &pay).await, ["payments"]);
}

#[tokio::test]
async fn a_docker_registry_has_nothing_to_close() {
    if !DockerRegistry::is_installed("a_docker_registry_has_nothing_to_close") {
        return;
    }
    let (world, registry) = (World::start().await, DockerRegistry::start().await);
    let input = json!({ "name": "docker", "kind": "DOCKER_REGISTRY", "address": registry.url() });
    let id = world.admin.integrate_and_refresh(input).await;
    let space = world.admin.space(&id, "/").await;
    world.admin.set_public(&space, false).await.refused("UNSUPPORTED");
    // A public space may be bound, for what it is worth.
    world.admin.bind(&[&space], &[&world.payments]).await.succeeded();
}

#[tokio::test]
async fn only_admins_bind() {
    let world = World::start().await;
    let (pay, library) = (world.space("pay").await, world.space("library").await);
    for viewer in [world.gateway.as_member("payments", "admin"), world.gateway.as_member("payments", "viewer")] {
        viewer.bind(&[&pay], &[&world.payments]).await.refused("FORBIDDEN");
        viewer.unbind(&[&pay], &[&world.payments]).await.refused("FORBIDDEN");
        set_workspaces(&viewer, &library, &[]).await.refused("FORBIDDEN");
    }
    // What is hidden stays hidden: the space, and the workspace.
    world.gateway.as_outsider().bind(&[&pay], &[&world.payments]).await.refused("NOT_FOUND");
    assert_eq!(workspaces(&world.admin, &pay).await, ["payments"]);
}

#[tokio::test]
async fn bindings_are_seen_by_those_whose_workspace_it_is() {
    let world = World::start().await;
    let pay = world.space("pay").await;
    world.admin.bind(&[&pay], &[&world.shop]).await.succeeded();
    let document = "query ($id: ID!) { space(id: $id) { workspaces { name } bindings {
        totalCount nodes { workspace { name } space { name } createdBy createdAt } } } }";
    for (viewer, expected) in [
        (world.admin.clone(), vec!["payments", "shop"]),
        (world.gateway.as_member("payments", "viewer"), vec!["payments"]),
        (world.gateway.as_member("shop", "admin"), vec!["shop"]),
    ] {
        let reply = viewer.query(document, json!({ "id": pay })).await;
        assert_eq!(reply.strings("space.workspaces", "name"), expected);
        assert_eq!(reply.strings("space.bindings.nodes", "workspace.name"), expected);
        assert_eq!(reply.data("space.bindings.totalCount"), expected.len());
        assert_eq!(reply.data("space.bindings.nodes.0.createdBy"), "ada");
    }
    let reply = world.gateway.as_outsider().query(document, json!({ "id": pay })).await;
    assert_eq!(reply.data("space"), &Value::Null);
}

#[tokio::test]
async fn two_admins_who_bind_at_once_leave_one_binding() {
    let world = World::start().await;
    let vault = world.space("vault").await;
    let spaces = [vault.as_str()];
    let workspaces_named = [world.payments.as_str()];
    let attempts = (0..8).map(|_| world.admin.bind(&spaces, &workspaces_named));
    let replies = futures_util::future::join_all(attempts).await;
    let created: i64 = replies.iter().map(|reply| reply.data("bindSpaces.created").as_i64().unwrap_or_default()).sum();
    assert_eq!(created, 1);
    assert_eq!(workspaces(&world.admin, &vault).await, ["payments"]);
}
