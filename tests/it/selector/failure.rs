//! The selector while registries fail: what is known is shown, and what is not known is said.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{
    gateway::{TestGateway, World},
    harbor::{ErrorPage, Fault, SimulatedHarbor},
};

/// More than the upstream timeout of these tests, and less than a person would wait.
const DEADLINE: Duration = Duration::from_secs(15);

fn impatient() -> tests::gateway::Builder {
    TestGateway::builder().upstream_timeout(Duration::from_secs(1))
}

#[tokio::test]
async fn a_registry_that_hangs_holds_up_no_other() {
    let gateway = impatient().start().await;
    let admin = gateway.as_admin();
    let harbors = [SimulatedHarbor::start().await, SimulatedHarbor::start().await, SimulatedHarbor::start().await];
    for (harbor, name) in harbors.iter().zip(["one", "two", "three"]) {
        harbor.push("library", name, "1.0");
        admin.integrate_harbor(name, harbor).await;
    }
    // Known from now on.
    assert_eq!(gateway.as_outsider().selector("stray").await.total(), 3);
    harbors[2].push("library", "late", "1.0");
    harbors[2].pause();
    let begun = Instant::now();
    let registry = admin.ask("{ registries(filter: { search: \"three\" }) { nodes { id } } }").await;
    // What the refresh answers is another test's business; here it must end.
    let _ = admin.refresh(&registry.string("registries.nodes.0.id")).await;
    let selector = gateway.as_outsider().selector("stray").await;
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
    let mut rows = selector.rows();
    rows.sort();
    assert_eq!(rows, ["library/one PUBLIC", "library/three PUBLIC", "library/two PUBLIC"]);
    let mut sources = selector.sources();
    sources.sort();
    assert_eq!(sources, ["one CURRENT", "three STALE", "two CURRENT"]);
    harbors[2].resume();
}

#[tokio::test]
async fn a_registry_that_hangs_before_its_images_are_known_is_no_silent_gap() {
    let gateway = impatient().start().await;
    let admin = gateway.as_admin();
    let (prompt, slow) = (SimulatedHarbor::start().await, SimulatedHarbor::start().await);
    prompt.push("library", "prompt", "1.0");
    slow.push("library", "slow", "1.0");
    admin.integrate_harbor("prompt", &prompt).await;
    let input = json!({ "name": "slow", "kind": "HARBOR", "address": slow.url(),
        "username": SimulatedHarbor::ADMIN, "password": SimulatedHarbor::ADMIN_PASSWORD });
    admin.integrate(input).await.succeeded();
    slow.pause();
    let begun = Instant::now();
    let selector = gateway.as_outsider().selector("stray").await;
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
    let rows = selector.rows();
    assert!(rows.contains(&"library/prompt PUBLIC".to_owned()), "{rows:?}");
    // Integration may have been quick enough to learn of the image. If not, the answer says that it is not whole.
    let is_known = rows.contains(&"library/slow PUBLIC".to_owned());
    let sources = selector.sources();
    assert_eq!(sources.len(), 2, "{sources:?}");
    assert!(is_known || sources.contains(&"slow UNAVAILABLE".to_owned()), "{rows:?} {sources:?}");
    slow.resume();
}

#[tokio::test]
async fn a_registry_that_is_down_keeps_its_last_known_images() {
    let world = World::on(impatient().start().await).await;
    let member = world.gateway.as_member("payments", "viewer");
    let before = member.selector("pay-prod").await;
    world.harbor.stop().await;
    let refreshed = world.admin.refresh(&world.main).await;
    // Refreshing reports the failure as health or as an error; either way it is known now.
    assert!(refreshed.status == 200, "{}", refreshed.text);

    let after = member.selector("pay-prod").await;
    assert_eq!(after.rows(), before.rows());
    assert_eq!(after.sources(), ["main STALE"]);
    let source = after.reply.data("availableImages.sources.0");
    assert!(source["asOf"].is_string(), "{source}");
    let error = source["error"].as_str().unwrap_or_default();
    assert!(!error.is_empty(), "{source}");
    assert!(!error.contains(&world.harbor.host()), "an address is a setting: {error}");

    world.harbor.restart().await;
    world.admin.refresh(&world.main).await.succeeded();
    let again = member.selector("pay-prod").await;
    assert_eq!(again.sources(), ["main CURRENT"]);
    assert_eq!(again.reply.data("availableImages.sources.0.error"), &Value::Null);
}

#[tokio::test]
async fn known_images_outlive_a_restart_while_their_registry_is_down() {
    let world = World::start().await;
    world.harbor.stop().await;
    let World { gateway, harbor, .. } = world;
    let gateway = gateway.restart().await;
    let selector = gateway.as_member("payments", "viewer").selector("pay-prod").await;
    assert_eq!(selector.rows(), ["library/nginx PUBLIC", "library/redis PUBLIC", "pay/api BOUND", "pay/worker BOUND"]);
    drop(harbor);
}

