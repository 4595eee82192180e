//! Two gateways on one database: what is done through one is true for the next question to the other, and each registry
//! is swept by one of them at a time.
//!
//! On SQLite that is no deployment, but readers keep in step there in the same way; leases are for databases that replicas
//! may share.

mod lease;

use serde_json::{Value, json};
use tests::{
    gateway::{Client, TestGateway, World},
    harbor::SimulatedHarbor,
};

/// The scene, and a second gateway on its database that has read everything as it is.
async fn world_and_replica() -> (World, TestGateway) {
    let world = World::start().await;
    let replica = world.gateway.replica().await;
    let known = replica.as_admin().selector("pay-prod").await;
    assert_eq!(known.rows(), ["library/nginx PUBLIC", "library/redis PUBLIC", "pay/api BOUND", "pay/worker BOUND"]);
    (world, replica)
}

async fn rows(viewer: &Client, namespace: &str) -> Vec<String> {
    viewer.selector(namespace).await.rows()
}

async fn act(client: &Client, field: &str, input: Value) -> Value {
    let kind = format!("{}{}", field[..1].to_uppercase(), &field[1..]);
    let document = format!("mutation ($input: {kind}Input!) {{ {field}(input: $input) {{ __typename }} }}");
    let reply = client.query(&document, json!({ "input": input })).await;
    reply.succeeded();
    reply.body().clone()
}

const PUBLIC: [&str; 2] = ["library/nginx PUBLIC", "library/redis PUBLIC"];

