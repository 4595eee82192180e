//! What the simulated Harbor does beyond the recordings: versions, faults, life cycle, webhooks.

use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tests::harbor::{ErrorPage, Fault, RobotSpec, SimulatedHarbor};
use tokio::sync::mpsc;

const PROJECTS: &str = "/api/v2.0/projects";

fn client() -> Client {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(true)
        .timeout(Duration::from_secs(20))
        .build()
        .expect("a client")
}

/// As the administrator.
async fn get(harbor: &SimulatedHarbor, path: &str) -> Response {
    try_get(harbor, path).await.expect("an answer")
}

async fn try_get(harbor: &SimulatedHarbor, path: &str) -> reqwest::Result<Response> {
    client()
        .get(format!("{}{path}", harbor.url()))
        .basic_auth(SimulatedHarbor::ADMIN, Some(SimulatedHarbor::ADMIN_PASSWORD))
        .send()
        .await
}

async fn json(harbor: &SimulatedHarbor, path: &str) -> Value {
    get(harbor, path).await.json().await.expect("JSON")
}

#[tokio::test]
async fn versions_differ_as_releases_do() {
    for (version, shown) in [("v2.4.0", true), ("v2.12.1", true), ("v2.13.0", false)] {
        let harbor = SimulatedHarbor::builder().version(version).start().await;
        let info: Value = client()
            .get(format!("{}/api/v2.0/systeminfo", harbor.url()))
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        let text = info["harbor_version"].as_str();
        assert_eq!(text.is_some(), shown, "{version}");
        assert!(text.is_none_or(|text| text.starts_with(&format!("{version}-"))));
        let of_project = get(&harbor, "/api/v2.0/projects/library/artifacts").await;
        let known = version != "v2.4.0";
        assert_eq!(of_project.status() == StatusCode::OK, known, "{version}");
    }
}

#[tokio::test]
async fn a_push_moves_the_update_time_of_a_repository_since_2_15_2() {
    for (version, moves) in [("v2.15.1", false), ("v2.15.2", true)] {
        let harbor = SimulatedHarbor::builder().version(version).start().await;
        harbor.push("library", "app", "1");
        let path = "/api/v2.0/repositories?q=update_time=[1970-01-01T00:00:00~]";
        let before = json(&harbor, path).await[0].clone();
        harbor.push("library", "other", "1");
        harbor.push("library", "app", "2");
        // Times are milliseconds outside; the order inside is finer.
        let newest = json(&harbor, "/api/v2.0/repositories?sort=-update_time").await;
        let expected = if moves { "library/app" } else { "library/other" };
        assert_eq!(newest[0]["name"], expected, "{version}");
        assert_eq!(before["name"], "library/app");
    }
}

#[tokio::test]
async fn harbor_1_10_has_another_api() {
    let harbor = SimulatedHarbor::builder().version("1.10").start().await;
    assert_eq!(get(&harbor, "/api/version").await.status(), 404);
    assert_eq!(get(&harbor, "/api/v2.0/ping").await.status(), 404);
    let info = json(&harbor, "/api/systeminfo").await;
    assert_eq!(info["harbor_version"], "v1.10.0-6b3e4a1f");
}

#[tokio::test]
async fn a_recreated_project_has_a_new_id() {
    let harbor = SimulatedHarbor::start().await;
    let first = harbor.create_project("phoenix", true);
    harbor.push("phoenix", "app", "1");
    harbor.delete_project("phoenix");
    assert_ne!(first, harbor.create_project("phoenix", false));
    let projects = [("library".to_owned(), true), ("phoenix".to_owned(), false)];
    assert_eq!(harbor.projects(), projects);
}

