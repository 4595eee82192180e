//! What a change of access would do, and that it is what it does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::gateway::{Client, World};

use crate::random::Random;

const PREVIEW: &str = "query ($input: PreviewSpaceAccessInput!) { previewSpaceAccess(input: $input) {
    gains { namespace { cluster name } images } losses { namespace { cluster name } images }
    everyNamespace { gained lost } } }";

async fn preview(viewer: &Client, input: Value) -> Value {
    viewer.query(PREVIEW, json!({ "input": input })).await.data("previewSpaceAccess").clone()
}

/// What a change does to each namespace: `+n` and `-n`.
fn changes(preview: &Value) -> BTreeMap<String, (i64, i64)> {
    let mut changes: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let mut note = |list: &str, add: fn(&mut (i64, i64), i64)| {
        for change in preview[list].as_array().expect("a list") {
            let name = change["namespace"]["name"].as_str().unwrap_or_default().to_owned();
            let images = change["images"].as_i64().expect("a count");
            assert!(images > 0, "{preview}");
            add(changes.entry(name).or_default(), images);
        }
    };
    note("gains", |(gained, _), images| *gained += images);
    note("losses", |(_, lost), images| *lost += images);
    let everywhere = &preview["everyNamespace"];
    let stray = (everywhere["gained"].as_i64().expect("a count"), everywhere["lost"].as_i64().expect("a count"));
    if stray != (0, 0) {
        changes.insert("stray".to_owned(), stray);
    }
    changes
}

#[tokio::test]
async fn it_names_who_would_gain_and_lose_and_how_much() {
    let world = World::start().await;
    world.admin.create_workspace("empty").await;
    world.admin.bind_namespaces(&world.payments, &["free-prod"]).await.succeeded();
    let unbound = "mutation { unbindNamespaces(input: { namespaces: [{ name: \"free-prod\" }] }) { __typename } }";
    world.admin.ask(unbound).await.succeeded();
    let [library, pay, cart, vault] =
        [world.space("library").await, world.space("pay").await, world.space("cart").await, world.space("vault").await];
    let (payments, shop) = (&world.payments, &world.shop);
    for (name, input, expected) in [
        ("nothing", json!({ "spaceIds": [pay] }), vec![]),
        ("bind", json!({ "spaceIds": [vault], "bindWorkspaceIds": [shop] }), vec![("shop-prod", (1, 0))]),
        ("bind what is bound", json!({ "spaceIds": [pay], "bindWorkspaceIds": [payments] }), vec![]),
        ("unbind", json!({ "spaceIds": [pay], "unbindWorkspaceIds": [payments] }), vec![("pay-prod", (0, 2))]),
        ("unbind what is not bound", json!({ "spaceIds": [pay], "unbindWorkspaceIds": [shop] }), vec![]),
        (
            "open",
            json!({ "spaceIds": [pay, pay], "public": true }),
            vec![("free-prod", (2, 0)), ("shop-prod", (2, 0)), ("stray", (2, 0))],
        ),
        (
            "close",
            json!({ "spaceIds": [library], "public": false }),
            vec![("free-prod", (0, 2)), ("pay-prod", (0, 2)), ("shop-prod", (0, 2)), ("stray", (0, 2))],
        ),
        (
            "close and bind",
            json!({ "spaceIds": [library], "public": false, "bindWorkspaceIds": [payments] }),
            vec![("free-prod", (0, 2)), ("shop-prod", (0, 2)), ("stray", (0, 2))],
        ),
        (
            "unbind and bind",
            json!({ "spaceIds": [pay, cart], "unbindWorkspaceIds": [payments], "bindWorkspaceIds": [shop] }),
            vec![("pay-prod", (0, 2)), ("shop-prod", (2, 0))],
        ),
    ] {
        let found = preview(&world.admin, input).await;
        let expected: BTreeMap<String, (i64, i64)> =
            expected.into_iter().map(|(name, change)| (name.to_owned(), change)).collect();
        assert_eq!(changes(&found), expected, "{name}: {found:#}");
    }
    // It was but asked: nothing of it was done.
    assert_eq!(world.admin.selector("pay-prod").await.total(), 4);
    assert_eq!(world.gateway.as_outsider().selector("stray").await.total(), 2);
}

