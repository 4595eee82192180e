//! A real Docker Registry behind the gateway.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::{docker_registry::DockerRegistry, gateway::TestGateway};

const INTEGRATED: &str = "integrateRegistry.registry";

/// Leaves the test, visibly, where the registry is not installed.
macro_rules! needs_docker_registry {
    () => {
        if !DockerRegistry::is_installed(module_path!()) {
            return;
        }
    };
}

fn input(registry: &DockerRegistry) -> Value {
    json!({ "name": "docker", "kind": "DOCKER_REGISTRY", "address": registry.url() })
}

#[tokio::test]
async fn an_open_registry_is_one_public_space() {
    needs_docker_registry!();
    let (gateway, registry) = (TestGateway::start().await, DockerRegistry::start().await);
    registry.push("alpine", "3.20").await;
    registry.push("team/deep/app", "1.0").await;
    let id = gateway.as_admin().integrate_and_refresh(input(&registry)).await;
    let selector = gateway.as_outsider().selector("stray").await;
    let host = registry.host();
    assert_eq!(selector.references(), [format!("{host}/alpine"), format!("{host}/team/deep/app")]);

    let document = "query ($id: ID!) { registry(id: $id) { kind health { state privilege }
        spaces { nodes { name visibility isProxyCache imageCount viewerCan { setPublic } } } } }";
    let reply = gateway.as_admin().query(document, json!({ "id": id })).await;
    assert_eq!(
        reply.data("registry"),
        &json!({
            "kind": "DOCKER_REGISTRY",
            "health": { "state": "HEALTHY", "privilege": "ANONYMOUS" },
            "spaces": { "nodes": [{ "name": "/", "visibility": "PUBLIC", "isProxyCache": false, "imageCount": 2,
                                    "viewerCan": { "setPublic": false } }] },
        })
    );
}

#[tokio::test]
async fn a_registry_with_passwords_needs_the_right_one() {
    needs_docker_registry!();
    let (gateway, registry) = (TestGateway::start().await, DockerRegistry::start_with_password().await);
    registry.push("app", "1.0").await;
    gateway.as_admin().integrate(input(&registry)).await.refused("UPSTREAM_UNAUTHORIZED");

    let mut with_account = input(&registry);
    with_account["username"] = json!(DockerRegistry::USER);
    with_account["password"] = json!("wrong-secret-31337");
    let reply = gateway.as_admin().integrate(with_account.clone()).await;
    reply.refused("UPSTREAM_UNAUTHORIZED");
    assert!(!reply.text.contains("31337"), "{}", reply.text);

    with_account["password"] = json!(DockerRegistry::PASSWORD);
    let reply = gateway.as_admin().integrate(with_account).await;
    assert_eq!(reply.data(&format!("{INTEGRATED}.health.privilege")), "USER");
    let id = reply.string(&format!("{INTEGRATED}.id"));
    gateway.as_admin().refresh(&id).await.succeeded();
    assert_eq!(gateway.as_outsider().selector("stray").await.total(), 1);
}

#[tokio::test]
async fn every_repository_is_listed_with_its_true_tags_and_digests() {
    needs_docker_registry!();
    let (gateway, registry) = (TestGateway::start().await, DockerRegistry::start().await);
    // More than two pages of the registry's catalog; some with several tags.
    let mut images = Vec::new();
    for number in 0..250 {
        let repository = format!("team-{}/app-{number}", number % 7);
        for tag in 0..=(number % 3) {
            images.push((repository.clone(), format!("1.{tag}")));
        }
    }
    let digests = registry.push_all(&images).await;
    gateway.as_admin().integrate_and_refresh(input(&registry)).await;

    let document =
        "query ($after: String) { availableImages(namespace: { name: \"stray\" }, first: 50, after: $after) {
        totalCount pageInfo { hasNextPage endCursor } nodes { repository } } }";
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let reply = gateway.as_outsider().query(document, json!({ "after": after })).await;
        assert_eq!(reply.data("availableImages.totalCount"), 250);
        seen.extend(reply.strings("availableImages.nodes", "repository"));
        if reply.data("availableImages.pageInfo.hasNextPage") == false {
            break;
        }
        assert!(seen.len() < 300, "paging does not end");
        after = reply.data("availableImages.pageInfo.endCursor").clone();
    }
    let pushed: BTreeSet<String> = images.iter().map(|(repository, _)| repository.clone()).collect();
    assert_eq!(seen, pushed.into_iter().collect::<Vec<_>>());

    let mut expected: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for ((repository, tag), digest) in images.iter().zip(&digests) {
        // The newest version comes first.
        expected.entry(repository).or_default().insert(0, json!({ "name": tag, "artifact": { "digest": digest } }));
    }
    let document =
        "query ($reference: String!) { availableImage(namespace: { name: \"stray\" }, reference: $reference) {
        node { tags { nodes { name artifact { digest } } } } } }";
    for repository in ["team-0/app-0", "team-1/app-1", "team-2/app-2", "team-4/app-249"] {
        let reference = format!("{}/{repository}", registry.host());
        let reply = gateway.as_outsider().query(document, json!({ "reference": reference })).await;
        assert_eq!(reply.data("availableImage.node.tags.nodes"), &json!(expected[repository]), "{repository}");
    }
}

