//! Repositories, tags and artifacts.

use wiremock::ResponseTemplate;

use super::*;
use crate::upstream::{
    Detail, Error, Scan,
    testing::{header, page, space},
};

const REPOSITORIES: &str = "GET /api/v2.0/projects/acme-private/repositories?page=1&page_size=100&sort=repository_id";

#[tokio::test]
async fn images_are_repositories_without_their_project() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(
        REPOSITORIES,
        counted(
            2,
            r#"[{"artifact_count":1,"creation_time":"2026-11-21T02:07:15.356Z","id":3,"name":"acme-private/team/sub/deep","project_id":3,"pull_count":0,"update_time":"0001-01-01T00:00:00.000Z"},
                {"artifact_count":5,"id":1,"name":"acme-private/app","project_id":3,"pull_count":42,"description":"a &lt;b&gt;","update_time":"2026-11-21T02:07:15.219Z","new_in_3":{}}]"#,
        ),
    )
    .await;
    let images = registry.list_images(&space("3", "acme-private")).await.expect("images");
    let names: Vec<&str> = images.iter().map(|image| image.repository.as_str()).collect();
    assert_eq!(names, ["app", "team/sub/deep"]);
    assert_eq!(images[0].description.as_deref(), Some("a &lt;b&gt;"));
    assert_eq!((images[0].artifact_count, images[0].pull_count), (Some(5), Some(42)));
    assert_eq!(images[1].updated_at, None);
    assert_eq!(images[1].description, None);
}

#[tokio::test]
async fn a_project_made_anew_is_not_the_one_asked_for() {
    let (fake, registry) = harbor_of_admin().await;
    let row = r#"[{"id":9,"name":"acme-private/app","project_id":211,"artifact_count":1,"pull_count":0}]"#;
    fake.reply(REPOSITORIES, counted(1, row)).await;
    let error = registry.list_images(&space("3", "acme-private")).await.expect_err("another project");
    assert!(error.is_not_found(), "{error:?}");
}

#[tokio::test]
async fn a_repository_with_an_impossible_name_is_an_error() {
    let (fake, registry) = harbor_of_admin().await;
    let row = r#"[{"id":9,"name":"acme-private/../admin","project_id":3}]"#;
    fake.reply(REPOSITORIES, counted(1, row)).await;
    let error = registry.list_images(&space("3", "acme-private")).await.expect_err("a bad name");
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
}

const ARTIFACTS: &str = "/artifacts?page=1&page_size=100&q=tags%3D%2A&sort=-push_time%2C-id&with_tag=true";
const TAGGED: &str = r#"[{"id":8,"digest":"sha256:aa","project_id":3,"type":"IMAGE","tags":[
    {"id":1,"name":"1.0","push_time":"2026-11-21T02:07:14.000Z","immutable":true},
    {"id":3,"name":"stable","push_time":"2026-11-21T02:07:15.000Z","immutable":false}]},
    {"id":9,"digest":"sha256:bb","project_id":3,"type":"IMAGE","tags":[
    {"id":2,"name":"latest","push_time":"2026-11-21T02:07:15.000Z"},{"id":4,"name":"never","push_time":"0001-01-01T00:00:00.000Z"}]},
    {"id":10,"digest":"sha256:cc","project_id":3,"type":"IMAGE","tags":null}]"#;

fn artifacts_of(repository: &str) -> String {
    format!("GET /api/v2.0/projects/acme-private/repositories/{repository}{ARTIFACTS}")
}

#[tokio::test]
async fn tags_stand_newest_push_first() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(&artifacts_of("team%252Fapp"), counted(3, TAGGED)).await;
    let tags = registry.list_tags(&space("3", "acme-private"), "team/app").await.expect("tags");
    let found: Vec<_> = tags.iter().map(|tag| (tag.name.as_str(), tag.digest.as_deref(), tag.immutable)).collect();
    assert_eq!(
        found,
        [
            ("stable", Some("sha256:aa"), Some(false)),
            ("latest", Some("sha256:bb"), None),
            ("1.0", Some("sha256:aa"), Some(true)),
            ("never", Some("sha256:bb"), None),
        ]
    );
}

