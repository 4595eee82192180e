//! What a Harbor tells of artifacts: all of it, and nothing that nobody asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{
    eventually::eventually,
    gateway::World,
    harbor::{ArtifactKind, ArtifactSpec, Fault, Scan},
};

use super::image;

/// Much more than the second for which an answer is given again.
const SOON: Duration = Duration::from_secs(10);

fn tagged(tag: &str) -> ArtifactSpec {
    ArtifactSpec { tags: vec![tag.to_owned()], ..ArtifactSpec::default() }
}

/// What Harbor was asked about artifacts.
fn asked(world: &World) -> Vec<String> {
    world.harbor.requests().into_iter().filter(|request| request.contains("/artifacts")).collect()
}

#[tokio::test]
async fn artifacts_come_newest_first_with_and_without_tags() {
    let world = World::start().await;
    let untagged = world.harbor.push_artifact("pay", "api", ArtifactSpec::default());
    let signed = ArtifactSpec { signed: true, attachments: 2, ..tagged("1.2") };
    let signed = world.harbor.push_artifact("pay", "api", signed);
    let platforms = vec!["linux/amd64".to_owned(), "linux/arm64/v8".to_owned()];
    let index = ArtifactSpec { kind: ArtifactKind::Index { platforms }, ..tagged("1.3") };
    let index = world.harbor.push_artifact("pay", "api", index);
    let fields = "artifacts { totalCount nodes { digest tags } }";
    let reply = image(&world.admin, &world, "pay/api", fields).await;
    // Neither signatures and attachments nor the builds of the index; the oldest is the world's own.
    assert_eq!(reply.data("availableImage.node.artifacts.totalCount"), 4);
    let found = reply.list("availableImage.node.artifacts.nodes");
    let newest = [
        json!({ "digest": index, "tags": ["1.3"] }),
        json!({ "digest": signed, "tags": ["1.2"] }),
        json!({ "digest": untagged, "tags": [] }),
    ];
    assert_eq!(found[..3], newest, "{}", reply.text);
    assert_eq!(found[3]["tags"], json!(["1.0"]));
}

#[tokio::test]
async fn artifacts_are_paged_both_ways() {
    let world = World::start().await;
    for number in 0..24 {
        world.harbor.push("pay", "worker", &format!("2.{number}"));
    }
    let page = async |arguments: String| {
        let fields = format!(
            "artifacts({arguments}) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} nodes {{ digest }} }}"
        );
        image(&world.admin, &world, "pay/worker", &fields).await
    };
    let all = page("first: 100".to_owned()).await.strings("availableImage.node.artifacts.nodes", "digest");
    assert_eq!(all.len(), 25);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let reply = page(format!("first: 10{after}")).await;
        assert_eq!(reply.data("availableImage.node.artifacts.totalCount"), 25);
        seen.extend(reply.strings("availableImage.node.artifacts.nodes", "digest"));
        if reply.data("availableImage.node.artifacts.pageInfo.hasNextPage") == false {
            break;
        }
        assert!(seen.len() < 40, "paging does not end: {seen:?}");
        after = format!(", after: \"{}\"", reply.string("availableImage.node.artifacts.pageInfo.endCursor"));
    }
    assert_eq!(seen, all);
    let last = page("last: 3".to_owned()).await;
    assert_eq!(last.strings("availableImage.node.artifacts.nodes", "digest"), all[22..]);
    let before = last.string("availableImage.node.artifacts.pageInfo.startCursor");
    let before = page(format!("last: 3, before: \"{before}\"")).await;
    assert_eq!(before.strings("availableImage.node.artifacts.nodes", "digest"), all[19..22]);
}

