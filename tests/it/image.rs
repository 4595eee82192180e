//! Images, their tags and artifacts, as the registry itself knows them.

mod detail;
mod docker;

use serde_json::{Value, json};
use tests::gateway::{Client, Reply, World};

/// Asks for fields of one image of the selector.
async fn image(viewer: &Client, world: &World, path: &str, fields: &str) -> Reply {
    let document = format!(
        "query ($reference: String!) {{
            availableImage(namespace: {{ name: \"pay-prod\" }}, reference: $reference) {{ node {{ {fields} }} }} }}"
    );
    viewer.query(&document, json!({ "reference": format!("{}/{path}", world.harbor.host()) })).await
}

#[tokio::test]
async fn an_image_knows_where_it_is() {
    let world = World::start().await;
    world.harbor.push("pay", "team/deep/app", "1.0");
    world.admin.refresh(&world.main).await.succeeded();
    let fields = "reference repository space { name } registry { name } artifactCount";
    let reply = image(&world.admin, &world, "pay/team/deep/app", fields).await;
    let expected = json!({
        "reference": format!("{}/pay/team/deep/app", world.harbor.host()),
        "repository": "team/deep/app",
        "space": { "name": "pay" },
        "registry": { "name": "main" },
        "artifactCount": 1,
    });
    assert_eq!(reply.data("availableImage.node"), &expected);
}

#[tokio::test]
async fn tags_come_with_their_digest_and_pull_references() {
    let world = World::start().await;
    let digest = world.harbor.push("pay", "api", "1.1");
    let fields =
        "tags { totalCount nodes { name pullReference pinnedReference pushedAt artifact { digest kind tags } } }";
    let reply = image(&world.gateway.as_member("payments", "viewer"), &world, "pay/api", fields).await;
    assert_eq!(reply.data("availableImage.node.tags.totalCount"), 2);
    let tags = reply.list("availableImage.node.tags.nodes");
    let tag = tags.iter().find(|tag| tag["name"] == "1.1").expect("the tag that was pushed is listed");
    let host = world.harbor.host();
    assert_eq!(tag["pullReference"], json!(format!("{host}/pay/api:1.1")));
    assert_eq!(tag["pinnedReference"], json!(format!("{host}/pay/api@{digest}")));
    assert_eq!(tag["artifact"]["digest"], json!(digest));
    assert_eq!(tag["artifact"]["kind"], "IMAGE");
    assert!(tag["pushedAt"].is_string(), "{tag}");
}

#[tokio::test]
async fn tags_are_searched_and_paged() {
    let world = World::start().await;
    for number in 0..30 {
        world.harbor.push("pay", "worker", &format!("2.{number}"));
    }
    let reply = image(&world.admin, &world, "pay/worker", "tags(search: \"2.1\") { totalCount nodes { name } }").await;
    // 2.1 and 2.10 to 2.19.
    assert_eq!(reply.data("availableImage.node.tags.totalCount"), 11);

    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let fields =
            format!("tags(first: 10{after}) {{ totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ name }} }}");
        let reply = image(&world.admin, &world, "pay/worker", &fields).await;
        assert_eq!(reply.data("availableImage.node.tags.totalCount"), 31);
        seen.extend(reply.strings("availableImage.node.tags.nodes", "name"));
        if reply.data("availableImage.node.tags.pageInfo.hasNextPage") == false {
            break;
        }
        assert!(seen.len() < 40, "paging does not end: {seen:?}");
        after = format!(", after: \"{}\"", reply.string("availableImage.node.tags.pageInfo.endCursor"));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 31);
}

#[tokio::test]
async fn an_artifact_is_found_by_tag_and_by_digest() {
    let world = World::start().await;
    let digest = world.harbor.push("pay", "api", "1.1");
    for reference in ["1.1", digest.as_str()] {
        let fields = format!(
            "artifact(reference: \"{reference}\") {{ digest kind tags platforms {{ os architecture }} size pushedAt }}"
        );
        let reply = image(&world.admin, &world, "pay/api", &fields).await;
        assert_eq!(reply.data("availableImage.node.artifact.digest"), &json!(digest));
        assert_eq!(reply.data("availableImage.node.artifact.tags"), &json!(["1.1"]));
        let platforms = json!([{ "os": "linux", "architecture": "amd64" }]);
        assert_eq!(reply.data("availableImage.node.artifact.platforms"), &platforms);
    }
    let unknown = format!("sha256:{}", "0".repeat(64));
    for reference in ["absent", unknown.as_str()] {
        let fields = format!("artifact(reference: \"{reference}\") {{ digest }}");
        let reply = image(&world.admin, &world, "pay/api", &fields).await;
        assert_eq!(reply.data("availableImage.node.artifact"), &Value::Null, "{reference}");
    }
}

#[tokio::test]
async fn a_registry_that_is_down_costs_the_fields_that_need_it_and_no_other() {
    let world = World::start().await;
    world.harbor.stop().await;
    let reply =
        image(&world.admin, &world, "pay/api", "reference tags { totalCount } artifact(reference: \"1.0\") { digest }")
            .await;
    assert_eq!(reply.partial("availableImage.node.reference"), &json!(format!("{}/pay/api", world.harbor.host())));
    assert_eq!(reply.partial("availableImage.node.tags"), &Value::Null);
    assert_eq!(reply.partial("availableImage.node.artifact"), &Value::Null);
    assert_eq!(reply.errors().len(), 2, "{}", reply.text);
    for error in reply.errors() {
        assert_eq!(error["extensions"]["code"], "UPSTREAM_UNAVAILABLE", "{error}");
        assert_eq!(error["extensions"]["retryable"], true, "{error}");
        assert!(error["path"].is_array(), "{error}");
    }
}

#[tokio::test]
async fn a_reference_inside_an_image_is_a_tag_or_a_digest() {
    let world = World::start().await;
    for reference in ["!!", "sha256:00", "", "a/b"] {
        let fields = format!("artifact(reference: \"{reference}\") {{ digest }}");
        let reply = image(&world.admin, &world, "pay/api", &fields).await;
        assert_eq!(reply.code(), Some("BAD_USER_INPUT"), "{reference}: {}", reply.text);
        assert_eq!(reply.field(), Some("reference"));
    }
}

#[tokio::test]
async fn a_list_without_an_age_shows_no_old_images() {
    let world = World::start().await;
    world.harbor.stop().await;
    world.admin.refresh(&world.main).await.succeeded();
    let space = world.admin.space(&world.main, "pay").await;
    let document = "query ($id: ID!) { space(id: $id) { name images { totalCount } } }";
    let reply = world.admin.query(document, json!({ "id": space })).await;
    assert_eq!(reply.partial("space.name"), "pay");
    assert_eq!(reply.partial("space.images"), &Value::Null);
    assert_eq!(reply.code(), Some("UPSTREAM_UNAVAILABLE"));
}
