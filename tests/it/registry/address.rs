//! In which networks a registry may be: by default not on Fairway's own host, whoever asks.

use std::sync::Arc;

use api::config::{Guards, Networks};
use serde_json::{Value, json};
use tests::{
    database::TemporaryDatabase,
    gateway::{Client, Reply, TestGateway},
    harbor::SimulatedHarbor,
};

use super::harbor_input;

fn guards(allow: &str, deny: &str, private: &str) -> Guards {
    let networks = |list: &str| list.parse::<Networks>().expect("networks");
    Guards::new(networks(allow), networks(deny), networks(private))
}

/// A gateway as it is without a word about networks.
async fn by_default() -> TestGateway {
    TestGateway::builder().configure(|config| config.upstream_guards = guards("", "", "")).start().await
}

async fn test_connection(viewer: &Client, mut input: Value) -> Reply {
    input.as_object_mut().expect("an input is an object").remove("name");
    let document = "mutation ($input: TestRegistryConnectionInput!) {
        testRegistryConnection(input: $input) { health { state cause } } }";
    viewer.query(document, json!({ "input": input })).await
}

#[track_caller]
fn closed(reply: &Reply, what: &str) {
    assert_eq!((reply.code(), reply.field()), (Some("BAD_USER_INPUT"), Some("address")), "{what}: {}", reply.text);
    assert!(reply.message().contains("network"), "{what}: {}", reply.message());
}

#[tokio::test]
async fn this_host_is_closed_by_default_however_it_is_written() {
    let (gateway, harbor) = (by_default().await, SimulatedHarbor::start().await);
    let shop = gateway.as_admin().create_workspace("shop").await;
    let port = harbor.host().rsplit(':').next().expect("a port").to_owned();
    for host in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"] {
        let mut input = harbor_input("main", &harbor);
        input["address"] = json!(format!("http://{host}:{port}"));
        closed(&gateway.as_admin().integrate(input.clone()).await, host);
        closed(&test_connection(&gateway.as_admin(), input.clone()).await, host);
        input["workspaceId"] = json!(shop);
        closed(&gateway.as_member("shop", "admin").integrate(input.clone()).await, host);
        closed(&test_connection(&gateway.as_member("shop", "admin"), input).await, host);
    }
    assert!(harbor.requests().is_empty(), "{:?}", harbor.requests());
}

#[tokio::test]
async fn metadata_and_private_networks_are_closed_to_workspaces() {
    let gateway = by_default().await;
    let shop = gateway.as_admin().create_workspace("shop").await;
    let lead = gateway.as_member("shop", "admin");
    for host in
        ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1"]
    {
        let input = json!({ "name": "own", "kind": "DOCKER_REGISTRY", "address": format!("http://{host}"),
                            "workspaceId": shop });
        closed(&lead.integrate(input.clone()).await, host);
        closed(&test_connection(&lead, input).await, host);
    }
}

#[tokio::test]
async fn a_registry_does_not_move_to_where_it_may_not_be() {
    let gateway = TestGateway::builder()
        .configure(|config| config.upstream_guards = guards("127.0.0.0/8", "127.0.0.3", ""))
        .start()
        .await;
    let harbor = SimulatedHarbor::start().await;
    let id = gateway.as_admin().integrate_harbor("main", &harbor).await;
    harbor.clear_requests();
    let document = "mutation ($input: UpdateRegistryInput!) { updateRegistry(input: $input) { registry { id } } }";
    let input = json!({ "id": id, "address": harbor.url().replace("127.0.0.1", "127.0.0.3"),
                        "password": SimulatedHarbor::ADMIN_PASSWORD });
    closed(&gateway.as_admin().query(document, json!({ "input": input })).await, "update");
    assert!(harbor.requests().is_empty(), "{:?}", harbor.requests());
}

#[tokio::test]
async fn a_network_closed_later_ends_the_sweeps_of_what_is_in_it() {
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "nginx", "1.27");
    let database = Arc::new(TemporaryDatabase::create().await);
    let gateway = TestGateway::builder().start_on(database.clone()).await;
    let id = gateway.as_admin().integrate_harbor("main", &harbor).await;
    gateway.stop().await;

    let closed = TestGateway::builder().configure(|config| config.upstream_guards = guards("", "", ""));
    let gateway = closed.start_on(database).await;
    harbor.clear_requests();
    gateway.as_admin().refresh(&id).await.succeeded();
    let document = "query ($id: ID!) { registry(id: $id) { health { state cause } } }";
    let reply = gateway.as_admin().query(document, json!({ "id": id })).await;
    assert_eq!(reply.data("registry.health.state"), "UNREACHABLE");
    assert!(reply.string("registry.health.cause").contains("network"), "{}", reply.text);
    // Its last known images stay.
    assert_eq!(gateway.as_outsider().selector("stray").await.total(), 1);
    assert!(harbor.requests().is_empty(), "{:?}", harbor.requests());
}