#[tokio::test]
async fn robots_are_anonymous_once_disabled_or_expired() {
    let harbor = SimulatedHarbor::start().await;
    harbor.create_project("team", false);
    let rights = ["repository:list", "repository:pull"];
    let spec = |name| RobotSpec::system(name).in_project("team", &rights);
    let list = async |name: &str, secret: &str| {
        let url = format!("{}/api/v2.0/projects/team/repositories", harbor.url());
        let request = client().get(url).basic_auth(name, Some(secret));
        request.send().await.expect("an answer").status()
    };
    let (name, secret) = harbor.create_robot(spec("one"));
    assert_eq!(list(&name, &secret).await, 200);
    harbor.disable_robot(&name);
    assert_eq!(list(&name, &secret).await, 401);
    let (name, secret) = harbor.create_robot(spec("two"));
    harbor.expire_robot(&name);
    assert_eq!(list(&name, &secret).await, 401);
    assert_eq!(name, "robot$two");
    // Measured on 2.9.5: a right in the system shadows those in projects.
    let (name, secret) = harbor.create_robot(spec("three").in_system(&["catalog:read"]));
    assert_eq!(list(&name, &secret).await, 403);
}

#[tokio::test]
async fn it_tells_what_it_was_asked_and_by_whom() {
    let harbor = SimulatedHarbor::start().await;
    get(&harbor, "/api/v2.0/projects?page=1&page_size=100").await;
    client().get(format!("{}/api/v2.0/ping", harbor.url())).send().await.expect("an answer");
    let expected = ["GET /api/v2.0/projects?page=1&page_size=100", "GET /api/v2.0/ping"];
    assert_eq!(harbor.requests(), expected);
    assert_eq!(harbor.credentials_seen(), [Some("admin".to_owned()), None]);
    harbor.clear_requests();
    assert!(harbor.requests().is_empty());
}

#[tokio::test]
async fn a_pause_holds_requests_and_shows_how_many_run_at_once() {
    let harbor = SimulatedHarbor::start().await;
    harbor.pause();
    let both = async { tokio::join!(get(&harbor, PROJECTS), get(&harbor, PROJECTS)) };
    let release = async {
        harbor.wait_for_requests(2).await;
        harbor.resume();
    };
    let ((first, second), ()) = tokio::join!(both, release);
    assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
    assert_eq!(harbor.max_concurrent_requests(), 2);
}

#[tokio::test]
async fn a_stop_cuts_connections_and_a_restart_keeps_state() {
    let harbor = SimulatedHarbor::start().await;
    harbor.create_project("kept", true);
    harbor.fault(Fault::Hang);
    let url = harbor.url();
    let hanging = tokio::spawn(client().get(format!("{url}{PROJECTS}")).send());
    harbor.wait_for_requests(1).await;
    harbor.stop().await;
    assert!(hanging.await.expect("no panic").is_err());
    let refused = try_get(&harbor, PROJECTS).await.expect_err("no answer");
    assert!(refused.is_connect());
    harbor.clear_faults();
    harbor.restart().await;
    assert_eq!(harbor.url(), url);
    assert_eq!(json(&harbor, PROJECTS).await[0]["name"], "kept");
}

#[tokio::test]
async fn faults_are_limited_by_path_and_count() {
    let harbor = SimulatedHarbor::start().await;
    harbor.fault(Fault::Status(503, ErrorPage::Html).on(PROJECTS).times(1));
    assert_eq!(get(&harbor, "/api/v2.0/ping").await.status(), 200);
    let failed = get(&harbor, PROJECTS).await;
    assert_eq!(failed.status(), 503);
    assert_eq!(failed.headers()["content-type"], "text/html");
    assert_eq!(get(&harbor, PROJECTS).await.status(), 200);
}

