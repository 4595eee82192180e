//! Why an image can or cannot be selected.

mod hidden;
mod remedy;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::gateway::{Client, Reply, TestGateway, World, namespace};

const EXPLAIN: &str = "query ($namespace: NamespaceKey!, $reference: String!) {
    explainImageAccess(namespace: $namespace, reference: $reference) {
        available via image { reference }
        checks { rule outcome detail remedy { text mutation variables who } } } }";

/// The rules in the order in which a person should look, and the letters of the outcomes that each can have.
const RULES: [(&str, &str); 8] = [
    ("REGISTRY_INTEGRATED", "PF"),
    ("REGISTRY_HEALTHY", "PFU"),
    ("SPACE_EXISTS", "PFU"),
    ("IMAGE_EXISTS", "PFU"),
    ("SPACE_PUBLIC", "PFNU"),
    ("NAMESPACE_BOUND", "PFNU"),
    ("SPACE_BOUND", "PFNU"),
    ("VIEWER_IS_MEMBER", "PFN"),
];

async fn ask(viewer: &Client, name: &str, reference: &str) -> Reply {
    viewer.query(EXPLAIN, json!({ "namespace": namespace(name), "reference": reference })).await
}

async fn explain(viewer: &Client, name: &str, reference: &str) -> Value {
    ask(viewer, name, reference).await.data("explainImageAccess").clone()
}

/// A letter for each rule's outcome.
fn letters(explanation: &Value) -> String {
    let checks = explanation["checks"].as_array().expect("checks are a list");
    let rules: Vec<&str> = checks.iter().filter_map(|check| check["rule"].as_str()).collect();
    assert_eq!(rules, RULES.map(|(rule, _)| rule), "{explanation}");
    checks.iter().filter_map(|check| check["outcome"].as_str()).filter_map(|outcome| outcome.chars().next()).collect()
}

fn check<'a>(explanation: &'a Value, rule: &str) -> &'a Value {
    let checks = explanation["checks"].as_array().expect("checks are a list");
    checks.iter().find(|check| check["rule"] == rule).expect("every rule is checked")
}

/// What is asked: who, in which namespace, for which reference.
struct Question {
    viewer: &'static str,
    namespace: &'static str,
    reference: String,
}

/// Every kind of answer, with the letters of its checks and how the image is available.
fn table(world: &World) -> Vec<(Question, &'static str, Option<&'static str>)> {
    let (host, own) = (world.harbor.host(), world.own_harbor.host());
    let row =
        |viewer, namespace, reference: String, letters, via| (Question { viewer, namespace, reference }, letters, via);
    let digest = format!("sha256:{}", "a1".repeat(32));
    vec![
        row("outsider", "stray", format!("{host}/library/nginx"), "PPPPPNNN", Some("PUBLIC")),
        row("pay viewer", "pay-prod", format!("{host}/library/nginx:1.27"), "PPPPPNNN", Some("PUBLIC")),
        row("outsider", "stray", format!("{host}/library/nope@{digest}"), "PPPFPNNN", None),
        row("pay viewer", "pay-prod", format!("{host}/pay/api:1.0"), "PPPPNPPP", Some("BOUND")),
        row("pay viewer", "pay-prod", format!("{host}/pay/api:9.9"), "PPPFNPPP", None),
        row("pay viewer", "pay-prod", format!("{host}/pay/api:1.0@{digest}"), "PPPFNPPP", None),
        row("outsider", "stray", format!("{host}/library/nginx:9.9"), "PPPFPNNN", None),
        row("outsider", "stray", format!("{host}/pay/api:9.9"), "PPFUUUUF", None),
        row("pay viewer", "pay-prod", format!("{host}/pay/nope"), "PPPFNPPP", None),
        row("pay viewer", "pay-prod", format!("{host}/vault/keys"), "PPFUUPFP", None),
        row("pay viewer", "pay-prod", format!("{host}/nope/keys"), "PPFUUPFP", None),
        row("pay viewer", "shop-prod", format!("{host}/pay/api"), "PPPPFUUF", None),
        row("outsider", "pay-prod", format!("{host}/pay/api"), "PPFUUUUF", None),
        row("outsider", "stray", format!("{host}/pay/api"), "PPFUUUUF", None),
        row("outsider", "stray", format!("{host}/nope/api"), "PPFUUUUF", None),
        row("outsider", "stray", "nowhere.example/nope/api".to_owned(), "FUUUUUUF", None),
        row("shop viewer", "shop-prod", format!("{own}/closed/tool"), "PPPPNPNP", Some("WORKSPACE_REGISTRY")),
        row("shop viewer", "shop-prod", format!("{own}/open/widget"), "PPPPNPNP", Some("WORKSPACE_REGISTRY")),
        row("shop viewer", "shop-prod", format!("{own}/nope/tool"), "PPFUNPNP", None),
        row("shop viewer", "pay-prod", format!("{own}/closed/tool"), "FPPPNUUF", None),
        row("outsider", "shop-prod", format!("{own}/open/widget"), "FUUUUUUF", None),
        row("admin", "pay-prod", format!("{host}/vault/keys"), "PPPPFPFP", None),
        row("admin", "pay-prod", format!("{host}/nope/keys"), "PPFUUPFP", None),
        row("admin", "pay-prod", format!("{host}/pay"), "PPPFNPPP", None),
        row("admin", "pay-prod", format!("{own}/closed/tool"), "FPPPNPNP", None),
        row("admin", "pay-prod", "nowhere.example/nope/api".to_owned(), "FUUUUPUP", None),
        row("admin", "stray", format!("{host}/pay/api"), "PPPPFFUP", None),
        row("admin", "stray", format!("{host}/vault/keys"), "PPPPFFUP", None),
        row("admin", "stray", format!("{own}/closed/tool"), "PPPPNFNP", None),
        row("admin", "stray", "nowhere.example/nope/api".to_owned(), "FUUUUFUP", None),
    ]
}

