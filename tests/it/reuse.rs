//! Answers that are given again: the very ones that would be made anew, to nobody who would get another.
//!
//! Equal bytes are one question. A blank at its end makes another of it, which is executed: what it answers is what a
//! gateway that never gives an answer again would say.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::gateway::{Client, Reply, TestGateway, Token, World};

/// All that a viewer can read without asking a registry, from several sides.
const DOCUMENTS: [&str; 5] = [
    "{ viewer { subject name isAdmin memberships { role workspace { id name displayName } } } registries(first: 50) {
       totalCount nodes { id name host address username createdBy viewerCan { update bindSpaces } health { state cause } } } }",
    "{ registries(first: 50) { nodes { name spaces(first: 50) { totalCount nodes { id name visibility missing
       bindings(first: 50) { nodes { id workspace { name } createdBy } } workspaces { name } viewerCan { bind setPublic } } } } }
       viewer { subject name } }",
    "{ workspaces(first: 50) { nodes { id name namespaces(first: 50) { totalCount nodes { id name } } bindings(first: 50) {
       nodes { space { name registry { name } } } } } } namespaces(first: 50) { nodes { name workspace { name } } } }",
    "{ namespace(name: \"pay-prod\") { id workspace { name } } viewer { name subject }
       spaces(first: 3, filter: { search: \"a\" }) { totalCount pageInfo { endCursor } edges { cursor node { name } } } }",
    "{ availableImages(namespace: { name: \"pay-prod\" }) { totalCount pageInfo { endCursor } sources { state images }
       edges { cursor via node { reference } } } viewer { subject } }",
];

/// The body of a request, and the blanks at its end.
fn body(document: &str, n_blanks: usize) -> String {
    json!({ "query": document }).to_string() + &" ".repeat(n_blanks)
}

async fn post(viewer: &Client, body: String) -> Reply {
    let request = viewer.request(Method::POST, "/graphql").header("content-type", "application/json");
    Reply::of(request.body(body)).await
}

/// Those who see different things, or are called differently.
fn viewers(gateway: &TestGateway) -> Vec<Client> {
    let mut viewers = vec![gateway.as_admin(), gateway.as_outsider()];
    for workspace in ["payments", "shop"] {
        for role in ["admin", "editor", "viewer"] {
            viewers.push(gateway.as_member(workspace, role));
        }
    }
    let token = || Token::new("twin").member("payments", "viewer");
    let tokens = [
        token(),
        token().name("Ada"),
        token().name("Bob"),
        // The same person, with more and with fewer rights than before.
        token().admin(),
        token().member("shop", "viewer"),
        Token::new("twin"),
        Token::new("twin").member("payments", "admin"),
        Token::new("twin").member("elsewhere", "admin"),
    ];
    viewers.extend(tokens.map(|token| gateway.with_token(token.mint())));
    viewers
}

/// A die that falls the same way in each run.
struct Die(u64);

impl Die {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("there are few sides")
    }
}

#[tokio::test]
async fn the_same_question_is_answered_again_by_one_statement() {
    let world = World::start().await;
    let member = world.gateway.as_member("payments", "viewer");
    let first = post(&member, body(DOCUMENTS[1], 0)).await;
    let (statements, reused) = (world.gateway.statements(), world.gateway.reused_answers());
    let again = post(&member, body(DOCUMENTS[1], 0)).await;
    assert_eq!(world.gateway.reused_answers() - reused, 1);
    assert_eq!(world.gateway.statements() - statements, 1);
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    for name in ["content-type", "cache-control", "vary", "content-length"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));

    // Another token of the same claims, as clients get when theirs expires.
    let renewed = Token::new("viewer-of-payments").member("payments", "viewer").expires_in(7200).mint();
    assert_eq!(post(&world.gateway.with_token(renewed), body(DOCUMENTS[1], 0)).await.text, first.text);
    assert_eq!(world.gateway.reused_answers() - reused, 2);
}

#[tokio::test]
async fn each_media_type_keeps_its_header() {
    let world = World::start().await;
    let mut texts = Vec::new();
    for accept in ["application/json", "application/graphql-response+json", "application/json"] {
        let request = world.admin.request(Method::POST, "/graphql").header("accept", accept);
        let reply = Reply::of(request.header("content-type", "application/json").body(body(DOCUMENTS[0], 0))).await;
        assert!(reply.header("content-type").is_some_and(|value| value.starts_with(accept)), "{accept}");
        texts.push(reply.text);
    }
    assert!(texts.iter().all(|text| *text == texts[0]));
}

#[tokio::test]
async fn an_answer_given_again_is_the_one_that_would_be_made_anew() {
    let world = World::start().await;
    let viewers = viewers(&world.gateway);
    let spaces = [world.space("pay").await, world.space("cart").await, world.space("vault").await];
    let workspaces = [&world.payments, &world.shop];
    let mut die = Die(0x5EED_F417_2A75);
    let mut n_blanks = 0;
    for round in 0..60 {
        let (space, workspace) = (&spaces[die.roll(spaces.len())], workspaces[die.roll(workspaces.len())]);
        match die.roll(8) {
            0 => drop(world.admin.bind(&[space], &[workspace]).await),
            1 => drop(world.admin.unbind(&[space], &[workspace]).await),
            2 => drop(world.admin.set_public(space, true).await),
            3 => drop(world.admin.set_public(space, false).await),
            4 => drop(world.admin.bind_namespaces(workspace, &[["pay-prod", "shop-prod", "new"][die.roll(3)]]).await),
            // Nothing changes.
            _ => {}
        }
        // All at once, many of them the same question of different viewers, and of the same.
        let document = DOCUMENTS[die.roll(DOCUMENTS.len())];
        let asked: Vec<usize> = (0..12).map(|_| die.roll(viewers.len())).collect();
        let given = join_all(asked.iter().map(|viewer| post(&viewers[*viewer], body(document, 0)))).await;
        for (viewer, given) in asked.into_iter().zip(given) {
            n_blanks += 1;
            let anew = post(&viewers[viewer], body(document, n_blanks)).await;
            assert_eq!(given.text, anew.text, "round {round}, viewer {viewer}: {document}");
            given.succeeded();
        }
    }
    // Else all this would prove nothing.
    assert!(world.gateway.reused_answers() > 20, "{}", world.gateway.reused_answers());
}