fn with_public(rows: &[&str]) -> Vec<String> {
    let mut rows: Vec<String> = PUBLIC.iter().chain(rows).map(|row| (*row).to_owned()).collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn what_is_bound_or_opened_through_one_holds_for_the_next_question_to_the_other() {
    let (world, replica) = world_and_replica().await;
    let (vault, cart) = (world.space("vault").await, world.space("cart").await);
    for (one, other) in [(&world.gateway, &replica), (&replica, &world.gateway)] {
        let (admin, member, outsider) = (one.as_admin(), other.as_member("payments", "viewer"), other.as_outsider());
        admin.bind(&[&vault], &[&world.payments]).await.succeeded();
        assert_eq!(
            rows(&member, "pay-prod").await,
            with_public(&["pay/api BOUND", "pay/worker BOUND", "vault/keys BOUND"])
        );
        assert_eq!(rows(&outsider, "pay-prod").await, PUBLIC);
        admin.unbind(&[&vault], &[&world.payments]).await.succeeded();
        assert_eq!(rows(&member, "pay-prod").await, with_public(&["pay/api BOUND", "pay/worker BOUND"]));

        admin.set_public(&cart, true).await.succeeded();
        assert_eq!(rows(&outsider, "stray").await, with_public(&["cart/web PUBLIC"]));
        admin.set_public(&cart, false).await.succeeded();
        assert_eq!(rows(&outsider, "stray").await, PUBLIC);

        act(&admin, "setSpaceWorkspaces", json!({ "spaceId": cart, "workspaceIds": [world.payments] })).await;
        assert_eq!(
            rows(&member, "pay-prod").await,
            with_public(&["cart/web BOUND", "pay/api BOUND", "pay/worker BOUND"])
        );
        act(&admin, "setSpaceWorkspaces", json!({ "spaceId": cart, "workspaceIds": [world.shop] })).await;
        assert_eq!(rows(&member, "pay-prod").await, with_public(&["pay/api BOUND", "pay/worker BOUND"]));
    }
}

#[tokio::test]
async fn a_namespace_moved_through_one_is_moved_for_the_other() {
    let (world, replica) = world_and_replica().await;
    for (one, other) in [(&world.gateway, &replica), (&replica, &world.gateway)] {
        let (payments, shop) = (other.as_member("payments", "editor"), other.as_member("shop", "viewer"));
        let namespaces = json!([{ "name": "pay-prod" }]);
        let to_shop = json!({ "workspaceId": world.shop, "namespaces": namespaces, "move": true });
        act(&one.as_admin(), "bindNamespaces", to_shop).await;
        assert_eq!(rows(&payments, "pay-prod").await, PUBLIC);
        let own = ["cart/web BOUND", "closed/tool WORKSPACE_REGISTRY", "open/widget WORKSPACE_REGISTRY"];
        let mut shown = rows(&shop, "pay-prod").await;
        shown.sort();
        assert_eq!(shown, with_public(&own));
        act(&one.as_admin(), "unbindNamespaces", json!({ "namespaces": namespaces })).await;
        assert_eq!(rows(&shop, "pay-prod").await, PUBLIC);
        let back = json!({ "workspaceId": world.payments, "namespaces": namespaces });
        act(&one.as_admin(), "bindNamespaces", back).await;
        assert_eq!(rows(&payments, "pay-prod").await, with_public(&["pay/api BOUND", "pay/worker BOUND"]));
    }
}

#[tokio::test]
async fn a_registry_that_one_integrates_changes_and_removes_is_so_for_the_other() {
    let (world, replica) = world_and_replica().await;
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "late", "1.0");
    for (one, other) in [(&world.gateway, &replica), (&replica, &world.gateway)] {
        let (admin, outsider) = (one.as_admin(), other.as_outsider());
        let id = admin.integrate_harbor("late", &harbor).await;
        assert_eq!(outsider.selector("stray").await.sources(), ["late CURRENT", "main CURRENT"]);
        act(&admin, "updateRegistry", json!({ "id": id, "name": "later", "host": "images.example.com" })).await;
        let selector = outsider.selector("stray").await;
        assert!(
            selector.references().contains(&"images.example.com/library/late".to_owned()),
            "{:?}",
            selector.references()
        );
        assert_eq!(selector.sources(), ["later CURRENT", "main CURRENT"]);

        harbor.push("library", "latest", "1.0");
        admin.refresh(&id).await.succeeded();
        assert_eq!(outsider.selector("stray").await.total(), 4);
        harbor.delete_repository("library", "latest");
        admin.refresh(&id).await.succeeded();
        assert_eq!(outsider.selector("stray").await.total(), 3);

        act(&admin, "removeRegistry", json!({ "id": id })).await;
        assert_eq!(rows(&outsider, "stray").await, PUBLIC);
        let document = "query ($id: ID!) { registry(id: $id) { name } node(id: $id) { id } }";
        let reply = other.as_admin().query(document, json!({ "id": id })).await;
        assert_eq!((reply.data("registry"), reply.data("node")), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn spaces_and_workspaces_made_and_deleted_through_one_are_so_for_the_other() {
    let (world, replica) = world_and_replica().await;
    for (one, other) in [(&world.gateway, &replica), (&replica, &world.gateway)] {
        let admin = one.as_admin();
        let passing = admin.create_workspace("passing").await;
        act(&admin, "createSpace", json!({ "registryId": world.main, "name": "fresh" })).await;
        let fresh = other.as_admin().space(&world.main, "fresh").await;
        admin.bind(&[&fresh], &[&passing]).await.succeeded();
        admin.bind_namespaces(&passing, &["pass-prod"]).await.succeeded();
        let member = other.as_member("passing", "viewer");
        let document = "{ spaces { nodes { name } } workspace(name: \"passing\") { name }
            namespace(name: \"pass-prod\") { workspace { name } } }";
        let reply = member.ask(document).await;
        assert_eq!(reply.strings("spaces.nodes", "name"), ["fresh", "library"]);
        assert_eq!(reply.data("namespace.workspace.name"), "passing");

        act(&admin, "deleteSpace", json!({ "spaceId": fresh, "force": true })).await;
        assert_eq!(member.ask(document).await.strings("spaces.nodes", "name"), ["library"]);
        act(&admin, "deleteWorkspace", json!({ "id": passing, "force": true })).await;
        let reply = other.as_admin().ask(document).await;
        assert_eq!(reply.data("workspace"), &Value::Null);
        assert_eq!(reply.data("namespace.workspace"), &Value::Null);
    }
}

#[tokio::test]
async fn who_slept_through_the_purge_of_tombstones_reads_everything_anew() {
    let (world, replica) = world_and_replica().await;
    let pay = world.space("pay").await;
    let own = replica.as_member("shop", "viewer").selector("shop-prod").await;
    assert_eq!(own.total(), 5, "{:?}", own.rows());
    world.admin.unbind(&[&pay], &[&world.payments]).await.succeeded();
    act(&world.admin, "removeRegistry", json!({ "id": world.own })).await;
    world.harbor.delete_repository("library", "redis");
    world.admin.refresh(&world.main).await.succeeded();
    // As the purge does with what is old.
    let purge = ["UPDATE epoch SET horizon = access + content", "DELETE FROM tombstone"];
    world.gateway.database().execute(&purge).await;

    assert_eq!(rows(&replica.as_member("payments", "viewer"), "pay-prod").await, ["library/nginx PUBLIC"]);
    let member = replica.as_member("shop", "viewer");
    assert_eq!(rows(&member, "shop-prod").await, ["cart/web BOUND", "library/nginx PUBLIC"]);
    let registries = replica.as_admin().ask("{ registries { nodes { name } } }").await;
    assert_eq!(registries.strings("registries.nodes", "name"), ["main"]);
    // And goes on from there as ever.
    world.admin.bind(&[&pay], &[&world.payments]).await.succeeded();
    let expected = ["library/nginx PUBLIC", "pay/api BOUND", "pay/worker BOUND"];
    assert_eq!(rows(&replica.as_member("payments", "viewer"), "pay-prod").await, expected);
}

#[tokio::test]
async fn a_database_restored_to_an_older_state_is_noticed() {
    let (world, replica) = world_and_replica().await;
    let vault = world.space("vault").await;
    let epoch = world.gateway.database().epoch().await;
    world.admin.bind(&[&vault], &[&world.payments]).await.succeeded();
    world.admin.create_workspace("lost").await;
    let bound = with_public(&["pay/api BOUND", "pay/worker BOUND", "vault/keys BOUND"]);
    for gateway in [&world.gateway, &replica] {
        assert_eq!(rows(&gateway.as_member("payments", "viewer"), "pay-prod").await, bound);
    }
    // The state from before the last two acts.
    let version = epoch.access + epoch.content;
    let back = [
        format!("DELETE FROM space_binding WHERE version > {version}"),
        format!("DELETE FROM workspace WHERE version > {version}"),
        format!("DELETE FROM tombstone WHERE version > {version}"),
        format!("UPDATE epoch SET access = {}, content = {}", epoch.access, epoch.content),
    ];
    world.gateway.database().execute(&back.each_ref().map(String::as_str)).await;
    for gateway in [&replica, &world.gateway] {
        let member = gateway.as_member("payments", "viewer");
        assert_eq!(rows(&member, "pay-prod").await, with_public(&["pay/api BOUND", "pay/worker BOUND"]));
        let reply = gateway.as_admin().ask("{ workspace(name: \"lost\") { name } }").await;
        assert_eq!(reply.data("workspace"), &Value::Null);
    }
    // And what comes after it is seen.
    replica.as_admin().bind(&[&vault], &[&world.payments]).await.succeeded();
    assert_eq!(rows(&world.gateway.as_member("payments", "viewer"), "pay-prod").await, bound);
}