#[tokio::test]
async fn it_is_for_admins_and_says_what_the_mutations_would() {
    let world = World::start().await;
    let (pay, closed) = (world.space("pay").await, world.admin.space(&world.own, "closed").await);
    let (payments, shop) = (&world.payments, &world.shop);
    for viewer in [
        world.gateway.as_member("payments", "admin"),
        world.gateway.as_member("shop", "admin"),
        world.gateway.as_outsider(),
    ] {
        for input in [json!({ "spaceIds": [pay], "public": true }), json!({ "spaceIds": [] })] {
            viewer.query(PREVIEW, json!({ "input": input })).await.refused("FORBIDDEN");
        }
    }
    let image = world.admin.ask("{ availableImages(namespace: { name: \"stray\" }) { nodes { id } } }").await;
    let image = image.string("availableImages.nodes.0.id");
    let many: Vec<&str> = vec![&pay; 1_001];
    for (input, code, field) in [
        (json!({ "spaceIds": [image] }), "BAD_USER_INPUT", "spaceIds"),
        (json!({ "spaceIds": many }), "BAD_USER_INPUT", "spaceIds"),
        (json!({ "spaceIds": [pay], "bindWorkspaceIds": [pay] }), "BAD_USER_INPUT", "bindWorkspaceIds"),
        (json!({ "spaceIds": [pay], "unbindWorkspaceIds": ["?"] }), "BAD_USER_INPUT", "unbindWorkspaceIds"),
        (
            json!({ "spaceIds": [pay], "bindWorkspaceIds": [shop], "unbindWorkspaceIds": [payments, shop] }),
            "BAD_USER_INPUT",
            "unbindWorkspaceIds",
        ),
        (json!({ "spaceIds": [closed], "bindWorkspaceIds": [payments] }), "UNSUPPORTED", "spaceIds"),
    ] {
        let reply = world.admin.query(PREVIEW, json!({ "input": input })).await;
        reply.refused(code);
        assert_eq!(reply.field(), Some(field), "{}", reply.text);
    }
    let gone = world.admin.create_workspace("gone").await;
    let document = "mutation ($id: ID!) { deleteWorkspace(input: { id: $id }) { deletedId } }";
    world.admin.query(document, json!({ "id": gone })).await.succeeded();
    let reply = world.admin.query(PREVIEW, json!({ "input": { "spaceIds": [pay], "bindWorkspaceIds": [gone] } })).await;
    reply.refused("NOT_FOUND");
    world.harbor.delete_project("pay");
    for _ in 0..2 {
        world.admin.refresh(&world.main).await.succeeded();
    }
    let reply = world.admin.query(PREVIEW, json!({ "input": { "spaceIds": [pay], "public": true } })).await;
    reply.refused("CONFLICT");
    // What vanished shows no images, to whomever it is bound.
    let found = preview(&world.admin, json!({ "spaceIds": [pay], "unbindWorkspaceIds": [payments] })).await;
    assert!(changes(&found).is_empty(), "{found:#}");
}

#[tokio::test]
async fn what_it_says_is_what_happens() {
    let world = World::start().await;
    // The same Harbor again for one tenant: many references are reached twice.
    world.admin.integrate_harbor_for(&world.shop, "copy", &world.harbor).await;
    let quiet = world.admin.create_workspace("quiet").await;
    world.admin.bind_namespaces(&world.payments, &["pay-dev"]).await.succeeded();
    world.admin.bind_namespaces(&quiet, &["quiet-prod", "free-prod"]).await.succeeded();
    let unbound = "mutation { unbindNamespaces(input: { namespaces: [{ name: \"free-prod\" }] }) { __typename } }";
    world.admin.ask(unbound).await.succeeded();
    let mut spaces = Vec::new();
    for name in ["library", "pay", "cart", "vault"] {
        spaces.push(world.space(name).await);
    }
    let workspaces = [world.payments.clone(), world.shop.clone(), quiet];
    let mut random = Random::new(0x5eed);
    let mut n_changes = 0;
    for round in 0..30 {
        let chosen = some_of(&mut random, &spaces);
        let bind = some_of(&mut random, &workspaces);
        let unbind: Vec<String> =
            some_of(&mut random, &workspaces).into_iter().filter(|workspace| !bind.contains(workspace)).collect();
        let public = [None, Some(true), Some(false)][random.below(3)];
        let input =
            json!({ "spaceIds": chosen, "bindWorkspaceIds": bind, "unbindWorkspaceIds": unbind, "public": public });
        let said = changes(&preview(&world.admin, input.clone()).await);
        let before = selectors(&world).await;
        if let Some(public) = public {
            for space in &chosen {
                world.admin.set_public(space, public).await.succeeded();
            }
        }
        world.admin.bind(&refs(&chosen), &refs(&bind)).await.succeeded();
        world.admin.unbind(&refs(&chosen), &refs(&unbind)).await.succeeded();
        let after = selectors(&world).await;
        let mut done = BTreeMap::new();
        for (name, before) in before {
            let after = &after[&name];
            let count = |set: usize| i64::try_from(set).expect("a count is small");
            let change = (count(after.difference(&before).count()), count(before.difference(after).count()));
            if change != (0, 0) {
                done.insert(name, change);
            }
        }
        assert_eq!(said, done, "round {round}: {input}");
        n_changes += done.len();
    }
    assert!(n_changes > 30, "hardly anything changed: {n_changes}");
}

fn some_of(random: &mut Random, all: &[String]) -> Vec<String> {
    all.iter().filter(|_| random.percent(50)).cloned().collect()
}

fn refs(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

/// What each namespace may use.
async fn selectors(world: &World) -> BTreeMap<String, BTreeSet<String>> {
    let mut sets = BTreeMap::new();
    for name in ["pay-prod", "pay-dev", "shop-prod", "quiet-prod", "free-prod", "stray"] {
        let found = world.admin.select(name, json!({ "first": 100 })).await;
        sets.insert(name.to_owned(), found.references().into_iter().collect());
    }
    sets
}