#[tokio::test]
async fn every_state_of_a_scan_is_told() {
    let world = World::start().await;
    let scan = |status: &str| Some(Scan { status: status.to_owned(), ..Scan::default() });
    for (tag, scan) in [
        ("never", None),
        ("pending", scan("Pending")),
        ("scheduled", scan("Scheduled")),
        ("running", scan("Running")),
        ("error", scan("Error")),
        ("stopped", scan("Stopped")),
    ] {
        world.harbor.push_artifact("pay", "scanned", ArtifactSpec { scan, ..tagged(tag) });
    }
    let counts = BTreeMap::from([("Critical".to_owned(), 1), ("High".to_owned(), 3), ("Negligible".to_owned(), 2)]);
    let found = Some(Scan { severity: "Critical".to_owned(), counts, fixable: 4, ..Scan::default() });
    world.harbor.push_artifact("pay", "scanned", ArtifactSpec { scan: found, ..tagged("found") });
    world.harbor.push_artifact("pay", "scanned", ArtifactSpec { scan: scan("Success"), ..tagged("clean") });
    world.harbor.push_artifact("pay", "scanned", ArtifactSpec { kind: ArtifactKind::Chart, ..tagged("chart") });
    world.admin.refresh(&world.main).await.succeeded();

    let fields = "tags { nodes { name artifact { kind vulnerabilities {
        status severity total fixable critical high medium low scannedAt scanner } } } }";
    let reply = image(&world.admin, &world, "pay/scanned", fields).await;
    let told: BTreeMap<&str, &Value> = reply
        .list("availableImage.node.tags.nodes")
        .iter()
        .map(|tag| (tag["name"].as_str().expect("a name"), &tag["artifact"]["vulnerabilities"]))
        .collect();
    for (tag, status) in [
        ("never", "NOT_SCANNED"),
        ("pending", "QUEUED"),
        ("scheduled", "QUEUED"),
        ("running", "RUNNING"),
        ("error", "FAILED"),
        ("stopped", "FAILED"),
        ("chart", "UNSUPPORTED"),
    ] {
        assert_eq!(told[tag]["status"], status, "{tag}");
        for field in ["severity", "total", "critical", "scannedAt", "scanner"] {
            assert_eq!(told[tag][field], Value::Null, "{tag}");
        }
    }
    let mut found = told["found"].clone();
    assert!(found["scannedAt"].take().is_string());
    let expected = json!({
        "status": "COMPLETE", "severity": "CRITICAL", "total": 6, "fixable": 4, "critical": 1, "high": 3, "medium": 0,
        "low": 2, "scannedAt": null, "scanner": "Trivy v0.50.1",
    });
    assert_eq!(found, expected);
    assert_eq!((&told["clean"]["severity"], &told["clean"]["total"]), (&json!("NONE"), &json!(0)));
}

