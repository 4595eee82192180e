//! Searching, filtering and ordering the selector.

use serde_json::{Value, json};
use tests::{
    gateway::{TestGateway, World},
    harbor::SimulatedHarbor,
};

#[tokio::test]
async fn every_word_of_a_search_must_occur_whatever_its_case() {
    let world = World::start().await;
    let member = world.gateway.as_member("payments", "viewer");
    for (search, expected) in [
        ("API", vec!["pay/api BOUND"]),
        ("pay work", vec!["pay/worker BOUND"]),
        ("work pay", vec!["pay/worker BOUND"]),
        ("  redis  ", vec!["library/redis PUBLIC"]),
        ("redis pay", vec![]),
        ("keys", vec![]),
    ] {
        let selector = member.select("pay-prod", json!({ "search": search })).await;
        assert_eq!(selector.rows(), expected, "`{search}`");
        assert_eq!(selector.total(), expected.len() as i64, "`{search}`");
    }
}

#[tokio::test]
async fn a_blank_search_is_no_search() {
    let world = World::start().await;
    let selector = world.admin.select("pay-prod", json!({ "search": "  " })).await;
    assert_eq!(selector.total(), 4);
}

#[tokio::test]
async fn a_search_may_name_the_host() {
    let world = World::start().await;
    let selector = world.admin.select("shop-prod", json!({ "search": world.own_harbor.host() })).await;
    assert_eq!(selector.rows(), ["closed/tool WORKSPACE_REGISTRY", "open/widget WORKSPACE_REGISTRY"]);
}

#[tokio::test]
async fn filters_narrow_rows_and_counts_together() {
    let world = World::start().await;
    let space = world.space("cart").await;
    for (filter, expected) in [
        (json!({ "via": ["BOUND"] }), vec!["cart/web BOUND"]),
        (
            json!({ "via": ["BOUND", "PUBLIC"], "registryId": world.main }),
            vec!["cart/web BOUND", "library/nginx PUBLIC", "library/redis PUBLIC"],
        ),
        (json!({ "registryId": world.own }), vec!["closed/tool WORKSPACE_REGISTRY", "open/widget WORKSPACE_REGISTRY"]),
        (json!({ "spaceId": space }), vec!["cart/web BOUND"]),
        (json!({ "spaceId": space, "registryId": world.own }), vec![]),
        (json!({ "via": [] }), vec![]),
    ] {
        let selector = world.admin.select("shop-prod", json!({ "filter": filter.clone() })).await;
        assert_eq!(selector.rows(), expected, "{filter}");
        assert_eq!(selector.total(), expected.len() as i64, "{filter}");
    }
}

#[tokio::test]
async fn a_filter_by_something_hidden_equals_a_filter_by_something_absent() {
    let world = World::start().await;
    let vault = world.space("vault").await;
    let document = "mutation ($id: ID!) { deleteSpace(input: { spaceId: $id }) { deletedId } }";
    let gone = {
        let document =
            "mutation ($id: ID!) { createSpace(input: { registryId: $id, name: \"passing\" }) { space { id } } }";
        world.admin.query(document, json!({ "id": world.main })).await.string("createSpace.space.id")
    };
    world.admin.query(document, json!({ "id": gone })).await.succeeded();
    let outsider = world.gateway.as_outsider();
    let hidden = outsider.select("stray", json!({ "filter": { "spaceId": vault } })).await;
    let absent = outsider.select("stray", json!({ "filter": { "spaceId": gone } })).await;
    assert_eq!(hidden.timeless(), absent.timeless());
}

#[tokio::test]
async fn a_filter_by_an_id_of_another_type_is_refused() {
    let world = World::start().await;
    let selector = world.admin.select("stray", json!({ "filter": { "registryId": world.payments } })).await;
    selector.reply.refused("BAD_USER_INPUT");
}

/// A Harbor whose images differ in pulls: `b` 5, `a` 3, `c` 3, `d` none.
async fn pulled_images() -> (TestGateway, SimulatedHarbor) {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    for (name, pulls) in [("a", 3), ("b", 5), ("c", 3), ("d", 0)] {
        harbor.push("library", name, "1.0");
        harbor.pulled("library", name, pulls);
    }
    gateway.as_admin().integrate_harbor("main", &harbor).await;
    (gateway, harbor)
}

