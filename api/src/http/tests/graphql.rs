//! GraphQL over HTTP.

use super::*;

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

#[tokio::test]
async fn a_query_is_answered() {
    let reply = query("{ echo(number: 7) who }").await;
    assert_eq!((reply.status, &reply.json), (StatusCode::OK, &json!({ "data": { "echo": 7, "who": "u-17" } })));
    assert_eq!(reply.header("content-type"), "application/graphql-response+json; charset=utf-8");
    assert_eq!(reply.header("cache-control"), "private, no-store");
    assert_eq!(reply.header("vary"), "Authorization, Accept");
}

#[tokio::test]
async fn the_accepted_type_is_given() {
    for accept in [JSON, "*/*", "application/*"] {
        let reply = query_as("{ echo }", json!({}), accept).await;
        assert_eq!(reply.header("content-type"), "application/json; charset=utf-8", "{accept}");
    }
    assert_eq!(query_as("{ echo }", json!({}), "text/csv").await.outcome(), (406, "BAD_USER_INPUT"));
}

#[tokio::test]
async fn request_errors_are_400_or_200_by_media_type() {
    for (document, variables, code) in [
        ("{", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        ("{ echo(number: \"x\") }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...A } fragment A on Query { ...A }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        ("query($n: Int!) { echo(number: $n) }", json!({ "n": "x" }), "BAD_USER_INPUT"),
        ("query($n: Int!) { echo(number: $n) }", json!({ "n": null }), "BAD_USER_INPUT"),
        ("query($n: Int!) { echo(number: $n) }", json!({}), "BAD_USER_INPUT"),
        ("query A { echo } query B { echo }", json!({}), "BAD_USER_INPUT"),
        (&format!("{{ echo(number: {}1) }}", "[".repeat(2_000)), json!({}), "QUERY_TOO_COMPLEX"),
        (&format!("{{ {}echo{} }}", "child { ".repeat(25), "}".repeat(25)), json!({}), "QUERY_TOO_COMPLEX"),
        (&format!("{{ {} }}", "echo ".repeat(201)), json!({}), "QUERY_TOO_COMPLEX"),
    ] {
        let strict = query_as(document, variables.clone(), GRAPHQL).await;
        assert_eq!(strict.outcome(), (400, code), "{document}: {}", strict.text);
        assert!(strict.json.get("data").is_none(), "{document}");
        let extensions = &strict.json["errors"][0]["extensions"];
        assert_eq!(extensions["retryable"], false);
        assert_eq!(extensions["requestId"], strict.header("x-request-id"));
        assert_eq!(query_as(document, variables, JSON).await.outcome(), (200, code), "{document}");
    }
}

#[tokio::test]
async fn too_many_aliases_are_refused() {
    let aliases: String = (0..60).map(|index| format!("a{index}: echo ")).collect();
    assert_eq!(query(&format!("{{ {aliases} }}")).await.outcome(), (400, "QUERY_TOO_COMPLEX"));
}

#[tokio::test]
async fn a_document_wrong_everywhere_gets_few_errors() {
    let reply = query(&"{ x x1 }".replace("x1", &"y ".repeat(100))).await;
    assert_eq!(reply.json["errors"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn field_errors_keep_the_data() {
    let reply = query("{ echo coded }").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json["data"], json!({ "echo": 1, "coded": null }));
    let error = &reply.json["errors"][0];
    assert_eq!((&error["path"], &error["extensions"]["retryable"]), (&json!(["coded"]), &json!(true)));
    assert_eq!(reply.code(), "UPSTREAM_UNAVAILABLE");
}

#[tokio::test]
async fn texts_without_a_code_stay_inside() {
    let reply = query("{ uncoded }").await;
    assert_eq!((reply.code(), reply.message()), ("INTERNAL_SERVER_ERROR", "internal error"));
    assert!(!reply.text.contains("hunter2"));
}

#[tokio::test]
async fn malformed_requests_are_400() {
    for (body, message) in [
        ("", "the body is not well-formed JSON"),
        ("{", "the body is not well-formed JSON"),
        ("7", "the body must be a JSON object"),
        ("[]", "batches are not supported: send one request at a time"),
        (r#"[{"query":"{ echo }"}]"#, "batches are not supported: send one request at a time"),
        ("{}", "`query` must be a string"),
        (r#"{"query":7}"#, "`query` must be a string"),
        (r#"{"query":"{ echo }","operationName":7}"#, "`operationName` must be a string"),
        (r#"{"query":"{ echo }","variables":"x"}"#, "`variables` must be an object"),
        (r#"{"query":"{ echo }","variables":[]}"#, "`variables` must be an object"),
        (r#"{"query":"{ echo }","extensions":7}"#, "`extensions` must be an object"),
    ] {
        let reply = post_body(body).await;
        assert_eq!((reply.outcome(), reply.message()), ((400, "BAD_USER_INPUT"), message), "{body}");
        assert_eq!(reply.header("content-type"), "application/json; charset=utf-8");
    }
    let nulls = r#"{"query":"{ echo }","operationName":null,"variables":null,"extensions":null,"more":1}"#;
    assert_eq!(post_body(nulls).await.json, json!({ "data": { "echo": 1 } }));
}

#[tokio::test]
async fn other_bodies_are_415() {
    let bearer = format!("Bearer {}", token(TimeDelta::hours(1)));
    for content_type in
        [None, Some("text/plain"), Some("application/graphql"), Some("application/json; charset=latin1")]
    {
        let mut request = Request::post("/graphql").header(header::AUTHORIZATION, &bearer);
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let reply = send(edge(settings(), true), request.body(r#"{"query":"{ echo }"}"#.into()).unwrap()).await;
        assert_eq!(reply.outcome(), (415, "BAD_USER_INPUT"), "{content_type:?}");
    }
}

#[tokio::test]
async fn long_bodies_are_413() {
    let body = json!({ "query": "{ echo }", "variables": { "x": "y".repeat(5_000) } }).to_string();
    let reply = post_body(body).await;
    assert_eq!((reply.outcome(), reply.message()), ((413, "BAD_USER_INPUT"), "the body is longer than 4096 bytes"));
}

#[tokio::test]
async fn operations_are_chosen_by_name() {
    let body =
        |name: &str| json!({ "query": "query A { echo } mutation B { touch }", "operationName": name }).to_string();
    assert_eq!(post_body(body("A")).await.json, json!({ "data": { "echo": 1 } }));
    assert_eq!(post_body(body("B")).await.json, json!({ "data": { "touch": true } }));
    assert_eq!(post_body(body("C")).await.outcome(), (200, "BAD_USER_INPUT"));
}

#[tokio::test]
async fn get_runs_queries_alone() {
    assert_eq!(get_query("/graphql?query=%7Becho%7D").await.json, json!({ "data": { "echo": 1 } }));
    let named = "/graphql?query=query+A($n:Int!)%7Becho(number:$n)%7D+mutation+B%7Btouch%7D&variables=%7B%22n%22:3%7D";
    assert_eq!(get_query(&format!("{named}&operationName=A")).await.json, json!({ "data": { "echo": 3 } }));

    let reply = get_query(&format!("{named}&operationName=B")).await;
    assert_eq!((reply.outcome(), reply.header("allow")), ((405, "BAD_USER_INPUT"), "POST"));
    assert_eq!(get_query("/graphql?query=mutation%7Btouch%7D").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get_query("/graphql").await.outcome(), (400, "BAD_USER_INPUT"));
    assert_eq!(get_query("/graphql?query=%7Becho%7D&variables=x").await.outcome(), (400, "BAD_USER_INPUT"));
    assert_eq!(get_query("/graphql?query=%7Becho%7D&query=x").await.outcome(), (400, "BAD_USER_INPUT"));
}

#[tokio::test]
async fn the_deadline_ends_the_wait() {
    let settings = Settings { request_timeout: Duration::from_millis(1), ..settings() };
    let request = || post().body(r#"{"query":"{ hangs }"}"#.into()).unwrap();
    let reply = send(edge(settings.clone(), true), request()).await;
    assert_eq!(reply.outcome(), (504, "TIMEOUT"));
    assert_eq!(reply.json["errors"][0]["extensions"]["retryable"], true);

    let endless = Body::from_stream(futures_util::stream::pending::<Result<String, std::io::Error>>());
    let reply = send(edge(settings, true), post().body(endless).unwrap()).await;
    assert_eq!(reply.outcome(), (408, "TIMEOUT"));
}

#[tokio::test]
async fn a_panic_ends_one_request_alone() {
    let reply = query("{ panics }").await;
    assert_eq!((reply.outcome(), reply.message()), ((500, "INTERNAL_SERVER_ERROR"), "internal error"));
    assert_eq!(reply.json["errors"][0]["extensions"]["requestId"], reply.header("x-request-id"));
}
