//! Registries: integrating them, and who sees what of them.

mod address;
mod health;
mod overview;
mod refusal;
mod removal;
mod sight;
mod update;

use serde_json::{Value, json};
use tests::{
    gateway::{TestGateway, World},
    harbor::SimulatedHarbor,
};

/// Input for a Harbor with its administrator's account.
fn harbor_input(name: &str, harbor: &SimulatedHarbor) -> Value {
    json!({ "name": name, "kind": "HARBOR", "address": harbor.url(),
            "username": SimulatedHarbor::ADMIN, "password": SimulatedHarbor::ADMIN_PASSWORD })
}

#[tokio::test]
async fn an_admin_integrates_a_harbor_for_the_platform() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    let mut input = harbor_input("main", &harbor);
    input["description"] = json!("the platform's own");
    let reply = gateway.as_admin().integrate(input).await;
    let registry = |field: &str| reply.data(&format!("integrateRegistry.registry.{field}"));
    assert_eq!(registry("name"), "main");
    assert_eq!(registry("kind"), "HARBOR");
    assert_eq!(registry("scope"), "PLATFORM");
    assert_eq!(registry("host"), &json!(harbor.host()));
    assert_eq!(registry("username"), SimulatedHarbor::ADMIN);
    assert_eq!(registry("health.state"), "HEALTHY");
    assert_eq!(registry("health.cause"), &Value::Null);
    assert_eq!(registry("health.privilege"), "SYSTEM_ADMIN");
    let version = registry("health.version").as_str().unwrap_or_default();
    assert!(version.starts_with("v2.9.5"), "{version}");
}

#[tokio::test]
async fn integration_brings_the_spaces_along() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    harbor.create_project("team-a", false);
    let admin = gateway.as_admin();
    let reply = admin.integrate(harbor_input("main", &harbor)).await;
    let id = reply.string("integrateRegistry.registry.id");
    let document = "query ($id: ID!) { registry(id: $id) { spaces { totalCount nodes { name visibility isProxyCache missing } } } }";
    let reply = admin.query(document, json!({ "id": id })).await;
    assert_eq!(
        reply.data("registry.spaces"),
        &json!({ "totalCount": 2, "nodes": [
            { "name": "library", "visibility": "PUBLIC", "isProxyCache": false, "missing": false },
            { "name": "team-a", "visibility": "PRIVATE", "isProxyCache": false, "missing": false },
        ] })
    );
}

#[tokio::test]
async fn a_workspace_admin_integrates_a_harbor_for_the_workspace() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    let shop = gateway.as_admin().create_workspace("shop").await;
    // An ordinary user's account is enough here: the rights of a system administrator are for the platform.
    harbor.create_user("shop-ci", "Shop12345");
    let mut input = harbor_input("own", &harbor);
    input["workspaceId"] = json!(shop);
    input["username"] = json!("shop-ci");
    input["password"] = json!("Shop12345");
    let reply = gateway.as_member("shop", "admin").integrate(input).await;
    assert_eq!(reply.data("integrateRegistry.registry.scope"), "WORKSPACE");
    assert_eq!(reply.data("integrateRegistry.registry.health.privilege"), "USER");
}

#[tokio::test]
async fn who_may_not_integrate_is_told_so_and_nothing_is_asked() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    let admin = gateway.as_admin();
    let (shop, payments) = (admin.create_workspace("shop").await, admin.create_workspace("payments").await);
    let before = gateway.database().row_counts().await;
    for viewer in [gateway.as_member("shop", "admin"), gateway.as_member("shop", "viewer"), gateway.as_outsider()] {
        viewer.integrate(harbor_input("main", &harbor)).await.refused("FORBIDDEN");
    }
    let mut input = harbor_input("own", &harbor);
    input["workspaceId"] = json!(shop);
    for role in ["editor", "viewer"] {
        gateway.as_member("shop", role).integrate(input.clone()).await.refused("FORBIDDEN");
    }
    // Whoever may not see a workspace is not told that it exists.
    input["workspaceId"] = json!(payments);
    gateway.as_member("shop", "admin").integrate(input).await.refused("NOT_FOUND");
    assert!(harbor.requests().is_empty(), "{:?}", harbor.requests());
    assert_eq!(unaudited(gateway.database().row_counts().await), unaudited(before));
}

#[tokio::test]
async fn an_address_is_kept_in_its_plain_form() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    let mut input = harbor_input("main", &harbor);
    input["address"] = json!(format!("{}/api/v2.0/", harbor.url()));
    let reply = gateway.as_admin().integrate(input).await;
    let address = reply.string("integrateRegistry.registry.address");
    assert_eq!(address.trim_end_matches('/'), harbor.url());
    assert_eq!(reply.string("integrateRegistry.registry.host"), harbor.host());
}

#[tokio::test]
async fn references_begin_with_the_host_that_nodes_pull_by() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    harbor.push("library", "nginx", "1.27");
    let mut input = harbor_input("main", &harbor);
    input["host"] = json!("registry.example:5000");
    gateway.as_admin().integrate_and_refresh(input).await;
    assert_eq!(gateway.as_outsider().selector("stray").await.references(), ["registry.example:5000/library/nginx"]);
}

#[tokio::test]
async fn only_admins_give_a_host() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    let shop = gateway.as_admin().create_workspace("shop").await;
    let mut input = harbor_input("own", &harbor);
    input["workspaceId"] = json!(shop);
    input["host"] = json!("registry.example");
    gateway.as_member("shop", "admin").integrate(input).await.refused("FORBIDDEN");
}

#[tokio::test]
async fn a_connection_test_reports_and_stores_nothing() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    harbor.push("library", "nginx", "1.27");
    let document = "mutation ($input: TestRegistryConnectionInput!) { testRegistryConnection(input: $input) {
        health { state version privilege cause } spaces } }";
    let mut input = harbor_input("unused", &harbor);
    input.as_object_mut().unwrap().remove("name");
    let before = gateway.database().row_counts().await;
    let reply = gateway.as_admin().query(document, json!({ "input": input })).await;
    assert_eq!(reply.data("testRegistryConnection.health.state"), "HEALTHY");
    assert_eq!(reply.data("testRegistryConnection.spaces"), 1);

    input["password"] = json!("wrong");
    let reply = gateway.as_admin().query(document, json!({ "input": input })).await;
    // A failed test is what was asked for, not a failure of the mutation.
    assert_eq!(reply.data("testRegistryConnection.health.state"), "UNAUTHORIZED");
    assert!(reply.data("testRegistryConnection.health.cause").is_string(), "{}", reply.text);
    assert_eq!(unaudited(gateway.database().row_counts().await), unaudited(before));

    gateway.as_outsider().query(document, json!({ "input": input })).await.refused("FORBIDDEN");
}

#[tokio::test]
async fn a_password_can_be_read_nowhere() {
    let world = World::start().await;
    let document = "{ registries { nodes { id name description address host username health { cause } } } }";
    let reply = world.admin.ask(document).await;
    assert!(!reply.text.contains(SimulatedHarbor::ADMIN_PASSWORD), "{}", reply.text);
    let reply = world.admin.ask("{ registries { nodes { password } } }").await;
    reply.refused("GRAPHQL_VALIDATION_FAILED");
}

/// Row counts without the tables that every attempt may leave a trace in.
fn unaudited(mut counts: std::collections::BTreeMap<String, i64>) -> std::collections::BTreeMap<String, i64> {
    counts.retain(|table, _| !table.contains("audit"));
    counts
}