#[tokio::test]
async fn images_can_be_ordered_by_pulls_with_ties_by_reference() {
    let (gateway, _harbor) = pulled_images().await;
    for (direction, expected) in [("DESC", ["b", "a", "c", "d"]), ("ASC", ["d", "a", "c", "b"])] {
        let order = json!({ "orderBy": { "field": "PULL_COUNT", "direction": direction } });
        let selector = gateway.as_outsider().select("stray", order).await;
        assert_eq!(selector.reply.strings("availableImages.edges", "node.repository"), expected, "{direction}");
    }
}

#[tokio::test]
async fn images_can_be_ordered_by_the_time_of_their_last_change() {
    let (gateway, _harbor) = pulled_images().await;
    for direction in ["ASC", "DESC"] {
        let order = json!({ "orderBy": { "field": "UPDATED_AT", "direction": direction } });
        let selector = gateway.as_outsider().select("stray", order).await;
        let edges = selector.reply.list("availableImages.edges");
        let keys: Vec<(&str, &str)> = edges
            .iter()
            .map(|edge| {
                let text = |field: &str| edge["node"][field].as_str().unwrap_or_default();
                (text("updatedAt"), text("reference"))
            })
            .collect();
        let mut expected = keys.clone();
        expected.sort_by(|left, right| {
            let times = if direction == "ASC" { left.0.cmp(right.0) } else { right.0.cmp(left.0) };
            times.then(left.1.cmp(right.1))
        });
        assert_eq!(keys, expected, "{direction}");
    }
}

#[tokio::test]
async fn references_can_be_read_from_the_end() {
    let (gateway, _harbor) = pulled_images().await;
    let order = json!({ "orderBy": { "field": "REFERENCE", "direction": "DESC" } });
    let selector = gateway.as_outsider().select("stray", order).await;
    assert_eq!(selector.reply.strings("availableImages.edges", "node.repository"), ["d", "c", "b", "a"]);
}

#[tokio::test]
async fn relevance_puts_the_best_match_first_and_needs_a_search() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    for name in ["a/mynginx", "nginx", "nginx/tools", "z/nginx"] {
        harbor.push("library", name, "1.0");
    }
    gateway.as_admin().integrate_harbor("main", &harbor).await;
    let viewer = gateway.as_outsider();
    let by_default = viewer.select("stray", json!({ "search": "nginx" })).await;
    let explicit = json!({ "search": "nginx", "orderBy": { "field": "RELEVANCE", "direction": "DESC" } });
    let explicit = viewer.select("stray", explicit).await;
    assert_eq!(by_default.references(), explicit.references());
    let first = &by_default.references()[0];
    assert!(first.ends_with("/nginx"), "{:?}", by_default.references());
    let last = by_default.references().pop().unwrap_or_default();
    assert!(last.ends_with("/a/mynginx"), "{:?}", by_default.references());

    let without = viewer.select("stray", json!({ "orderBy": { "field": "RELEVANCE" } })).await;
    without.reply.refused("BAD_USER_INPUT");
    assert_eq!(without.reply.partial_or_null("availableImages"), &Value::Null);
}

#[tokio::test]
async fn a_reference_finds_its_image_with_or_without_tag_and_digest() {
    let world = World::start().await;
    let member = world.gateway.as_member("payments", "viewer");
    let document = "query ($reference: String!) {
        availableImage(namespace: { name: \"pay-prod\" }, reference: $reference) { via node { reference } } }";
    let plain = format!("{}/pay/api", world.harbor.host());
    let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for reference in
        [plain.clone(), format!("{plain}:1.0"), format!("{plain}@{digest}"), format!("{plain}:1.0@{digest}")]
    {
        let reply = member.query(document, json!({ "reference": reference })).await;
        assert_eq!(reply.data("availableImage.via"), "BOUND", "{reference}");
        assert_eq!(reply.data("availableImage.node.reference"), &json!(plain), "{reference}");
    }
    for (viewer, reference) in [
        (world.gateway.as_outsider(), plain),
        (member.clone(), format!("{}/vault/keys", world.harbor.host())),
        (member.clone(), format!("{}/pay/absent", world.harbor.host())),
        (member, "elsewhere.example/pay/api".to_owned()),
    ] {
        let reply = viewer.query(document, json!({ "reference": reference })).await;
        assert_eq!(reply.data("availableImage"), &Value::Null, "{reference}");
    }
}
