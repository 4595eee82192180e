//! Subscriptions: what happens is told to those who may see it, over both transports, for as long as their token is good.

mod event_stream;
mod socket;

use serde_json::{Value, json};
use tests::gateway::{Client, Socket, World};

const IMAGES: &str = "subscription ($namespace: NamespaceKey!) { imageEvents(namespace: $namespace) {
    kind reference tag digest at image { reference space { name } registry { name } } } }";

const HEALTH: &str = "subscription ($id: ID) { registryHealthChanged(registryId: $id) { name health { state } } }";

fn of(namespace: &str) -> Value {
    json!({ "namespace": { "name": namespace } })
}

async fn watch_images(viewer: &Client, namespace: &str) -> Socket {
    let mut socket = viewer.socket().await;
    socket.subscribe("images", IMAGES, of(namespace)).await;
    socket
}

/// `KIND space/repository`, of so many events, sorted; and the events.
async fn events(socket: &mut Socket, n: usize) -> (Vec<String>, Vec<Value>) {
    let (mut lines, mut all) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let message = socket.receive().await;
        assert_eq!(message["type"], "next", "{message}");
        assert!(message["payload"].get("errors").is_none(), "{message}");
        let event = message["payload"]["data"]["imageEvents"].clone();
        let reference = event["reference"].as_str().unwrap_or_default();
        let path = reference.split_once('/').map_or("", |(_, path)| path);
        lines.push(format!("{} {path}", event["kind"].as_str().unwrap_or_default()));
        all.push(event);
    }
    lines.sort();
    (lines, all)
}

#[tokio::test]
async fn what_is_pushed_and_deleted_is_told() {
    let world = World::start().await;
    let mut socket = watch_images(&world.gateway.as_member("payments", "viewer"), "pay-prod").await;
    let digest = world.harbor.push("pay", "fresh", "0.1");
    world.admin.refresh(&world.main).await.succeeded();
    let (lines, all) = events(&mut socket, 1).await;
    assert_eq!(lines, ["PUSHED pay/fresh"]);
    assert_eq!((&all[0]["tag"], &all[0]["digest"]), (&json!("0.1"), &json!(digest)));
    assert_eq!(all[0]["image"]["space"]["name"], "pay");
    assert!(all[0]["at"].is_string());

    let digest = world.harbor.push("pay", "api", "1.1");
    world.admin.refresh(&world.main).await.succeeded();
    let (lines, all) = events(&mut socket, 1).await;
    assert_eq!(lines, ["PUSHED pay/api"]);
    assert_eq!((&all[0]["tag"], &all[0]["digest"]), (&json!("1.1"), &json!(digest)));

    world.harbor.delete_repository("pay", "worker");
    world.admin.refresh(&world.main).await.succeeded();
    let (lines, all) = events(&mut socket, 1).await;
    assert_eq!(lines, ["DELETED pay/worker"]);
    assert_eq!(all[0]["image"], Value::Null);
    assert_eq!(all[0]["tag"], Value::Null);
}

#[tokio::test]
async fn what_becomes_available_and_unavailable_is_told() {
    let world = World::start().await;
    let mut socket = watch_images(&world.gateway.as_member("payments", "viewer"), "pay-prod").await;
    let (vault, pay) = (world.space("vault").await, world.space("pay").await);
    world.admin.bind(&[&vault], &[&world.payments]).await.succeeded();
    assert_eq!(events(&mut socket, 1).await.0, ["BECAME_AVAILABLE vault/keys"]);
    world.admin.unbind(&[&pay, &vault], &[&world.payments]).await.succeeded();
    let (lines, all) = events(&mut socket, 3).await;
    let expected = ["BECAME_UNAVAILABLE pay/api", "BECAME_UNAVAILABLE pay/worker", "BECAME_UNAVAILABLE vault/keys"];
    assert_eq!(lines, expected);
    assert!(all.iter().all(|event| event["image"] == Value::Null), "{all:?}");
    // Public is public for all, bound or not.
    world.admin.set_public(&vault, true).await.succeeded();
    assert_eq!(events(&mut socket, 1).await.0, ["BECAME_AVAILABLE vault/keys"]);
    world.admin.bind(&[&vault], &[&world.payments]).await.succeeded();
    world.admin.set_public(&pay, true).await.succeeded();
    assert_eq!(events(&mut socket, 2).await.0, ["BECAME_AVAILABLE pay/api", "BECAME_AVAILABLE pay/worker"]);
}