#[tokio::test]
async fn slashes_get_through_proxies_that_refuse_them_escaped_twice() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(&artifacts_of("team%252Fapp"), page(400)).await;
    fake.reply(&artifacts_of("team%2Fapp"), counted(3, TAGGED)).await;
    let key = space("3", "acme-private");
    assert_eq!(registry.list_tags(&key, "team/app").await.expect("tags").len(), 4);
    assert_eq!(registry.list_tags(&key, "team/app").await.expect("tags").len(), 4);
    // Learnt with the first request, used with the second.
    assert_eq!(
        fake.sent().await,
        [artifacts_of("team%252Fapp"), artifacts_of("team%2Fapp"), artifacts_of("team%2Fapp")]
    );
}

#[tokio::test]
async fn an_artifact_of_several_platforms() {
    let (fake, registry) = harbor_of_admin().await;
    let digest = "sha256:aaf2a7990922935bfa9b6226143f2a7cd013cbdcb14ff6974e3b4b7af7a67236";
    fake.json(
        "GET /api/v2.0/projects/acme-private/repositories/app/artifacts/multi?with_tag=true&with_label=true",
        &format!(
            r#"{{"accessories":null,"digest":"{digest}","id":8,"labels":[{{"id":1,"name":"prod"}}],"manifest_media_type":"application/vnd.oci.image.index.v1+json","media_type":"application/vnd.oci.image.index.v1+json","project_id":3,"pull_time":"0001-01-01T00:00:00.000Z","push_time":"2026-11-21T02:07:15.148Z","references":[{{"child_digest":"sha256:5e","platform":{{"OsFeatures":null,"architecture":"amd64","os":"linux"}},"urls":null}},{{"child_digest":"sha256:ee","platform":{{"architecture":"arm64","os":"linux","variant":"v8"}}}},{{"child_digest":"sha256:at","platform":{{"architecture":"unknown","os":"unknown"}}}},{{"child_digest":"sha256:no"}}],"size":3011,"tags":[{{"name":"multi"}},{{"name":"latest"}}],"type":"IMAGE"}}"#
        ),
    )
    .await;
    let detail = Detail { labels: true, ..Detail::default() };
    let found = registry.get_artifact(&space("3", "acme-private"), "app", "multi", detail).await.expect("an answer");
    let artifact = found.expect("an artifact");
    assert_eq!(artifact.digest, digest);
    assert_eq!((artifact.kind.as_str(), artifact.size, artifact.pulled_at), ("IMAGE", Some(3011), None));
    assert_eq!(artifact.media_type.as_deref(), Some("application/vnd.oci.image.index.v1+json"));
    let tags: Vec<&str> = artifact.tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(
        (tags, artifact.findings.expect("asked for").labels),
        (vec!["latest", "multi"], vec!["prod".to_owned()])
    );
    let platforms: Vec<_> =
        artifact.platforms.iter().map(|p| (p.architecture.as_str(), p.variant.as_deref())).collect();
    assert_eq!(platforms, [("amd64", None), ("arm64", Some("v8"))]);
}

#[tokio::test]
async fn an_artifact_that_is_not_there_is_none() {
    let (fake, registry) = harbor_of_admin().await;
    let key = space("3", "acme-private");
    fake.reply(
        "GET /api/v2.0/projects/acme-private/repositories/team%252Fapp/artifacts/nope?with_tag=true",
        complaint(404, "NOT_FOUND", "artifact acme-private/team/app:nope not found"),
    )
    .await;
    assert_eq!(registry.get_artifact(&key, "team/app", "nope", Detail::default()).await.expect("an answer"), None);
    // Harbor's own 404 is no reason to try another escaping; a name that is none is no reason to ask.
    assert_eq!(registry.get_artifact(&key, "../../users", "1", Detail::default()).await.expect("an answer"), None);
    assert_eq!(registry.get_artifact(&key, "app", "sha256:zz", Detail::default()).await.expect("an answer"), None);
    assert_eq!(fake.sent().await.len(), 1);
}

