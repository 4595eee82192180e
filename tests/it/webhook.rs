//! Notifications of registries: a push shows within two seconds, whoever sends them must prove it, and nothing that they say is
//! believed.

mod docker;

use std::time::Duration;

use entity::{registry, space};
use reqwest::Method;
use sea_orm::EntityTrait;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tests::{
    eventually::eventually,
    gateway::{Client, Reply, TestGateway},
    harbor::{PolicyState, SimulatedHarbor},
};

/// What is promised.
const SHOWS: Duration = Duration::from_secs(2);

/// For what is not: the simulated Harbor sends its notifications by and by.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway that registries can reach, and that sweeps once an hour.
async fn gateway() -> TestGateway {
    TestGateway::builder().reachable_by_registries().start().await
}

/// With a Harbor of two public projects.
async fn scene() -> (TestGateway, SimulatedHarbor, String) {
    let gateway = gateway().await;
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "nginx", "1.27");
    harbor.create_project("team", true);
    harbor.push("team", "app", "1.0");
    let id = gateway.as_admin().integrate_harbor("main", &harbor).await;
    (gateway, harbor, id)
}

/// Waits until the selector shows just these.
async fn shows(viewer: &Client, expected: &[&str]) {
    let mut seen = Vec::new();
    eventually(SHOWS, "the selector follows the notification", async || {
        seen = viewer.selector("stray").await.rows();
        (seen == expected).then_some(())
    })
    .await;
}

/// The one policy that Fairway made in a project.
#[track_caller]
fn policy(harbor: &SimulatedHarbor, project: &str) -> PolicyState {
    let mut policies = harbor.webhooks(project);
    assert_eq!(policies.len(), 1, "{policies:?}");
    policies.remove(0)
}

/// Sends a notification as Harbor would, with this `Authorization`, or none.
async fn notify(
    gateway: &TestGateway,
    policy: &PolicyState,
    authorization: Option<&str>,
    kind: &str,
    body: &Value,
) -> Reply {
    let origin = format!("http://{}", gateway.address());
    let path = policy.address.strip_prefix(&origin).expect("the policy speaks to the gateway");
    let mut request = gateway.anonymous().request(Method::POST, path).header("content-type", kind);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    Reply::of(request.body(body.to_string())).await
}

/// As Harbor writes it.
fn pushed(project: &str, repository: &str) -> Value {
    json!({
        "type": "PUSH_ARTIFACT", "occur_at": 1_700_000_000, "operator": "admin",
        "event_data": {
            "resources": [{ "digest": "sha256:0", "tag": "1.0", "resource_url": "x" }],
            "repository": { "name": repository, "namespace": project, "repo_full_name": format!("{project}/{repository}"),
                            "repo_type": "public" },
        },
    })
}

#[tokio::test]
async fn a_push_shows_within_two_seconds_and_a_deletion_too() {
    let (gateway, harbor, _) = scene().await;
    let viewer = gateway.as_outsider();
    shows(&viewer, &["library/nginx PUBLIC", "team/app PUBLIC"]).await;
    harbor.push("team", "deep/tool", "1.0");
    shows(&viewer, &["library/nginx PUBLIC", "team/app PUBLIC", "team/deep/tool PUBLIC"]).await;
    harbor.delete_repository("team", "app");
    shows(&viewer, &["library/nginx PUBLIC", "team/deep/tool PUBLIC"]).await;

    // Also what no list shows at a glance: one artifact more in a repository that was there.
    let digest = harbor.push("library", "nginx", "1.28");
    let count = async || {
        let document =
            "{ availableImages(namespace: { name: \"stray\" }, search: \"nginx\") { nodes { artifactCount } } }";
        viewer.ask(document).await.data("availableImages.nodes.0.artifactCount").as_i64()
    };
    eventually(SHOWS, "the artifact is counted", async || (count().await == Some(2)).then_some(())).await;
    harbor.delete_artifact("library", "nginx", &digest);
    eventually(SHOWS, "it is not counted any more", async || (count().await == Some(1)).then_some(())).await;
}

