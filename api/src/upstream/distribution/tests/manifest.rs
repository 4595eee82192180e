//! What tags and digests stand for.

use wiremock::ResponseTemplate;

use super::*;
use crate::upstream::testing::header;

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

fn manifest(media_type: &str, digest: &str, body: &str) -> ResponseTemplate {
    registry(ResponseTemplate::new(200).set_body_raw(body, media_type)).insert_header("Docker-Content-Digest", digest)
}

#[tokio::test]
async fn a_single_image_runs_on_what_its_configuration_says() {
    let fake = Fake::start().await;
    let config = format!("sha256:{}", "c5".repeat(32));
    let body = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","size":379,"digest":"{config}"}},"layers":[{{"size":100}},{{"size":21}}]}}"#
    );
    fake.reply("GET /v2/acme/app/manifests/1.0", manifest(OCI, "sha256:aa", &body)).await;
    let blob = r#"{"architecture":"arm64","os":"linux","variant":"v8","created":"2024-05-01T12:00:00Z"}"#;
    fake.reply(
        &format!("GET /v2/acme/app/blobs/{config}"),
        ResponseTemplate::new(200).set_body_raw(blob, "application/octet-stream"),
    )
    .await;
    let found = fake.docker(None).get_artifact(&everything(), "acme/app", "1.0").await.expect("an answer");
    let artifact = found.expect("an artifact");
    assert_eq!((artifact.digest.as_str(), artifact.kind.as_str(), artifact.size), ("sha256:aa", "IMAGE", Some(500)));
    assert_eq!(artifact.tags, ["1.0"]);
    let platform = &artifact.platforms[0];
    assert_eq!(
        (platform.architecture.as_str(), platform.variant.as_deref(), platform.size),
        ("arm64", Some("v8"), Some(500))
    );
    let accept = header(&fake.requests().await[0], "accept").to_owned();
    assert_eq!(accept.matches("application/vnd.").count(), 4, "{accept}");
}

#[tokio::test]
async fn an_index_names_its_platforms_and_a_chart_is_a_chart() {
    let fake = Fake::start().await;
    let index = "application/vnd.oci.image.index.v1+json";
    let body = format!(
        r#"{{"schemaVersion":2,"mediaType":"{index}","manifests":[{{"digest":"sha256:5e","size":401,"platform":{{"architecture":"amd64","os":"linux"}}}},{{"digest":"sha256:ee","platform":{{"architecture":"unknown","os":"unknown"}}}}]}}"#
    );
    fake.reply("GET /v2/app/manifests/multi", manifest(index, "sha256:bb", &body)).await;
    let chart = r#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","size":1},"layers":[{"size":2}]}"#;
    fake.reply("GET /v2/app/manifests/chart", manifest(OCI, "sha256:cc", chart)).await;
    let registry = fake.docker(None);
    let artifact = registry.get_artifact(&everything(), "app", "multi").await.expect("an answer").expect("an index");
    assert_eq!((artifact.kind.as_str(), artifact.size, artifact.platforms.len()), ("IMAGE", None, 1));
    assert_eq!(artifact.platforms[0].digest.as_deref(), Some("sha256:5e"));
    let artifact = registry.get_artifact(&everything(), "app", "chart").await.expect("an answer").expect("a chart");
    assert_eq!((artifact.kind.as_str(), artifact.media_type.as_deref()), ("CHART", Some(OCI)));
    assert!(artifact.platforms.is_empty());
}

#[tokio::test]
async fn a_digest_is_asked_for_by_head() {
    let fake = Fake::start().await;
    fake.reply("HEAD /v2/app/manifests/1.0", manifest(OCI, "sha256:aa", "")).await;
    fake.reply("HEAD /v2/app/manifests/2.0", registry(ResponseTemplate::new(404))).await;
    let registry = fake.docker(None);
    assert_eq!(
        registry.get_digest(&everything(), "app", "1.0").await.expect("an answer").as_deref(),
        Some("sha256:aa")
    );
    assert_eq!(registry.get_digest(&everything(), "app", "2.0").await.expect("an answer"), None);
}