#[tokio::test]
async fn a_digest_is_asked_for_without_pulling() {
    let (fake, registry) = harbor_of_admin().await;
    let key = space("3", "acme-private");
    let reply = ResponseTemplate::new(200).insert_header("Docker-Content-Digest", "sha256:aa");
    fake.reply("HEAD /v2/acme-private/team/app/manifests/1.0", reply).await;
    fake.reply("HEAD /v2/acme-private/team/app/manifests/2.0", ResponseTemplate::new(404)).await;
    assert_eq!(registry.get_digest(&key, "team/app", "1.0").await.expect("an answer").as_deref(), Some("sha256:aa"));
    assert_eq!(registry.get_digest(&key, "team/app", "2.0").await.expect("an answer"), None);
    let accept = header(&fake.requests().await[0], "accept").to_owned();
    assert_eq!(accept.matches("application/vnd.").count(), 4, "{accept}");
}

#[tokio::test]
async fn a_refusal_of_one_thing_is_not_one_of_the_account() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(REPOSITORIES, unauthorized()).await;
    fake.json("GET /v2/", "{}").await;
    let error = registry.list_images(&space("3", "acme-private")).await.expect_err("a refusal");
    assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
}

fn digest_of(byte: &str) -> String {
    format!("sha256:{}", byte.repeat(32))
}

const ALL: Detail = Detail {
    manifest: true,
    configuration: true,
    builds: false,
    tags: true,
    immutable: true,
    labels: true,
    signatures: true,
    scan: true,
};