fn viewer(gateway: &TestGateway, name: &str) -> Client {
    match name {
        "admin" => gateway.as_admin(),
        "outsider" => gateway.as_outsider(),
        "pay viewer" => gateway.as_member("payments", "viewer"),
        "pay admin" => gateway.as_member("payments", "admin"),
        "shop viewer" => gateway.as_member("shop", "viewer"),
        "shop admin" => gateway.as_member("shop", "admin"),
        other => panic!("nobody is called `{other}`"),
    }
}

#[tokio::test]
async fn every_rule_is_checked_in_every_outcome_that_it_can_have() {
    let world = World::start().await;
    let mut seen: BTreeMap<&str, BTreeSet<char>> = BTreeMap::new();
    let mut note = |letters: &str| {
        for ((rule, _), letter) in RULES.iter().zip(letters.chars()) {
            seen.entry(rule).or_default().insert(letter);
        }
    };
    for (Question { viewer: name, namespace, reference }, expected, via) in table(&world) {
        let found = explain(&viewer(&world.gateway, name), namespace, &reference).await;
        assert_eq!(letters(&found), expected, "{name} asks in {namespace} for {reference}: {found:#}");
        assert_eq!(found["via"], json!(via), "{name} asks in {namespace} for {reference}");
        assert_eq!(found["available"], json!(via.is_some()));
        note(expected);
        for check in found["checks"].as_array().into_iter().flatten() {
            let detail = check["detail"].as_str().unwrap_or_default();
            assert!(detail.ends_with('.') && detail.len() < 400, "{check}");
            // What fails can be mended, and nothing else needs to be.
            assert_eq!(check["remedy"].is_object(), check["outcome"] == "FAILED", "{check}");
            if check["remedy"].is_object() {
                assert!(check["remedy"]["text"].as_str().is_some_and(|text| text.ends_with('.')), "{check}");
                assert_eq!(check["remedy"]["mutation"].is_null(), check["remedy"]["variables"].is_null(), "{check}");
            }
        }
    }
    world.harbor.stop().await;
    world.admin.refresh(&world.main).await.succeeded();
    let reference = format!("{}/pay/api", world.harbor.host());
    let member = viewer(&world.gateway, "pay viewer");
    let found = explain(&member, "pay-prod", &reference).await;
    // What is known stays selectable, and the trouble is told in words for everybody.
    assert_eq!((letters(&found).as_str(), &found["available"]), ("PFPPNPPP", &json!(true)), "{found:#}");
    assert_eq!(check(&found, "REGISTRY_HEALTHY")["detail"], "Registry `main`: the registry does not answer.");
    let found = explain(&world.admin, "pay-prod", &reference).await;
    let detail = check(&found, "REGISTRY_HEALTHY")["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("nothing listens"), "{detail}");
    note(&letters(&found));
    for (rule, expected) in RULES {
        assert_eq!(seen[rule], expected.chars().collect(), "{rule} in other outcomes than it can have");
    }
}

#[tokio::test]
async fn it_says_what_the_selector_does() {
    let world = World::start().await;
    let everything =
        world.admin.ask("{ spaces(first: 100) { nodes { images(first: 100) { nodes { reference } } } } }").await;
    let spaces = everything.list("spaces.nodes").iter();
    let images = spaces.flat_map(|space| space["images"]["nodes"].as_array().into_iter().flatten());
    let references: BTreeSet<&str> = images.filter_map(|image| image["reference"].as_str()).collect();
    assert!(references.len() >= 8, "{references:?}");
    let document = "query ($namespace: NamespaceKey!, $reference: String!) {
        explainImageAccess(namespace: $namespace, reference: $reference) { available via image { id } }
        availableImage(namespace: $namespace, reference: $reference) { via node { id } } }";
    for name in ["admin", "pay viewer", "shop admin", "outsider"] {
        for place in ["pay-prod", "shop-prod", "stray"] {
            for reference in &references {
                let variables = json!({ "namespace": namespace(place), "reference": reference });
                let reply = viewer(&world.gateway, name).query(document, variables).await;
                let (why, found) = (reply.data("explainImageAccess"), reply.data("availableImage"));
                assert_eq!(why["available"], json!(found.is_object()), "{name}, {place}, {reference}");
                assert_eq!(why["via"], found["via"], "{name}, {place}, {reference}");
                if found.is_object() {
                    assert_eq!(why["image"]["id"], found["node"]["id"]);
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_reference_is_said_to_be_none_and_why() {
    let world = World::start().await;
    let host = world.harbor.host();
    let digest = format!("sha256:{}", "a1".repeat(32));
    for (reference, why) in [
        (String::new(), "no host"),
        ("nginx".to_owned(), "no host"),
        ("nginx:1.27".to_owned(), "no host"),
        (format!("https://{host}/library/nginx"), "scheme"),
        (format!("oci://{host}/library/nginx"), "scheme"),
        (format!("{host}/Library/nginx"), "upper-case"),
        (format!("{host}/library/nginx "), "path"),
        (format!("{host}//nginx"), "path"),
        (format!("{host}/library/nginx/"), "path"),
        (format!("{host}/library/nginx:"), "tag"),
        (format!("{host}/library/nginx:a b"), "tag"),
        (format!("{host}/library/nginx@sha256:123"), "digest"),
        (format!("{host}/library/nginx@{digest}:1.0"), "digest"),
        (format!("{host}/bibliothèque/nginx"), "path"),
        ("ho st/library/nginx".to_owned(), "host"),
        ("\u{202e}host/library/nginx".to_owned(), "host"),
        (format!("{host}/library/{}", "x".repeat(1_100)), "1,024"),
    ] {
        let reply = ask(&world.admin, "pay-prod", &reference).await;
        reply.refused("BAD_USER_INPUT");
        assert_eq!(reply.field(), Some("reference"), "{reference:?}");
        assert!(reply.message().contains(why), "{reference:?}: {}", reply.message());
    }
    // These can be references, and are explained.
    for reference in [format!("{host}/library/nginx:1.27@{digest}"), format!("HOST.example/{}", "x".repeat(300))] {
        ask(&world.admin, "pay-prod", &reference).await.succeeded();
    }
    let reply = world.admin.query(EXPLAIN, json!({ "namespace": { "name": "No!" }, "reference": "h/a" })).await;
    reply.refused("BAD_USER_INPUT");
    assert_eq!(reply.field(), Some("name"));
}

#[tokio::test]
async fn a_registry_with_another_host_or_name_says_what_its_references_begin_with() {
    let world = World::start().await;
    let document = "mutation ($input: UpdateRegistryInput!) { updateRegistry(input: $input) { registry { host } } }";
    let input = json!({ "id": world.main, "name": "renamed", "host": "registry.example" });
    world.admin.query(document, json!({ "input": input })).await.succeeded();

    let old = format!("{}/pay/api", world.harbor.host());
    let found = explain(&world.admin, "pay-prod", &old).await;
    assert_eq!(letters(&found), "FUUUUPUP", "{found:#}");
    let integrated = check(&found, "REGISTRY_INTEGRATED");
    assert!(integrated["detail"].as_str().is_some_and(|detail| detail.contains("registry.example")), "{integrated}");
    // The address is a setting: who may not read those is told what they are told of any host.
    let member = viewer(&world.gateway, "pay viewer");
    let found = explain(&member, "pay-prod", &old).await;
    assert!(!found.to_string().contains("registry.example"), "{found:#}");

    let found = explain(&member, "pay-prod", "Registry.Example/pay/api").await;
    assert_eq!((letters(&found).as_str(), &found["via"]), ("PPPPNPPP", &json!("BOUND")), "{found:#}");
    let detail = check(&found, "REGISTRY_INTEGRATED")["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("`renamed`"), "{detail}");
}

#[tokio::test]
async fn one_address_at_two_scopes_is_explained_by_the_one_that_serves() {
    let world = World::start().await;
    // The tenant integrates the platform's Harbor for itself, and so reaches all of it.
    world.admin.integrate_harbor_for(&world.payments, "copy", &world.harbor).await;
    let member = viewer(&world.gateway, "pay viewer");
    for (path, via, expected) in [
        ("library/nginx", "PUBLIC", "PPPPPNNN"),
        ("pay/api", "BOUND", "PPPPNPPP"),
        ("vault/keys", "WORKSPACE_REGISTRY", "PPPPNPNP"),
    ] {
        let found = explain(&member, "pay-prod", &format!("{}/{path}", world.harbor.host())).await;
        assert_eq!((letters(&found).as_str(), &found["via"]), (expected, &json!(via)), "{path}: {found:#}");
    }
    // Outsiders are told of the platform's alone.
    let found = explain(&world.gateway.as_outsider(), "pay-prod", &format!("{}/vault/keys", world.harbor.host())).await;
    assert_eq!(letters(&found), "PPFUUUUF");
}

#[tokio::test]
async fn a_version_is_looked_for_as_a_pull_would() {
    let world = World::start().await;
    let host = world.harbor.host();
    let pushed = world.harbor.push("pay", "api", "1.1");
    let member = viewer(&world.gateway, "pay viewer");
    // Beside a digest, a tag means nothing.
    for version in [":1.1".to_owned(), format!("@{pushed}"), format!(":9.9@{pushed}")] {
        let found = explain(&member, "pay-prod", &format!("{host}/pay/api{version}")).await;
        assert_eq!((letters(&found).as_str(), &found["available"]), ("PPPPNPPP", &json!(true)), "{version}: {found:#}");
    }
    let found = explain(&member, "pay-prod", &format!("{host}/pay/api:9.9")).await;
    assert_eq!((&found["available"], &found["via"]), (&json!(false), &Value::Null), "{found:#}");
    assert_eq!(found["image"]["reference"], json!(format!("{host}/pay/api")));
    let detail = check(&found, "IMAGE_EXISTS")["detail"].as_str().unwrap_or_default();
    assert_eq!(detail, format!("Image `{host}/pay/api` is there, but has no tag `9.9`."));

    // What is known stays selectable while nobody can be asked.
    world.harbor.stop().await;
    let found = explain(&member, "pay-prod", &format!("{host}/pay/api:1.0")).await;
    assert_eq!(
        (check(&found, "IMAGE_EXISTS")["outcome"].as_str(), &found["available"]),
        (Some("UNKNOWN"), &json!(true))
    );
}

#[tokio::test]
async fn no_registry_is_asked_but_for_a_version() {
    let world = World::start().await;
    world.harbor.clear_requests();
    world.own_harbor.clear_requests();
    let (versions, images): (Vec<_>, Vec<_>) =
        table(&world).into_iter().map(|(question, ..)| question).partition(|Question { reference, .. }| {
            reference.rsplit('/').next().is_some_and(|last| last.contains([':', '@']))
        });
    for Question { viewer: name, namespace, reference } in images {
        explain(&viewer(&world.gateway, name), namespace, &reference).await;
    }
    assert!(world.harbor.requests().is_empty() && world.own_harbor.requests().is_empty());
    let mut n_asked = 0;
    for Question { viewer: name, namespace, reference } in versions {
        let found = explain(&viewer(&world.gateway, name), namespace, &reference).await;
        // Whoever may not see the image has nobody asked for its versions.
        n_asked += usize::from(found["image"].is_object());
        assert_eq!(world.harbor.requests().len(), n_asked, "{:?}", world.harbor.requests());
    }
    assert!(n_asked >= 4, "{n_asked}");
    let reference = format!("{}/pay/api", world.harbor.host());
    let ask = async || {
        explain(&world.admin, "pay-prod", &reference).await;
    };
    let cost = world.gateway.statements_of(ask).await;
    assert!(cost <= 1, "{cost} statements");
}
