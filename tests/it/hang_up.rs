//! Whoever hangs up, or runs out of time, ends what was done for them alone: no registry works for nobody.

use std::time::Duration;

use serde_json::json;
use tests::{
    eventually::eventually,
    gateway::{Client, TestGateway, World},
    harbor::{ErrorPage, Fault, SimulatedHarbor},
};
use tokio::task::JoinHandle;

/// Long after what is to end by itself, and long before anything would time out.
const SOON: Duration = Duration::from_secs(10);

/// No registry is given up within a test.
fn patient() -> tests::gateway::Builder {
    TestGateway::builder().upstream_timeout(Duration::from_secs(60)).configure(|config| {
        config.request_timeout = Duration::from_secs(120);
    })
}

/// Asks in a connection of its own, so that ending the task hangs up.
fn ask(client: &Client, document: String) -> JoinHandle<String> {
    let client = client.apart();
    tokio::spawn(async move { client.ask(&document).await.text })
}

async fn nothing_in_flight(harbor: &SimulatedHarbor) {
    let look = async || (harbor.requests_in_flight() == 0).then_some(());
    eventually(SOON, "nobody asks Harbor any more", look).await;
}

fn tags(world: &World) -> String {
    format!(
        "{{ availableImage(namespace: {{ name: \"pay-prod\" }}, reference: \"{}/pay/api\") {{ node {{
            tags {{ totalCount }} artifact(reference: \"1.0\") {{ digest }} }} }} }}",
        world.harbor.host()
    )
}

/// A gateway that knows a space of a Harbor and none of its images, and a Harbor that holds whoever asks for them.
async fn with_images_to_read() -> (TestGateway, SimulatedHarbor) {
    let gateway = patient().start().await;
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "nginx", "1.27");
    for prefix in ["/api/v2.0/repositories", "/api/v2.0/projects/library/repositories"] {
        harbor.fault(Fault::Status(403, ErrorPage::Html).on(prefix));
    }
    gateway.as_admin().integrate_harbor("main", &harbor).await;
    nothing_in_flight(&harbor).await;
    harbor.clear_faults();
    harbor.clear_requests();
    harbor.pause();
    (gateway, harbor)
}

const SELECTOR: &str = "{ availableImages(namespace: { name: \"stray\" }) { totalCount } }";

#[tokio::test]
async fn questions_about_an_image_end_with_their_asker() {
    let world = World::on(patient().start().await).await;
    nothing_in_flight(&world.harbor).await;
    world.harbor.clear_requests();
    world.harbor.pause();
    let asking = ask(&world.admin, tags(&world));
    world.harbor.wait_for_requests(2).await;
    asking.abort();
    nothing_in_flight(&world.harbor).await;
    world.harbor.resume();
}

#[tokio::test]
async fn questions_about_an_image_end_with_the_deadline() {
    let gateway = TestGateway::builder()
        .upstream_timeout(Duration::from_secs(60))
        .configure(|config| config.request_timeout = Duration::from_secs(1));
    let world = World::on(gateway.start().await).await;
    nothing_in_flight(&world.harbor).await;
    world.harbor.pause();
    let reply = world.admin.ask(&tags(&world)).await;
    assert_eq!(reply.code(), Some("UPSTREAM_UNAVAILABLE"), "{}", reply.text);
    // Two questions were under way. A registry that failed is looked at again, by one request at first.
    let look = async || (world.harbor.requests_in_flight() <= 1).then_some(());
    eventually(SOON, "nobody asks Harbor about the image any more", look).await;
    world.harbor.resume();
}

#[tokio::test]
async fn a_first_reading_ends_when_nobody_waits_for_it() {
    let (gateway, harbor) = with_images_to_read().await;
    let viewer = gateway.as_outsider();
    let asking = ask(&viewer, SELECTOR.to_owned());
    harbor.wait_for_requests(1).await;
    asking.abort();
    nothing_in_flight(&harbor).await;
    // Who asks next begins anew.
    harbor.resume();
    assert_eq!(viewer.selector("stray").await.total(), 1);
}

#[tokio::test]
async fn a_first_reading_goes_on_for_who_still_waits() {
    let (gateway, harbor) = with_images_to_read().await;
    let viewer = gateway.as_outsider();
    let leaving = ask(&viewer, SELECTOR.to_owned());
    harbor.wait_for_requests(1).await;
    let before = gateway.statements();
    let staying = ask(&viewer, SELECTOR.replace("stray", "other"));
    // It reads the epoch, and joins the reading that is under way.
    eventually(SOON, "the second question is looked into", async || (gateway.statements() > before).then_some(()))
        .await;
    leaving.abort();
    harbor.resume();
    let answer = staying.await.expect("the one who stays is not hung up on");
    assert_eq!(answer, json!({ "data": { "availableImages": { "totalCount": 1 } } }).to_string());
    let reads = harbor.requests().into_iter().filter(|request| request.contains("/repositories")).count();
    assert_eq!(reads, 1, "{:?}", harbor.requests());
}

#[tokio::test]
async fn an_act_goes_on_without_its_asker() {
    let world = World::on(patient().start().await).await;
    nothing_in_flight(&world.harbor).await;
    world.harbor.clear_requests();
    world.harbor.pause();
    let document = format!(
        "mutation {{ createSpace(input: {{ registryId: \"{}\", name: \"late\" }}) {{ space {{ id }} }} }}",
        world.main
    );
    let asking = ask(&world.admin, document);
    world.harbor.wait_for_requests(1).await;
    asking.abort();
    world.harbor.resume();
    let is_there = async || {
        let reply = world
            .admin
            .query(
                "query ($id: ID!) { registry(id: $id) { spaces(first: 50) { nodes { name } } } }",
                json!({ "id": world.main }),
            )
            .await;
        reply.strings("registry.spaces.nodes", "name").contains(&"late".to_owned()).then_some(())
    };
    eventually(SOON, "the space is made, and known", is_there).await;
    assert!(world.harbor.projects().contains(&("late".to_owned(), false)));
}
