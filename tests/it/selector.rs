//! The image selector: who gets which image, by which way, and what others can tell of it.

mod arguments;
mod failure;
mod paging;

use serde_json::json;
use tests::gateway::World;

/// What everybody with a token gets, in [`World`].
const PUBLIC_PART: [&str; 2] = ["library/nginx PUBLIC", "library/redis PUBLIC"];

#[tokio::test]
async fn a_namespace_lists_public_images_and_those_bound_to_its_workspace() {
    let world = World::start().await;
    for role in ["viewer", "editor", "admin"] {
        let member = world.gateway.as_member("payments", role);
        let selector = member.selector("pay-prod").await;
        let expected = ["library/nginx PUBLIC", "library/redis PUBLIC", "pay/api BOUND", "pay/worker BOUND"];
        assert_eq!(selector.rows(), expected, "{role}");
        assert_eq!(selector.total(), 4, "{role}");
        assert_eq!(selector.sources(), ["main CURRENT"], "{role}");
    }
}

#[tokio::test]
async fn a_registry_of_a_workspace_reaches_that_workspace_alone() {
    let world = World::start().await;
    let mut shop = world.gateway.as_member("shop", "viewer").selector("shop-prod").await.rows();
    // Which of the two registries comes first depends on their ports.
    shop.sort();
    assert_eq!(
        shop,
        [
            "cart/web BOUND",
            "closed/tool WORKSPACE_REGISTRY",
            "library/nginx PUBLIC",
            "library/redis PUBLIC",
            "open/widget WORKSPACE_REGISTRY",
        ]
    );
    let payments = world.gateway.as_member("payments", "admin").selector("pay-prod").await;
    assert!(payments.rows().iter().all(|row| !row.contains("WORKSPACE_REGISTRY")), "{:?}", payments.rows());
}

#[tokio::test]
async fn a_namespace_nobody_has_heard_of_lists_public_images() {
    let world = World::start().await;
    for viewer in [world.admin.clone(), world.gateway.as_member("payments", "admin"), world.gateway.as_outsider()] {
        assert_eq!(viewer.selector("stray").await.rows(), PUBLIC_PART);
    }
}

#[tokio::test]
async fn the_same_name_in_another_cluster_is_another_namespace() {
    let world = World::start().await;
    let document = "query { availableImages(namespace: { cluster: \"edge\", name: \"pay-prod\" }) { totalCount } }";
    let reply = world.admin.ask(document).await;
    assert_eq!(reply.data("availableImages.totalCount"), 2);
}

#[tokio::test]
async fn an_admin_sees_what_every_namespace_sees() {
    let world = World::start().await;
    assert_eq!(world.admin.selector("pay-prod").await.total(), 4);
    assert_eq!(world.admin.selector("shop-prod").await.total(), 5);
}

#[tokio::test]
async fn to_outsiders_a_namespace_looks_like_one_that_nobody_has_heard_of() {
    let world = World::start().await;
    let arguments = [
        json!({}),
        json!({ "first": 1 }),
        json!({ "last": 1 }),
        json!({ "search": "api" }),
        json!({ "search": "nginx" }),
        json!({ "filter": { "via": ["BOUND", "WORKSPACE_REGISTRY"] } }),
        json!({ "filter": { "registryId": world.own } }),
        json!({ "filter": { "spaceId": world.space("pay").await } }),
        json!({ "orderBy": { "field": "UPDATED_AT", "direction": "DESC" } }),
        json!({ "orderBy": { "field": "PULL_COUNT", "direction": "ASC" } }),
    ];
    for outsider in [world.gateway.as_outsider(), world.gateway.as_member("shop", "admin")] {
        for arguments in &arguments {
            // `own` is the shop's: its admin may name it, and must see no more of `pay-prod` for it.
            let of_payments = outsider.select("pay-prod", arguments.clone()).await;
            let of_nobody = outsider.select("stray", arguments.clone()).await;
            of_payments.reply.succeeded();
            assert_eq!(of_payments.timeless(), of_nobody.timeless(), "{arguments}");
        }
    }
}

#[tokio::test]
async fn outsiders_get_the_same_edges_and_cursors_as_members_get_of_the_public_part() {
    let world = World::start().await;
    let public = json!({ "filter": { "via": ["PUBLIC"] } });
    let member = world.gateway.as_member("payments", "viewer").select("pay-prod", public).await;
    let outsider = world.gateway.as_outsider().selector("pay-prod").await;
    assert_eq!(member.reply.data("availableImages.edges"), outsider.reply.data("availableImages.edges"));
}

#[tokio::test]
async fn what_changes_through_fairway_is_true_for_the_next_question() {
    let world = World::start().await;
    let member = world.gateway.as_member("payments", "viewer");
    let (pay, vault) = (world.space("pay").await, world.space("vault").await);

    world.admin.bind(&[&vault], &[&world.payments]).await.succeeded();
    assert_eq!(member.selector("pay-prod").await.total(), 5);

    world.admin.unbind(&[&pay, &vault], &[&world.payments]).await.succeeded();
    assert_eq!(member.selector("pay-prod").await.rows(), PUBLIC_PART);

    world.admin.set_public(&vault, true).await.succeeded();
    let with_vault = ["library/nginx PUBLIC", "library/redis PUBLIC", "vault/keys PUBLIC"];
    assert_eq!(member.selector("pay-prod").await.rows(), with_vault);
    assert_eq!(world.gateway.as_outsider().selector("stray").await.rows(), with_vault);

    world.admin.set_public(&vault, false).await.succeeded();
    assert_eq!(world.gateway.as_outsider().selector("stray").await.rows(), PUBLIC_PART);
}

