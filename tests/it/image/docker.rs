//! What a Docker Registry tells of artifacts, which it knows as manifests alone.

use serde_json::{Value, json};
use tests::{
    docker_registry::DockerRegistry,
    gateway::{Reply, TestGateway},
};

/// Leaves the test, visibly, where the registry is not installed.
macro_rules! needs_docker_registry {
    () => {
        if !DockerRegistry::is_installed(module_path!()) {
            return;
        }
    };
}

async fn integrated(registry: &DockerRegistry) -> TestGateway {
    let gateway = TestGateway::start().await;
    let input = json!({ "name": "docker", "kind": "DOCKER_REGISTRY", "address": registry.url() });
    gateway.as_admin().integrate_and_refresh(input).await;
    gateway
}

async fn image(gateway: &TestGateway, registry: &DockerRegistry, repository: &str, fields: &str) -> Reply {
    let document = format!(
        "query ($reference: String!) {{
            availableImage(namespace: {{ name: \"stray\" }}, reference: $reference) {{ node {{ {fields} }} }} }}"
    );
    let reference = format!("{}/{repository}", registry.host());
    gateway.as_outsider().query(&document, json!({ "reference": reference })).await
}

#[tokio::test]
async fn an_index_tells_its_platforms_and_sizes() {
    needs_docker_registry!();
    let registry = DockerRegistry::start().await;
    let builds = [registry.push("app", "1.0-amd64").await, registry.push("app", "1.0-other").await];
    let index = registry.push_index("app", "1.0", &builds, &["amd64", "arm64"]).await;
    let gateway = integrated(&registry).await;
    let fields = "artifact(reference: \"1.0\") { digest kind mediaType size tags platforms { os architecture digest size } signed labels
        vulnerabilities { status } }
        one: artifact(reference: \"1.0-amd64\") { size }";
    let reply = image(&gateway, &registry, "app", fields).await;
    let artifact = reply.data("availableImage.node.artifact");
    assert_eq!(
        (&artifact["digest"], &artifact["kind"], &artifact["tags"]),
        (&json!(index), &json!("IMAGE"), &json!(["1.0"]))
    );
    let platforms = artifact["platforms"].as_array().expect("a list");
    assert_eq!(platforms.len(), 2);
    for (platform, (digest, architecture)) in platforms.iter().zip(builds.iter().zip(["amd64", "arm64"])) {
        assert_eq!((&platform["digest"], &platform["architecture"]), (&json!(digest), &json!(architecture)));
    }
    assert_eq!(platforms[0]["size"], *reply.data("availableImage.node.one.size"));
    let sum: i64 = platforms.iter().filter_map(|platform| platform["size"].as_i64()).sum();
    assert!(artifact["size"].as_i64().is_some_and(|size| size > sum), "{artifact}");
    assert_eq!((&artifact["signed"], &artifact["labels"]), (&json!(false), &json!([])));
    assert_eq!(artifact["vulnerabilities"]["status"], "UNSUPPORTED");
}

#[tokio::test]
async fn artifacts_are_told_with_all_their_tags() {
    needs_docker_registry!();
    let registry = DockerRegistry::start().await;
    let old = registry.push("app", "1.0").await;
    let new = registry.push("app", "2.0").await;
    for (tag, digest) in [("1.0.0", &old), ("latest", &new), ("stable", &old)] {
        registry.tag("app", digest, tag).await;
    }
    let gateway = integrated(&registry).await;
    let fields = "artifacts { totalCount nodes { digest tags kind pushedAt platforms { architecture } } }
        tags { nodes { name artifact { digest tags } } }";
    let reply = image(&gateway, &registry, "app", fields).await;
    let common = |digest: &str, tags: &[&str]| {
        json!({ "digest": digest, "tags": tags, "kind": "IMAGE", "pushedAt": "2024-05-06T07:08:09.000Z",
                "platforms": [{ "architecture": "amd64" }] })
    };
    let expected = [common(&new, &["2.0", "latest"]), common(&old, &["1.0", "1.0.0", "stable"])];
    assert_eq!(reply.list("availableImage.node.artifacts.nodes"), expected);
    for tag in reply.list("availableImage.node.tags.nodes") {
        let tags = tag["artifact"]["tags"].as_array().expect("a list");
        assert!(tags.contains(&tag["name"]), "{tag}");
    }
    // By its digest it is the same thing.
    let fields = format!("artifact(reference: \"{old}\") {{ tags }}");
    let reply = image(&gateway, &registry, "app", &fields).await;
    assert_eq!(reply.data("availableImage.node.artifact.tags"), &json!(["1.0", "1.0.0", "stable"]));
}

#[tokio::test]
async fn a_signature_is_no_tag() {
    needs_docker_registry!();
    let registry = DockerRegistry::start().await;
    let signed = registry.push("app", "1.0").await;
    registry.push("app", "2.0").await;
    registry.push("app", &format!("{}.sig", signed.replace(':', "-"))).await;
    let gateway = integrated(&registry).await;
    let reply = image(&gateway, &registry, "app", "tags { totalCount nodes { name artifact { signed } } }").await;
    let expected = json!([
        { "name": "2.0", "artifact": { "signed": false } },
        { "name": "1.0", "artifact": { "signed": true } },
    ]);
    assert_eq!(reply.data("availableImage.node.tags.nodes"), &expected);
    assert_eq!(reply.data("availableImage.node.tags.totalCount"), 2);
}

#[tokio::test]
async fn more_tags_than_can_be_asked_for_one_by_one_are_an_error_of_the_fields_that_need_it() {
    needs_docker_registry!();
    let registry = DockerRegistry::start().await;
    let digest = registry.push("many", "0").await;
    for number in 1..=200 {
        registry.tag("many", &digest, &number.to_string()).await;
    }
    let gateway = integrated(&registry).await;
    let fields = "tags(first: 2) { totalCount nodes { name artifact { digest kind } } }
        artifacts { totalCount } artifact(reference: \"7\") { tags }";
    let reply = image(&gateway, &registry, "many", fields).await;
    assert_eq!(reply.partial("availableImage.node.tags.totalCount"), 201);
    assert_eq!(
        reply.partial("availableImage.node.tags.nodes")[0]["artifact"],
        json!({ "digest": digest, "kind": "IMAGE" })
    );
    assert_eq!(reply.partial("availableImage.node.artifacts"), &Value::Null);
    assert_eq!(reply.partial("availableImage.node.artifact"), &Value::Null);
    assert_eq!(reply.errors().len(), 2, "{}", reply.text);
    for error in reply.errors() {
        assert_eq!(error["extensions"]["code"], "UNSUPPORTED", "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains("201")), "{error}");
    }
}

#[tokio::test]
async fn what_a_reference_says_can_be_pulled() {
    needs_docker_registry!();
    let registry = DockerRegistry::start().await;
    let digests = [registry.push("app", "1.0").await, registry.push("app", "2.0").await];
    registry.push_index("app", "multi", &digests, &["amd64", "arm64"]).await;
    registry.push("team/deep/tool", "3").await;
    let gateway = integrated(&registry).await;
    let document = "{ availableImages(namespace: { name: \"stray\" }) { nodes { tags { nodes {
        pullReference pinnedReference artifact { digest platforms { digest } } } } } } }";
    let reply = gateway.as_outsider().ask(document).await;
    let mut n_pulled = 0;
    for tag in
        reply.list("availableImages.nodes").iter().flat_map(|image| image["tags"]["nodes"].as_array().expect("tags"))
    {
        let digest = tag["artifact"]["digest"].as_str().expect("a digest");
        for reference in [&tag["pullReference"], &tag["pinnedReference"]] {
            let reference = reference.as_str().expect("a reference");
            assert_eq!(registry.pulled_digest(reference).await.as_deref(), Some(digest), "{reference}");
            n_pulled += 1;
        }
        let pinned = tag["pinnedReference"].as_str().expect("a reference");
        let (name, _) = pinned.split_once('@').expect("it is pinned");
        for platform in tag["artifact"]["platforms"].as_array().expect("a list") {
            let digest = platform["digest"].as_str().expect("a digest");
            assert_eq!(registry.pulled_digest(&format!("{name}@{digest}")).await.as_deref(), Some(digest));
        }
    }
    assert_eq!(n_pulled, 8);
}
