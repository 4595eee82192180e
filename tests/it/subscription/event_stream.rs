//! Server-sent events: graphql-sse, one connection for each operation.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tests::gateway::{Client, TestGateway, Token, World};

use super::{IMAGES, of};

/// A stream of events, as it comes.
struct Events {
    response: Response,
    text: String,
}

impl Events {
    async fn of(viewer: &Client, document: &str, variables: Value) -> Self {
        let request = viewer
            .request(Method::POST, "/graphql")
            .header("accept", "text/event-stream")
            .json(&json!({ "query": document, "variables": variables }));
        let response = request.send().await.expect("the gateway answers");
        Self { response, text: String::new() }
    }

    /// The name and the data of the next event; none at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim().to_owned())
                };
                let parsed = field("event:").map(|name| {
                    let data = field("data:").unwrap_or_default();
                    (name, serde_json::from_str(&data).unwrap_or(Value::Null))
                });
                self.text = rest.to_owned();
                // What has no name is there to keep the connection.
                match parsed {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let chunk = self.response.chunk().await.ok()??;
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}

#[tokio::test]
async fn events_come_as_they_happen() {
    let world = World::start().await;
    let member = world.gateway.as_member("payments", "viewer");
    // The answer begins when the subscription stands.
    let mut events = Events::of(&member, IMAGES, of("pay-prod")).await;
    assert_eq!(events.response.status(), 200);
    assert_eq!(events.response.headers()["content-type"], "text/event-stream");
    world.admin.bind(&[&world.space("vault").await], &[&world.payments]).await.succeeded();
    let (name, data) = events.next().await.expect("an event");
    assert_eq!(name, "next");
    assert_eq!(data["data"]["imageEvents"]["kind"], "BECAME_AVAILABLE", "{data}");
    assert_eq!(data["data"]["imageEvents"]["image"]["space"]["name"], "vault");
}

#[tokio::test]
async fn whatever_runs_runs_here_and_is_completed() {
    let gateway = TestGateway::start().await;
    let mut events = Events::of(&gateway.as_admin(), "{ viewer { subject } }", json!({})).await;
    let expected = json!({ "data": { "viewer": { "subject": "ada" } } });
    assert_eq!(events.next().await, Some(("next".to_owned(), expected)));
    assert_eq!(events.next().await, Some(("complete".to_owned(), Value::Null)));
    assert_eq!(events.next().await, None);

    for (document, code) in
        [("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"), ("subscription {", "GRAPHQL_PARSE_FAILED")]
    {
        let mut events = Events::of(&gateway.as_admin(), document, json!({})).await;
        let (_, data) = events.next().await.expect("a refusal");
        assert_eq!(data["errors"][0]["extensions"]["code"], code, "{data}");
        assert_eq!(events.next().await, Some(("complete".to_owned(), Value::Null)));
    }
    let stranger = Events::of(&gateway.anonymous(), IMAGES, of("stray")).await;
    assert_eq!(stranger.response.status(), 401);
}

#[tokio::test]
async fn a_get_subscribes_and_acts_on_nothing() {
    let gateway = TestGateway::start().await;
    let get = async |document: &str, accept: &str| {
        let query = [("query", document)];
        let request = gateway.as_admin().request(Method::GET, "/graphql").query(&query).header("accept", accept);
        request.send().await.expect("the gateway answers")
    };
    let subscription = "subscription { registryHealthChanged { name } }";
    assert_eq!(get(subscription, "text/event-stream").await.status(), 200);
    let mutation = "mutation { createWorkspace(input: { name: \"made\" }) { workspace { name } } }";
    assert_eq!(get(mutation, "text/event-stream").await.status(), 405);
    // One answer is no place for many.
    let refused = get(subscription, "application/json").await.text().await.expect("an answer");
    assert!(refused.contains("UNSUPPORTED"), "{refused}");
}

#[tokio::test]
async fn it_ends_when_the_token_does() {
    let gateway = TestGateway::start().await;
    let client = gateway.with_token(Token::new("otto").expires_in(2).mint());
    let mut events = Events::of(&client, IMAGES, of("stray")).await;
    let (_, data) = events.next().await.expect("a last word");
    assert_eq!(data["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{data}");
    assert_eq!(events.next().await, Some(("complete".to_owned(), Value::Null)));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn it_ends_when_the_gateway_does_and_is_not_called_complete() {
    let gateway = TestGateway::start().await;
    let mut events = Events::of(&gateway.as_outsider(), IMAGES, of("stray")).await;
    let begun = std::time::Instant::now();
    let (_, last) = tokio::join!(gateway.stop(), events.next());
    assert_eq!(last, None);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