#[tokio::test]
async fn a_namespace_that_leaves_its_workspace_keeps_the_public_part() {
    let world = World::start().await;
    let document =
        "mutation { unbindNamespaces(input: { namespaces: [{ name: \"pay-prod\" }] }) { namespaces { name } } }";
    world.admin.ask(document).await.succeeded();
    assert_eq!(world.admin.selector("pay-prod").await.rows(), PUBLIC_PART);
}

#[tokio::test]
async fn a_public_space_that_is_bound_stays_public_and_counts_once_it_is_closed() {
    let world = World::start().await;
    let member = world.gateway.as_member("payments", "viewer");
    let library = world.space("library").await;
    world.admin.bind(&[&library], &[&world.payments]).await.succeeded();
    assert_eq!(member.selector("pay-prod").await.rows()[..2], PUBLIC_PART);

    world.admin.set_public(&library, false).await.succeeded();
    let rows = member.selector("pay-prod").await.rows();
    assert_eq!(rows[..2], ["library/nginx BOUND", "library/redis BOUND"]);
    assert_eq!(world.gateway.as_outsider().selector("pay-prod").await.total(), 0);
}

#[tokio::test]
async fn a_space_closed_in_harbor_leaves_with_the_sync_that_sees_it() {
    let world = World::start().await;
    world.harbor.set_public("library", false);
    world.admin.refresh(&world.main).await.succeeded();
    assert_eq!(world.gateway.as_outsider().selector("stray").await.total(), 0);

    world.harbor.set_public("library", true);
    world.admin.refresh(&world.main).await.succeeded();
    assert_eq!(world.gateway.as_outsider().selector("stray").await.rows(), PUBLIC_PART);
}

#[tokio::test]
async fn a_public_project_deleted_in_harbor_leaves_at_once() {
    let world = World::start().await;
    world.harbor.delete_project("library");
    world.admin.refresh(&world.main).await.succeeded();
    assert_eq!(world.gateway.as_outsider().selector("stray").await.total(), 0);
}

#[tokio::test]
async fn a_project_made_again_under_an_old_name_inherits_no_binding() {
    let world = World::start().await;
    let member = world.gateway.as_member("payments", "viewer");
    world.harbor.delete_project("pay");
    world.harbor.create_project("pay", false);
    world.harbor.push("pay", "stranger", "1.0");
    // Two sweeps, after which the old one is known to be gone.
    for _ in 0..2 {
        world.admin.refresh(&world.main).await.succeeded();
        let rows = member.selector("pay-prod").await.rows();
        assert!(!rows.iter().any(|row| row.starts_with("pay/stranger")), "{rows:?}");
    }
    assert_eq!(member.selector("pay-prod").await.rows(), PUBLIC_PART);
}

#[tokio::test]
async fn an_image_reached_in_several_ways_is_listed_once_by_the_widest() {
    let world = World::start().await;
    world.admin.integrate_harbor_for(&world.payments, "mirror", &world.harbor).await;
    let selector = world.gateway.as_member("payments", "viewer").selector("pay-prod").await;
    assert_eq!(
        selector.rows(),
        [
            "cart/web WORKSPACE_REGISTRY",
            "library/nginx PUBLIC",
            "library/redis PUBLIC",
            "pay/api BOUND",
            "pay/worker BOUND",
            "vault/keys WORKSPACE_REGISTRY",
        ]
    );
    assert_eq!(selector.total(), 6);
    let filtered = json!({ "filter": { "via": ["WORKSPACE_REGISTRY"] } });
    let selector = world.gateway.as_member("payments", "viewer").select("pay-prod", filtered).await;
    assert_eq!(selector.rows(), ["cart/web WORKSPACE_REGISTRY", "vault/keys WORKSPACE_REGISTRY"]);
    assert_eq!(selector.total(), 2);
}

#[tokio::test]
async fn pushed_and_deleted_images_show_after_a_sync() {
    let world = World::start().await;
    world.harbor.push("library", "alpine", "3.20");
    world.harbor.delete_repository("library", "redis");
    world.admin.refresh(&world.main).await.succeeded();
    let rows = world.gateway.as_outsider().selector("stray").await.rows();
    assert_eq!(rows, ["library/alpine PUBLIC", "library/nginx PUBLIC"]);
}

#[tokio::test]
async fn fifty_namespaces_cost_as_many_statements_as_one() {
    let world = World::start().await;
    let names: Vec<String> = (0..50).map(|number| format!("team-{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.admin.bind_namespaces(&world.payments, &names).await.succeeded();
    let document = "query ($first: Int!) { namespaces(first: $first) { nodes {
        name workspace { name } availableImages(first: 5) { totalCount edges { via node { reference } } sources { state } } } } }";

    let cost_of = async |first: usize| {
        let ask = async || {
            let reply = world.admin.query(document, json!({ "first": first })).await;
            assert_eq!(reply.list("namespaces.nodes").len(), first);
        };
        world.gateway.statements_of(ask).await
    };
    assert_eq!(cost_of(1).await, cost_of(50).await);
}

#[tokio::test]
async fn a_namespace_offers_the_same_selector_as_the_root() {
    let world = World::start().await;
    let member = world.gateway.as_member("payments", "viewer");
    let fields = "totalCount pageInfo { startCursor endCursor hasNextPage } edges { cursor via node { reference } }";
    let document = format!(
        "query {{ root: availableImages(namespace: {{ name: \"pay-prod\" }}, first: 3) {{ {fields} }}
                  namespace(name: \"pay-prod\") {{ availableImages(first: 3) {{ {fields} }} }} }}"
    );
    let reply = member.ask(&document).await;
    assert_eq!(reply.data("root"), reply.data("namespace.availableImages"));
}