#[tokio::test]
async fn what_changes_shows_at_once_though_it_was_asked_before() {
    let world = World::start().await;
    let member = world.gateway.as_member("shop", "viewer");
    let pay = world.space("pay").await;
    let sees_pay = async || {
        let replies = [post(&member, body(DOCUMENTS[1], 0)).await, post(&member, body(DOCUMENTS[1], 0)).await];
        assert_eq!(replies[0].text, replies[1].text);
        replies[0].text.contains("\"pay\"")
    };
    assert!(!sees_pay().await);
    for _ in 0..3 {
        world.admin.bind(&[&pay], &[&world.shop]).await.succeeded();
        assert!(sees_pay().await);
        world.admin.unbind(&[&pay], &[&world.shop]).await.succeeded();
        assert!(!sees_pay().await);
    }
}

#[tokio::test]
async fn nobody_is_taken_for_another() {
    let world = World::start().await;
    let document = "{ viewer { subject name } spaces(first: 1) { totalCount } }";
    let tokens = [("ann", "Ann"), ("ann", "Anna"), ("bob", "Ann"), ("bob", "Bob")];
    for _ in 0..3 {
        for (subject, name) in tokens {
            let viewer = world.gateway.with_token(Token::new(subject).name(name).mint());
            let reply = post(&viewer, body(document, 0)).await;
            assert_eq!(reply.data("viewer"), &json!({ "subject": subject, "name": name }));
        }
    }
    assert_eq!(world.gateway.reused_answers(), 8);
}

#[tokio::test]
async fn what_depends_on_more_is_made_anew() {
    let world = World::start().await;
    let reads = [
        // Registries are asked.
        "{ spaces(first: 50) { nodes { storageUsed } } }",
        "{ availableImages(namespace: { name: \"pay-prod\" }) { nodes { tags(first: 5) { nodes { name } } } } }",
        "{ availableImages(namespace: { name: \"pay-prod\" }) { nodes { artifact(reference: \"1.0\") { digest } } } }",
        // Moments.
        "{ registries { nodes { health { state checkedAt } } } }",
        "{ registries { nodes { health { state } slow: health { state: latencyMs } } } }",
        "{ registries { nodes { health { ...when } } } } fragment when on RegistryHealth { ... on RegistryHealth { checkedAt } }",
        "{ registries { nodes { sync { inProgress } } } }",
        "{ registries { nodes { sync { lastSucceededAt } } } }",
        "{ availableImages(namespace: { name: \"pay-prod\" }) { sources { asOf } } }",
    ];
    for document in reads {
        for _ in 0..3 {
            post(&world.admin, body(document, 0)).await;
        }
        assert_eq!(world.gateway.reused_answers(), 0, "{document}");
    }
}

#[tokio::test]
async fn the_same_question_by_get_is_answered_again() {
    let world = World::start().await;
    for n_reused in 0..2 {
        let query = [("query", DOCUMENTS[0])];
        Reply::of(world.admin.request(Method::GET, "/graphql").query(&query)).await.succeeded();
        assert_eq!(world.gateway.reused_answers(), n_reused);
    }
}

#[tokio::test]
async fn errors_come_from_the_request_that_made_them() {
    let world = World::start().await;
    let documents = [
        "{ registries { nodes { name } } availableImages(namespace: { name: \"\" }) { totalCount } }",
        "{ registries { nodes { name } } nonsense }",
        "{ registries(first: -1) { nodes { name } } }",
        "{ registries {",
    ];
    for document in documents {
        for id in ["one", "two"] {
            let request = world.admin.request(Method::POST, "/graphql").header("x-request-id", id);
            let reply = Reply::of(request.header("content-type", "application/json").body(body(document, 0))).await;
            assert_eq!(reply.extension("requestId"), id, "{document}");
        }
    }
    assert_eq!(world.gateway.reused_answers(), 0);
}

#[tokio::test]
async fn an_act_is_done_as_often_as_it_is_asked_for() {
    let world = World::start().await;
    let create = "mutation { createWorkspace(input: { name: \"new\" }) { workspace { name } } }";
    let delete = |id: &str| format!("mutation {{ deleteWorkspace(input: {{ id: \"{id}\" }}) {{ deletedId }} }}");
    for _ in 0..2 {
        post(&world.admin, body(create, 0)).await.succeeded();
        post(&world.admin, body(create, 0)).await.refused("CONFLICT");
        let id = world.admin.ask("{ workspace(name: \"new\") { id } }").await.string("workspace.id");
        post(&world.admin, body(&delete(&id), 0)).await.succeeded();
        post(&world.admin, body(&delete(&id), 0)).await.refused("NOT_FOUND");
    }
    assert_eq!(world.gateway.reused_answers(), 0);
}
