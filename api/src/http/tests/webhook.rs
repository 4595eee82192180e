//! Notifications at the door: which come through, as what, and what their senders are told.

use std::sync::Mutex;

use axum::http::request::Builder;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

use super::*;

const HARBOR: Uuid = Uuid::from_u128(7);

/// The id that the graph gives to [`HARBOR`].
fn id() -> String {
    URL_SAFE_NO_PAD.encode([&b"r"[..], HARBOR.as_bytes()].concat())
}

/// A door behind which every notification is answered with `received`; what came through; what was counted.
struct Door {
    site: BoxCloneSyncService<Request<Body>, Response, Infallible>,
    through: Arc<Mutex<Vec<Notification>>>,
    metrics: Metrics,
}

impl Door {
    fn new(received: Received) -> Self {
        let through = Arc::new(Mutex::new(Vec::new()));
        let webhooks = Webhooks::new({
            let through = through.clone();
            move |notification| {
                through.lock().unwrap().push(notification);
                let received = received.clone();
                async move { received }
            }
        });
        let metrics = Metrics::builder().build();
        let site = BoxCloneSyncService::new(routes(state(settings(), true, webhooks, metrics.clone())));
        Self { site, through, metrics }
    }

    async fn send(&self, request: Builder, body: impl Into<Body>) -> Reply {
        send(self.site.clone(), request.body(body.into()).unwrap()).await
    }

    /// The notifications counted so far, as `registry outcome count`.
    fn counted(&self) -> Vec<String> {
        let text = self.metrics.text().unwrap();
        let counts = text.lines().filter_map(|line| {
            let line = line.strip_prefix("fairway_webhooks_total{registry=\"")?;
            let (registry, rest) = line.split_once("\",outcome=\"")?;
            let (outcome, count) = rest.split_once("\"} ")?;
            Some(format!("{registry} {outcome} {count}"))
        });
        counts.collect()
    }
}

fn to(path: &str) -> Builder {
    Request::post(path).header(header::CONTENT_TYPE, "application/json")
}

#[tokio::test]
async fn a_notification_comes_through_as_it_was_sent() {
    let door = Door::new(Received::Accepted);
    let harbor = to(&format!("/webhooks/harbor/{}", id())).header(header::AUTHORIZATION, "Bearer s3cret");
    let reply = door.send(harbor, r#"{"type":"PUSH_ARTIFACT"}"#).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (202, "accepted\n"));
    let docker = Request::post("/webhooks/docker/some%20thing")
        .header(header::CONTENT_TYPE, "application/vnd.docker.distribution.events.v1+json; charset=utf-8");
    assert_eq!(door.send(docker, "no JSON").await.status, 202);

    let through = door.through.lock().unwrap();
    let expected = [
        Notification {
            kind: WebhookKind::Harbor,
            registry: id(),
            authorization: Some("Bearer s3cret".into()),
            content_type: Some("application/json".into()),
            body: r#"{"type":"PUSH_ARTIFACT"}"#.into(),
        },
        Notification {
            kind: WebhookKind::Docker,
            registry: "some thing".into(),
            authorization: None,
            content_type: Some("application/vnd.docker.distribution.events.v1+json; charset=utf-8".into()),
            body: "no JSON".into(),
        },
    ];
    assert_eq!(*through, expected);
    assert!(!format!("{through:?}").contains("s3cret"));
}

#[tokio::test]
async fn what_became_of_it_is_told_and_counted() {
    let known = HARBOR.to_string();
    for (received, status, text, counted) in [
        (Received::Accepted, 202, "accepted\n", format!("{known} accepted 1")),
        (Received::Malformed("no `type`".into()), 400, "no `type`\n", format!("{known} malformed 1")),
        (Received::Unauthorized, 401, "the registry's secret is needed\n", " unauthorized 1".to_owned()),
        (Received::Unknown, 401, "the registry's secret is needed\n", " unknown 1".to_owned()),
    ] {
        let door = Door::new(received.clone());
        let reply = door.send(to(&format!("/webhooks/harbor/{}", id())), "{}").await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (status, text), "{received:?}");
        assert_eq!(door.counted(), [counted], "{received:?}");
        assert_eq!(reply.header("www-authenticate"), if status == 401 { "Bearer" } else { "" });
    }
}

