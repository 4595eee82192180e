//! What Fairway tells Prometheus of itself, and what it does not.

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::json;
use tests::{
    gateway::{Client, JWT_SECRET, Reply, TestGateway},
    harbor::SimulatedHarbor,
};

async fn scrape(client: &Client) -> Reply {
    Reply::of(client.request(Method::GET, "/metrics")).await
}

/// The value of one time series; nothing where there is none.
fn value(scraped: &Reply, series: &str) -> Option<u64> {
    let value = scraped.text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(value.parse().expect("a count is a whole number"))
}

fn loopback() -> Option<SocketAddr> {
    Some(SocketAddr::from(([127, 0, 0, 1], 0)))
}

/// One listener apart from the other.
async fn apart() -> (TestGateway, Client) {
    let gateway = TestGateway::builder().configure(|config| config.metrics_listen = loopback()).start().await;
    let address = gateway.metrics_address().expect("metrics have a listener of their own");
    (gateway, Client::at(&format!("http://{address}"), None))
}

#[tokio::test]
async fn what_was_asked_is_counted() {
    let gateway = TestGateway::start().await;
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "nginx", "1.27");
    harbor.push("library", "redis", "7.4");
    gateway.as_admin().integrate_harbor("main", &harbor).await;
    assert_eq!(gateway.as_outsider().selector("stray").await.total(), 2);
    let before = scrape(&gateway.anonymous()).await;
    assert_eq!(before.status, 200);
    assert_eq!(before.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));

    gateway.as_outsider().selector("stray").await.reply.succeeded();
    gateway.as_outsider().ask("{ nothing }").await;
    gateway.anonymous().ask("{ viewer { subject } }").await;
    let after = scrape(&gateway.anonymous()).await;
    let rise = |series: &str| value(&after, series).unwrap_or_default() - value(&before, series).unwrap_or_default();
    // Two were refused: one as `application/json`, whose status is 200, and one without a token.
    assert_eq!(rise(r#"fairway_http_requests_total{route="/graphql",status="200"}"#), 2);
    assert_eq!(rise(r#"fairway_http_requests_total{route="/graphql",status="401"}"#), 1);
    assert_eq!(rise(r#"fairway_http_requests_total{route="/metrics",status="200"}"#), 1);
    assert_eq!(rise(r#"fairway_graphql_answers_total{outcome="executed"}"#), 1);
    assert_eq!(rise(r#"fairway_graphql_answers_total{outcome="refused"}"#), 2);
    assert_eq!(rise("fairway_graphql_seconds_count"), 1);
    assert!(rise("fairway_sql_statements_total") > 0, "{}", after.text);
    assert!(value(&after, "fairway_sql_statements_total") <= Some(gateway.statements()), "{}", after.text);
    assert_eq!(value(&after, "fairway_catalog_images"), Some(2));
    assert!(value(&after, "fairway_catalog_spaces").is_some_and(|spaces| spaces > 0), "{}", after.text);
    assert!(value(&after, "fairway_catalog_bytes").is_some_and(|bytes| bytes > 0), "{}", after.text);
}

#[tokio::test]
async fn metrics_can_have_a_listener_of_their_own() {
    let (gateway, prometheus) = apart().await;
    gateway.as_outsider().ask("{ viewer { subject } }").await.succeeded();
    let scraped = scrape(&prometheus).await;
    assert_eq!(value(&scraped, r#"fairway_graphql_answers_total{outcome="executed"}"#), Some(1));
    assert_eq!(scrape(&gateway.as_admin()).await.status, 404);
    for path in ["/", "/graphql", "/healthz"] {
        assert_eq!(Reply::of(prometheus.request(Method::GET, path)).await.status, 404, "{path}");
    }

    // It ends with the rest.
    let address = gateway.metrics_address().expect("metrics have a listener of their own");
    gateway.stop().await;
    assert!(tokio::net::TcpListener::bind(address).await.is_ok());
}

#[tokio::test]
async fn an_address_that_is_taken_keeps_it_from_starting() {
    let (gateway, _) = apart().await;
    let taken = gateway.metrics_address();
    let database = tests::database::TemporaryDatabase::create().await;
    let mut config = tests::gateway::configuration(database.url(), JWT_SECRET);
    config.metrics_listen = taken;
    let refused = api::start(config).await;
    assert!(matches!(refused, Err(api::app::Error::Listen { address, .. }) if Some(address) == taken));
}

#[tokio::test]
async fn gateways_of_one_process_count_for_themselves() {
    let (busy, idle) = (TestGateway::start().await, TestGateway::start().await);
    busy.as_outsider().ask("{ viewer { subject } }").await.succeeded();
    let executed = r#"fairway_graphql_answers_total{outcome="executed"}"#;
    assert_eq!(value(&scrape(&busy.anonymous()).await, executed), Some(1));
    assert_eq!(value(&scrape(&idle.anonymous()).await, executed), Some(0));
}

#[tokio::test]
async fn nothing_that_anybody_named_is_told() {
    let gateway = TestGateway::start().await;
    let harbor = SimulatedHarbor::start().await;
    harbor.create_project("moonshot", false);
    harbor.push("moonshot", "rocket", "9.9");
    let admin = gateway.as_admin();
    let registry = admin.integrate_harbor("nordkai", &harbor).await;
    let workspace = admin.create_workspace("stardust").await;
    let space = admin.space(&registry, "moonshot").await;
    admin.bind(&[&space], &[&workspace]).await.succeeded();
    admin.bind_namespaces(&workspace, &["launchpad"]).await.succeeded();
    assert_eq!(gateway.as_member("stardust", "viewer").selector("launchpad").await.total(), 1);
    // One who makes up paths, ids and secrets.
    for path in ["/krakatau", "/webhooks/harbor/krakatau", &format!("/webhooks/harbor/{registry}")] {
        let request = gateway.anonymous().request(Method::POST, path).header("authorization", "krakatau");
        let reply = Reply::of(request.json(&json!({ "type": "krakatau" }))).await;
        assert!([401, 404].contains(&reply.status), "{path}: {}", reply.text);
    }

    let scraped = scrape(&gateway.anonymous()).await;
    assert_eq!(value(&scraped, r#"fairway_webhooks_total{registry="",outcome="unauthorized"}"#), Some(1));
    assert_eq!(value(&scraped, r#"fairway_webhooks_total{registry="",outcome="unknown"}"#), Some(1));
    let (url, host) = (harbor.url(), harbor.host());
    for name in [
        "nordkai",
        "moonshot",
        "rocket",
        "stardust",
        "launchpad",
        "krakatau",
        "127.0.0.1",
        "sqlite",
        url.as_str(),
        host.as_str(),
        SimulatedHarbor::ADMIN_PASSWORD,
        JWT_SECRET,
        workspace.as_str(),
        space.as_str(),
    ] {
        assert!(!scraped.text.contains(name), "`{name}` is in {}", scraped.text);
    }
    for line in scraped.text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("fairway_"), "{line}");
        let labels =
            line.split_once('{').map_or("", |(_, rest)| rest.rsplit_once('}').map_or("", |(labels, _)| labels));
        for label in labels.split(',').filter_map(|label| label.split_once('=')) {
            assert!(["route", "status", "outcome", "registry", "le"].contains(&label.0), "{line}");
        }
    }
}
