//! The transport against servers that misbehave below HTTP and in it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Barrier,
};
use wiremock::ResponseTemplate;

use crate::upstream::{
    Detail, Error, Guards, Kind, Networks, Reach, Registry, Settings, UnreachableKind, Upstream, Webhook,
    testing::{Fake, ann, json, registry, settings, space, upstream},
};

const PROJECT: &str = "GET /api/v2.0/projects/1";
const FOUND: &str = r#"{"project_id":1,"name":"library"}"#;

/// 200,000 zeros, packed.
const BOMB: &str = "H4sIAAAAAAACA+3BMQEAAADCoPVPbQZ/oAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACA1wB7WOBc\
    QA0DAA==";

fn unavailable(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw("<html>502 Bad Gateway</html>", "text/html")
}

fn kind(error: &Error) -> Option<UnreachableKind> {
    match error {
        Error::Unreachable { kind, .. } => Some(*kind),
        _ => None,
    }
}

/// Answers each connection with the next of these bytes, and closes it.
async fn raw_server(replies: Vec<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        for reply in replies {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            // A small request comes in one piece.
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    });
    address
}

fn harbor_at(address: &str, settings: Settings) -> Registry {
    registry(Kind::Harbor, address, Some(ann()), settings)
}

#[tokio::test]
async fn what_may_help_is_sent_again_twice() {
    let fake = Fake::start().await;
    fake.once(PROJECT, unavailable(502)).await;
    fake.once(PROJECT, unavailable(429)).await;
    fake.json(PROJECT, FOUND).await;
    assert!(fake.harbor().get_space("1").await.expect("an answer").is_some());
    assert_eq!(fake.sent().await.len(), 3);
}

#[tokio::test]
async fn a_registry_that_stays_unavailable_is_left_alone() {
    let fake = Fake::start().await;
    fake.reply(PROJECT, unavailable(503)).await;
    let error = fake.harbor().get_space("1").await.expect_err("unavailable");
    assert!(matches!(error, Error::Unavailable { status: 503, retry_after: None }), "{error:?}");
    assert!(!error.cause().contains("html"), "{}", error.cause());
    assert_eq!(fake.sent().await.len(), 3);
}

#[tokio::test]
async fn a_long_pause_asked_for_is_left_to_the_caller() {
    let fake = Fake::start().await;
    fake.reply(PROJECT, unavailable(429).insert_header("Retry-After", "60")).await;
    let error = fake.harbor().get_space("1").await.expect_err("unavailable");
    assert!(
        matches!(error, Error::Unavailable { status: 429, retry_after: Some(pause) } if pause.as_secs() == 60),
        "{error:?}"
    );
    assert_eq!(fake.sent().await.len(), 1);
}

#[tokio::test]
async fn no_call_is_begun_again_after_its_time() {
    let fake = Fake::start().await;
    fake.reply(PROJECT, unavailable(503).insert_header("Retry-After", "2")).await;
    let settings = Settings { timeout: Duration::from_millis(1900), ..settings() };
    let error = harbor_at(&fake.uri(), settings).get_space("1").await.expect_err("unavailable");
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert_eq!(fake.sent().await.len(), 1);
}

#[tokio::test]
async fn a_redirect_is_named_and_not_followed() {
    let fake = Fake::start().await;
    let other = Fake::start().await;
    let moved = ResponseTemplate::new(308).insert_header("Location", format!("{}/api/v2.0/projects/1", other.uri()));
    fake.reply(PROJECT, moved).await;
    let error = fake.harbor().get_space("1").await.expect_err("a redirect");
    assert!(error.cause().contains(&other.uri()), "{}", error.cause());
    assert!(other.sent().await.is_empty());
}

