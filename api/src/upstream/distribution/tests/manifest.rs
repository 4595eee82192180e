//! What tags and digests stand for.

use sha2::{Digest, Sha256};
use wiremock::ResponseTemplate;

use super::*;
use crate::upstream::{Artifact, Detail, testing::header};

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

const CONTENTS: Detail = Detail {
    manifest: true,
    configuration: true,
    builds: false,
    tags: false,
    immutable: false,
    labels: false,
    signatures: false,
    scan: false,
};

fn digest(byte: &str) -> String {
    format!("sha256:{}", byte.repeat(32))
}

fn digest_of(body: &str) -> String {
    let hash = Sha256::digest(body);
    hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn manifest(media_type: &str, digest: &str, body: &str) -> ResponseTemplate {
    registry(ResponseTemplate::new(200).set_body_raw(body, media_type)).insert_header("Docker-Content-Digest", digest)
}

/// A tag is a HEAD, and what it names a GET by digest.
async fn put(fake: &Fake, repository: &str, tag: &str, media_type: &str, digest: &str, body: &str) {
    fake.reply(&format!("HEAD /v2/{repository}/manifests/{tag}"), manifest(media_type, digest, "")).await;
    fake.reply(&format!("GET /v2/{repository}/manifests/{digest}"), manifest(media_type, digest, body)).await;
}

/// An image of 100 + 21 bytes beside its configuration of 379.
fn image(configuration: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","size":379,"digest":"{configuration}"}},"layers":[{{"size":100}},{{"size":21}}]}}"#
    )
}

async fn get(fake: &Fake, reference: &str, detail: Detail) -> Artifact {
    let found = fake.docker(None).get_artifact(&everything(), "app", reference, detail).await;
    found.expect("an answer").expect("an artifact")
}

#[tokio::test]
async fn a_single_image_runs_on_what_its_configuration_says() {
    let fake = Fake::start().await;
    let blob = r#"{"architecture":"arm64","os":"linux","variant":"v8","created":"2024-05-01T12:00:00Z"}"#;
    let configuration = digest_of(blob);
    let body = image(&configuration);
    put(&fake, "app", "1.0", OCI, &digest_of(&body), &body).await;
    fake.reply(
        &format!("GET /v2/app/blobs/{configuration}"),
        ResponseTemplate::new(200).set_body_raw(blob, "application/octet-stream"),
    )
    .await;
    let size = Some(500 + i64::try_from(body.len()).expect("small"));
    let registry = fake.docker(None);
    for _ in 0..2 {
        let found = registry.get_artifact(&everything(), "app", "1.0", CONTENTS).await.expect("an answer");
        let artifact = found.expect("an artifact");
        assert_eq!((artifact.digest, artifact.kind.as_str(), artifact.size), (digest_of(&body), "IMAGE", size));
        assert_eq!(artifact.pushed_at.map(|at| at.to_rfc3339()).as_deref(), Some("2024-05-01T12:00:00+00:00"));
        let platform = &artifact.platforms[0];
        assert_eq!(
            (platform.architecture.as_str(), platform.variant.as_deref(), platform.size),
            ("arm64", Some("v8"), size)
        );
    }
    let accept = header(&fake.requests().await[0], "accept").to_owned();
    assert_eq!(accept.matches("application/vnd.").count(), 4, "{accept}");
    // What a digest names does not change; what a tag names is asked for each time.
    let sent = fake.sent().await;
    let methods: Vec<&str> = sent.iter().filter_map(|request| request.split(' ').next()).collect();
    assert_eq!(methods, ["HEAD", "GET", "GET", "HEAD"]);
}

#[tokio::test]
async fn what_is_not_what_its_digest_says_is_not_kept() {
    let fake = Fake::start().await;
    put(&fake, "app", "1.0", OCI, &digest("aa"), r#"{"schemaVersion":2,"layers":[{"size":7}]}"#).await;
    let registry = fake.docker(None);
    let detail = Detail { manifest: true, ..Detail::default() };
    for _ in 0..2 {
        let found = registry.get_artifact(&everything(), "app", "1.0", detail).await.expect("an answer");
        assert!(found.is_some_and(|artifact| artifact.size > Some(7)));
    }
    assert_eq!(fake.sent().await.len(), 4);
}

#[tokio::test]
async fn nothing_is_fetched_that_nobody_asks_for() {
    let fake = Fake::start().await;
    put(&fake, "app", "1.0", OCI, &digest("aa"), &image(&digest("c5"))).await;
    assert_eq!(get(&fake, "1.0", Detail::default()).await.digest, digest("aa"));
    assert_eq!(fake.sent().await.len(), 1);
    let detail = Detail { manifest: true, ..Detail::default() };
    assert_eq!(get(&fake, "1.0", detail).await.kind, "IMAGE");
    assert_eq!(fake.sent().await.len(), 3);
}

#[tokio::test]
async fn an_index_names_its_platforms_and_a_chart_is_a_chart() {
    let fake = Fake::start().await;
    let build = image(&digest("c5"));
    put(&fake, "app", "amd64", OCI, &digest("5e"), &build).await;
    let body = format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"digest":"{}","size":401,"platform":{{"architecture":"amd64","os":"linux"}}}},{{"digest":"sha256:ee","platform":{{"architecture":"unknown","os":"unknown"}}}}]}}"#,
        digest("5e")
    );
    put(&fake, "app", "multi", INDEX, &digest("bb"), &body).await;
    let chart = r#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","size":1},"layers":[{"size":2}]}"#;
    put(&fake, "app", "chart", OCI, &digest("cc"), chart).await;

    let artifact = get(&fake, "multi", CONTENTS).await;
    assert_eq!((artifact.kind.as_str(), artifact.size, artifact.platforms.len()), ("IMAGE", None, 1));
    assert_eq!((artifact.platforms[0].digest.as_ref(), artifact.platforms[0].size), (Some(&digest("5e")), None));
    let artifact = get(&fake, "multi", Detail { builds: true, ..CONTENTS }).await;
    let (own, of_build) = (body.len() as i64, 500 + build.len() as i64);
    assert_eq!((artifact.platforms[0].size, artifact.size), (Some(of_build), Some(of_build + own)));

    let artifact = get(&fake, "chart", CONTENTS).await;
    assert_eq!((artifact.kind.as_str(), artifact.media_type.as_deref()), ("CHART", Some(OCI)));
    assert!(artifact.platforms.is_empty());
}

