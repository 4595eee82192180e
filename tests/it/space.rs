//! Registry spaces: making, opening, closing and deleting them.

use serde_json::{Value, json};
use tests::{
    gateway::{Client, Reply, World},
    harbor::Fault,
};

async fn create(viewer: &Client, registry: &str, name: &str, public: bool) -> Reply {
    let document = "mutation ($input: CreateSpaceInput!) { createSpace(input: $input) {
        space { id name visibility missing registry { id } imageCount } } }";
    viewer.query(document, json!({ "input": { "registryId": registry, "name": name, "public": public } })).await
}

async fn delete(viewer: &Client, space: &str, force: bool) -> Reply {
    let document = "mutation ($input: DeleteSpaceInput!) { deleteSpace(input: $input) { deletedId removedBindings } }";
    viewer.query(document, json!({ "input": { "spaceId": space, "force": force } })).await
}

#[tokio::test]
async fn a_space_is_made_in_harbor() {
    let world = World::start().await;
    for (name, public, visibility) in [("team-a", false, "PRIVATE"), ("team-b", true, "PUBLIC")] {
        let reply = create(&world.admin, &world.main, name, public).await;
        assert_eq!(reply.data("createSpace.space.name"), name);
        assert_eq!(reply.data("createSpace.space.visibility"), visibility);
        assert_eq!(reply.data("createSpace.space.registry.id"), &json!(world.main));
        assert!(world.harbor.projects().contains(&(name.to_owned(), public)), "{:?}", world.harbor.projects());
    }
}

#[tokio::test]
async fn a_space_is_private_unless_said_otherwise() {
    let world = World::start().await;
    let document =
        "mutation ($id: ID!) { createSpace(input: { registryId: $id, name: \"quiet\" }) { space { visibility } } }";
    let reply = world.admin.query(document, json!({ "id": world.main })).await;
    assert_eq!(reply.data("createSpace.space.visibility"), "PRIVATE");
}

#[tokio::test]
async fn a_name_that_is_taken_or_cannot_be_is_refused() {
    let world = World::start().await;
    create(&world.admin, &world.main, "pay", false).await.refused("CONFLICT");
    // Made in Harbor a moment ago, and not known here yet.
    world.harbor.create_project("unseen", false);
    create(&world.admin, &world.main, "unseen", false).await.refused("CONFLICT");
    for name in ["", "Upper", "two--dashes", "-dash", "with space", "with/slash"] {
        let reply = create(&world.admin, &world.main, name, false).await;
        reply.refused("BAD_USER_INPUT");
        assert_eq!(reply.field(), Some("name"), "`{name}`");
    }
}

#[tokio::test]
async fn a_numeric_name_is_a_name() {
    let world = World::start().await;
    create(&world.admin, &world.main, "1", false).await.succeeded();
    let space = world.space("1").await;
    world.admin.set_public(&space, true).await.succeeded();
    // The project whose *id* is 1 is untouched.
    assert!(world.harbor.projects().contains(&("1".to_owned(), true)));
    assert!(world.harbor.projects().contains(&("library".to_owned(), true)));
    assert_eq!(world.harbor.projects().iter().filter(|(_, public)| *public).count(), 2);
}

#[tokio::test]
async fn opening_and_closing_reach_harbor() {
    let world = World::start().await;
    let vault = world.space("vault").await;
    for public in [true, false] {
        let reply = world.admin.set_public(&vault, public).await;
        let visibility = if public { "PUBLIC" } else { "PRIVATE" };
        assert_eq!(reply.data("setSpacePublic.space.visibility"), visibility);
        assert!(world.harbor.projects().contains(&("vault".to_owned(), public)));
        // Again is no error.
        world.admin.set_public(&vault, public).await.succeeded();
    }
}