#[tokio::test]
async fn faults_in_front_replace_the_answer() {
    let harbor = SimulatedHarbor::start().await;
    let once = async |fault: Fault| {
        harbor.clear_faults();
        harbor.fault(fault);
        get(&harbor, "/api/v2.0/projects?page=1").await
    };
    let login = once(Fault::LoginRedirect).await;
    assert_eq!(login.status(), 302);
    let elsewhere = once(Fault::RedirectTo("https://other.example/".to_owned(), 308)).await;
    assert_eq!(elsewhere.status(), 308);
    let location = "https://other.example/api/v2.0/projects?page=1";
    assert_eq!(elsewhere.headers()["location"], location);
    let busy = once(Fault::TooManyRequests { retry_after: 7 }).await;
    assert_eq!(busy.status(), 429);
    assert_eq!(busy.headers()["retry-after"], "7");
    let page = once(Fault::HtmlPage).await;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html");
    let huge = once(Fault::HugeBody(1_000_000)).await;
    assert!(huge.bytes().await.expect("a body").len() > 900_000);
    let deep = once(Fault::DeepJson).await.text().await.expect("a body");
    assert!(serde_json::from_str::<Value>(&deep).is_err());
    let prefixed = once(Fault::PathPrefix("/harbor")).await;
    assert!(prefixed.text().await.expect("a body").contains("<harbor-app>"));
    assert_eq!(get(&harbor, "/harbor/api/v2.0/projects").await.status(), 200);
}

#[tokio::test]
async fn bodies_are_spoilt_in_the_way_that_was_asked_for() {
    let harbor = SimulatedHarbor::start().await;
    let once = async |fault: Fault| {
        harbor.clear_faults();
        harbor.fault(fault);
        get(&harbor, PROJECTS).await.bytes().await
    };
    assert!(once(Fault::Truncated).await.is_err());
    let short = once(Fault::WrongContentLength).await.expect("a body");
    assert!(serde_json::from_slice::<Value>(&short).is_err());
    let spoilt = once(Fault::InvalidUtf8).await.expect("a body");
    assert!(std::str::from_utf8(&spoilt).is_err());
    assert!(once(Fault::Bom).await.expect("a body").starts_with(b"\xef\xbb\xbf["));
    let parsed = async |fault| {
        let body = once(fault).await.expect("a body");
        serde_json::from_slice::<Value>(&body).expect("JSON")
    };
    assert_eq!(parsed(Fault::NoMetadata).await[0].get("metadata"), None);
    let stringy = parsed(Fault::StringyMetadata("1")).await;
    assert_eq!(stringy[0]["metadata"]["public"], "1");
    let nulls = parsed(Fault::NullArrays).await;
    assert_eq!(nulls[0]["cve_allowlist"]["items"], Value::Null);
}

#[tokio::test]
async fn lists_misbehave_while_paging() {
    let harbor = SimulatedHarbor::start().await;
    for name in ["a", "b", "c", "d", "e"] {
        harbor.create_project(name, true);
    }
    let names = async |page: u32| -> Vec<String> {
        let page = json(&harbor, &format!("{PROJECTS}?page={page}&page_size=2")).await;
        let rows = page.as_array().expect("a list").iter();
        rows.map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(2).await, ["c", "d"]);
    harbor.fault(Fault::DuplicateRowsWhilePaging);
    assert_eq!(names(2).await, ["b", "c"]);
    harbor.clear_faults();
    harbor.fault(Fault::RowsVanishWhilePaging);
    assert_eq!(names(2).await, ["d", "e"]);
    harbor.clear_faults();
    harbor.fault(Fault::EndlessList);
    assert_eq!(names(100).await.len(), 2);
    harbor.clear_faults();
    harbor.fault(Fault::PageCap(1));
    assert_eq!(names(2).await, ["b"]);
    harbor.clear_faults();
    harbor.fault(Fault::NoTotalCount);
    assert!(!get(&harbor, PROJECTS).await.headers().contains_key("x-total-count"));
    harbor.fault(Fault::WrongTotalCount(-1));
}