#[tokio::test]
async fn a_signature_is_found_however_the_registry_keeps_it() {
    const SIGNED: Detail = Detail { signatures: true, ..CONTENTS };
    let signed = async |fake: &Fake| get(fake, "1.0", SIGNED).await.findings.expect("asked for").signed;
    let start = async || {
        let fake = Fake::start().await;
        put(&fake, "app", "1.0", OCI, &digest("aa"), r#"{"schemaVersion":2,"layers":[]}"#).await;
        fake
    };
    let (tag, referrers) = (digest("aa").replace(':', "-"), format!("GET /v2/app/referrers/{}", digest("aa")));
    let index = |kind: &str| {
        format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"artifactType":"{kind}"}}]}}"#)
    };
    let (notation, bill) = (index("application/vnd.cncf.notary.signature"), index("application/spdx+json"));

    let fake = start().await;
    let unknown = registry(ResponseTemplate::new(404).set_body_raw("404 page not found\n", "text/plain"));
    fake.reply(&referrers, unknown.clone()).await;
    for tag in [tag.clone(), format!("{tag}.sig")] {
        fake.reply(&format!("HEAD /v2/app/manifests/{tag}"), registry(ResponseTemplate::new(404))).await;
    }
    assert_eq!(signed(&fake).await, Some(false));

    let fake = start().await;
    fake.reply(&referrers, unknown.clone()).await;
    fake.reply(&format!("HEAD /v2/app/manifests/{tag}.sig"), manifest(OCI, &digest("dd"), "")).await;
    assert_eq!(signed(&fake).await, Some(true));

    for (body, is_signed) in [(&notation, true), (&bill, false)] {
        let fake = start().await;
        fake.reply(&referrers, unknown.clone()).await;
        fake.reply(&format!("HEAD /v2/app/manifests/{tag}.sig"), registry(ResponseTemplate::new(404))).await;
        put(&fake, "app", &tag, INDEX, &digest("ee"), body).await;
        assert_eq!(signed(&fake).await, Some(is_signed));

        let fake = start().await;
        fake.reply(&referrers, registry(ResponseTemplate::new(200).set_body_raw(body.as_str(), INDEX))).await;
        assert_eq!(signed(&fake).await, Some(is_signed));
    }
}

#[tokio::test]
async fn artifacts_are_what_the_tags_name() {
    let fake = Fake::start().await;
    let signature = digest("aa").replace(':', "-");
    let tags = format!(r#"{{"name":"app","tags":["1.0","2.0","stable","gone","{signature}.sig"]}}"#);
    fake.json("GET /v2/app/tags/list", &tags).await;
    for (tag, byte) in [("1.0", "aa"), ("2.0", "bb"), ("stable", "aa")] {
        fake.reply(&format!("HEAD /v2/app/manifests/{tag}"), manifest(OCI, &digest(byte), "")).await;
    }
    fake.reply("HEAD /v2/app/manifests/gone", registry(ResponseTemplate::new(404))).await;
    let mut artifacts =
        fake.docker(None).list_artifacts(&everything(), "app", false, Detail::default()).await.expect("artifacts");
    artifacts.sort_by_key(Artifact::key);
    let found: Vec<(&str, Vec<&str>)> = artifacts
        .iter()
        .map(|artifact| (artifact.digest.as_str(), artifact.tags.iter().map(|tag| tag.name.as_str()).collect()))
        .collect();
    let (first, second) = (digest("bb"), digest("aa"));
    assert_eq!(found, [(first.as_str(), vec!["2.0"]), (second.as_str(), vec!["1.0", "stable"])]);

    let many: Vec<String> = (0..201).map(|number| format!(r#""{number}""#)).collect();
    fake.json("GET /v2/many/tags/list", &format!(r#"{{"name":"many","tags":[{}]}}"#, many.join(","))).await;
    let error = fake.docker(None).list_artifacts(&everything(), "many", false, Detail::default()).await;
    assert!(matches!(error, Err(Error::Unsupported { .. })), "{error:?}");
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
