//! The whole of R1 and R2 as two tables: what each kind of viewer sees, and what each may do.
//!
//! A new mutation, or a new kind of thing, needs a row here.

use serde_json::{Value, json};
use tests::gateway::{Client, World};

/// The viewers, in the order of the columns.
fn viewers(world: &World) -> [(&'static str, Client); 7] {
    let gateway = &world.gateway;
    [
        ("admin", gateway.as_admin()),
        ("pay admin", gateway.as_member("payments", "admin")),
        ("pay editor", gateway.as_member("payments", "editor")),
        ("pay viewer", gateway.as_member("payments", "viewer")),
        ("shop admin", gateway.as_member("shop", "admin")),
        ("shop viewer", gateway.as_member("shop", "viewer")),
        ("outsider", gateway.as_outsider()),
    ]
}

/// One line of a table.
fn line(head: &str, cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!(" {cell:<11}")).collect();
    format!("{head:<34}{}\n", cells.trim_end())
}

fn head(world: &World) -> String {
    let names: Vec<String> = viewers(world).iter().map(|(name, _)| (*name).to_owned()).collect();
    line("", &names)
}

#[tokio::test]
async fn who_sees_what() {
    let world = World::start().await;
    let ask = "query ($main: ID!, $own: ID!) {
        main: registry(id: $main) { spaces(first: 50) { nodes { id name bindings { nodes { id } }
            images { nodes { id repository } } } } }
        own: registry(id: $own) { spaces(first: 50) { nodes { id name images { nodes { id repository } } } } }
        payments: workspace(name: \"payments\") { namespaces { nodes { id } } } }";
    let reply = world.admin.query(ask, json!({ "main": world.main, "own": world.own })).await;
    let mut things = vec![
        ("registry main".to_owned(), world.main.clone()),
        ("registry own, of shop".to_owned(), world.own.clone()),
        ("workspace payments".to_owned(), world.payments.clone()),
        ("workspace shop".to_owned(), world.shop.clone()),
        ("namespace pay-prod".to_owned(), reply.string("payments.namespaces.nodes.0.id")),
    ];
    for registry in ["main", "own"] {
        for space in reply.list(&format!("{registry}.spaces.nodes")) {
            let name = space["name"].as_str().unwrap_or_default();
            things.push((format!("space {name}"), id(space)));
            for binding in list(&space["bindings"]["nodes"]) {
                things.push((format!("binding of {name}"), id(binding)));
            }
            for image in list(&space["images"]["nodes"]).iter().take(1) {
                let repository = image["repository"].as_str().unwrap_or_default();
                things.push((format!("image {name}/{repository}"), id(image)));
            }
        }
    }
    let mut table = head(&world);
    for (name, id) in &things {
        let mut cells = Vec::new();
        for (_, viewer) in viewers(&world) {
            let reply = viewer.query("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
            let is_seen = reply.data("node").is_object();
            cells.push(if is_seen { "seen" } else { "·" }.to_owned());
        }
        table += &line(name, &cells);
    }
    assert_table(&table, include_str!("policy/sight.txt"));
}

#[tokio::test]
async fn who_may_do_what() {
    let world = World::start().await;
    let spaces = [("pay", world.space("pay").await), ("closed", world.admin.space(&world.own, "closed").await)];
    let [pay, closed] = spaces.map(|(_, id)| id);
    let (main, own, payments) = (&world.main, &world.own, &world.payments);
    // Nobody listens there: whoever may integrate gets as far as being told so.
    let nowhere = |extra: Value| {
        let mut input = json!({ "kind": "HARBOR", "address": "http://127.0.0.1:9", "username": "u", "password": "p" });
        for (name, value) in extra.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    // Each is such that it changes nothing for the viewers after it: repeated, in conflict, or out of reach.
    let actions = [
        ("integrateRegistry, PLATFORM", "IntegrateRegistry", nowhere(json!({ "name": "new" }))),
        (
            "integrateRegistry for payments",
            "IntegrateRegistry",
            nowhere(json!({ "name": "new", "workspaceId": payments })),
        ),
        ("updateRegistry main", "UpdateRegistry", json!({ "id": main, "description": "same" })),
        ("updateRegistry own", "UpdateRegistry", json!({ "id": own, "description": "same" })),
        ("refreshRegistry main", "RefreshRegistry", json!({ "id": main })),
        ("refreshRegistry own", "RefreshRegistry", json!({ "id": own })),
        ("rotateWebhookSecret main", "RotateWebhookSecret", json!({ "registryId": main })),
        ("rotateWebhookSecret own", "RotateWebhookSecret", json!({ "registryId": own })),
        ("removeRegistry main", "RemoveRegistry", json!({ "id": main })),
        ("createSpace in main", "CreateSpace", json!({ "registryId": main, "name": "pay" })),
        ("createSpace in own", "CreateSpace", json!({ "registryId": own, "name": "closed" })),
        ("setSpacePublic pay", "SetSpacePublic", json!({ "spaceId": pay, "public": false })),
        ("setSpacePublic closed", "SetSpacePublic", json!({ "spaceId": closed, "public": false })),
        ("deleteSpace pay", "DeleteSpace", json!({ "spaceId": pay })),
        ("deleteSpace closed", "DeleteSpace", json!({ "spaceId": closed })),
        ("bindSpaces pay to payments", "BindSpaces", json!({ "spaceIds": [pay], "workspaceIds": [payments] })),
        ("setSpaceWorkspaces of pay", "SetSpaceWorkspaces", json!({ "spaceId": pay, "workspaceIds": [payments] })),
        ("createWorkspace", "CreateWorkspace", json!({ "name": "payments" })),
        ("updateWorkspace payments", "UpdateWorkspace", json!({ "id": payments, "displayName": "same" })),
        ("deleteWorkspace payments", "DeleteWorkspace", json!({ "id": payments })),
        (
            "bindNamespaces to payments",
            "BindNamespaces",
            json!({ "workspaceId": payments, "namespaces": [{ "name": "pay-prod" }] }),
        ),
    ];
    let mut table = head(&world);
    for (name, mutation, input) in actions {
        let field = format!("{}{}", mutation[..1].to_lowercase(), &mutation[1..]);
        let document = format!("mutation ($input: {mutation}Input!) {{ {field}(input: $input) {{ __typename }} }}");
        let mut cells = Vec::new();
        for (_, viewer) in viewers(&world) {
            let reply = viewer.query(&document, json!({ "input": input })).await;
            cells.push(
                match reply.code() {
                    Some("FORBIDDEN") => "forbidden",
                    Some("NOT_FOUND") => "not found",
                    Some("INTERNAL_SERVER_ERROR" | "GRAPHQL_VALIDATION_FAILED" | "BAD_USER_INPUT") => {
                        panic!("{name} is not asked right: {}", reply.text)
                    }
                    // Done, or refused for another reason than who asks.
                    _ => "yes",
                }
                .to_owned(),
            );
        }
        table += &line(name, &cells);
    }
    assert_table(&table, include_str!("policy/acts.txt"));
}

#[track_caller]
fn assert_table(actual: &str, expected: &str) {
    let wrong: Vec<String> = actual
        .lines()
        .zip(expected.lines())
        .filter(|(actual, expected)| actual != expected)
        .map(|(actual, expected)| format!("  is    {actual}\n  must  {expected}"))
        .collect();
    assert!(
        wrong.is_empty() && actual.lines().count() == expected.lines().count(),
        "the table differs:\n{}\n\nwhole:\n{actual}",
        wrong.join("\n")
    );
}

fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id is a string").to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