#[tokio::test]
async fn manifests_are_pulled_with_basic_and_with_bearer() {
    let harbor = SimulatedHarbor::start().await;
    harbor.create_project("team", false);
    let digest = harbor.push("team", "deep/app", "1.0");
    let token = json(&harbor, "/service/token?service=harbor-registry&scope=repository:team/deep/app:pull").await;
    let url = format!("{}/v2/team/deep/app", harbor.url());
    let accept = "application/vnd.oci.image.manifest.v1+json";
    let head = client()
        .head(format!("{url}/manifests/1.0"))
        .header("accept", accept)
        .bearer_auth(token["token"].as_str().expect("a token"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(head.headers()["docker-content-digest"], *digest);
    assert_ne!(head.headers()["content-length"], "0");
    let get = async |path: String| {
        client()
            .get(format!("{url}/{path}"))
            .header("accept", accept)
            .basic_auth(SimulatedHarbor::ADMIN, Some(SimulatedHarbor::ADMIN_PASSWORD))
            .send()
            .await
            .expect("an answer")
            .json::<Value>()
            .await
            .expect("JSON")
    };
    let manifest = get(format!("manifests/{digest}")).await;
    let config = manifest["config"]["digest"].as_str().expect("a digest");
    let config = get(format!("blobs/{config}")).await;
    assert_eq!(config["architecture"], "amd64");
    let repository = json(&harbor, "/api/v2.0/repositories?q=name=team/deep/app").await;
    // HEAD is no pull.
    assert_eq!(repository[0]["pull_count"], 1);
}

#[tokio::test]
async fn https_is_served_with_the_given_certificate() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
    let harbor = SimulatedHarbor::builder().tls(&issued.cert.pem(), &issued.signing_key.serialize_pem()).start().await;
    assert!(harbor.url().starts_with("https://127.0.0.1:"));
    assert_eq!(get(&harbor, PROJECTS).await.status(), 200);
}

#[tokio::test]
async fn webhooks_tell_of_pushes_and_deletions_in_both_formats() {
    let harbor = SimulatedHarbor::start().await;
    let (sender, mut received) = mpsc::unbounded_channel();
    let sink = Router::new().route(
        "/",
        post(async move |headers: HeaderMap, body: String| {
            let event: Value = serde_json::from_str(&body).expect("JSON");
            sender.send((headers, event)).expect("the test waits");
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async { axum::serve(listener, sink).await });
    for format in ["Default", "CloudEvents"] {
        let policy = json!({
            "name": format.to_lowercase(), "enabled": true,
            "event_types": ["PUSH_ARTIFACT", "DELETE_ARTIFACT"],
            "targets": [{
                "type": "http", "address": address, "auth_header": "Bearer secret",
                "payload_format": format,
            }],
        });
        let created = client()
            .post(format!("{}/api/v2.0/projects/library/webhook/policies", harbor.url()))
            .basic_auth(SimulatedHarbor::ADMIN, Some(SimulatedHarbor::ADMIN_PASSWORD))
            .json(&policy)
            .send()
            .await
            .expect("an answer");
        assert_eq!(created.status(), 201);
    }
    let digest = harbor.push("library", "team/app", "1.0");
    let (headers, event) = received.recv().await.expect("an event");
    assert_eq!(headers["authorization"], "Bearer secret");
    assert_eq!(event["type"], "PUSH_ARTIFACT");
    let resource = json!({
        "digest": digest, "tag": "1.0",
        "resource_url": format!("{}/library/team/app:1.0", harbor.host()),
    });
    assert_eq!(event["event_data"]["resources"], json!([resource]));
    let (headers, event) = received.recv().await.expect("an event");
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    assert_eq!(event["type"], "harbor.artifact.pushed");
    assert_eq!(event["data"]["repository"]["repo_type"], "public");
    harbor.delete_repository("library", "team/app");
    let (_, event) = received.recv().await.expect("an event");
    assert_eq!(event["type"], "DELETE_ARTIFACT");
    assert_eq!(event["event_data"]["repository"].get("date_created"), None);
}