#[tokio::test]
async fn a_body_has_a_bound_before_and_after_decompression() {
    let fake = Fake::start().await;
    let long = format!(r#"{{"project_id":1,"name":"{}"}}"#, "x".repeat(70 << 10));
    fake.json(PROJECT, &long).await;
    let error = fake.harbor().get_space("1").await.expect_err("too large");
    assert!(matches!(error, Error::TooLarge), "{error:?}");

    let fake = Fake::start().await;
    let packed = STANDARD.decode(BOMB).expect("base64");
    let reply =
        ResponseTemplate::new(200).set_body_raw(packed, "application/json").insert_header("Content-Encoding", "gzip");
    fake.reply(PROJECT, reply).await;
    let error = fake.harbor().get_space("1").await.expect_err("too large");
    assert!(matches!(error, Error::TooLarge), "{error:?}");
}

#[tokio::test]
async fn time_runs_out_for_headers() {
    let fake = Fake::start().await;
    fake.reply(PROJECT, json(200, FOUND).set_delay(Duration::from_secs(60))).await;
    let settings = Settings { timeout: Duration::from_millis(50), ..settings() };
    let error = harbor_at(&fake.uri(), settings).get_space("1").await.expect_err("a timeout");
    assert!(error.is_timeout() && error.is_retryable(), "{error:?}");
    assert_eq!(fake.sent().await.len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"project_id\":1,";
    let whole = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 33\r\nConnection: close\r\n\r\n\
                 {\"project_id\":1,\"name\":\"library\"}";
    let address = raw_server(vec!["", cut, whole]).await;
    let found = harbor_at(&address, settings()).get_space("1").await.expect("an answer");
    assert!(found.is_some());

    let address = raw_server(vec![cut, cut, cut]).await;
    let error = harbor_at(&address, settings()).get_space("1").await.expect_err("broken");
    assert_eq!(kind(&error), Some(UnreachableKind::Reset), "{error:?}");
}

#[tokio::test]
async fn nothing_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = harbor_at(&address, settings()).get_space("1").await.expect_err("refused");
    assert_eq!(kind(&error), Some(UnreachableKind::Refused), "{error:?}");
}

#[tokio::test]
async fn a_name_without_an_address() {
    // Longer than a label may be, so that no resolver is asked.
    let address = format!("http://{}.example", "x".repeat(64));
    let error = harbor_at(&address, settings()).get_space("1").await.expect_err("no such host");
    assert_eq!(kind(&error), Some(UnreachableKind::Dns), "{error:?}");
}

#[tokio::test]
async fn a_port_that_does_not_speak_tls() {
    let address = raw_server(vec!["HTTP/1.1 400 Bad Request\r\n\r\n"]).await.replace("http:", "https:");
    let error = harbor_at(&address, settings()).get_space("1").await.expect_err("no TLS");
    assert_eq!(kind(&error), Some(UnreachableKind::Tls), "{error:?}");
}

#[tokio::test]
async fn closed_networks_are_not_reached_by_number_or_name() {
    let fake = Fake::start().await;
    fake.json(PROJECT, FOUND).await;
    let none = Networks::default;
    let upstream = Upstream::new(settings(), Guards::new(none(), none(), none()));
    let endpoint = |address: &str| crate::upstream::Endpoint {
        kind: Kind::Harbor,
        address: crate::upstream::Address::parse(address).expect("an address"),
        credentials: Some(ann()),
        tls: crate::upstream::Tls::default(),
        reach: Reach::Platform,
    };
    let error = upstream.registry(endpoint(&fake.uri())).expect_err("closed");
    assert!(matches!(error, Error::Blocked { .. }), "{error:?}");
    let by_name = fake.uri().replace("127.0.0.1", "localhost");
    let registry = upstream.registry(endpoint(&by_name)).expect("a name may be open");
    let error = registry.get_space("1").await.expect_err("closed");
    assert!(matches!(error, Error::Blocked { .. }), "{error:?}");
    assert!(fake.sent().await.is_empty());
}

#[tokio::test]
async fn one_origin_gets_so_many_requests_at_a_time() {
    // Replies only once two are under way, so that the bound is both reached and seen.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let pair = Arc::new(Barrier::new(2));
    let handler = {
        let (now, most) = (now.clone(), most.clone());
        move || async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            pair.wait().await;
            now.fetch_sub(1, Ordering::SeqCst);
            ([("content-type", "application/json")], FOUND)
        }
    };
    let app = axum::Router::new().fallback(handler);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let upstream = upstream(settings());
    let registry = || {
        let endpoint = crate::upstream::Endpoint {
            kind: Kind::Harbor,
            address: crate::upstream::Address::parse(&address).expect("an address"),
            credentials: None,
            tls: crate::upstream::Tls::default(),
            reach: Reach::Platform,
        };
        upstream.registry(endpoint).expect("a registry")
    };
    // Two clients of one origin share the bound.
    let (one, two) = (registry(), registry());
    let calls = (0..8).map(|n| {
        let registry = if n % 2 == 0 { one.clone() } else { two.clone() };
        tokio::spawn(async move { registry.get_space("1").await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("no panic").expect("an answer");
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[test]
fn every_call_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    let registry = harbor_at("http://127.0.0.1:1", settings());
    let key = space("1", "library");
    is_send(registry.probe());
    is_send(registry.check());
    is_send(registry.list_spaces());
    is_send(registry.get_space("1"));
    is_send(registry.create_space("a", true));
    is_send(registry.set_space_public(&key, true));
    is_send(registry.delete_space(&key));
    is_send(registry.list_images(&key));
    is_send(registry.list_tags(&key, "app"));
    is_send(registry.get_artifact(&key, "app", "1.0", Detail::default()));
    is_send(registry.get_digest(&key, "app", "1.0"));
    is_send(registry.list_public_spaces());
    is_send(registry.is_public("1"));
    is_send(registry.list_all_images());
    is_send(registry.recent_images(1));
    is_send(registry.get_image(&key, "app"));
    let hook = Webhook { name: "a".to_owned(), address: "http://a".to_owned(), authorization: "a".into() };
    is_send(registry.put_webhook(&key, &hook));
    is_send(registry.delete_webhook(&key, "1"));
}

#[test]
fn no_secret_is_printed() {
    let endpoint = crate::upstream::Endpoint {
        kind: Kind::Harbor,
        address: crate::upstream::Address::parse("https://h").expect("an address"),
        credentials: Some(ann()),
        tls: crate::upstream::Tls::default(),
        reach: Reach::Platform,
    };
    let printed = format!("{endpoint:?}");
    assert!(printed.contains("ann") && !printed.contains("secret"), "{printed}");
    let registry = harbor_at("https://h", settings());
    assert!(!format!("{registry:?}").contains("secret"));
}
