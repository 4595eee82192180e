//! graphql-transport-ws: who is let in, what is refused, and how it ends.

use std::time::Duration;

use serde_json::json;
use tests::gateway::{TestGateway, Token};

use super::{HEALTH, IMAGES, of};

const PROTOCOL: &str = "graphql-transport-ws";

#[tokio::test]
async fn nobody_is_let_in_without_a_good_token() {
    let gateway = TestGateway::start().await;
    let stranger = gateway.anonymous();
    let init = |payload| json!({ "type": "connection_init", "payload": payload });
    let expired = Token::new("ada").expires_in(-3600).mint();
    for (message, code) in [
        (json!({ "type": "connection_init" }), 4401),
        (init(json!({})), 4401),
        (init(json!({ "Authorization": "nonsense" })), 4403),
        (init(json!({ "Authorization": format!("Bearer {expired}") })), 4403),
        (init(json!({ "Authorization": 7 })), 4403),
        (json!({ "id": "1", "type": "subscribe", "payload": { "query": "{ viewer { subject } }" } }), 4401),
        (json!({ "type": "nonsense" }), 4400),
        (json!([]), 4400),
    ] {
        let mut socket = stranger.open_socket(PROTOCOL).await;
        socket.send(&message).await;
        assert_eq!(socket.closed().await.0, code, "{message}");
    }
    assert!(stranger.try_open_socket("graphql-ws").await.is_err(), "another protocol is not agreed on");
}

#[tokio::test]
async fn who_says_nothing_is_ended() {
    let impatient = |config: &mut api::Config| config.request_timeout = Duration::from_millis(300);
    let gateway = TestGateway::builder().configure(impatient).start().await;
    let mut socket = gateway.anonymous().open_socket(PROTOCOL).await;
    assert_eq!(socket.closed().await, (4408, "Connection initialisation timeout".to_owned()));
}

#[tokio::test]
async fn the_protocol_is_kept() {
    let gateway = TestGateway::start().await;
    let client = gateway.as_outsider();
    let mut socket = client.socket().await;
    socket.send(&json!({ "type": "ping", "payload": { "any": "thing" } })).await;
    assert_eq!(socket.receive().await, json!({ "type": "pong" }));
    socket.subscribe("one", HEALTH, json!({})).await;
    socket.send(&json!({ "id": "one", "type": "complete" })).await;
    // It has ended, so the id is free.
    socket.subscribe("one", HEALTH, json!({})).await;
    socket.begin("one", HEALTH, json!({})).await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for one already exists".to_owned()));

    let mut socket = client.socket().await;
    socket.send(&json!({ "type": "connection_init" })).await;
    assert_eq!(socket.closed().await.0, 4429);
    let mut socket = client.socket().await;
    socket.send_text("nonsense").await;
    assert_eq!(socket.closed().await.0, 4400);
}

#[tokio::test]
async fn queries_and_mutations_run_here_too() {
    let gateway = TestGateway::start().await;
    let mut socket = gateway.as_admin().socket().await;
    socket.begin("q", "{ viewer { subject } }", json!({})).await;
    let expected = json!({ "id": "q", "type": "next", "payload": { "data": { "viewer": { "subject": "ada" } } } });
    assert_eq!(socket.receive().await, expected);
    assert_eq!(socket.receive().await, json!({ "id": "q", "type": "complete" }));
    let create = "mutation { createWorkspace(input: { name: \"made\" }) { workspace { name } } }";
    socket.begin("m", create, json!({})).await;
    assert_eq!(socket.receive().await["payload"]["data"]["createWorkspace"]["workspace"]["name"], "made");
}

#[tokio::test]
async fn documents_are_held_to_all_limits() {
    let gateway = TestGateway::start().await;
    let mut socket = gateway.as_outsider().socket().await;
    let deep = format!("subscription {{ a(b: {}1{}) }}", "[".repeat(2_000), "]".repeat(2_000));
    let wide = format!("{{ {} }}", "viewer { subject } ".repeat(4_000));
    for (document, code) in [
        (deep.as_str(), "QUERY_TOO_COMPLEX"),
        (&wide, "QUERY_TOO_COMPLEX"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { a: registryHealthChanged { name } b: registryHealthChanged { name } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "subscription { ...F } fragment F on Subscription { registryHealthChanged { name } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (IMAGES, "BAD_USER_INPUT"),
    ] {
        socket.begin("x", document, json!({})).await;
        let refused = socket.receive().await;
        assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("x")), "{document}: {refused}");
        let error = &refused["payload"][0];
        assert_eq!(error["extensions"]["code"], code, "{document}: {refused}");
        assert!(error["extensions"]["requestId"].is_string(), "{refused}");
    }
    // The socket outlives all of that.
    socket.subscribe("x", IMAGES, of("stray")).await;
}

#[tokio::test]
async fn it_ends_when_the_token_does() {
    let gateway = TestGateway::start().await;
    let client = gateway.with_token(Token::new("otto").expires_in(2).mint());
    let mut socket = client.socket().await;
    socket.subscribe("images", IMAGES, of("stray")).await;
    let (code, reason) = socket.closed().await;
    assert_eq!(code, 4403);
    assert!(reason.contains("expired"), "{reason}");
}

#[tokio::test]
async fn it_ends_in_good_order_when_the_gateway_does() {
    let gateway = TestGateway::start().await;
    let mut socket = gateway.as_outsider().socket().await;
    socket.subscribe("images", IMAGES, of("stray")).await;
    let begun = std::time::Instant::now();
    let (_, close) = tokio::join!(gateway.stop(), socket.closed());
    assert_eq!(close.0, 1001);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