#[tokio::test]
async fn what_harbor_refuses_does_not_happen_here_either() {
    let world = World::start().await;
    let (library, vault) = (world.space("library").await, world.space("vault").await);
    world.harbor.fault(Fault::ReadOnly);
    for (space, public) in [(&library, false), (&vault, true)] {
        let reply = world.admin.set_public(space, public).await;
        reply.refused("UPSTREAM_REJECTED");
        assert!(reply.message().contains("read"), "read-only is named: {}", reply.message());
    }
    create(&world.admin, &world.main, "never", false).await.refused("UPSTREAM_REJECTED");
    world.harbor.clear_faults();
    assert_eq!(
        world.gateway.as_outsider().selector("stray").await.rows(),
        ["library/nginx PUBLIC", "library/redis PUBLIC"]
    );
    let reply = world.admin.query("query ($id: ID!) { space(id: $id) { visibility } }", json!({ "id": vault })).await;
    assert_eq!(reply.data("space.visibility"), "PRIVATE");
}

#[tokio::test]
async fn a_space_with_images_is_not_deleted_not_even_by_force() {
    let world = World::start().await;
    let vault = world.space("vault").await;
    for force in [false, true] {
        delete(&world.admin, &vault, force).await.refused("CONFLICT");
    }
    assert!(world.harbor.projects().iter().any(|(name, _)| name == "vault"));
}

#[tokio::test]
async fn an_empty_space_is_deleted_in_harbor_and_takes_its_bindings_along_by_force_alone() {
    let world = World::start().await;
    let space = create(&world.admin, &world.main, "empty", false).await.string("createSpace.space.id");
    world.admin.bind(&[&space], &[&world.payments]).await.succeeded();
    let refused = delete(&world.admin, &space, false).await;
    refused.refused("CONFLICT");
    assert!(refused.message().contains("payments"), "{}", refused.message());

    let reply = delete(&world.admin, &space, true).await;
    assert_eq!(reply.data("deleteSpace.deletedId"), &json!(space));
    assert_eq!(reply.data("deleteSpace.removedBindings"), 1);
    assert!(!world.harbor.projects().iter().any(|(name, _)| name == "empty"));
    delete(&world.admin, &space, true).await.refused("NOT_FOUND");
}

#[tokio::test]
async fn a_project_that_vanished_is_missing_and_keeps_its_bindings_until_somebody_decides() {
    let world = World::start().await;
    let pay = world.space("pay").await;
    world.harbor.delete_project("pay");
    // Two sweeps, for one absence proves nothing.
    world.admin.refresh(&world.main).await.succeeded();
    world.admin.refresh(&world.main).await.succeeded();
    let document = "query ($id: ID!) { space(id: $id) { missing bindings { totalCount } } }";
    let reply = world.admin.query(document, json!({ "id": pay })).await;
    assert_eq!(reply.data("space"), &json!({ "missing": true, "bindings": { "totalCount": 1 } }));
    assert_eq!(world.admin.selector("pay-prod").await.total(), 2);

    let reply = delete(&world.admin, &pay, true).await;
    assert_eq!(reply.data("deleteSpace.removedBindings"), 1);
    let reply = world.admin.query(document, json!({ "id": pay })).await;
    assert_eq!(reply.data("space"), &Value::Null);
}

#[tokio::test]
async fn a_database_hiccup_of_harbor_loses_no_space() {
    let world = World::start().await;
    world.harbor.fault(Fault::DatabaseDown);
    for _ in 0..3 {
        let _ = world.admin.refresh(&world.main).await;
    }
    world.harbor.clear_faults();
    let reply = world.admin.ask("{ spaces { nodes { name missing } } }").await;
    assert!(reply.list("spaces.nodes").iter().all(|space| space["missing"] == false), "{}", reply.text);
    assert_eq!(world.gateway.as_member("payments", "viewer").selector("pay-prod").await.total(), 4);
}

#[tokio::test]
async fn spaces_without_stated_visibility_are_private() {
    let world = World::start().await;
    world.harbor.fault(Fault::NoMetadata);
    world.admin.refresh(&world.main).await;
    assert_eq!(world.gateway.as_outsider().selector("stray").await.total(), 0);
}

