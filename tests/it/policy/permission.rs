//! `viewerCan` says what the mutations would: for each kind of viewer, registry and space, the acts are tried.

use serde_json::{Value, json};
use tests::{
    docker_registry::DockerRegistry,
    gateway::{Client, World},
};

/// The kinds of viewers of that world.
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

/// Whether the viewer may: it was done, or refused for another reason than who asks, and for what kind of thing.
async fn may(viewer: &Client, mutation: &str, input: Value) -> bool {
    let field = format!("{}{}", mutation[..1].to_lowercase(), &mutation[1..]);
    let document = format!("mutation ($input: {mutation}Input!) {{ {field}(input: $input) {{ __typename }} }}");
    let reply = viewer.query(&document, json!({ "input": input })).await;
    match reply.code() {
        None | Some("CONFLICT") => true,
        Some("FORBIDDEN" | "NOT_FOUND" | "UNSUPPORTED") => false,
        Some(_) => panic!("{mutation} is not asked right: {}", reply.text),
    }
}

/// A workspace of the viewer's, to bind to: what they may not see is not found, whatever they may do.
async fn own_workspace(viewer: &Client, otherwise: &str) -> String {
    let reply = viewer.ask("{ workspaces { nodes { id } } }").await;
    reply.strings("workspaces.nodes", "id").into_iter().next().unwrap_or_else(|| otherwise.to_owned())
}

#[tokio::test]
async fn registries_say_what_the_mutations_do() {
    let docker = DockerRegistry::is_installed(module_path!());
    for place in 0..7 {
        let world = World::start().await;
        let (name, viewer) = viewers(&world).into_iter().nth(place).expect("there are seven");
        let mut registries = vec![("main", world.main.clone()), ("own", world.own.clone())];
        let registry;
        if docker {
            registry = DockerRegistry::start().await;
            registry.push("app", "1.0").await;
            let input = json!({ "name": "docker", "kind": "DOCKER_REGISTRY", "address": registry.url() });
            registries.push(("docker", world.admin.integrate_and_refresh(input).await));
        }
        for (what, id) in registries {
            let document = "query ($id: ID!) { registry(id: $id) { spaces { nodes { id name } }
                viewerCan { update remove createSpace bindSpaces } } }";
            let reply = viewer.query(document, json!({ "id": id })).await;
            let can = &reply.data("registry")["viewerCan"];
            let space = world.admin.query(document, json!({ "id": id })).await.list("registry.spaces.nodes")[0].clone();
            let shown = reply.data("registry")["spaces"]["nodes"].as_array().and_then(|nodes| nodes.first()).cloned();
            let workspace = own_workspace(&viewer, &world.payments).await;
            // What is there already can be made by nobody, so that nothing changes for what is tried next.
            let create = json!({ "registryId": id, "name": space["name"] });
            let bind = json!({ "spaceIds": [shown.unwrap_or(space)["id"]], "workspaceIds": [workspace] });
            let acts = [
                ("update", "UpdateRegistry", json!({ "id": id, "description": "same" })),
                ("createSpace", "CreateSpace", create),
                ("bindSpaces", "BindSpaces", bind),
                ("remove", "RemoveRegistry", json!({ "id": id })),
            ];
            for (permission, mutation, input) in acts {
                let said = can[permission].as_bool().unwrap_or(false);
                assert_eq!(said, may(&viewer, mutation, input).await, "{name}: {permission} of registry {what}");
            }
        }
    }
}

#[tokio::test]
async fn spaces_say_what_the_mutations_do() {
    let docker = DockerRegistry::is_installed(module_path!());
    for place in 0..7 {
        let world = World::start().await;
        let (name, viewer) = viewers(&world).into_iter().nth(place).expect("there are seven");
        let registry;
        if docker {
            registry = DockerRegistry::start().await;
            registry.push("app", "1.0").await;
            let input = json!({ "name": "docker", "kind": "DOCKER_REGISTRY", "address": registry.url() });
            world.admin.integrate_and_refresh(input).await;
        }
        let all =
            world.admin.ask("{ spaces(first: 100) { nodes { id name visibility registry { name kind } } } }").await;
        let spaces = all.list("spaces.nodes");
        assert!(spaces.len() >= 7, "{}", all.text);
        for space in spaces {
            let what = format!("{} of {}", space["name"], space["registry"]["name"]);
            let document = "query ($id: ID!) { space(id: $id) { viewerCan { setPublic bind delete } } }";
            let reply = viewer.query(document, json!({ "id": space["id"] })).await;
            let can = &reply.data("space")["viewerCan"];
            let workspace = own_workspace(&viewer, &world.payments).await;
            // As it is; only a Docker Registry's space is asked to be what it cannot be.
            let public = space["visibility"] == "PUBLIC" && space["registry"]["kind"] == "HARBOR";
            let acts = [
                ("setPublic", "SetSpacePublic", json!({ "spaceId": space["id"], "public": public })),
                ("bind", "BindSpaces", json!({ "spaceIds": [space["id"]], "workspaceIds": [workspace] })),
                ("delete", "DeleteSpace", json!({ "spaceId": space["id"] })),
            ];
            for (permission, mutation, input) in acts {
                let said = can[permission].as_bool().unwrap_or(false);
                assert_eq!(said, may(&viewer, mutation, input).await, "{name}: {permission} of space {what}");
            }
        }
    }
}

#[tokio::test]
async fn a_space_that_vanished_can_be_bound_and_forgotten_and_no_more() {
    let world = World::start().await;
    let pay = world.space("pay").await;
    world.harbor.delete_project("pay");
    for _ in 0..2 {
        world.admin.refresh(&world.main).await.succeeded();
    }
    let document = "query ($id: ID!) { space(id: $id) { missing viewerCan { setPublic bind delete } } }";
    let reply = world.admin.query(document, json!({ "id": pay })).await;
    let expected = json!({ "missing": true, "viewerCan": { "setPublic": false, "bind": true, "delete": true } });
    assert_eq!(reply.data("space"), &expected);
    world.admin.set_public(&pay, true).await.refused("CONFLICT");
    world.admin.bind(&[&pay], &[&world.shop]).await.succeeded();
    let document = "mutation ($id: ID!) { deleteSpace(input: { spaceId: $id, force: true }) { deletedId } }";
    world.admin.query(document, json!({ "id": pay })).await.succeeded();
}
