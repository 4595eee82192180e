//! What listens at the address of a registry, and does not speak as it should.

use tests::hostile::{Answer, Asked, Hostile};

use super::{Outcome, Scene, meet_all};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

type Script = fn(&Asked) -> Answer;

fn head(headers: &str, body: &str) -> Vec<u8> {
    format!("{OK}{headers}\r\n{body}").into_bytes()
}

/// Each with the scheme that it is integrated by.
fn cases() -> Vec<(&'static str, &'static str, Script)> {
    vec![
        ("silence", "http", |_| Answer::Silence),
        ("closed", "http", |_| Answer::Close(Vec::new())),
        ("reset", "http", |_| Answer::Reset(Vec::new())),
        ("reset-in-the-head", "http", |_| Answer::Reset(b"HTTP/1.1 200 O".to_vec())),
        ("reset-in-the-body", "http", |_| Answer::Reset(head("content-length: 100\r\n", "{"))),
        ("closed-in-the-body", "http", |_| Answer::Close(head("content-length: 100\r\n", "{"))),
        ("garbage", "http", |_| Answer::Bytes(vec![0xff; 10_000])),
        ("another-protocol", "http", |_| Answer::Bytes(b"220 mail.example.com ESMTP\r\n".to_vec())),
        ("http-0.9", "http", |_| Answer::Close(b"{\"repositories\":[]}".to_vec())),
        ("tls-on-a-plain-port", "http", |_| Answer::Close(vec![0x15, 3, 1, 0, 2, 2, 40])),
        ("a-head-that-drips", "http", |_| Answer::Drip(head("", "{}"))),
        ("a-head-without-end", "http", |_| Answer::Endless(OK.as_bytes().to_vec(), b"x: y\r\n".repeat(1_000))),
        ("a-line-without-end", "http", |_| Answer::Endless(b"HTTP/1.1 200 ".to_vec(), vec![b'x'; 65_536])),
        ("interim-answers-without-end", "http", |_| {
            Answer::Endless(Vec::new(), b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(100))
        }),
        ("a-body-that-drips", "http", |_| Answer::Drip(head("content-length: 100000\r\n", &" ".repeat(100_000)))),
        ("a-body-without-end", "http", |_| Answer::Endless(head("connection: close\r\n", "["), b"1,".repeat(32_768))),
        ("chunks-without-end", "http", |_| {
            Answer::Endless(
                head("transfer-encoding: chunked\r\n", ""),
                format!("10000\r\n{}\r\n", " ".repeat(65_536)).into_bytes(),
            )
        }),
        ("a-chunk-too-large", "http", |_| {
            Answer::Bytes(head("transfer-encoding: chunked\r\n", "ffffffffffffffffff\r\n"))
        }),
        ("chunks-of-nothing", "http", |_| {
            Answer::Endless(head("transfer-encoding: chunked\r\n", ""), b"1;x=".repeat(1_000))
        }),
        ("a-length-of-all-numbers", "http", |_| Answer::Bytes(head("content-length: 18446744073709551615\r\n", "{}"))),
        ("a-length-below-zero", "http", |_| Answer::Bytes(head("content-length: -1\r\n", "{}"))),
        ("two-lengths", "http", |_| Answer::Bytes(head("content-length: 2\r\ncontent-length: 3\r\n", "{}"))),
        ("gzip-that-is-none", "http", |_| Answer::body("content-encoding: gzip\r\n", b"{}")),
        ("status-000", "http", |_| Answer::Bytes(b"HTTP/1.1 000 \r\n\r\n".to_vec())),
        ("an-upgrade", "http", |_| {
            Answer::Endless(
                b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec(),
                vec![0; 1_000],
            )
        }),
        ("plain-behind-tls", "https", |_| Answer::Bytes(head("content-length: 2\r\n", "{}"))),
        ("silence-behind-tls", "https", |_| Answer::Silence),
        ("garbage-behind-tls", "https", |_| Answer::Endless(Vec::new(), vec![0x16, 3, 3, 0xff, 0xff, 7, 7, 7])),
        ("an-alert-behind-tls", "https", |_| Answer::Close(vec![0x15, 3, 3, 0, 2, 2, 40])),
        ("a-handshake-that-drips", "https", |_| {
            Answer::Drip(vec![0x16, 3, 3, 0x3f, 0xff, 2, 0, 0x3f, 0xfb, 3, 3, 0, 0, 0, 0])
        }),
    ]
}

pub(super) async fn meet(scene: &Scene) -> Vec<Outcome> {
    meet_all(cases(), async |(name, scheme, script)| {
        let server = Hostile::start(script).await;
        let kind = if name.len() % 2 == 0 { "HARBOR" } else { "DOCKER_REGISTRY" };
        let refused = scene.integrate(name, kind, &server.url().replace("http", scheme)).await;
        let Err(cause) = refused else { panic!("{name} passes for a registry") };
        let n_requests = server.requests().max(server.connections());
        assert!(n_requests <= 50, "{name}: {n_requests} requests");
        scene.honest_is_whole(name).await;
        Outcome { name, cause: Some(cause), shown: Vec::new(), n_requests, _registry: Box::new(server) }
    })
    .await
}