#[tokio::test]
async fn spaces_are_listed_searched_and_filtered_as_the_viewer_may_see_them() {
    let world = World::start().await;
    let ordered = "orderBy: { field: NAME }";
    for (viewer, arguments, expected) in [
        (world.admin.clone(), ordered, vec!["cart", "closed", "library", "library", "open", "pay", "vault"]),
        (world.admin.clone(), "filter: { bound: true }, orderBy: { field: NAME }", vec!["cart", "pay"]),
        (
            world.admin.clone(),
            "filter: { visibility: PUBLIC }, orderBy: { field: NAME }",
            vec!["library", "library", "open"],
        ),
        (
            world.admin.clone(),
            "filter: { search: \"A\" }, orderBy: { field: NAME, direction: DESC }",
            vec!["vault", "pay", "library", "library", "cart"],
        ),
        (world.admin.clone(), "first: 2, orderBy: { field: NAME }", vec!["cart", "closed"]),
        (world.gateway.as_member("shop", "viewer"), ordered, vec!["cart", "closed", "library", "library", "open"]),
        (world.gateway.as_member("payments", "viewer"), ordered, vec!["library", "pay"]),
        (world.gateway.as_outsider(), ordered, vec!["library"]),
        // What is bound to whom is for those who may see it.
        (world.gateway.as_outsider(), "filter: { bound: true }", vec![]),
        (world.gateway.as_outsider(), "filter: { search: \"vault\" }", vec![]),
    ] {
        let reply = viewer.ask(&format!("{{ spaces({arguments}) {{ totalCount nodes {{ name }} }} }}")).await;
        assert_eq!(reply.strings("spaces.nodes", "name"), expected, "{arguments}");
        if !arguments.contains("first") {
            assert_eq!(reply.data("spaces.totalCount"), expected.len(), "{arguments}");
        }
    }
}

#[tokio::test]
async fn a_space_lists_its_images() {
    let world = World::start().await;
    let pay = world.space("pay").await;
    let document =
        "query ($id: ID!) { space(id: $id) { imageCount images { totalCount nodes { repository reference } } } }";
    let reply = world.gateway.as_member("payments", "viewer").query(document, json!({ "id": pay })).await;
    assert_eq!(reply.data("space.imageCount"), 2);
    assert_eq!(reply.data("space.images.totalCount"), 2);
    assert_eq!(reply.strings("space.images.nodes", "repository"), ["api", "worker"]);
}

#[tokio::test]
async fn a_workspace_admin_rules_the_spaces_of_the_own_registry_alone() {
    let world = World::start().await;
    let lead = world.gateway.as_member("shop", "admin");
    create(&lead, &world.own, "extra", false).await.succeeded();
    assert!(world.own_harbor.projects().contains(&("extra".to_owned(), false)));
    let closed = lead.space(&world.own, "closed").await;
    lead.set_public(&closed, true).await.succeeded();

    create(&lead, &world.main, "extra", false).await.refused("FORBIDDEN");
    lead.set_public(&world.space("cart").await, true).await.refused("FORBIDDEN");
    lead.set_public(&world.space("pay").await, true).await.refused("NOT_FOUND");
    create(&world.gateway.as_member("payments", "admin"), &world.own, "extra", false).await.refused("NOT_FOUND");
}

#[tokio::test]
async fn a_space_made_while_its_registry_is_removed_is_said_to_be_there() {
    let world = World::start().await;
    world.harbor.clear_requests();
    world.harbor.pause();
    let removing = async {
        world.harbor.wait_for_requests(1).await;
        let document = "mutation ($id: ID!) { removeRegistry(input: { id: $id, force: true }) { removedId } }";
        world.admin.query(document, json!({ "id": world.main })).await.succeeded();
        world.harbor.resume();
    };
    let (made, ()) = tokio::join!(create(&world.admin, &world.main, "late", false), removing);
    made.refused("CONFLICT");
    assert_eq!(made.field(), Some("registryId"));
    assert!(made.text.contains("`late`"), "{}", made.text);
    assert!(world.harbor.projects().iter().any(|(name, _)| name == "late"), "{:?}", world.harbor.projects());
}
