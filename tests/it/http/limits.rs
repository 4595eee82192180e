//! What one request may cost, and that the gateway outlives all that ask for more.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::gateway::{Reply, TestGateway, World};

/// No hostile document may take longer to refuse than this, in an unoptimised build on a busy machine.
const PROMPT: Duration = Duration::from_secs(5);

/// Documents that would cost a naive server its stack, its time or its memory.
fn hostile_documents() -> Vec<(&'static str, String)> {
    let fragments: String =
        (0..31).map(|level| format!("fragment F{level} on Query {{ ...F{0} ...F{0} }} ", level + 1)).collect();
    let aliases: String = (0..10_000).map(|number| format!("a{number}: viewer {{ subject }} ")).collect();
    vec![
        ("nested lists", format!("{{ nodes(ids: {}{}) {{ id }} }}", "[".repeat(2000), "]".repeat(2000))),
        ("nested objects", format!("{{ node(id: {}1{}) {{ id }} }}", "{a:".repeat(2000), "}".repeat(2000))),
        ("nested selections", format!("{}{}", "{ a ".repeat(2000), "}".repeat(2000))),
        ("a bomb of fragments", format!("{fragments} fragment F31 on Query {{ viewer {{ subject }} }} {{ ...F0 }}")),
        ("a cycle of fragments", "fragment A on Query { ...B } fragment B on Query { ...A } { ...A }".to_owned()),
        ("ten thousand aliases", format!("{{ {aliases} }}")),
        ("many directives", format!("{{ viewer {} {{ subject }} }}", "@include(if: true) ".repeat(5000))),
    ]
}

#[tokio::test]
async fn hostile_documents_are_refused_at_once() {
    let gateway = TestGateway::start().await;
    for (what, document) in hostile_documents() {
        let begun = Instant::now();
        let reply = gateway.as_outsider().ask(&document).await;
        assert!(begun.elapsed() < PROMPT, "{what}: {:?}", begun.elapsed());
        let code = reply.code().unwrap_or("none");
        let refusals = ["QUERY_TOO_COMPLEX", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"];
        assert!(refusals.contains(&code), "{what}: {code}");
        assert!(reply.text.len() < 100_000, "{what}: an answer of {} bytes", reply.text.len());
        gateway.as_outsider().ask("{ viewer { subject } }").await.succeeded();
    }
}

#[tokio::test]
async fn a_question_too_wide_is_refused_before_it_is_run() {
    let gateway = TestGateway::start().await;
    let wide = "{ registries(first: 100) { nodes { spaces(first: 100) { nodes { images(first: 100) { nodes {
        tags(first: 100) { nodes { name artifact { digest } } } } } } } } } }";
    let ask = async || {
        gateway.as_admin().ask(wide).await.refused("QUERY_TOO_COMPLEX");
    };
    assert_eq!(gateway.statements_of(ask).await, 0);
}

#[tokio::test]
async fn ordinary_questions_of_a_front_end_are_within_the_limits() {
    let world = World::start().await;
    let wide = "{ registries(first: 20) { totalCount nodes { id name health { state cause }
        spaces(first: 20) { totalCount nodes { id name visibility imageCount workspaces { id name } } } } }
        workspaces(first: 50) { nodes { id name namespaces(first: 50) { nodes { id name } } bindings(first: 50) { totalCount } } }
        availableImages(namespace: { name: \"pay-prod\" }, first: 100) { totalCount
            edges { via node { id reference updatedAt registry { name } space { name } } } sources { state registry { name } } } }";
    world.admin.ask(wide).await.succeeded();
}

#[tokio::test]
async fn a_body_too_long_is_refused() {
    let gateway = TestGateway::builder().configure(|config| config.body_limit_bytes = 2048).start().await;
    let document = format!("{{ viewer {{ subject }} }} # {}", "x".repeat(4096));
    let reply = gateway.as_outsider().ask(&document).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(reply.code().is_some(), "{}", reply.text);
    gateway.as_outsider().ask("{ viewer { subject } }").await.succeeded();
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_told_so() {
    let gateway = TestGateway::builder()
        .upstream_timeout(Duration::from_secs(30))
        .configure(|config| config.request_timeout = Duration::from_secs(1));
    let world = World::on(gateway.start().await).await;
    world.harbor.pause();
    let begun = Instant::now();
    // A question leaves the registry behind in time to answer with what is known.
    let document = format!(
        "{{ availableImage(namespace: {{ name: \"pay-prod\" }}, reference: \"{}/pay/api\") {{ node {{ tags {{ totalCount }} }} }} }}",
        world.harbor.host()
    );
    let reply = world.admin.ask(&document).await;
    assert_eq!(reply.code(), Some("UPSTREAM_UNAVAILABLE"), "{}", reply.text);
    // An act has nothing to answer with: it goes on, and the wait for it ends.
    let reply = world.admin.refresh(&world.main).await;
    assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
    assert_eq!(reply.code(), Some("TIMEOUT"), "{}", reply.text);
    assert_eq!(reply.extension("retryable"), true);
    world.harbor.resume();
}

#[tokio::test]
async fn many_at_once_are_all_answered() {
    let world = World::start().await;
    let member = world.gateway.as_member("payments", "viewer");
    let replies = futures_util::future::join_all((0..100).map(|_| member.selector("pay-prod"))).await;
    assert!(replies.iter().all(|selector| selector.total() == 4));
    let request = world.gateway.anonymous().request(Method::GET, "/readyz");
    assert_eq!(Reply::of(request).await.status, 200);
    assert_eq!(
        world.admin.query("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": world.main })).await.status,
        200
    );
}
