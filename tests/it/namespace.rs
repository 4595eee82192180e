//! Namespaces: in one workspace at most.

use serde_json::{Value, json};
use tests::gateway::{Client, Reply, World};

async fn bind(viewer: &Client, workspace: &str, name: &str, moving: bool) -> Reply {
    let document = "mutation ($input: BindNamespacesInput!) { bindNamespaces(input: $input) {
        namespaces { name cluster workspace { name } } } }";
    let input = json!({ "workspaceId": workspace, "namespaces": [{ "name": name }], "move": moving });
    viewer.query(document, json!({ "input": input })).await
}

async fn unbind(viewer: &Client, name: &str) -> Reply {
    let document = "mutation ($name: String!) { unbindNamespaces(input: { namespaces: [{ name: $name }] }) {
        namespaces { name workspace { name } } } }";
    viewer.query(document, json!({ "name": name })).await
}

/// The workspace of a namespace; nothing when it is free, hidden or unknown.
async fn owner(viewer: &Client, name: &str) -> Value {
    let document = "query ($name: String!) { namespace(name: $name) { workspace { name } } }";
    let reply = viewer.query(document, json!({ "name": name })).await;
    reply.succeeded();
    reply.partial_or_null("namespace.workspace.name").clone()
}

#[tokio::test]
async fn a_workspace_admin_takes_a_free_namespace() {
    let world = World::start().await;
    let lead = world.gateway.as_member("payments", "admin");
    let reply = bind(&lead, &world.payments, "pay-test", false).await;
    let expected = json!([{ "name": "pay-test", "cluster": "default", "workspace": { "name": "payments" } }]);
    assert_eq!(reply.data("bindNamespaces.namespaces"), &expected);
    // Again is no error.
    bind(&lead, &world.payments, "pay-test", false).await.succeeded();
    assert_eq!(world.gateway.as_member("payments", "viewer").selector("pay-test").await.total(), 4);
}

#[tokio::test]
async fn a_namespace_of_another_workspace_is_a_conflict_that_does_not_name_it() {
    let world = World::start().await;
    let lead = world.gateway.as_member("payments", "admin");
    let reply = bind(&lead, &world.payments, "shop-prod", false).await;
    reply.refused("CONFLICT");
    assert!(!reply.message().contains("`shop`"), "{}", reply.message());
    assert!(!reply.text.contains(&world.shop), "{}", reply.text);
    bind(&lead, &world.payments, "shop-prod", true).await.refused("FORBIDDEN");
    assert_eq!(owner(&world.admin, "shop-prod").await, "shop");
}

#[tokio::test]
async fn an_admin_moves_a_namespace_and_its_selector_follows() {
    let world = World::start().await;
    bind(&world.admin, &world.payments, "shop-prod", false).await.refused("CONFLICT");
    bind(&world.admin, &world.payments, "shop-prod", true).await.succeeded();
    assert_eq!(owner(&world.admin, "shop-prod").await, "payments");
    assert_eq!(world.gateway.as_member("payments", "viewer").selector("shop-prod").await.total(), 4);
    assert_eq!(world.gateway.as_member("shop", "admin").selector("shop-prod").await.total(), 2);
}

#[tokio::test]
async fn many_namespaces_are_bound_all_or_none() {
    let world = World::start().await;
    world
        .gateway
        .as_member("payments", "admin")
        .bind_namespaces(&world.payments, &["one", "shop-prod"])
        .await
        .refused("CONFLICT");
    assert_eq!(owner(&world.admin, "one").await, Value::Null);
    world.admin.bind_namespaces(&world.payments, &["one", "Not A Name"]).await.refused("BAD_USER_INPUT");
    assert_eq!(owner(&world.admin, "one").await, Value::Null);
}

#[tokio::test]
async fn unbinding_frees_and_is_idempotent() {
    let world = World::start().await;
    let lead = world.gateway.as_member("payments", "admin");
    unbind(&lead, "pay-prod").await.succeeded();
    assert_eq!(owner(&world.admin, "pay-prod").await, Value::Null);
    unbind(&lead, "pay-prod").await.succeeded();
    unbind(&lead, "never-heard-of").await.succeeded();
    // A free one may be taken by anybody who leads a workspace.
    bind(&world.gateway.as_member("shop", "admin"), &world.shop, "pay-prod", false).await.succeeded();
}

#[tokio::test]
async fn a_namespace_of_another_workspace_cannot_be_freed() {
    let world = World::start().await;
    unbind(&world.gateway.as_member("payments", "admin"), "shop-prod").await.refused("NOT_FOUND");
    unbind(&world.gateway.as_member("shop", "editor"), "shop-prod").await.refused("FORBIDDEN");
    assert_eq!(owner(&world.admin, "shop-prod").await, "shop");
}

#[tokio::test]
async fn editors_and_viewers_bind_nothing() {
    let world = World::start().await;
    for role in ["editor", "viewer"] {
        let member = world.gateway.as_member("payments", role);
        bind(&member, &world.payments, "pay-test", false).await.refused("FORBIDDEN");
    }
    bind(&world.gateway.as_outsider(), &world.payments, "pay-test", false).await.refused("NOT_FOUND");
}

#[tokio::test]
async fn namespaces_are_seen_by_members_and_free_ones_by_workspace_admins() {
    let world = World::start().await;
    bind(&world.admin, &world.shop, "free", false).await.succeeded();
    unbind(&world.admin, "free").await.succeeded();
    for (viewer, expected) in [
        (world.admin.clone(), vec!["free", "pay-prod", "shop-prod"]),
        (world.gateway.as_member("payments", "admin"), vec!["free", "pay-prod"]),
        (world.gateway.as_member("payments", "viewer"), vec!["pay-prod"]),
        (world.gateway.as_outsider(), vec![]),
    ] {
        let reply = viewer.ask("{ namespaces { totalCount nodes { name } } }").await;
        assert_eq!(reply.strings("namespaces.nodes", "name"), expected);
        assert_eq!(reply.data("namespaces.totalCount"), expected.len());
    }
    let document = "{ namespace(name: \"pay-prod\") { id } }";
    assert_eq!(world.gateway.as_outsider().ask(document).await.data("namespace"), &Value::Null);
    assert_ne!(world.gateway.as_member("payments", "viewer").ask(document).await.data("namespace"), &Value::Null);
    for (filter, expected) in [
        ("{ bound: false }", vec!["free"]),
        ("{ search: \"PROD\" }", vec!["pay-prod", "shop-prod"]),
        ("{ cluster: \"edge\" }", vec![]),
    ] {
        let reply = world.admin.ask(&format!("{{ namespaces(filter: {filter}) {{ nodes {{ name }} }} }}")).await;
        assert_eq!(reply.strings("namespaces.nodes", "name"), expected, "{filter}");
    }
}