#[tokio::test]
async fn nothing_tells_which_registries_exist() {
    let unauthorized = Door::new(Received::Unauthorized).send(to("/webhooks/harbor/x"), "{}").await;
    let unknown = Door::new(Received::Unknown).send(to("/webhooks/docker/y"), "{}").await;
    let visible = |mut reply: Reply| {
        reply.headers.remove("x-request-id");
        (reply.status, reply.headers, reply.text)
    };
    assert_eq!(visible(unauthorized), visible(unknown));
}

#[tokio::test]
async fn ids_that_were_made_up_are_no_label() {
    let door = Door::new(Received::Unauthorized);
    for registry in [id().as_str(), "made-up-1", "made-up-2"] {
        door.send(to(&format!("/webhooks/harbor/{registry}")), "{}").await;
    }
    assert_eq!(door.counted(), [" unauthorized 3"]);
    assert!(!door.metrics.text().unwrap().contains("made-up"));
}

#[tokio::test]
async fn only_types_that_registries_send_come_through() {
    let door = Door::new(Received::Accepted);
    for content_type in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/cloudevents+json",
        "application/vnd.docker.distribution.events.v1+json",
        "application/vnd.docker.distribution.events.v2+json",
    ] {
        let request = Request::post("/webhooks/harbor/x").header(header::CONTENT_TYPE, content_type);
        assert_eq!(door.send(request, "{}").await.status, 202, "{content_type}");
    }
    for content_type in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
        let request = Request::post("/webhooks/harbor/x").header(header::CONTENT_TYPE, content_type);
        assert_eq!(door.send(request, "{}").await.status, 415, "{content_type}");
    }
    assert_eq!(door.send(Request::post("/webhooks/harbor/x"), "{}").await.status, 415);
    let twice = to("/webhooks/harbor/x").header(header::CONTENT_TYPE, "application/json");
    assert_eq!(door.send(twice, "{}").await.status, 415);
    assert_eq!(door.through.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn two_secrets_are_none() {
    let door = Door::new(Received::Accepted);
    let twice = to("/webhooks/harbor/x").header(header::AUTHORIZATION, "a").header(header::AUTHORIZATION, "b");
    door.send(twice, "{}").await;
    assert_eq!(door.through.lock().unwrap()[0].authorization, None);
}

#[tokio::test]
async fn bodies_may_be_longer_than_a_query_and_have_an_end() {
    let door = Door::new(Received::Accepted);
    // The limit of `/graphql` is 4,096 bytes here.
    assert_eq!(door.send(to("/webhooks/harbor/x"), vec![b' '; 256 * 1024]).await.status, 202);
    let reply = door.send(to("/webhooks/harbor/x"), vec![b' '; 256 * 1024 + 1]).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (413, "the body is longer than 256 KiB\n"));
    assert_eq!(door.through.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_sender_is_answered_in_time() {
    let settings = Settings { webhook_timeout: Duration::from_millis(1), ..settings() };
    let metrics = Metrics::builder().build();
    let webhooks = Webhooks::new(|_| std::future::pending());
    let router = routes(state(settings, true, webhooks, metrics.clone()));
    let path = format!("/webhooks/harbor/{}", id());
    assert_eq!(send(router.clone(), to(&path).body("{}".into()).unwrap()).await.status, 503);
    let endless = Body::from_stream(futures_util::stream::pending::<Result<String, std::io::Error>>());
    assert_eq!(send(router, to(&path).body(endless).unwrap()).await.status, 408);
    let text = metrics.text().unwrap();
    assert!(text.contains(r#"fairway_webhooks_total{registry="",outcome="timed_out"} 2"#), "{text}");
}

#[tokio::test]
async fn there_is_no_other_door() {
    let door = Door::new(Received::Accepted);
    for path in ["/webhooks", "/webhooks/harbor", "/webhooks/harbor/", "/webhooks/quay/x", "/webhooks/harbor/x/y"] {
        assert_eq!(door.send(to(path), "{}").await.status, 404, "{path}");
    }
    assert_eq!(door.send(Request::get("/webhooks/harbor/x"), Body::empty()).await.status, 405);
    assert!(door.through.lock().unwrap().is_empty());
}