#[tokio::test]
async fn many_pushes_at_once_all_show() {
    let (gateway, harbor, _) = scene().await;
    let viewer = gateway.as_outsider();
    harbor.clear_requests();
    for number in 0..150 {
        harbor.push("team", &format!("many-{number}"), "1.0");
    }
    eventually(PATIENCE, "all of them show", async || (viewer.selector("stray").await.total() == 152).then_some(()))
        .await;
    assert!(harbor.max_concurrent_requests() <= 5, "{}", harbor.max_concurrent_requests());
}

#[tokio::test]
async fn each_project_has_a_policy_with_a_secret_of_its_own() {
    let (gateway, harbor, id) = scene().await;
    let (library, team) = (policy(&harbor, "library"), policy(&harbor, "team"));
    assert_eq!(library.address, team.address);
    assert!(library.is_enabled && library.name.starts_with("fairway-"), "{library:?}");
    assert!(library.authorization.len() > 40 && library.authorization != team.authorization);
    for event in ["PUSH_ARTIFACT", "DELETE_ARTIFACT"] {
        assert!(library.events.contains(&event.to_owned()), "{library:?}");
    }
    // A project that comes later gets one from the sweep that sees it, and none gets two.
    harbor.create_project("late", true);
    gateway.as_admin().refresh(&id).await.succeeded();
    let late = policy(&harbor, "late");
    assert!(late.authorization != library.authorization && late.authorization != team.authorization);
    assert_eq!(policy(&harbor, "library"), library);
    harbor.push("late", "app", "1.0");
    shows(&gateway.as_outsider(), &["late/app PUBLIC", "library/nginx PUBLIC", "team/app PUBLIC"]).await;
}

#[tokio::test]
async fn no_secret_stands_in_the_database_in_clear() {
    let (gateway, harbor, _) = scene().await;
    let secret = policy(&harbor, "team").authorization;
    let secret = secret.strip_prefix("Bearer ").expect("it is a bearer's");
    let connection = gateway.database().connect().await;
    let registries = registry::Entity::find().all(&connection).await.expect("the table can be read");
    let spaces = space::Entity::find().all(&connection).await.expect("the table can be read");
    connection.close().await.expect("a connection can be closed");
    let sealed = registries[0].webhook_secret.clone().expect("the registry has a secret");
    let stored = format!("{spaces:?} {registries:?} {}", String::from_utf8_lossy(&sealed));
    assert!(!stored.contains(secret) && !stored.contains(&secret[..16]), "{stored}");

    // SQLite has all of it in files.
    let database = gateway.stop().await;
    let url = database.url();
    let Some(file) = url.expose_secret().strip_prefix("sqlite://") else { return };
    let file = file.split('?').next().unwrap_or_default();
    let bytes = std::fs::read(file).expect("the database is a file");
    assert!(!String::from_utf8_lossy(&bytes).contains(secret));
}

#[tokio::test]
async fn who_does_not_prove_to_be_the_project_is_refused_and_nothing_is_read() {
    let (gateway, harbor, _) = scene().await;
    let (library, team) = (policy(&harbor, "library"), policy(&harbor, "team"));
    let one_less = &team.authorization[..team.authorization.len() - 1];
    let bare = team.authorization.trim_start_matches("Bearer ");
    harbor.clear_requests();
    let event = pushed("team", "app");
    for wrong in [None, Some(""), Some("Bearer "), Some("Bearer wrong"), Some(one_less), Some(bare)] {
        let reply = notify(&gateway, &team, wrong, "application/json", &event).await;
        assert_eq!(reply.status, 401, "{wrong:?}: {}", reply.text);
    }
    // A project's secret opens that project alone, whatever the event says.
    let reply = notify(&gateway, &team, Some(&library.authorization), "application/json", &event).await;
    assert_eq!(reply.status, 401, "{}", reply.text);
    let other = pushed("library", "nginx");
    let reply = notify(&gateway, &team, Some(&team.authorization), "application/json", &other).await;
    assert_eq!(reply.status, 401, "{}", reply.text);
    // Nothing tells which registries there are.
    let mut nowhere = team.clone();
    let (start, id) = team.address.rsplit_once('/').expect("the address ends with the registry's id");
    nowhere.address = format!("{start}/{}", id.chars().rev().collect::<String>());
    let unknown = notify(&gateway, &nowhere, Some(&team.authorization), "application/json", &event).await;
    assert_eq!((unknown.status, &unknown.text), (reply.status, &reply.text));
    let mut as_docker = team.clone();
    as_docker.address = team.address.replace("/harbor/", "/docker/");
    let reply = notify(&gateway, &as_docker, Some(&team.authorization), "application/json", &event).await;
    assert_eq!(reply.status, 401, "{}", reply.text);

    // The right one is heeded; that it alone was, shows in what is read.
    harbor.push("library", "silent", "1.0");
    let reply = notify(&gateway, &team, Some(&team.authorization), "application/json", &pushed("team", "gone")).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    eventually(SHOWS, "the push is read, and what was hinted at too", async || {
        let requests = harbor.requests();
        (requests.iter().any(|request| request.contains("silent"))
            && requests.iter().any(|request| request.contains("gone")))
        .then_some(())
    })
    .await;
    let asked = harbor.requests();
    let is_expected = |request: &String| request.contains("silent") || request.contains("gone");
    assert!(asked.iter().all(is_expected), "{asked:?}");
}

