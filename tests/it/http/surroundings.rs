//! Introspection, health, `GraphiQL` and browsers of other origins.

use api::config::Introspection;
use reqwest::Method;
use tests::gateway::{Client, Reply, TestGateway};

const INTROSPECT: &str = "{ __schema { queryType { name } } __type(name: \"Registry\") { name } }";

async fn get(client: &Client, path: &str, accept: &str) -> Reply {
    Reply::of(client.request(Method::GET, path).header("accept", accept)).await
}

#[tokio::test]
async fn the_schema_is_for_those_with_a_token() {
    let gateway = TestGateway::start().await;
    gateway.as_outsider().ask(INTROSPECT).await.succeeded();
    assert_eq!(gateway.anonymous().ask(INTROSPECT).await.status, 401);
}

#[tokio::test]
async fn the_schema_can_be_for_all_and_nothing_else_is() {
    let gateway = TestGateway::builder().configure(|config| config.introspection = Introspection::Always).start().await;
    gateway.anonymous().ask(INTROSPECT).await.succeeded();
    for document in [
        "{ viewer { subject } }",
        "{ __schema { queryType { name } } viewer { subject } }",
        "{ ...F } fragment F on Query { __typename spaces { totalCount } }",
        "mutation { createWorkspace(input: { name: \"sneaky\" }) { workspace { id } } }",
    ] {
        let reply = gateway.anonymous().ask(document).await;
        assert_eq!((reply.status, reply.code()), (401, Some("UNAUTHENTICATED")), "{document}: {}", reply.text);
    }
}

#[tokio::test]
async fn the_schema_can_be_for_nobody() {
    let gateway = TestGateway::builder().configure(|config| config.introspection = Introspection::Never).start().await;
    let reply = gateway.as_admin().ask(INTROSPECT).await;
    assert!(reply.code().is_some(), "{}", reply.text);
    assert!(!reply.text.contains("queryType\":{"), "{}", reply.text);
    // `__typename` is no introspection.
    gateway.as_admin().ask("{ __typename viewer { __typename } }").await.succeeded();
}

#[tokio::test]
async fn health_and_readiness_are_told_without_a_token() {
    let gateway = TestGateway::start().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(&gateway.anonymous(), path, "*/*").await.status, 200, "{path}");
    }
    for path in ["/", "/graphql/nothing", "/etc/passwd", "/graphiql/../../Cargo.toml"] {
        assert_eq!(get(&gateway.as_admin(), path, "*/*").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn browsers_get_graphiql_whole_from_fairway() {
    let gateway = TestGateway::start().await;
    let page = get(&gateway.anonymous(), "/graphql", "text/html,application/xhtml+xml,*/*;q=0.8").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap_or_default().starts_with("text/html"));
    assert!(!page.text.contains("://"), "the page names an address outside");
    let quoted = page.text.split(['"', '\'']);
    let sources = quoted.filter(|text| text.contains(".js") || text.contains(".css"));
    let mut n_sources = 0;
    for source in sources {
        let path = format!("/{}", source.trim_start_matches('/'));
        assert_eq!(get(&gateway.anonymous(), &path, "*/*").await.status, 200, "{source}");
        n_sources += 1;
    }
    assert!(n_sources > 0, "{}", page.text);
}

#[tokio::test]
async fn browsers_of_other_origins_may_call_only_where_configured() {
    let ask = async |gateway: &TestGateway, origin: &str| {
        let request = gateway.as_outsider().request(Method::POST, "/graphql").header("origin", origin);
        let reply = Reply::of(request.json(&serde_json::json!({ "query": "{ viewer { subject } }" }))).await;
        reply.header("access-control-allow-origin").map(str::to_owned)
    };
    let gateway = TestGateway::start().await;
    assert_eq!(ask(&gateway, "https://console.example").await, None);

    let configured = |config: &mut api::Config| config.cors_origins = vec!["https://console.example".to_owned()];
    let gateway = TestGateway::builder().configure(configured).start().await;
    assert_eq!(ask(&gateway, "https://console.example").await.as_deref(), Some("https://console.example"));
    assert_eq!(ask(&gateway, "https://evil.example").await, None);
}
