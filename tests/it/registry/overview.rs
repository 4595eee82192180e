//! A registry at a glance, and the first steps with it.

use serde_json::{Value, json};
use tests::{
    docker_registry::DockerRegistry,
    gateway::{Client, Reply, TestGateway, World},
    harbor::SimulatedHarbor,
};

use super::harbor_input;

const COUNTS: &str = "spaces publicSpaces privateSpaces boundSpaces images publicImages privateImages workspaces asOf";
const STEPS: &str = "quickStart { step done hint command }";

async fn overview(viewer: &Client, id: &str, fields: &str) -> Reply {
    let document = format!("query ($id: ID!) {{ registry(id: $id) {{ overview {{ {fields} }} }} }}");
    viewer.query(&document, json!({ "id": id })).await
}

/// `STEP` for what is done, `step` for what is not.
fn marks(reply: &Reply) -> Vec<String> {
    let steps = reply.list("registry.overview.quickStart").iter();
    steps
        .map(|step| {
            let name = step["step"].as_str().unwrap_or_default();
            if step["done"] == true { name.to_owned() } else { name.to_lowercase() }
        })
        .collect()
}

fn command<'a>(reply: &'a Reply, step: &str) -> &'a str {
    let steps = reply.list("registry.overview.quickStart");
    let found = steps.iter().find(|found| found["step"] == step).expect("every step is there");
    assert!(found["hint"].as_str().is_some_and(|hint| hint.ends_with('.')), "{found}");
    found["command"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn it_is_counted_without_asking_the_registry_and_at_no_cost() {
    let world = World::start().await;
    world.harbor.clear_requests();
    let reply = overview(&world.admin, &world.main, COUNTS).await;
    let mut counts = reply.data("registry.overview").clone();
    assert!(counts["asOf"].is_string(), "{counts}");
    counts["asOf"] = Value::Null;
    let expected = json!({
        "spaces": 4, "publicSpaces": 1, "privateSpaces": 3, "boundSpaces": 2,
        "images": 6, "publicImages": 2, "privateImages": 4, "workspaces": 2, "asOf": null,
    });
    assert_eq!(counts, expected);
    let reply = overview(&world.admin, &world.own, COUNTS).await;
    assert_eq!(reply.data("registry.overview.workspaces"), 1, "the owner");
    assert_eq!(reply.data("registry.overview.boundSpaces"), 0);
    assert!(world.harbor.requests().is_empty(), "{:?}", world.harbor.requests());

    // One workspace that is bound twice is one workspace.
    let (vault, cart) = (world.space("vault").await, world.space("cart").await);
    world.admin.bind(&[&vault, &cart], &[&world.shop]).await.succeeded();
    let reply = overview(&world.admin, &world.main, COUNTS).await;
    assert_eq!(reply.data("registry.overview.workspaces"), 2);
    assert_eq!(reply.data("registry.overview.boundSpaces"), 3);

    let all = format!("{{ registries {{ nodes {{ overview {{ {COUNTS} {STEPS} }} }} }} }}");
    let ask = async || {
        world.admin.ask(&all).await.succeeded();
    };
    let cost = world.gateway.statements_of(ask).await;
    assert!(cost <= 2, "{cost} statements for two registries");
}

#[tokio::test]
async fn it_is_for_those_who_may_read_the_settings() {
    let world = World::start().await;
    for (viewer, id, sees) in [
        (world.gateway.as_outsider(), &world.main, false),
        (world.gateway.as_member("payments", "admin"), &world.main, false),
        (world.gateway.as_member("shop", "viewer"), &world.own, true),
    ] {
        let document = "query ($id: ID!) { registry(id: $id) { name overview { spaces } } }";
        let reply = viewer.query(document, json!({ "id": id })).await;
        assert_eq!(reply.data("registry.overview").is_object(), sees, "{}", reply.text);
    }
}

#[tokio::test]
async fn a_space_that_vanished_still_counts_and_its_images_do_not() {
    let world = World::start().await;
    world.harbor.delete_project("pay");
    for _ in 0..2 {
        world.admin.refresh(&world.main).await.succeeded();
    }
    let reply = overview(&world.admin, &world.main, COUNTS).await;
    for (field, expected) in [("spaces", 4), ("boundSpaces", 2), ("images", 4), ("workspaces", 2)] {
        assert_eq!(reply.data(&format!("registry.overview.{field}")), expected, "{field}");
    }
}

#[tokio::test]
async fn storage_is_what_harbor_tells_its_administrators() {
    let world = World::start().await;
    world.harbor.clear_requests();
    let reply = overview(&world.admin, &world.main, "storageUsed spaces").await;
    assert!(reply.data("registry.overview.storageUsed").as_i64().is_some_and(|bytes| bytes > 0), "{}", reply.text);
    assert_eq!(world.harbor.requests(), ["GET /api/v2.0/statistics"]);

    world.harbor.create_user("shop-ci", "Shop12345");
    let mut input = harbor_input("second", &world.harbor);
    for (name, value) in [("workspaceId", world.shop.as_str()), ("username", "shop-ci"), ("password", "Shop12345")] {
        input[name] = json!(value);
    }
    let second = world.admin.integrate_and_refresh(input).await;
    assert_eq!(
        overview(&world.admin, &second, "storageUsed").await.data("registry.overview.storageUsed"),
        &Value::Null
    );

    world.harbor.stop().await;
    let reply = overview(&world.admin, &world.main, "storageUsed spaces").await;
    assert_eq!(reply.partial("registry.overview.storageUsed"), &Value::Null);
    assert_eq!(reply.partial("registry.overview.spaces"), 4);
    assert_eq!(reply.code(), Some("UPSTREAM_UNAVAILABLE"));
}

/// Runs a command that is a document of this graph.
async fn run(admin: &Client, reply: &Reply, step: &str) {
    let command = command(reply, step);
    assert!(command.starts_with("mutation"), "{command}");
    admin.ask(command).await.succeeded();
}

#[tokio::test]
async fn the_first_steps_lead_from_an_empty_harbor_to_a_deployed_image() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    harbor.delete_project("library");
    let (admin, host) = (gateway.as_admin(), harbor.host());
    let id = admin.integrate_harbor("main", &harbor).await;
    let ask = async || overview(&admin, &id, STEPS).await;

    let start = ask().await;
    assert_eq!(marks(&start), ["create_space", "bind_workspace", "push_image", "deploy"]);
    assert_eq!(command(&start, "PUSH_IMAGE"), "");
    run(&admin, &start, "CREATE_SPACE").await;

    let with_space = ask().await;
    assert_eq!(marks(&with_space), ["CREATE_SPACE", "bind_workspace", "push_image", "deploy"]);
    // A second space can be made by what stands there then.
    run(&admin, &with_space, "CREATE_SPACE").await;
    // There is no workspace to bind to: first that, then the binding.
    run(&admin, &with_space, "BIND_WORKSPACE").await;
    run(&admin, &ask().await, "BIND_WORKSPACE").await;

    let bound = ask().await;
    assert_eq!(marks(&bound), ["CREATE_SPACE", "BIND_WORKSPACE", "push_image", "deploy"]);
    let push = command(&bound, "PUSH_IMAGE");
    let reference = format!("{host}/team-a/app:1.0");
    let expected = format!("docker login {host}\ndocker tag app:1.0 {reference}\ndocker push {reference}");
    assert_eq!(push, expected);
    assert_eq!(command(&bound, "DEPLOY"), format!("kubectl create deployment app --image={reference}"));

    let workspace = admin.ask("{ workspaces { nodes { id } } }").await.string("workspaces.nodes.0.id");
    admin.bind_namespaces(&workspace, &["team-prod"]).await.succeeded();
    harbor.push("team-a", "app", "1.0");
    admin.refresh(&id).await.succeeded();
    let pushed = ask().await;
    assert_eq!(marks(&pushed), ["CREATE_SPACE", "BIND_WORKSPACE", "PUSH_IMAGE", "deploy"]);
    let deploy = format!("kubectl create deployment app --namespace=team-prod --image={host}/team-a/app:TAG");
    assert_eq!(command(&pushed, "DEPLOY"), deploy);

    harbor.pulled("team-a", "app", 1);
    admin.refresh(&id).await.succeeded();
    assert_eq!(marks(&ask().await), ["CREATE_SPACE", "BIND_WORKSPACE", "PUSH_IMAGE", "DEPLOY"]);
}

