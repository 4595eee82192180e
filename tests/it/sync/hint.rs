//! Webhooks: what is pushed and deleted shows at once, where Fairway can be told.

use std::{
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use tests::{
    gateway::{Client, TestGateway},
    harbor::SimulatedHarbor,
};

use super::images;

/// From the push to the answer that shows it.
const SOON: Duration = Duration::from_secs(2);

/// A gateway that knows where it is reached, and sweeps by itself as good as never.
async fn told_gateway() -> TestGateway {
    // A registry has to be told the port before there is a listener on it.
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free").port();
    let configure = move |config: &mut api::Config| {
        config.listen = SocketAddr::from(([127, 0, 0, 1], port));
        config.public_url = Some(format!("http://127.0.0.1:{port}"));
    };
    TestGateway::builder().configure(configure).start().await
}

async fn becomes(viewer: &Client, space: &str, expected: &[&str]) {
    let begun = Instant::now();
    while images(viewer, space).await != expected {
        assert!(begun.elapsed() < SOON, "{:?}, and not {expected:?}", images(viewer, space).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_is_pushed_and_deleted_shows_within_two_seconds() {
    let gateway = told_gateway().await;
    let harbor = SimulatedHarbor::start().await;
    harbor.create_project("team", false);
    harbor.push("team", "api", "1.0");
    let admin = gateway.as_admin();
    let id = admin.integrate_harbor("main", &harbor).await;
    let team = admin.space(&id, "team").await;
    assert_eq!(images(&admin, &team).await, ["api 1"]);
    harbor.push("team", "api", "2.0");
    becomes(&admin, &team, &["api 2"]).await;
    harbor.push("team", "deep/er/web", "1.0");
    becomes(&admin, &team, &["api 2", "deep/er/web 1"]).await;
    harbor.delete_repository("team", "api");
    becomes(&admin, &team, &["deep/er/web 1"]).await;
}

#[tokio::test]
async fn policies_are_made_once_and_removed_with_the_registry() {
    let gateway = told_gateway().await;
    let harbor = SimulatedHarbor::start().await;
    harbor.create_project("team", false);
    let admin = gateway.as_admin();
    let id = admin.integrate_harbor("main", &harbor).await;
    let made = || harbor.requests().into_iter().filter(|request| request.starts_with("POST")).count();
    assert_eq!(made(), 2, "one for each project: {:?}", harbor.requests());
    harbor.clear_requests();
    admin.refresh(&id).await.succeeded();
    assert!(!harbor.requests().iter().any(|request| request.contains("/webhook/")), "{:?}", harbor.requests());

    let document = "mutation ($id: ID!) { removeRegistry(input: { id: $id, force: true }) { removedId } }";
    admin.query(document, serde_json::json!({ "id": id })).await.succeeded();
    super::until("the policies are removed", async || {
        harbor.requests().iter().filter(|request| request.starts_with("DELETE")).count() == 2
    })
    .await;
}
