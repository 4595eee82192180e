//! What is counted of requests, and where it is told.

use super::*;

fn counted() -> (Metrics, impl Site) {
    let metrics = Metrics::builder().build();
    let webhooks = Webhooks::new(|_| async { Received::Unauthorized });
    (metrics.clone(), routes(state(settings(), true, webhooks, metrics)))
}

async fn get(router: &impl Site, path: &str) -> Reply {
    send(router.clone(), Request::get(path).body(Body::empty()).unwrap()).await
}

/// The value of one time series.
fn value(metrics: &Metrics, series: &str) -> Option<String> {
    let text = metrics.text().unwrap();
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned))
}

#[tokio::test]
async fn metrics_are_told_without_a_token() {
    let (metrics, router) = counted();
    get(&router, "/healthz").await;
    let reply = get(&router, "/metrics").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(reply.text.contains(r#"fairway_http_requests_total{route="/healthz",status="200"} 1"#), "{}", reply.text);
    assert!(reply.text.ends_with("# EOF\n"), "{}", reply.text);
    assert_eq!(value(&metrics, r#"fairway_http_requests_total{route="/metrics",status="200"}"#).as_deref(), Some("1"));
}

#[tokio::test]
async fn metrics_with_a_listener_of_their_own_are_there_alone() {
    let (metrics, _) = counted();
    let router = edge(Settings { serves_metrics: false, ..settings() }, true);
    assert_eq!(get(&router, "/metrics").await.status, StatusCode::NOT_FOUND);
    let apart = metrics_router(metrics);
    assert_eq!(get(&apart, "/metrics").await.status, StatusCode::OK);
    assert_eq!(get(&apart, "/graphql").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn routes_are_patterns_and_not_what_was_typed() {
    let (metrics, router) = counted();
    for path in ["/secret-1", "/secret-2?token=hunter2", "/graphiql/secret-3/secret-5", "/graphql/secret-4"] {
        assert_eq!(get(&router, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let preflight = Request::options("/secret-5").header("origin", "https://evil.example").body(Body::empty()).unwrap();
    send(router.clone(), preflight).await;
    let text = metrics.text().unwrap();
    assert!(!text.contains("secret") && !text.contains("hunter2") && !text.contains("evil"), "{text}");
    assert_eq!(value(&metrics, r#"fairway_http_requests_total{route="none",status="404"}"#).as_deref(), Some("4"));
    let assets = r#"fairway_http_requests_total{route="/graphiql/{version}/{name}",status="404"}"#;
    assert_eq!(value(&metrics, assets).as_deref(), Some("1"));
}

#[tokio::test]
async fn answers_of_the_graph_are_counted_by_what_became_of_them() {
    let (metrics, router) = counted();
    let ask = async |document: &str| {
        let body = json!({ "query": document }).to_string();
        send(router.clone(), post().body(body.into()).unwrap()).await
    };
    for document in ["{ echo }", "{ echo coded }", "mutation { touch }"] {
        ask(document).await;
    }
    for document in ["{", "{ nothing }", "{ __typename", "query A { echo } query B { echo }"] {
        ask(document).await;
    }
    send(router.clone(), Request::post("/graphql").body(Body::empty()).unwrap()).await;
    let count = |outcome: &str| value(&metrics, &format!("fairway_graphql_answers_total{{outcome=\"{outcome}\"}}"));
    assert_eq!(count("executed").as_deref(), Some("3"));
    assert_eq!(count("refused").as_deref(), Some("5"));
    assert_eq!(count("reused").as_deref(), Some("0"));
    assert_eq!(value(&metrics, "fairway_graphql_seconds_count").as_deref(), Some("3"));
}

#[tokio::test]
async fn what_is_not_done_by_the_deadline_was_executed() {
    let metrics = Metrics::builder().build();
    let settings = Settings { request_timeout: Duration::from_millis(1), ..settings() };
    let webhooks = Webhooks::new(|_| async { Received::Unauthorized });
    let router = routes(state(settings, true, webhooks, metrics.clone()));
    assert_eq!(send(router, post().body(r#"{"query":"{ hangs }"}"#.into()).unwrap()).await.status, 504);
    let executed = r#"fairway_graphql_answers_total{outcome="executed"}"#;
    assert_eq!(value(&metrics, executed).as_deref(), Some("1"));
    let request = r#"fairway_http_requests_total{route="/graphql",status="504"}"#;
    assert_eq!(value(&metrics, request).as_deref(), Some("1"));
}

#[tokio::test]
async fn a_panic_is_counted_as_its_answer() {
    let (metrics, router) = counted();
    send(router, post().body(r#"{"query":"{ panics }"}"#.into()).unwrap()).await;
    let request = r#"fairway_http_requests_total{route="/graphql",status="500"}"#;
    assert_eq!(value(&metrics, request).as_deref(), Some("1"));
}
