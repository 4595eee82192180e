//! The sync: what it asks of a registry, what it notices, and how replicas share the work.

mod hint;
mod lease;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{
    gateway::{Client, TestGateway, World},
    harbor::{Fault, SimulatedHarbor},
};

/// Longer than anything here takes in the background, and shorter than a person would wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `is_so`, which nothing but the background brings about.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The repositories of a space with their artifact counts: `api 2`.
async fn images(viewer: &Client, space: &str) -> Vec<String> {
    let document = "query ($id: ID!) { space(id: $id) { images(first: 100) {
        totalCount nodes { repository artifactCount } } } }";
    let reply = viewer.query(document, json!({ "id": space })).await;
    let nodes = reply.list("space.images.nodes");
    assert!(nodes.len() == 100 || reply.data("space.images.totalCount") == nodes.len(), "{}", reply.text);
    nodes
        .iter()
        .map(|node| format!("{} {}", node["repository"].as_str().unwrap_or("?"), node["artifactCount"]))
        .collect()
}

async fn registry(viewer: &Client, id: &str) -> Value {
    let document = "query ($id: ID!) { registry(id: $id) {
        health { state cause } sync { lastError lastSucceededAt inProgress } } }";
    viewer.query(document, json!({ "id": id })).await.data("registry").clone()
}

/// A Harbor that reports pushes in `update_time`, as since 2.15.2.
async fn telling_harbor() -> SimulatedHarbor {
    SimulatedHarbor::builder().version("v2.15.2").start().await
}

#[tokio::test]
async fn a_harbor_that_has_not_changed_costs_a_request_for_each_hundred_projects_and_three_more() {
    for (n_projects, n_images) in [(250_usize, 3), (200, 3), (250, 150)] {
        let harbor = telling_harbor().await;
        // With `library`.
        for number in 1..n_projects {
            harbor.create_project(&format!("project-{number:03}"), number % 2 == 0);
        }
        for number in 0..n_images {
            harbor.push(&format!("project-{:03}", 1 + number % 199), &format!("app-{number:03}"), "1.0");
        }
        let gateway = TestGateway::start().await;
        let admin = gateway.as_admin();
        let id = admin.integrate_harbor("main", &harbor).await;
        admin.refresh(&id).await.succeeded();
        let statements = gateway.statements();
        let epoch = epoch(&gateway).await;
        harbor.clear_requests();
        admin.refresh(&id).await.succeeded();
        let requests = harbor.requests();
        assert!(
            requests.len() <= n_projects.div_ceil(100) + 3,
            "{n_projects} projects, {n_images} images: {requests:#?}"
        );
        assert_eq!(registry(&admin, &id).await["health"]["state"], "HEALTHY");
        assert_eq!(self::epoch(&gateway).await, epoch, "nothing has changed, and every process would read anew");
        let statements = gateway.statements() - statements;
        assert!(statements < 25, "{statements} statements for a sweep that finds nothing");
    }
}

async fn epoch(gateway: &TestGateway) -> (i64, i64) {
    use sea_orm::EntityTrait;
    let connection = gateway.database().connect().await;
    let row = entity::epoch::Entity::find_by_id(entity::epoch::ID).one(&connection).await;
    let row = row.expect("the epoch can be read").expect("there is one");
    (row.access, row.content)
}

#[tokio::test]
async fn everything_is_read_before_anybody_asks() {
    let harbor = SimulatedHarbor::start().await;
    for number in 0..230 {
        harbor.push("library", &format!("app-{number:03}"), "1.0");
    }
    harbor.create_project("private", false);
    harbor.push("private", "api", "1.0");
    let gateway = TestGateway::start().await;
    let admin = gateway.as_admin();
    admin.integrate_harbor("main", &harbor).await;
    harbor.stop().await;
    let selector = gateway.as_outsider().selector("stray").await;
    assert_eq!(selector.total(), 230);
    assert_eq!(selector.sources(), ["main CURRENT"]);
}