#[tokio::test]
async fn an_event_is_a_hint_and_what_it_says_is_read_again() {
    let (gateway, harbor, _) = scene().await;
    let team = policy(&harbor, "team");
    let send =
        async |body: &Value, kind: &str| notify(&gateway, &team, Some(&team.authorization), kind, body).await.status;
    harbor.clear_requests();
    // It was never pushed, and the other was not deleted.
    assert_eq!(send(&pushed("team", "invented"), "application/json").await, 202);
    let mut deleted = pushed("team", "app");
    deleted["type"] = json!("DELETE_ARTIFACT");
    assert_eq!(send(&deleted, "application/json").await, 202);
    // CloudEvents hold the same in another frame.
    let cloud_event = json!({
        "specversion": "1.0", "id": "1", "source": "/projects/2/webhook/policies/1", "type": "harbor.artifact.pushed",
        "datacontenttype": "application/json", "time": "2026-11-21T09:30:00Z", "operator": "admin",
        "data": pushed("team", "clouded")["event_data"],
    });
    assert_eq!(send(&cloud_event, "application/cloudevents+json").await, 202);
    eventually(SHOWS, "all three are read again", async || {
        let requests = harbor.requests();
        let is_read = |name: &str| requests.iter().any(|request| request.contains(name));
        (is_read("invented") && is_read("app") && is_read("clouded")).then_some(())
    })
    .await;
    assert_eq!(gateway.as_outsider().selector("stray").await.rows(), ["library/nginx PUBLIC", "team/app PUBLIC"]);
    // An event that speaks of no repository, and what is none at all.
    let replication = json!({ "type": "REPLICATION", "event_data": { "replication": {} } });
    assert_eq!(send(&replication, "application/json").await, 202);
    assert_eq!(send(&json!({}), "text/plain").await, 415);
}

#[tokio::test]
async fn a_registry_that_is_removed_keeps_no_policy_of_fairway() {
    let (gateway, harbor, id) = scene().await;
    let team = policy(&harbor, "team");
    let document = "mutation ($id: ID!) { removeRegistry(input: { id: $id, force: true }) { removedId } }";
    gateway.as_admin().query(document, json!({ "id": id })).await.succeeded();
    eventually(PATIENCE, "the policies are gone", async || {
        (harbor.webhooks("team").is_empty() && harbor.webhooks("library").is_empty()).then_some(())
    })
    .await;
    let reply = notify(&gateway, &team, Some(&team.authorization), "application/json", &pushed("team", "app")).await;
    assert_eq!(reply.status, 401, "{}", reply.text);
}

#[tokio::test]
async fn without_a_public_address_no_policy_is_made() {
    let gateway = TestGateway::start().await;
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "nginx", "1.27");
    gateway.as_admin().integrate_harbor("main", &harbor).await;
    assert_eq!(harbor.webhooks("library"), []);
    assert!(harbor.requests().iter().all(|request| !request.contains("webhook")), "{:?}", harbor.requests());
}