#[tokio::test]
async fn a_repository_that_lost_its_tags_has_none() {
    needs_docker_registry!();
    let (gateway, registry) = (TestGateway::start().await, DockerRegistry::start().await);
    let digest = registry.push("emptied", "1.0").await;
    registry.push("kept", "1.0").await;
    registry.delete_manifest("emptied", &digest).await;
    assert_eq!(registry.raw_tags("emptied").await["tags"], Value::Null);
    gateway.as_admin().integrate_and_refresh(input(&registry)).await;

    let selector = gateway.as_outsider().selector("stray").await;
    assert!(selector.references().contains(&format!("{}/kept", registry.host())), "{:?}", selector.references());
    let document =
        "query ($reference: String!) { availableImage(namespace: { name: \"stray\" }, reference: $reference) {
        node { tags { totalCount nodes { name } } } } }";
    let reference = format!("{}/emptied", registry.host());
    let reply = gateway.as_outsider().query(document, json!({ "reference": reference })).await;
    // Listed without tags or not at all; never an error.
    reply.succeeded();
    if reply.data("availableImage").is_object() {
        assert_eq!(reply.data("availableImage.node.tags"), &json!({ "totalCount": 0, "nodes": [] }));
    }
}

#[tokio::test]
async fn an_artifact_tells_its_platform_and_size() {
    needs_docker_registry!();
    let (gateway, registry) = (TestGateway::start().await, DockerRegistry::start().await);
    let digest = registry.push("app", "1.0").await;
    gateway.as_admin().integrate_and_refresh(input(&registry)).await;
    let document = "query ($reference: String!) { availableImage(namespace: { name: \"stray\" }, reference: $reference) {
        node { updatedAt artifact(reference: \"1.0\") { digest kind size platforms { os architecture } pushedAt } } } }";
    let reference = format!("{}/app", registry.host());
    let reply = gateway.as_outsider().query(document, json!({ "reference": reference })).await;
    let artifact = reply.data("availableImage.node.artifact");
    assert_eq!(artifact["digest"], json!(digest));
    assert_eq!(artifact["kind"], "IMAGE");
    assert_eq!(artifact["platforms"], json!([{ "os": "linux", "architecture": "amd64" }]));
    assert!(artifact["size"].as_i64().is_some_and(|size| size > 0), "{artifact}");
    // When it was built: the registry keeps no other time.
    assert_eq!(artifact["pushedAt"], "2024-05-06T07:08:09.000Z");
    assert_eq!(reply.data("availableImage.node.updatedAt"), &Value::Null);
}

#[tokio::test]
async fn a_docker_registry_is_no_harbor() {
    needs_docker_registry!();
    let (gateway, registry) = (TestGateway::start().await, DockerRegistry::start().await);
    let mut as_harbor = input(&registry);
    as_harbor["kind"] = json!("HARBOR");
    as_harbor["username"] = json!("admin");
    as_harbor["password"] = json!("Harbor12345");
    let reply = gateway.as_admin().integrate(as_harbor).await;
    assert!(
        ["BAD_USER_INPUT", "UNSUPPORTED", "UPSTREAM_REJECTED"].contains(&reply.code().unwrap_or_default()),
        "{}",
        reply.text
    );
    assert!(reply.message().contains("Docker Registry"), "what was found is named: {}", reply.message());
}

#[tokio::test]
async fn a_docker_registry_of_a_workspace_reaches_that_workspace_alone() {
    needs_docker_registry!();
    let (gateway, registry) = (TestGateway::start().await, DockerRegistry::start().await);
    registry.push("app", "1.0").await;
    let shop = gateway.as_admin().create_workspace("shop").await;
    let lead = gateway.as_member("shop", "admin");
    let mut own = input(&registry);
    own["workspaceId"] = json!(shop);
    lead.integrate_and_refresh(own).await;
    lead.bind_namespaces(&shop, &["shop-prod"]).await.succeeded();
    assert_eq!(lead.selector("shop-prod").await.rows(), ["app WORKSPACE_REGISTRY"]);
    assert_eq!(gateway.as_outsider().selector("shop-prod").await.total(), 0);
}
