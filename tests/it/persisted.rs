//! Documents that are named instead of sent, and answers that need not be sent again.

use api::config::TrustedDocuments;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::gateway::{Client, Reply, TestGateway, World};

const DOCUMENT: &str = "query Who { viewer { subject } }";

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn persisted(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

async fn post(client: &Client, body: Value) -> Reply {
    let request = client.request(Method::POST, "/graphql").header("accept", "application/graphql-response+json");
    Reply::of(request.json(&body)).await
}

async fn get(client: &Client, parameters: &[(&str, &str)]) -> Reply {
    let request = client.request(Method::GET, "/graphql").header("accept", "application/graphql-response+json");
    Reply::of(request.query(parameters)).await
}

#[tokio::test]
async fn a_document_is_sent_once_and_named_from_then_on() {
    let gateway = TestGateway::start().await;
    let (ada, otto) = (gateway.as_admin(), gateway.as_outsider());
    let hash = sha256(DOCUMENT);
    let named = json!({ "extensions": persisted(&hash) });
    let missed = post(&otto, named.clone()).await;
    assert_eq!((missed.status, missed.code()), (400, Some("PERSISTED_QUERY_NOT_FOUND")));
    assert_eq!(missed.message(), "PersistedQueryNotFound");

    let both = json!({ "query": DOCUMENT, "extensions": persisted(&hash) });
    assert_eq!(post(&ada, both).await.string("viewer.subject"), "ada");
    assert_eq!(post(&otto, named).await.string("viewer.subject"), "otto");
    assert_eq!(get(&otto, &[("extensions", &persisted(&hash).to_string())]).await.string("viewer.subject"), "otto");
    assert_eq!(get(&otto, &[("documentId", &format!("sha256:{hash}"))]).await.string("viewer.subject"), "otto");
}

#[tokio::test]
async fn a_get_registers_too_and_what_is_bad_is_not_registered() {
    let gateway = TestGateway::start().await;
    let otto = gateway.as_outsider();
    let extensions = persisted(&sha256(DOCUMENT)).to_string();
    get(&otto, &[("query", DOCUMENT), ("extensions", &extensions)]).await.succeeded();
    get(&otto, &[("extensions", &extensions)]).await.succeeded();
    for (document, hash) in [(DOCUMENT, sha256("{ other }")), (DOCUMENT, "nonsense".to_owned())] {
        let refused = post(&otto, json!({ "query": document, "extensions": persisted(&hash) })).await;
        assert_eq!((refused.status, refused.code()), (400, Some("BAD_USER_INPUT")), "{}", refused.text);
    }
    let bad = "{ viewer {";
    let refused = post(&otto, json!({ "query": bad, "extensions": persisted(&sha256(bad)) })).await;
    assert_eq!(refused.code(), Some("GRAPHQL_PARSE_FAILED"));
    let missed = post(&otto, json!({ "extensions": persisted(&sha256(bad)) })).await;
    assert_eq!(missed.code(), Some("PERSISTED_QUERY_NOT_FOUND"));
    let other_version = json!({ "persistedQuery": { "version": 2, "sha256Hash": sha256(DOCUMENT) } });
    assert_eq!(post(&otto, json!({ "extensions": other_version })).await.code(), Some("BAD_USER_INPUT"));
    // Strangers put nothing in.
    let theirs = "{ __typename }";
    let stranger =
        post(&gateway.anonymous(), json!({ "query": theirs, "extensions": persisted(&sha256(theirs)) })).await;
    assert_eq!(stranger.status, 401);
    let missed = post(&otto, json!({ "extensions": persisted(&sha256(theirs)) })).await;
    assert_eq!(missed.code(), Some("PERSISTED_QUERY_NOT_FOUND"));
}

#[tokio::test]
async fn trusted_documents_are_there_from_the_start_and_may_be_all_there_are() {
    for are_all in [false, true] {
        let trusted = move |config: &mut api::Config| {
            let by_id = [("relay-7".to_owned(), DOCUMENT.to_owned())].into();
            config.trusted_documents = TrustedDocuments { by_id, are_all };
        };
        let gateway = TestGateway::builder().configure(trusted).start().await;
        let otto = gateway.as_outsider();
        assert_eq!(post(&otto, json!({ "documentId": "relay-7" })).await.string("viewer.subject"), "otto");
        assert_eq!(post(&otto, json!({ "query": DOCUMENT })).await.string("viewer.subject"), "otto");
        let named = json!({ "extensions": persisted(&sha256(DOCUMENT)) });
        assert_eq!(post(&otto, named).await.string("viewer.subject"), "otto");
        let missed = post(&otto, json!({ "documentId": "relay-8" })).await;
        assert_eq!(missed.code(), Some("PERSISTED_QUERY_NOT_FOUND"));

        let other = "{ viewer { name } }";
        let sent = post(&otto, json!({ "query": other, "extensions": persisted(&sha256(other)) })).await;
        let introspected = post(&otto, json!({ "query": "{ __schema { queryType { name } } }" })).await;
        for reply in [sent, introspected] {
            match are_all {
                false => {
                    reply.succeeded();
                }
                true => assert_eq!((reply.status, reply.code()), (403, Some("FORBIDDEN")), "{}", reply.text),
            };
        }
    }
}

#[tokio::test]
async fn what_a_client_has_already_is_not_sent_again() {
    let world = World::start().await;
    let member = world.gateway.as_member("payments", "viewer");
    let ask = async |client: &Client, known: &str| {
        let document = "{ availableImages(namespace: { name: \"pay-prod\" }) { totalCount } }";
        let request = client.request(Method::GET, "/graphql").query(&[("query", document)]);
        Reply::of(request.header("accept", "application/json").header("if-none-match", known)).await
    };
    let first = ask(&member, "\"none\"").await;
    assert_eq!(first.data("availableImages.totalCount"), 4);
    let tag = first.headers["etag"].to_str().expect("a tag is ASCII").to_owned();
    assert!(first.headers["cache-control"].to_str().is_ok_and(|value| value.contains("private")));
    assert!(first.headers["vary"].to_str().is_ok_and(|value| value.contains("Authorization")));
    let (statements, reused) = (world.gateway.statements(), world.gateway.reused_answers());
    let again = ask(&member, &tag).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.headers["etag"], tag);
    // It was neither made nor sent again.
    assert_eq!((world.gateway.statements() - statements, world.gateway.reused_answers() - reused), (1, 1));
    // Somebody else sees something else, whatever they say they have.
    assert_eq!(ask(&world.gateway.as_outsider(), &tag).await.data("availableImages.totalCount"), 2);

    world.admin.bind(&[&world.space("vault").await], &[&world.payments]).await.succeeded();
    assert_eq!(ask(&member, &tag).await.data("availableImages.totalCount"), 5);

    // Errors are told each time, and what is posted has no tag.
    let failed = get(&member, &[("query", "{ registries(first: 101) { totalCount } }")]).await;
    assert!(!failed.headers.contains_key("etag"), "{}", failed.text);
    let posted = member.ask(DOCUMENT).await;
    assert!(!posted.headers.contains_key("etag"));
}
