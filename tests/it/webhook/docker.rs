//! Notifications of a Docker Registry, which an operator configures by hand with the secret that Fairway gives out once.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    docker_registry::DockerRegistry,
    eventually::eventually,
    gateway::{Client, Reply, TestGateway},
};

use super::{SHOWS, gateway};

const EVENTS: &str = "application/vnd.docker.distribution.events.v1+json";

const ROTATE: &str = "mutation ($id: ID!) { rotateWebhookSecret(input: { registryId: $id }) { url secret } }";

/// Where notifications go, and with which secret.
async fn rotate(admin: &Client, registry: &str) -> (String, String) {
    let reply = admin.query(ROTATE, json!({ "id": registry })).await;
    (reply.string("rotateWebhookSecret.url"), reply.string("rotateWebhookSecret.secret"))
}

async fn notify(gateway: &TestGateway, url: &str, secret: &str, body: &Value) -> u16 {
    let path = url.strip_prefix(&format!("http://{}", gateway.address())).expect("the address is the gateway's");
    let request = gateway.anonymous().request(Method::POST, path).bearer_auth(secret).header("content-type", EVENTS);
    Reply::of(request.body(body.to_string())).await.status
}

/// As distribution sends it: a push is several events, of which one is the manifest's.
fn event(action: &str, repository: &str) -> Value {
    let of = |media_type: &str| {
        json!({ "id": "1", "timestamp": "2026-11-21T09:30:00Z", "action": action,
                "target": { "mediaType": media_type, "repository": repository, "digest": "sha256:0" },
                "request": { "method": "PUT" }, "actor": {}, "source": {} })
    };
    json!({ "events": [of("application/octet-stream"), of("application/vnd.docker.distribution.manifest.v2+json")] })
}

#[tokio::test]
async fn a_push_that_a_docker_registry_tells_of_shows_within_two_seconds() {
    if !DockerRegistry::is_installed(module_path!()) {
        return;
    }
    let (gateway, registry) = (gateway().await, DockerRegistry::start().await);
    registry.push("alpine", "3.20").await;
    let admin = gateway.as_admin();
    let input = json!({ "name": "docker", "kind": "DOCKER_REGISTRY", "address": registry.url() });
    let id = admin.integrate_and_refresh(input).await;
    let (url, secret) = rotate(&admin, &id).await;
    let viewer = gateway.as_outsider();
    let shows = async |expected: &[&str]| {
        eventually(SHOWS, "the selector follows the notification", async || {
            let rows = viewer.selector("stray").await.rows();
            (rows == expected).then_some(())
        })
        .await;
    };
    registry.push("team/app", "1.0").await;
    assert_eq!(notify(&gateway, &url, "wrong", &event("push", "team/app")).await, 401);
    assert_eq!(notify(&gateway, &url, &secret, &event("push", "team/app")).await, 202);
    shows(&["alpine PUBLIC", "team/app PUBLIC"]).await;
    // What it says is read again: this was never pushed.
    assert_eq!(notify(&gateway, &url, &secret, &event("push", "invented")).await, 202);
    assert_eq!(notify(&gateway, &url, &secret, &json!({ "nothing": [] })).await, 400);

    let (same_url, newer) = rotate(&admin, &id).await;
    assert_eq!(same_url, url);
    assert_ne!(newer, secret);
    registry.push("team/tool", "1.0").await;
    assert_eq!(notify(&gateway, &url, &secret, &event("push", "team/tool")).await, 401);
    assert_eq!(notify(&gateway, &url, &newer, &event("push", "team/tool")).await, 202);
    shows(&["alpine PUBLIC", "team/app PUBLIC", "team/tool PUBLIC"]).await;
}

#[tokio::test]
async fn a_secret_is_given_out_to_those_who_may_update_a_docker_registry_alone() {
    if !DockerRegistry::is_installed(module_path!()) {
        return;
    }
    let (gateway, registry) = (gateway().await, DockerRegistry::start().await);
    let admin = gateway.as_admin();
    let shop = admin.create_workspace("shop").await;
    let input = json!({ "name": "docker", "kind": "DOCKER_REGISTRY", "address": registry.url(), "workspaceId": shop });
    let id = admin.integrate_and_refresh(input).await;
    gateway.as_member("shop", "admin").query(ROTATE, json!({ "id": id })).await.succeeded();
    gateway.as_member("shop", "editor").query(ROTATE, json!({ "id": id })).await.refused("FORBIDDEN");
    gateway.as_outsider().query(ROTATE, json!({ "id": id })).await.refused("NOT_FOUND");
}