#[tokio::test]
async fn a_password_changed_in_harbor_takes_no_image_away() {
    let world = World::start().await;
    world.harbor.create_sysadmin("fairway", "Fairway12345");
    let document =
        "mutation ($input: UpdateRegistryInput!) { updateRegistry(input: $input) { registry { username } } }";
    let input = json!({ "id": world.main, "username": "fairway", "password": "Fairway12345" });
    world.admin.query(document, json!({ "input": input })).await.succeeded();
    world.harbor.set_password("fairway", "Changed12345");
    let _ = world.admin.refresh(&world.main).await;

    let reply = world
        .admin
        .query("query ($id: ID!) { registry(id: $id) { health { state } } }", json!({ "id": world.main }))
        .await;
    assert_eq!(reply.data("registry.health.state"), "UNAUTHORIZED");
    let rows = world.gateway.as_member("payments", "viewer").selector("pay-prod").await.rows();
    assert_eq!(rows, ["library/nginx PUBLIC", "library/redis PUBLIC", "pay/api BOUND", "pay/worker BOUND"]);
}

/// A gateway that knows the spaces of a Harbor and none of their images: every list of repositories failed so far.
async fn with_unread_images() -> (TestGateway, SimulatedHarbor) {
    let gateway = impatient().start().await;
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "nginx", "1.27");
    for prefix in ["/api/v2.0/repositories", "/api/v2.0/projects/library/repositories"] {
        harbor.fault(Fault::Status(403, ErrorPage::Html).on(prefix));
    }
    gateway.as_admin().integrate_harbor("main", &harbor).await;
    (gateway, harbor)
}

#[tokio::test]
async fn an_image_that_nobody_can_look_for_is_an_error_and_not_absent() {
    let (gateway, harbor) = with_unread_images().await;
    harbor.stop().await;
    let document = "query ($reference: String!) {
        availableImage(namespace: { name: \"stray\" }, reference: $reference) { node { reference } } }";
    let reference = format!("{}/library/nginx", harbor.host());
    let reply = gateway.as_outsider().query(document, json!({ "reference": reference })).await;
    reply.refused("UPSTREAM_UNAVAILABLE");
    assert_eq!(reply.extension("retryable"), true);
    assert_eq!(gateway.as_outsider().selector("stray").await.sources(), ["main UNAVAILABLE"]);
}

#[tokio::test]
async fn many_who_ask_at_once_for_what_was_never_read_cause_one_reading() {
    let (gateway, harbor) = with_unread_images().await;
    harbor.clear_faults();
    harbor.clear_requests();
    harbor.pause();
    let viewer = gateway.as_outsider();
    let before = gateway.statements();
    let questions = join_all((0..12).map(|_| viewer.selector("stray")));
    let reading = async {
        harbor.wait_for_requests(1).await;
        // While Harbor holds it, the others come as far: what follows their reading of the epoch costs less than the
        // questions asked after it here.
        for _ in 0..50 {
            viewer.ask("{ viewer { subject } }").await.succeeded();
        }
        harbor.resume();
    };
    let (answers, ()) = tokio::join!(questions, reading);
    for answer in &answers {
        assert_eq!(answer.rows(), ["library/nginx PUBLIC"]);
    }
    assert_eq!(harbor.requests().len(), 1, "{:?}", harbor.requests());
    assert!(gateway.statements() > before);
    // From here on nobody asks at all.
    assert_eq!(viewer.selector("stray").await.sources(), ["main CURRENT"]);
    assert_eq!(harbor.requests().len(), 1, "{:?}", harbor.requests());
}

#[tokio::test]
async fn a_registry_is_asked_four_things_at_a_time_at_most() {
    let gateway = TestGateway::start().await;
    let harbor = SimulatedHarbor::start().await;
    for number in 0..12 {
        let project = format!("project-{number}");
        harbor.create_project(&project, true);
        harbor.push(&project, "app", "1.0");
    }
    gateway.as_admin().integrate_harbor("main", &harbor).await;
    assert_eq!(gateway.as_outsider().selector("stray").await.total(), 12);
    assert!(harbor.max_concurrent_requests() <= 4, "{}", harbor.max_concurrent_requests());
}

#[tokio::test]
async fn a_registry_that_answers_again_is_seen_to_be_well_within_an_interval() {
    let interval = Duration::from_secs(1);
    let world = World::on(impatient().sync_interval(interval).start().await).await;
    let states = async |wanted: &str| {
        let begun = Instant::now();
        loop {
            let sources = world.gateway.as_outsider().selector("stray").await.sources();
            if sources == [format!("main {wanted}")] {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < DEADLINE, "{sources:?} {:?}", world.harbor.requests());
        }
    };
    world.harbor.stop().await;
    states("STALE").await;
    world.harbor.restart().await;
    states("CURRENT").await;
}