#[tokio::test]
async fn what_is_pushed_and_deleted_shows_after_one_sweep() {
    let harbor = telling_harbor().await;
    harbor.create_project("team", true);
    for name in ["api", "web", "worker"] {
        harbor.push("team", name, "1.0");
    }
    // So many that one page does not show them all.
    for number in 0..120 {
        harbor.push("library", &format!("base-{number:03}"), "1.0");
    }
    let gateway = TestGateway::start().await;
    let admin = gateway.as_admin();
    let id = admin.integrate_harbor("main", &harbor).await;
    let team = admin.space(&id, "team").await;
    assert_eq!(images(&admin, &team).await, ["api 1", "web 1", "worker 1"]);

    harbor.push("team", "api", "2.0");
    admin.refresh(&id).await.succeeded();
    assert_eq!(images(&admin, &team).await, ["api 2", "web 1", "worker 1"]);

    harbor.delete_repository("team", "web");
    harbor.push("team", "new", "1.0");
    harbor.push("team", "newer", "1.0");
    admin.refresh(&id).await.succeeded();
    assert_eq!(images(&admin, &team).await, ["api 2", "new 1", "newer 1", "worker 1"]);

    // The count stays.
    harbor.delete_repository("team", "worker");
    harbor.push("team", "another", "1.0");
    harbor.delete_repository("team", "new");
    admin.refresh(&id).await.succeeded();
    assert_eq!(images(&admin, &team).await, ["another 1", "api 2", "newer 1"]);

    for number in 0..150 {
        harbor.push("team", &format!("many-{number:03}"), "1.0");
    }
    admin.refresh(&id).await.succeeded();
    let reply = admin.query("query ($id: ID!) { space(id: $id) { imageCount } }", json!({ "id": team })).await;
    assert_eq!(reply.data("space.imageCount"), 153);
}

#[tokio::test]
async fn a_deletion_and_a_push_that_keep_the_count_are_found_when_everything_is_read() {
    // Pushes move no time here, and as many images as one page holds are not all there is.
    let harbor = SimulatedHarbor::start().await;
    harbor.create_project("team", true);
    for name in ["api", "web"] {
        harbor.push("team", name, "1.0");
    }
    for number in 0..120 {
        harbor.push("library", &format!("base-{number:03}"), "1.0");
    }
    let gateway = TestGateway::start().await;
    let admin = gateway.as_admin();
    let id = admin.integrate_harbor("main", &harbor).await;
    let team = admin.space(&id, "team").await;
    harbor.push("team", "api", "2.0");
    for _ in 0..12 {
        admin.refresh(&id).await.succeeded();
    }
    assert_eq!(images(&admin, &team).await, ["api 2", "web 1"]);
}

#[tokio::test]
async fn a_project_made_anew_under_its_name_is_another_space() {
    let world = World::start().await;
    let before = world.space("pay").await;
    world.harbor.delete_project("pay");
    world.harbor.create_project("pay", false);
    world.harbor.push("pay", "other", "1.0");
    world.admin.refresh(&world.main).await.succeeded();
    let member = world.gateway.as_member("payments", "viewer");
    let selector = member.selector("pay-prod").await;
    // The binding is to the space that is gone.
    assert_eq!(selector.rows(), ["library/nginx PUBLIC", "library/redis PUBLIC"]);
    let document = "query ($id: ID!) { space(id: $id) { missing } }";
    let reply = world.admin.query(document, json!({ "id": before })).await;
    assert_eq!(reply.data("space.missing"), true);
    let document = "query ($id: ID!) { registry(id: $id) { spaces(first: 100) { nodes { id name missing
        images { nodes { repository } } } } } }";
    let reply = world.admin.query(document, json!({ "id": world.main })).await;
    let anew =
        reply.list("registry.spaces.nodes").iter().find(|space| space["name"] == "pay" && space["missing"] == false);
    let anew = anew.unwrap_or_else(|| panic!("the new project is not there: {}", reply.text));
    assert_ne!(anew["id"], before);
    assert_eq!(anew["images"]["nodes"], json!([{ "repository": "other" }]));
}

#[tokio::test]
async fn a_space_that_fails_by_itself_keeps_its_images_and_harms_no_other() {
    let world = World::start().await;
    world.harbor.push("pay", "late", "1.0");
    world.harbor.push("library", "late", "1.0");
    world.harbor.fault(Fault::HtmlPage.on("/api/v2.0/repositories"));
    world.harbor.fault(Fault::HtmlPage.on("/api/v2.0/projects/pay/repositories"));
    world.admin.refresh(&world.main).await.succeeded();
    assert_eq!(registry(&world.admin, &world.main).await["health"]["state"], "HEALTHY");
    let member = world.gateway.as_member("payments", "viewer");
    let selector = member.selector("pay-prod").await;
    assert_eq!(
        selector.rows(),
        ["library/late PUBLIC", "library/nginx PUBLIC", "library/redis PUBLIC", "pay/api BOUND", "pay/worker BOUND"],
    );
    assert_eq!(selector.sources(), ["main STALE"]);
    let open = world.gateway.as_outsider().selector("stray").await;
    assert_eq!(open.sources(), ["main CURRENT"]);

    world.harbor.clear_faults();
    world.admin.refresh(&world.main).await.succeeded();
    let selector = member.selector("pay-prod").await;
    assert!(selector.rows().contains(&"pay/late BOUND".to_owned()), "{:?}", selector.rows());
    assert_eq!(selector.sources(), ["main CURRENT"]);
}