#[tokio::test]
async fn labels_signatures_kinds_and_platforms_are_told() {
    let world = World::start().await;
    let labels = vec!["prod".to_owned(), "approved".to_owned()];
    world.harbor.push_artifact("pay", "mixed", ArtifactSpec { labels, signed: true, ..tagged("signed") });
    world.harbor.push_artifact("pay", "mixed", ArtifactSpec { attachments: 1, ..tagged("attached") });
    let platforms = vec!["linux/amd64".to_owned(), "linux/arm64/v8".to_owned()];
    let index = ArtifactSpec { kind: ArtifactKind::Index { platforms }, ..tagged("multi") };
    world.harbor.push_artifact("pay", "mixed", index);
    for (tag, kind) in [("chart", ArtifactKind::Chart), ("wasm", ArtifactKind::Wasm), ("odd", ArtifactKind::Unknown)] {
        world.harbor.push_artifact("pay", "mixed", ArtifactSpec { kind, ..tagged(tag) });
    }
    world.admin.refresh(&world.main).await.succeeded();
    let fields = "tags { edges { node { name immutable artifact {
        kind signed labels size platforms { os architecture variant digest size } } } } }";
    let reply = image(&world.admin, &world, "pay/mixed", fields).await;
    let told: BTreeMap<&str, &Value> = reply
        .list("availableImage.node.tags.edges")
        .iter()
        .map(|edge| (edge["node"]["name"].as_str().expect("a name"), &edge["node"]["artifact"]))
        .collect();
    assert_eq!((&told["signed"]["signed"], &told["attached"]["signed"]), (&json!(true), &json!(false)));
    let mut labels: Vec<&str> =
        told["signed"]["labels"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["approved", "prod"]);
    assert_eq!(told["attached"]["labels"], json!([]));
    for (tag, kind) in
        [("signed", "IMAGE"), ("multi", "IMAGE"), ("chart", "CHART"), ("wasm", "WASM"), ("odd", "UNKNOWN")]
    {
        assert_eq!(told[tag]["kind"], kind, "{tag}");
    }
    assert_eq!(told["chart"]["platforms"], json!([]));

    let builds = told["multi"]["platforms"].as_array().expect("a list");
    let named: Vec<_> = builds.iter().map(|build| (&build["architecture"], &build["variant"])).collect();
    assert_eq!(named, [(&json!("amd64"), &Value::Null), (&json!("arm64"), &json!("v8"))]);
    let arm = world.harbor.platform_digest("pay", "mixed", "multi", "linux/arm64/v8");
    assert_eq!(builds[1]["digest"], json!(arm));
    let sizes: Vec<i64> = builds.iter().filter_map(|build| build["size"].as_i64()).collect();
    assert_eq!(sizes.len(), 2, "{builds:?}");
    assert!(told["multi"]["size"].as_i64() > Some(sizes.iter().sum()), "{}", told["multi"]);

    // One that is asked for by itself tells the same.
    let fields =
        "artifact(reference: \"multi\") { kind signed labels size platforms { os architecture variant digest size } }";
    let reply = image(&world.admin, &world, "pay/mixed", fields).await;
    assert_eq!(reply.data("availableImage.node.artifact"), told["multi"]);
}

#[tokio::test]
async fn what_is_not_selected_is_not_asked_for() {
    let world = World::start().await;
    let all = ["with_scan_overview", "with_label", "with_accessory", "with_immutable_status"];
    let tags = |selection: &str| format!("tags {{ nodes {{ {selection} }} }}");
    let cases = [
        (
            tags(
                "name pullReference pinnedReference pushedAt artifact { digest kind size mediaType platforms { os } tags }",
            ),
            vec![],
        ),
        (tags("name immutable"), vec!["with_immutable_status"]),
        (tags("artifact { vulnerabilities { status } }"), vec!["with_scan_overview"]),
        (tags("artifact { vulnerabilities @include(if: false) { status } labels @skip(if: true) }"), vec![]),
        (tags("artifact { ... on Artifact { labels } }"), vec!["with_label"]),
        ("artifacts { edges { node { signed } } }".to_owned(), vec!["with_accessory"]),
        ("artifact(reference: \"1.0\") { digest }".to_owned(), vec![]),
        ("artifact(reference: \"1.0\") { labels signed vulnerabilities { total } }".to_owned(), all[..3].to_vec()),
    ]
    .into_iter()
    .enumerate();
    // An answer is given again for a moment, so each question is about an image of its own.
    for (number, _) in cases.clone() {
        world.harbor.push("pay", &format!("app-{number}"), "1.0");
    }
    world.admin.refresh(&world.main).await.succeeded();
    for (number, (fields, expected)) in cases {
        world.harbor.clear_requests();
        image(&world.admin, &world, &format!("pay/app-{number}"), &fields).await.succeeded();
        let requests = asked(&world);
        assert_eq!(requests.len(), 1, "{fields}: {requests:?}");
        for parameter in all {
            assert_eq!(requests[0].contains(parameter), expected.contains(&parameter), "{fields}: {requests:?}");
        }
    }
}

