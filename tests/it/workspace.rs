//! Workspaces: the tenants.

use serde_json::{Value, json};
use tests::gateway::{Client, Reply, TestGateway, World};

async fn create(viewer: &Client, name: &str) -> Reply {
    let document = "mutation ($input: CreateWorkspaceInput!) { createWorkspace(input: $input) {
        workspace { id name displayName viewerRole createdAt } } }";
    viewer.query(document, json!({ "input": { "name": name, "displayName": "Of the shop" } })).await
}

async fn delete(viewer: &Client, id: &str, force: bool) -> Reply {
    let document =
        "mutation ($input: DeleteWorkspaceInput!) { deleteWorkspace(input: $input) { deletedId removedBindings } }";
    viewer.query(document, json!({ "input": { "id": id, "force": force } })).await
}

#[tokio::test]
async fn a_workspace_has_a_name_that_stays_and_one_to_show() {
    let gateway = TestGateway::start().await;
    let admin = gateway.as_admin();
    let reply = create(&admin, "shop").await;
    assert_eq!(reply.data("createWorkspace.workspace.name"), "shop");
    assert_eq!(reply.data("createWorkspace.workspace.displayName"), "Of the shop");
    let id = reply.string("createWorkspace.workspace.id");
    let document = "mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { name displayName } } }";
    for (display, expected) in [(json!("The Shop"), json!("The Shop")), (Value::Null, Value::Null)] {
        let reply = admin.query(document, json!({ "input": { "id": id, "displayName": display } })).await;
        assert_eq!(reply.data("updateWorkspace.workspace"), &json!({ "name": "shop", "displayName": expected }));
    }
}

#[tokio::test]
async fn a_name_is_a_dns_label_and_stands_once() {
    let gateway = TestGateway::start().await;
    let admin = gateway.as_admin();
    create(&admin, "shop").await.succeeded();
    create(&admin, "shop").await.refused("CONFLICT");
    let long = "a".repeat(64);
    for name in ["", "-a", "a-", "a.b", "a b", "ä", &long] {
        let reply = create(&admin, name).await;
        reply.refused("BAD_USER_INPUT");
        assert_eq!(reply.field(), Some("name"), "`{name}`");
    }
    create(&admin, &"a".repeat(63)).await.succeeded();
}

#[tokio::test]
async fn a_workspace_that_owns_things_is_deleted_by_force_alone() {
    let world = World::start().await;
    let refused = delete(&world.admin, &world.shop, false).await;
    refused.refused("CONFLICT");
    for dependant in ["own", "cart", "shop-prod"] {
        assert!(refused.message().contains(dependant), "`{dependant}` is not named: {}", refused.message());
    }
    assert_eq!(world.admin.selector("shop-prod").await.total(), 5);

    let reply = delete(&world.admin, &world.shop, true).await;
    assert_eq!(reply.data("deleteWorkspace.deletedId"), &json!(world.shop));
    assert_eq!(reply.data("deleteWorkspace.removedBindings"), 1);
    assert_eq!(world.admin.selector("shop-prod").await.total(), 2);
    let reply = world.admin.ask("{ workspace(name: \"shop\") { id } registries { nodes { name } } }").await;
    assert_eq!(reply.data("workspace"), &Value::Null);
    assert_eq!(reply.strings("registries.nodes", "name"), ["main"]);
    delete(&world.admin, &world.shop, true).await.refused("NOT_FOUND");
}

#[tokio::test]
async fn a_workspace_made_again_inherits_nothing() {
    let world = World::start().await;
    delete(&world.admin, &world.payments, true).await.succeeded();
    world.admin.create_workspace("payments").await;
    let member = world.gateway.as_member("payments", "viewer");
    assert_eq!(member.selector("pay-prod").await.total(), 2);
    let reply =
        member.ask("{ workspace(name: \"payments\") { bindings { totalCount } namespaces { totalCount } } }").await;
    assert_eq!(reply.data("workspace.bindings.totalCount"), 0);
    assert_eq!(reply.data("workspace.namespaces.totalCount"), 0);
}

#[tokio::test]
async fn an_empty_workspace_goes_without_force() {
    let gateway = TestGateway::start().await;
    let id = gateway.as_admin().create_workspace("brief").await;
    delete(&gateway.as_admin(), &id, false).await.succeeded();
}

#[tokio::test]
async fn workspaces_are_seen_by_members_and_admins() {
    let world = World::start().await;
    for (viewer, expected) in [
        (world.admin.clone(), vec!["payments", "shop"]),
        (world.gateway.as_member("shop", "viewer"), vec!["shop"]),
        (world.gateway.as_outsider(), vec![]),
    ] {
        let reply = viewer.ask("{ workspaces { totalCount nodes { name } } }").await;
        assert_eq!(reply.strings("workspaces.nodes", "name"), expected);
        assert_eq!(reply.data("workspaces.totalCount"), expected.len());
    }
    let hidden = world.gateway.as_outsider().ask("{ workspace(name: \"shop\") { id } }").await;
    let absent = world.gateway.as_outsider().ask("{ workspace(name: \"nowhere\") { id } }").await;
    assert_eq!(hidden.body(), absent.body());
}

#[tokio::test]
async fn a_workspace_shows_its_namespaces_bindings_and_registries() {
    let world = World::start().await;
    let document = "{ workspace(name: \"shop\") { viewerRole
        namespaces { nodes { name cluster } } bindings { nodes { space { name } } } registries { nodes { name } } } }";
    for (viewer, role) in [
        (world.gateway.as_member("shop", "viewer"), json!("VIEWER")),
        (world.gateway.as_member("shop", "admin"), json!("ADMIN")),
        (world.admin.clone(), Value::Null),
    ] {
        let reply = viewer.ask(document).await;
        assert_eq!(
            reply.data("workspace"),
            &json!({
                "viewerRole": role,
                "namespaces": { "nodes": [{ "name": "shop-prod", "cluster": "default" }] },
                "bindings": { "nodes": [{ "space": { "name": "cart" } }] },
                "registries": { "nodes": [{ "name": "own" }] },
            })
        );
    }
}

#[tokio::test]
async fn only_admins_rule_workspaces() {
    let world = World::start().await;
    let lead = world.gateway.as_member("shop", "admin");
    create(&lead, "another").await.refused("FORBIDDEN");
    delete(&lead, &world.shop, true).await.refused("FORBIDDEN");
    delete(&lead, &world.payments, true).await.refused("NOT_FOUND");
    let document =
        "mutation ($id: ID!) { updateWorkspace(input: { id: $id, displayName: \"x\" }) { workspace { id } } }";
    lead.query(document, json!({ "id": world.shop })).await.refused("FORBIDDEN");
    lead.query(document, json!({ "id": world.payments })).await.refused("NOT_FOUND");
}