#[tokio::test]
async fn a_hundred_artifacts_and_all_about_them_are_one_request() {
    let (fake, registry) = harbor_of_admin().await;
    let row = |id: i64, rest: &str| {
        format!(r#"{{"id":{id},"digest":"{}","project_id":3,"type":"IMAGE"{rest}}}"#, digest_of(&format!("{id:02}")))
    };
    let signed = row(
        12,
        r#","accessories":[{"type":null},{"type":"signature.notation"}],"labels":[{"name":"prod"},{"name":null}],"scan_overview":[]"#,
    );
    let bare = row(11, r#","accessories":null,"labels":null"#);
    // Before 2.5 there are no accessories.
    let old = row(10, r#","type":"CHART","addition_links":{"values.yaml":{}}"#).replacen(r#""type":"IMAGE","#, "", 1);
    let request = "GET /api/v2.0/projects/acme-private/repositories/app/artifacts?page=1&page_size=100&sort=-push_time%2C-id\
                   &with_tag=true&with_immutable_status=true&with_label=true&with_accessory=true&with_scan_overview=true";
    fake.reply(request, counted(3, &format!("[{signed},{bare},{old}]"))).await;
    let artifacts = registry.list_artifacts(&space("3", "acme-private"), "app", false, ALL).await.expect("artifacts");
    let told: Vec<_> = artifacts
        .iter()
        .map(|artifact| artifact.findings.as_ref().expect("asked for"))
        .map(|findings| (findings.signed, findings.labels.len(), findings.scan.clone()))
        .collect();
    assert_eq!(
        told,
        [(Some(true), 1, Scan::NotScanned), (Some(false), 0, Scan::NotScanned), (None, 0, Scan::Unsupported)]
    );
    assert_eq!(fake.sent().await.len(), 1);
}

#[tokio::test]
async fn what_a_long_list_leaves_out_is_asked_for_together() {
    let (fake, registry) = harbor_of_admin().await;
    let key = space("3", "acme-private");
    let row = |id: usize, rest: &str| format!(r#"{{"id":{id},"digest":"sha256:{id:064}","project_id":3{rest}}}"#);
    let rows = |ids: std::ops::Range<usize>, rest: &str| {
        format!("[{}]", ids.map(|id| row(id, rest)).collect::<Vec<_>>().join(","))
    };
    let list = |page: usize, rest: &str| {
        format!("GET /api/v2.0/projects/acme-private/repositories/app/artifacts?page={page}&page_size=100&{rest}")
    };
    let (plain, labelled) =
        ("sort=-push_time%2C-id&with_tag=true", "sort=-push_time%2C-id&with_tag=true&with_label=true");
    fake.reply(&list(1, labelled), counted(120, &rows(0..100, r#","labels":[{"name":"l"}]"#))).await;
    fake.reply(&list(1, plain), counted(120, &rows(0..100, ""))).await;
    fake.reply(&list(2, plain), counted(120, &rows(100..120, ""))).await;
    let detail = Detail { labels: true, ..Detail::default() };
    let artifacts = registry.list_artifacts(&key, "app", false, detail).await.expect("artifacts");
    assert_eq!(artifacts.len(), 120);
    assert_eq!(artifacts.iter().filter(|artifact| artifact.findings.is_none()).count(), 20);

    // One of them Harbor does not list when it is asked for the twenty, and gives when it is asked for the one.
    let rest: Vec<_> = artifacts.into_iter().filter(|artifact| artifact.findings.is_none()).collect();
    let digests: Vec<String> = rest.iter().map(|artifact| artifact.digest.replace(':', "%3A")).collect();
    let several = list(1, &format!("q=digest%3D%7B{}%7D&sort=id&with_tag=true&with_label=true", digests.join("%20")));
    fake.reply(&several, counted(120, &rows(0..119, r#","labels":[{"name":"m"}]"#))).await;
    let one = format!(
        "GET /api/v2.0/projects/acme-private/repositories/app/artifacts/sha256:{:064}?with_tag=true&with_label=true",
        119
    );
    fake.json(&one, &row(119, r#","labels":[{"name":"n"}]"#)).await;
    let described = registry.describe(&key, "app", rest, detail).await.expect("labels");
    let labels: Vec<&str> =
        described.iter().map(|artifact| artifact.findings.as_ref().expect("asked for").labels[0].as_str()).collect();
    assert_eq!(
        (labels.len(), labels.iter().filter(|label| **label == "n").count(), labels.contains(&"l")),
        (20, 1, false)
    );
}

#[tokio::test]
async fn an_index_is_told_the_sizes_of_its_builds_when_it_is_asked_for() {
    let (fake, registry) = harbor_of_admin().await;
    let (index, arm) = (digest_of("ab"), digest_of("cd"));
    fake.json(
        &format!("GET /api/v2.0/projects/acme-private/repositories/app/artifacts/{index}?with_tag=true"),
        &format!(
            r#"{{"id":1,"digest":"{index}","project_id":3,"type":"IMAGE","size":300,"references":[{{"child_digest":"{arm}","platform":{{"architecture":"arm64","os":"linux"}}}}]}}"#
        ),
    )
    .await;
    let builds = format!(
        "GET /api/v2.0/projects/acme-private/repositories/app/artifacts?page=1&page_size=100\
         &q=base%3D%2A%2Cdigest%3D%7B{}%7D&sort=id&with_tag=false",
        arm.replace(':', "%3A")
    );
    let row = format!(r#"[{{"id":2,"digest":"{arm}","project_id":3,"size":200}}]"#);
    fake.reply(&builds, counted(1, &row)).await;
    let detail = Detail { builds: true, ..Detail::default() };
    let found = registry.get_artifact(&space("3", "acme-private"), "app", &index, detail).await.expect("an answer");
    assert_eq!(found.expect("an index").platforms[0].size, Some(200));
}