/// The number that the mission's dialog costs, whatever it shows of each image.
#[tokio::test]
async fn fifty_images_with_ten_tags_each_are_fifty_requests() {
    let world = World::start().await;
    for image in 0..50 {
        for tag in 0..10 {
            let scan = Some(Scan::default());
            world.harbor.push_artifact(
                "pay",
                &format!("app-{image:02}"),
                ArtifactSpec { scan, ..tagged(&format!("1.{tag}")) },
            );
        }
    }
    world.admin.refresh(&world.main).await.succeeded();
    for selection in [
        "name artifact { digest size }",
        "name immutable artifact { digest size labels signed vulnerabilities { status critical high } }",
    ] {
        world.harbor.clear_requests();
        let document = format!(
            "{{ availableImages(namespace: {{ name: \"pay-prod\" }}, search: \"app-\", first: 50) {{ nodes {{
                tags(first: 10) {{ totalCount nodes {{ {selection} }} }} }} }} }}"
        );
        let reply = world.admin.ask(&document).await;
        let rows = reply.list("availableImages.nodes");
        assert_eq!(rows.len(), 50);
        assert!(rows.iter().all(|row| row["tags"]["nodes"].as_array().is_some_and(|tags| tags.len() == 10)));
        assert_eq!(asked(&world).len(), 50, "{selection}");
        assert!(world.harbor.max_concurrent_requests() <= 4);
    }
}

#[tokio::test]
async fn a_long_list_is_asked_for_the_details_of_a_page_alone() {
    let world = World::start().await;
    for number in 0..130 {
        let labels = vec![format!("label-{number}")];
        world.harbor.push_artifact("pay", "long", ArtifactSpec { labels, ..tagged(&format!("0.{number}")) });
    }
    world.admin.refresh(&world.main).await.succeeded();
    let fields = "tags(last: 3) { totalCount nodes { name artifact { labels } } }";
    for fault in [None, Some(Fault::UnknownKey("digest"))] {
        world.harbor.clear_faults();
        if let Some(fault) = fault {
            world.harbor.fault(fault);
        }
        let look = async || {
            let reply = image(&world.admin, &world, "pay/long", fields).await;
            let tags = reply.list("availableImage.node.tags.nodes").to_vec();
            (tags.len() == 3).then_some((reply.data("availableImage.node.tags.totalCount").clone(), tags))
        };
        let (total, tags) = eventually(SOON, "the oldest three are listed", look).await;
        assert_eq!(total, 130);
        for tag in tags {
            let label = tag["name"].as_str().expect("a name").replace("0.", "label-");
            assert_eq!(tag["artifact"]["labels"], json!([label]));
        }
    }
}

#[tokio::test]
async fn identical_questions_at_a_time_are_one() {
    let world = World::start().await;
    let fields = "tags { nodes { name } } again: tags(first: 1) { nodes { pushedAt } }";
    world.harbor.clear_requests();
    world.harbor.pause();
    let viewers = [&world.admin, &world.gateway.as_member("payments", "viewer"), &world.admin.apart()];
    let asking = join_all(viewers.map(|viewer| image(viewer, &world, "pay/api", fields)));
    let (replies, ()) = tokio::join!(asking, async {
        world.harbor.wait_for_requests(1).await;
        world.harbor.resume();
    });
    for reply in replies {
        assert_eq!(reply.list("availableImage.node.tags.nodes").len(), 1);
    }
    assert_eq!(asked(&world).len(), 1, "{:?}", asked(&world));
}

#[tokio::test]
async fn what_is_pushed_shows_soon_without_a_word_from_the_registry() {
    let world = World::start().await;
    let tags = async || {
        image(&world.admin, &world, "pay/api", "tags { nodes { name } }")
            .await
            .strings("availableImage.node.tags.nodes", "name")
    };
    assert_eq!(tags().await, ["1.0"]);
    world.harbor.push("pay", "api", "1.1");
    eventually(SOON, "the tag shows", async || (tags().await == ["1.1", "1.0"]).then_some(())).await;
}