#[tokio::test]
async fn an_outage_is_seen_and_so_is_its_end() {
    let gateway = TestGateway::builder()
        .sync_interval(Duration::from_secs(1))
        .upstream_timeout(Duration::from_secs(1))
        .start()
        .await;
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "nginx", "1.0");
    let admin = gateway.as_admin();
    let id = admin.integrate_harbor("main", &harbor).await;
    harbor.stop().await;
    until("the outage shows", async || registry(&admin, &id).await["health"]["state"] == "UNREACHABLE").await;
    assert!(registry(&admin, &id).await["sync"]["lastError"].is_string());
    let selector = gateway.as_outsider().selector("stray").await;
    assert_eq!((selector.rows(), selector.sources()), (vec!["library/nginx PUBLIC".into()], vec!["main STALE".into()]));
    harbor.restart().await;
    harbor.push("library", "redis", "1.0");
    until("its end shows", async || registry(&admin, &id).await["health"]["state"] == "HEALTHY").await;
    let shows_both = async || gateway.as_outsider().selector("stray").await.total() == 2;
    until("what was pushed meanwhile shows", shows_both).await;
    assert_eq!(registry(&admin, &id).await["sync"]["lastError"], Value::Null);
}

#[tokio::test]
async fn a_registry_is_swept_in_its_turn_without_anybody_asking() {
    let gateway = TestGateway::builder().sync_interval(Duration::from_secs(1)).start().await;
    let harbor = SimulatedHarbor::start().await;
    let admin = gateway.as_admin();
    let id = admin.integrate_harbor("main", &harbor).await;
    harbor.push("library", "nginx", "1.0");
    harbor.create_project("open", true);
    harbor.push("open", "redis", "1.0");
    let shows_both = async || gateway.as_outsider().selector("stray").await.total() == 2;
    until("what was pushed shows", shows_both).await;
    harbor.set_public("open", false);
    let is_closed = async || gateway.as_outsider().selector("stray").await.total() == 1;
    until("what was closed is gone", is_closed).await;
    drop(id);
}

#[tokio::test]
async fn what_turns_private_while_the_account_is_refused_is_closed_without_trying_the_account() {
    let gateway = TestGateway::builder().sync_interval(Duration::from_secs(1)).start().await;
    let harbor = SimulatedHarbor::start().await;
    harbor.create_sysadmin("fairway", "Fairway12345");
    harbor.push("library", "nginx", "1.0");
    harbor.create_project("open", true);
    harbor.push("open", "redis", "1.0");
    let admin = gateway.as_admin();
    let input = json!({ "name": "main", "kind": "HARBOR", "address": harbor.url(), "username": "fairway",
        "password": "Fairway12345" });
    let id = admin.integrate_and_refresh(input).await;
    harbor.set_password("fairway", "Changed12345");
    until("the refusal shows", async || registry(&admin, &id).await["health"]["state"] == "UNAUTHORIZED").await;
    harbor.clear_requests();
    harbor.set_public("open", false);
    let rows = async || gateway.as_outsider().selector("stray").await.rows();
    until("the project is closed", async || rows().await == ["library/nginx PUBLIC"]).await;
    assert!(harbor.credentials_seen().iter().all(Option::is_none), "{:?}", harbor.credentials_seen());
    // A person who asks for it has the account tried again.
    harbor.set_password("fairway", "Fairway12345");
    admin.refresh(&id).await.succeeded();
    assert_eq!(registry(&admin, &id).await["health"]["state"], "HEALTHY");
}

#[tokio::test]
async fn settings_that_change_while_a_registry_is_swept_make_the_sweep_void() {
    let gateway = TestGateway::start().await;
    let (one, two) = (SimulatedHarbor::start().await, SimulatedHarbor::start().await);
    for harbor in [&one, &two] {
        harbor.push("library", "nginx", "1.0");
    }
    let admin = gateway.as_admin();
    let id = admin.integrate_harbor("main", &one).await;
    one.push("library", "only-in-one", "1.0");
    two.push("library", "only-in-two", "1.0");
    one.clear_requests();
    one.pause();
    let moving = async {
        one.wait_for_requests(1).await;
        let document = "mutation ($input: UpdateRegistryInput!) { updateRegistry(input: $input) { registry { id } } }";
        let input = json!({ "id": id, "address": two.url(), "password": SimulatedHarbor::ADMIN_PASSWORD });
        admin.query(document, json!({ "input": input })).await.succeeded();
        one.resume();
    };
    let (refreshed, ()) = tokio::join!(admin.refresh(&id), moving);
    refreshed.succeeded();
    admin.refresh(&id).await.succeeded();
    let mut rows = gateway.as_outsider().selector("stray").await.rows();
    rows.sort();
    assert_eq!(rows, ["library/nginx PUBLIC", "library/only-in-two PUBLIC"]);
}