#[tokio::test]
async fn a_registry_of_a_workspace_needs_no_binding() {
    let world = World::start().await;
    let reply = overview(&world.gateway.as_member("shop", "viewer"), &world.own, STEPS).await;
    assert_eq!(marks(&reply), ["CREATE_SPACE", "BIND_WORKSPACE", "PUSH_IMAGE", "deploy"]);
    assert_eq!(command(&reply, "BIND_WORKSPACE"), "");
    assert!(command(&reply, "DEPLOY").contains("--namespace=shop-prod"), "{}", reply.text);
}

#[tokio::test]
async fn a_docker_registry_has_a_space_and_needs_no_binding() {
    if !DockerRegistry::is_installed(module_path!()) {
        return;
    }
    let (gateway, registry) = (TestGateway::start().await, DockerRegistry::start().await);
    let input = json!({ "name": "docker", "kind": "DOCKER_REGISTRY", "address": registry.url() });
    let id = gateway.as_admin().integrate_and_refresh(input).await;
    let reply = overview(&gateway.as_admin(), &id, &format!("storageUsed {COUNTS} {STEPS}")).await;
    assert_eq!(marks(&reply), ["CREATE_SPACE", "BIND_WORKSPACE", "push_image", "deploy"]);
    assert_eq!(reply.data("registry.overview.storageUsed"), &Value::Null);
    let host = registry.host();
    // It asks for no account.
    assert_eq!(command(&reply, "PUSH_IMAGE"), format!("docker tag app:1.0 {host}/app:1.0\ndocker push {host}/app:1.0"));
    registry.push("team/deep/app", "1.0").await;
    gateway.as_admin().refresh(&id).await.succeeded();
    let reply = overview(&gateway.as_admin(), &id, STEPS).await;
    assert_eq!(marks(&reply), ["CREATE_SPACE", "BIND_WORKSPACE", "PUSH_IMAGE", "deploy"]);
    assert!(command(&reply, "DEPLOY").ends_with(&format!("--image={host}/team/deep/app:TAG")), "{}", reply.text);
}
