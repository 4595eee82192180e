//! Tokens, introspection, ids, browsers and health.

use super::*;

async fn with_authorization(settings: Settings, authorization: Option<&str>, document: &str) -> Reply {
    let mut request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let body = json!({ "query": document }).to_string();
    send(edge(settings, true), request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn without_a_good_token_there_is_nothing() {
    let good = token(TimeDelta::hours(1));
    let expired = format!("Bearer {}", token(-TimeDelta::hours(1)));
    let form = "the Authorization header must be `Bearer <token>`";
    for (authorization, message) in [
        (None, "a token is needed, as `Authorization: Bearer <token>`"),
        (Some(""), form),
        (Some(good.as_str()), form),
        (Some("Basic dTpw"), form),
        (Some("Bearer x"), "the token is not a well-formed JSON Web Token"),
        (Some(expired.as_str()), "the token has expired"),
    ] {
        for document in ["{ echo }", "{ __typename }", "{"] {
            let reply = with_authorization(settings(), authorization, document).await;
            assert_eq!((reply.outcome(), reply.message()), ((401, "UNAUTHENTICATED"), message), "{authorization:?}");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
            assert_eq!(reply.header("content-type"), "application/json; charset=utf-8");
        }
    }
    let reply = with_authorization(settings(), Some(&format!("bearer  {good}")), "{ who }").await;
    assert_eq!(reply.json, json!({ "data": { "who": "u-17" } }));
}

const SCHEMA: &str =
    "{ __schema { queryType { name } } ...T } fragment T on Query { __typename __type(name: \"Query\") { name } }";

#[tokio::test]
async fn introspection_needs_a_token_by_default() {
    let bearer = format!("Bearer {}", token(TimeDelta::hours(1)));
    assert_eq!(with_authorization(settings(), None, SCHEMA).await.status, StatusCode::UNAUTHORIZED);
    let reply = with_authorization(settings(), Some(&bearer), SCHEMA).await;
    assert_eq!(reply.json["data"]["__schema"]["queryType"]["name"], "Query");
}

#[tokio::test]
async fn always_opens_introspection_and_nothing_else() {
    let always = || Settings { introspection: Introspection::Always, ..settings() };
    let reply = with_authorization(always(), None, SCHEMA).await;
    assert_eq!(reply.json["data"]["__type"]["name"], "Query");
    for document in [
        "{ echo }",
        "{ __schema { queryType { name } } echo }",
        "{ __typename ...A } fragment A on Query { ... { echo } }",
        "mutation { touch }",
        "mutation { __typename }",
    ] {
        assert_eq!(
            with_authorization(always(), None, document).await.outcome(),
            (401, "UNAUTHENTICATED"),
            "{document}"
        );
    }
    let reply = with_authorization(always(), Some("Bearer x"), SCHEMA).await;
    assert_eq!(reply.outcome(), (401, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn never_closes_introspection() {
    let never = || Settings { introspection: Introspection::Never, ..settings() };
    let bearer = format!("Bearer {}", token(TimeDelta::hours(1)));
    let reply = with_authorization(never(), Some(&bearer), SCHEMA).await;
    assert_eq!((reply.code(), reply.message()), ("GRAPHQL_VALIDATION_FAILED", "introspection is turned off"));
    let reply = with_authorization(never(), Some(&bearer), "{ __typename echo }").await;
    assert_eq!(reply.json, json!({ "data": { "__typename": "Query", "echo": 1 } }));
}

#[tokio::test]
async fn request_ids_are_echoed_or_made() {
    let request = || Request::get("/healthz");
    let given = request().header("x-request-id", "trace-7").body(Body::empty()).unwrap();
    assert_eq!(send(edge(settings(), true), given).await.header("x-request-id"), "trace-7");
    let bad = request().header("x-request-id", "a b").body(Body::empty()).unwrap();
    let made = send(edge(settings(), true), bad).await;
    assert_eq!(made.header("x-request-id").len(), 36);
}

#[tokio::test]
async fn health_and_readiness() {
    for (path, is_ready, status) in
        [("/healthz", false, 200), ("/readyz", true, 200), ("/readyz", false, 503), ("/nothing", true, 404)]
    {
        let request = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(send(edge(settings(), is_ready), request).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn configured_origins_may_call() {
    let allowed = || Settings { cors_origins: vec!["https://console.example".into()], ..settings() };
    let preflight = |origin: &str| {
        Request::options("/graphql")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .body(Body::empty())
            .unwrap()
    };
    let reply = send(edge(allowed(), true), preflight("https://console.example")).await;
    assert_eq!(reply.header("access-control-allow-origin"), "https://console.example");
    assert!(reply.header("access-control-allow-headers").contains("authorization"));
    let reply = send(edge(allowed(), true), preflight("https://evil.example")).await;
    assert_eq!(reply.header("access-control-allow-origin"), "");
    let reply = send(edge(settings(), true), preflight("https://console.example")).await;
    assert_eq!(reply.header("access-control-allow-origin"), "");
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn page(host: &str) -> Reply {
    let settings = Settings { dev_token: Some("dev-token</script>".into()), ..settings() };
    let request = Request::get("/graphql").header("accept", BROWSER).header("host", host);
    send(edge(settings, true), request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn browsers_get_graphiql() {
    let reply = page("127.0.0.1:8080").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.header("content-type").starts_with("text/html"));
    assert!(reply.header("content-security-policy").contains("script-src 'self'"));
    assert!(reply.text.contains(r#"{"token":"dev-token\u003c/script>"}"#));
    assert_eq!((reply.header("cache-control"), reply.header("etag")), ("private, no-store", ""));
    let foreign = page("evil.example").await;
    assert!(!foreign.text.contains("dev-token"));
    assert_eq!(foreign.header("cache-control"), "no-cache");
    let known = Request::get("/graphql").header("accept", BROWSER).header("if-none-match", foreign.header("etag"));
    let known = send(edge(settings(), true), known.body(Body::empty()).unwrap()).await;
    assert_eq!((known.status, known.text.as_str()), (StatusCode::NOT_MODIFIED, ""));

    let address = reply.text.split('"').find(|text| text.ends_with("/page.js")).unwrap();
    let asset =
        |tag: &str| Request::get(format!("/{address}")).header("if-none-match", tag).body(Body::empty()).unwrap();
    let script = send(edge(settings(), true), asset("\"x\"")).await;
    assert_eq!((script.status, script.header("content-type")), (StatusCode::OK, "text/javascript; charset=utf-8"));
    assert!(script.header("cache-control").contains("immutable"));
    let again = send(edge(settings(), true), asset(script.header("etag"))).await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    let compressed =
        Request::get(format!("/{address}")).header("accept-encoding", "br, gzip").body(Body::empty()).unwrap();
    let compressed = send(edge(settings(), true), compressed).await;
    assert_eq!((compressed.status, compressed.header("content-encoding")), (StatusCode::OK, "gzip"));
    assert!(compressed.text.len() < script.text.len() / 2 && script.header("content-encoding").is_empty());
    let old = Request::get("/graphiql/0/page.js").body(Body::empty()).unwrap();
    assert_eq!(send(edge(settings(), true), old).await.header("cache-control"), "public, no-cache");
    let unknown = Request::get("/graphiql/1/README.md").body(Body::empty()).unwrap();
    assert_eq!(send(edge(settings(), true), unknown).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_server_ends_when_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, edge(settings(), true), Patience::default(), async move {
        let _ = ended.await;
    }));
    end.send(()).unwrap();
    assert!(server.await.unwrap().is_ok());
}