#[tokio::test]
async fn nobody_is_told_of_what_they_may_not_see() {
    let world = World::start().await;
    let (outsider, stranger) = (world.gateway.as_outsider(), world.gateway.as_member("shop", "admin"));
    let mut sockets = [watch_images(&outsider, "pay-prod").await, watch_images(&stranger, "pay-prod").await];
    let mut member = watch_images(&world.gateway.as_member("payments", "viewer"), "pay-prod").await;
    world.harbor.push("pay", "secret", "1.0");
    world.admin.refresh(&world.main).await.succeeded();
    world.harbor.push("library", "open", "1.0");
    world.admin.refresh(&world.main).await.succeeded();
    for socket in &mut sockets {
        // The first that they hear of is what came second.
        assert_eq!(events(socket, 1).await.0, ["PUSHED library/open"]);
    }
    assert_eq!(events(&mut member, 2).await.0, ["PUSHED library/open", "PUSHED pay/secret"]);
}

#[tokio::test]
async fn a_namespace_that_changes_hands_takes_its_images_along() {
    let world = World::start().await;
    let mut socket = watch_images(&world.gateway.as_member("payments", "viewer"), "pay-prod").await;
    let document = "mutation ($input: BindNamespacesInput!) { bindNamespaces(input: $input) { namespaces { id } } }";
    let input = json!({ "workspaceId": world.shop, "namespaces": [{ "name": "pay-prod" }], "move": true });
    world.admin.query(document, json!({ "input": input })).await.succeeded();
    assert_eq!(events(&mut socket, 2).await.0, ["BECAME_UNAVAILABLE pay/api", "BECAME_UNAVAILABLE pay/worker"]);
}

#[tokio::test]
async fn any_replica_tells_of_what_any_other_did() {
    let world = World::start().await;
    let replica = world.gateway.replica().await;
    let mut socket = watch_images(&replica.as_member("payments", "viewer"), "pay-prod").await;
    let vault = world.space("vault").await;
    world.admin.bind(&[&vault], &[&world.payments]).await.succeeded();
    let (lines, all) = events(&mut socket, 1).await;
    assert_eq!(lines, ["BECAME_AVAILABLE vault/keys"]);
    assert_eq!(all[0]["image"]["registry"]["name"], "main");
}

#[tokio::test]
async fn a_registry_that_falls_ill_and_gets_well_is_told_of() {
    let world = World::start().await;
    let mut all = world.gateway.as_outsider().socket().await;
    all.subscribe("health", HEALTH, json!({})).await;
    let mut own = world.gateway.as_member("shop", "viewer").socket().await;
    own.subscribe("health", HEALTH, json!({ "id": world.own })).await;
    world.own_harbor.stop().await;
    let _ = world.admin.refresh(&world.own).await;
    world.harbor.stop().await;
    let _ = world.admin.refresh(&world.main).await;
    let ill = |name| json!({ "registryHealthChanged": { "name": name, "health": { "state": "UNREACHABLE" } } });
    assert_eq!(own.receive().await["payload"]["data"], ill("own"));
    // Outsiders do not hear of the shop's own.
    assert_eq!(all.receive().await["payload"]["data"], ill("main"));
    world.harbor.restart().await;
    world.admin.refresh(&world.main).await.succeeded();
    assert_eq!(all.receive().await["payload"]["data"]["registryHealthChanged"]["health"]["state"], "HEALTHY");

    let mut stranger = world.gateway.as_member("payments", "admin").socket().await;
    stranger.begin("health", HEALTH, json!({ "id": world.own })).await;
    let refused = stranger.receive().await;
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "NOT_FOUND", "{refused}");
    assert_eq!(stranger.receive().await, json!({ "id": "health", "type": "complete" }));
}

#[tokio::test]
async fn whoever_waits_costs_no_more_than_one_does() {
    let world = World::start().await;
    let member = world.gateway.as_member("payments", "viewer");
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(watch_images(&member, "pay-prod").await);
    }
    let begun = (std::time::Instant::now(), world.gateway.statements());
    let vault = world.space("vault").await;
    world.admin.bind(&[&vault], &[&world.payments]).await.succeeded();
    for socket in &mut sockets {
        assert_eq!(events(socket, 1).await.0, ["BECAME_AVAILABLE vault/keys"]);
    }
    let n_statements = world.gateway.statements() - begun.1;
    // Each reads the epoch for its difference and for its event; the binding and the pace add a few dozen.
    assert!(n_statements < 150, "{n_statements} in {:?}", begun.0.elapsed());
}
