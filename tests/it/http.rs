//! GraphQL over HTTP: media types, methods, bodies, headers; and what surrounds the graph.

mod attack;
mod connection;
mod limits;
mod surroundings;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::gateway::{Client, Reply, TestGateway};

const JSON: &str = "application/json";
const GRAPHQL_JSON: &str = "application/graphql-response+json";

async fn post(client: &Client, accept: &str, body: &str) -> Reply {
    let request = client.request(Method::POST, "/graphql").header("accept", accept).header("content-type", JSON);
    Reply::of(request.body(body.to_owned())).await
}

fn body(query: &str) -> String {
    json!({ "query": query }).to_string()
}

#[tokio::test]
async fn the_answer_comes_in_the_type_that_was_asked_for() {
    let gateway = TestGateway::start().await;
    for (accept, given) in [
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (JSON, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/graphql-response+json, application/json;q=0.5", GRAPHQL_JSON),
        ("text/html;q=0.1, application/json", JSON),
    ] {
        let reply = post(&gateway.as_outsider(), accept, &body("{ viewer { subject } }")).await;
        let content_type = reply.header("content-type").unwrap_or_default();
        assert_eq!(content_type.split(';').next(), Some(given), "{accept}");
        assert_eq!(reply.data("viewer.subject"), "otto");
    }
    let reply = post(&gateway.as_outsider(), "image/png", &body("{ viewer { subject } }")).await;
    assert_eq!(reply.status, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn documents_that_cannot_run_are_400_or_200_by_media_type() {
    let gateway = TestGateway::start().await;
    let client = gateway.as_outsider();
    for (request, code) in [
        (json!({ "query": "{" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "{ nothing }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "query ($id: ID!) { node(id: $id) { id } }", "variables": {} }), "BAD_USER_INPUT"),
        (
            json!({ "query": "query ($n: Int!) { spaces(first: $n) { totalCount } }", "variables": { "n": "x" } }),
            "BAD_USER_INPUT",
        ),
    ] {
        for (accept, status) in [(GRAPHQL_JSON, 400), (JSON, 200)] {
            let reply = post(&client, accept, &request.to_string()).await;
            assert_eq!(reply.status, status, "{request}: {}", reply.text);
            assert_eq!(reply.code(), Some(code), "{request}: {}", reply.text);
            // Nothing ran, so there is no data, not even null.
            assert_eq!(reply.body().get("data"), None, "{request}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn a_field_that_fails_is_200_in_either_type() {
    let gateway = TestGateway::start().await;
    let document = body("mutation { removeRegistry(input: { id: \"nonsense\" }) { removedId } }");
    for accept in [GRAPHQL_JSON, JSON] {
        let reply = post(&gateway.as_admin(), accept, &document).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.refused("BAD_USER_INPUT");
        assert!(reply.body().get("data").is_some(), "{}", reply.text);
    }
}

#[tokio::test]
async fn requests_that_are_none_get_an_answer_that_is_one() {
    let gateway = TestGateway::start().await;
    let client = gateway.as_outsider();
    let batch = format!("[{0},{0}]", body("{ viewer { subject } }"));
    for text in [
        "",
        "{",
        "null",
        "1",
        "\"x\"",
        "{}",
        "[]",
        &batch,
        r#"{"query":1}"#,
        r#"{"query":"{a}","variables":[]}"#,
        "\u{feff}",
    ] {
        for accept in [GRAPHQL_JSON, JSON] {
            let reply = post(&client, accept, text).await;
            assert_eq!(reply.status, 400, "`{text}` {accept}: {}", reply.text);
            assert_eq!(reply.code(), Some("BAD_USER_INPUT"), "`{text}`: {}", reply.text);
            assert_eq!(reply.extension("retryable"), false, "`{text}`");
            assert!(reply.extension("requestId").is_string(), "`{text}`");
        }
    }
}

#[tokio::test]
async fn bodies_of_another_type_are_refused() {
    let gateway = TestGateway::start().await;
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql"]
    {
        let request = gateway.as_outsider().request(Method::POST, "/graphql").header("content-type", content_type);
        let reply = Reply::of(request.body(body("{ viewer { subject } }"))).await;
        // Browsers send these across origins without asking first.
        assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        assert_eq!(reply.code(), Some("BAD_USER_INPUT"), "{content_type}: {}", reply.text);
    }
    let request = gateway
        .as_outsider()
        .request(Method::POST, "/graphql")
        .header("content-type", "application/json; charset=utf-8");
    Reply::of(request.body(body("{ viewer { subject } }"))).await.succeeded();
}

#[tokio::test]
async fn queries_can_be_run_by_get_and_mutations_cannot() {
    let gateway = TestGateway::start().await;
    let admin = gateway.as_admin();
    let get = |query: &str, variables: &str| {
        let request = admin.request(Method::GET, "/graphql").header("accept", JSON);
        request.query(&[("query", query), ("variables", variables)])
    };
    let reply = Reply::of(get("query ($n: Int) { spaces(first: $n) { totalCount } }", r#"{"n":1}"#)).await;
    assert_eq!(reply.data("spaces.totalCount"), 0);

    let reply =
        Reply::of(get("mutation { createWorkspace(input: { name: \"sneaky\" }) { workspace { id } } }", "{}")).await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(reply.header("allow"), Some("POST"));
    let reply = admin.ask("{ workspace(name: \"sneaky\") { id } }").await;
    assert!(reply.data("workspace").is_null());

    let reply = Reply::of(admin.request(Method::GET, "/graphql").header("accept", JSON)).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let reply = Reply::of(admin.request(method.clone(), "/graphql")).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
}

#[tokio::test]
async fn the_operation_is_chosen_by_its_name() {
    let gateway = TestGateway::start().await;
    let document = "query A { viewer { subject } } query B { viewer { isAdmin } }";
    let with = |name: Option<&str>| json!({ "query": document, "operationName": name }).to_string();
    let client = gateway.as_outsider();
    assert_eq!(post(&client, JSON, &with(Some("A"))).await.data("viewer.subject"), "otto");
    assert_eq!(post(&client, JSON, &with(Some("B"))).await.data("viewer.isAdmin"), false);
    for name in [None, Some("C")] {
        let reply = post(&client, JSON, &with(name)).await;
        assert!(reply.code().is_some(), "{name:?}: {}", reply.text);
    }
}

#[tokio::test]
async fn variables_that_are_declared_and_not_given_are_absent() {
    let gateway = TestGateway::start().await;
    let document = "query ($first: Int, $last: Int, $after: String, $filter: SpaceFilter, $orderBy: SpaceOrder) {
        spaces(first: $first, last: $last, after: $after, filter: $filter, orderBy: $orderBy) { totalCount } }";
    gateway.as_outsider().ask(document).await.succeeded();
    gateway.as_outsider().query(document, json!({ "last": 2 })).await.succeeded();
}

#[tokio::test]
async fn answers_are_kept_by_nobody_in_between() {
    let gateway = TestGateway::start().await;
    for reply in [
        gateway.as_outsider().ask("{ viewer { subject } }").await,
        gateway.anonymous().ask("{ viewer { subject } }").await,
    ] {
        let cache = reply.header("cache-control").unwrap_or_default();
        assert!(cache.contains("private") || cache.contains("no-store"), "{cache}");
        let vary = reply.header("vary").unwrap_or_default().to_lowercase();
        assert!(vary.contains("authorization"), "{vary}");
        assert_eq!(reply.header("set-cookie"), None);
    }
}

#[tokio::test]
async fn a_request_keeps_its_id_from_end_to_end() {
    let gateway = TestGateway::start().await;
    let ask = async |id: Option<&str>| {
        let request = gateway.as_outsider().request(Method::POST, "/graphql").json(&json!({ "query": "{ nothing }" }));
        Reply::of(match id {
            Some(id) => request.header("x-request-id", id),
            None => request,
        })
        .await
    };
    let reply = ask(Some("trace-1:2")).await;
    assert_eq!(reply.header("x-request-id"), Some("trace-1:2"));
    assert_eq!(reply.extension("requestId"), "trace-1:2");

    let long = "x".repeat(1000);
    for id in [None, Some("with space"), Some(long.as_str())] {
        let reply = ask(id).await;
        let made = reply.header("x-request-id").unwrap_or_default();
        assert!(!made.is_empty() && Some(made) != id, "{made}");
        assert_eq!(reply.extension("requestId"), made);
    }
}
