//! Ids: opaque, typed, stable, and blind to what the viewer may not see.

use serde_json::{Value, json};
use tests::gateway::World;

const NODE: &str = "query ($id: ID!) { node(id: $id) { __typename id } }";

/// One id of each type that has one, of things that outsiders do not see.
async fn hidden_ids(world: &World) -> Vec<(&'static str, String)> {
    let reply = world
        .admin
        .ask(
            "{ workspace(name: \"payments\") { bindings { nodes { id } } namespaces { nodes { id } } }
               availableImages(namespace: { name: \"pay-prod\" }, search: \"pay/api\") { nodes { id } } }",
        )
        .await;
    vec![
        ("Registry", world.own.clone()),
        ("Space", world.space("pay").await),
        ("Workspace", world.payments.clone()),
        ("SpaceBinding", reply.string("workspace.bindings.nodes.0.id")),
        ("Namespace", reply.string("workspace.namespaces.nodes.0.id")),
        ("Image", reply.string("availableImages.nodes.0.id")),
    ]
}

#[tokio::test]
async fn every_id_leads_back_to_its_object() {
    let world = World::start().await;
    for (typename, id) in hidden_ids(&world).await {
        let reply = world.admin.query(NODE, json!({ "id": id })).await;
        assert_eq!(reply.data("node"), &json!({ "__typename": typename, "id": id }));
    }
}

#[tokio::test]
async fn what_is_hidden_looks_absent() {
    let world = World::start().await;
    for (typename, id) in hidden_ids(&world).await {
        let reply = world.gateway.as_outsider().query(NODE, json!({ "id": id })).await;
        assert_eq!(reply.body(), &json!({ "data": { "node": null } }), "{typename}");
    }
}

#[tokio::test]
async fn members_reach_what_is_theirs_by_id() {
    let world = World::start().await;
    for (typename, id) in hidden_ids(&world).await {
        let reply = world.gateway.as_member("payments", "viewer").query(NODE, json!({ "id": id })).await;
        if typename == "Registry" {
            assert_eq!(reply.data("node"), &Value::Null, "the shop's registry");
        } else {
            assert_eq!(reply.data("node.__typename"), typename);
        }
    }
}

#[tokio::test]
async fn ids_survive_a_restart() {
    let world = World::start().await;
    let ids = hidden_ids(&world).await;
    let gateway = world.gateway.restart().await;
    for (typename, id) in ids {
        let reply = gateway.as_admin().query(NODE, json!({ "id": id })).await;
        assert_eq!(reply.data("node.__typename"), typename);
    }
}

#[tokio::test]
async fn what_is_no_id_is_nothing() {
    let world = World::start().await;
    let long = "A".repeat(10_000);
    let altered = format!("{}A", world.main);
    for id in ["", " ", "nonsense", "0", "null", "Registry:1", "UmVnaXN0cnk6MQ==", "\u{0}", "💥", &long, &altered] {
        let reply = world.admin.query(NODE, json!({ "id": id })).await;
        // Null, or told that it is no id: never an internal error.
        match reply.code() {
            None => assert_eq!(reply.data("node"), &Value::Null, "{id}"),
            Some(code) => assert_eq!(code, "BAD_USER_INPUT", "{id}: {}", reply.text),
        }
    }
}

#[tokio::test]
async fn an_id_of_another_type_is_no_id_of_this_one() {
    let world = World::start().await;
    let document = "query ($id: ID!) { registry(id: $id) { name } }";
    let reply = world.admin.query(document, json!({ "id": world.payments })).await;
    match reply.code() {
        None => assert_eq!(reply.data("registry"), &Value::Null),
        Some(code) => assert_eq!(code, "BAD_USER_INPUT"),
    }
    let document = "mutation ($id: ID!) { removeRegistry(input: { id: $id, force: true }) { removedId } }";
    world.admin.query(document, json!({ "id": world.payments })).await.refused("BAD_USER_INPUT");
}

#[tokio::test]
async fn many_nodes_come_in_the_order_asked_for() {
    let world = World::start().await;
    let document = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
    let pay = world.space("pay").await;
    let ids = [&world.shop, &pay, &world.main, &world.shop];
    let reply = world.gateway.as_member("shop", "viewer").query(document, json!({ "ids": ids })).await;
    assert_eq!(
        reply.data("nodes"),
        &json!([
            { "__typename": "Workspace", "id": world.shop },
            null,
            { "__typename": "Registry", "id": world.main },
            { "__typename": "Workspace", "id": world.shop },
        ])
    );
    let many = vec![world.shop.as_str(); 101];
    let reply = world.admin.query(document, json!({ "ids": many })).await;
    reply.refused("BAD_USER_INPUT");
    assert!(reply.message().contains("100"), "{}", reply.message());
}
