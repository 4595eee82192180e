//! Clients that speak badly, slowly or not at all. Where a connection must be ended there is place for one alone: that the
//! next is answered shows that it was.

use std::net::SocketAddr;

use axum::{Router, body::Bytes, routing::get};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// More than a client that takes nothing lets into the buffers of both systems.
const LONG: usize = 32 << 20;

const ASK: &str = "GET / HTTP/1.1\r\nhost: fairway\r\n\r\n";

struct Server {
    address: SocketAddr,
    _end: tokio::sync::oneshot::Sender<()>,
}

impl Server {
    async fn start(patience: Patience) -> Self {
        let router = Router::new()
            .route("/", get(async || "ok").post(async |body: Bytes| body.len().to_string()))
            .route("/long", get(async || Bytes::from(vec![b'x'; LONG])));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = tokio::sync::oneshot::channel();
        tokio::spawn(serve(listener, router, patience, async {
            let _ = ended.await;
        }));
        Self { address, _end: end }
    }

    /// Limits as they are.
    async fn usual() -> Self {
        Self::start(Patience::default()).await
    }

    /// Place for one, who has little time.
    async fn narrow() -> Self {
        let moment = Duration::from_millis(200);
        Self::start(Patience { max_connections: 1, head: moment, idle: moment, stall: moment }).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn send(&self, bytes: impl AsRef<[u8]>) -> TcpStream {
        let mut client = self.connect().await;
        // A server that has read enough may close before all is sent.
        let _ = client.write_all(bytes.as_ref()).await;
        client
    }

    async fn answers(&self) {
        let mut client = self.send(ASK).await;
        assert!(head(&mut client).await.starts_with("HTTP/1.1 200"));
    }
}

/// Reads up to where the headers end, or all if they do not.
async fn head(client: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => read.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// How much comes until the server closes.
async fn rest(client: &mut TcpStream) -> usize {
    let mut buffer = vec![0; 1 << 16];
    let mut n_bytes = 0;
    while let Ok(n @ 1..) = client.read(&mut buffer).await {
        n_bytes += n;
    }
    n_bytes
}

#[tokio::test]
async fn headers_that_drip_are_ended() {
    let server = Server::narrow().await;
    for beginning in ["", "G", "PRI * HTTP/2", "GET / HTTP/1.1\r\nhost: fairway\r\nx: "] {
        let mut client = server.send(beginning).await;
        let (mut reader, mut writer) = client.split();
        let dripping = async {
            let mut drops = time::interval(Duration::from_millis(20));
            loop {
                drops.tick().await;
                if !beginning.is_empty() && writer.write_all(b"x").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let ended = async {
            let mut read = Vec::new();
            let _ = reader.read_to_end(&mut read).await;
        };
        tokio::select! {
            () = dripping => {}
            () = ended => {}
        }
        server.answers().await;
    }
}

#[tokio::test]
async fn heads_that_are_too_long_are_431() {
    let server = Server::usual().await;
    let long = format!("GET / HTTP/1.1\r\nhost: fairway\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\nhost: fairway\r\n{}\r\n", "x: y\r\n".repeat(10_000));
    for request in [long, many] {
        let mut client = server.send(request).await;
        let answer = head(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        server.answers().await;
    }
    // As long as a token may be.
    let mut client = server.send(ASK.replace("fairway", &format!("fairway\r\nx: {}", "x".repeat(64 << 10)))).await;
    assert!(head(&mut client).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn what_is_no_http_is_refused_at_once() {
    let server = Server::usual().await;
    let hello = [&[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3][..], &[7; 194]].concat();
    let garbage: [&[u8]; 5] =
        [&[0; 1000], &hello, b"\r\n\r\n\r\nnonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\0 HTTP/1.1\r\n\r\n"];
    for bytes in garbage {
        let mut client = server.send(bytes).await;
        let answer = head(&mut client).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
        server.answers().await;
    }
}

#[tokio::test]
async fn lengths_that_contradict_each_other_are_refused() {
    let server = Server::usual().await;
    for headers in ["content-length: 3\r\ncontent-length: 4", "content-length: -1", "transfer-encoding: chunked, gzip"]
    {
        let mut client = server.send(format!("POST / HTTP/1.1\r\nhost: fairway\r\n{headers}\r\n\r\nabcd{ASK}")).await;
        assert!(head(&mut client).await.starts_with("HTTP/1.1 400"), "{headers}");
    }
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_a_row() {
    let server = Server::usual().await;
    let mut client = server.send(ASK.repeat(100)).await;
    for _ in 0..100 {
        assert!(head(&mut client).await.starts_with("HTTP/1.1 200"));
        assert_eq!((client.read_u8().await.unwrap(), client.read_u8().await.unwrap()), (b'o', b'k'));
    }
}

#[tokio::test]
async fn who_keeps_a_connection_for_nothing_makes_place() {
    let server = Server::narrow().await;
    let mut idle = server.send(ASK).await;
    assert!(head(&mut idle).await.starts_with("HTTP/1.1 200"));
    server.answers().await;
    // A client that says it sends nothing more is done.
    let mut half_open = server.send("GET / HTTP/1.1\r\n").await;
    half_open.shutdown().await.unwrap();
    server.answers().await;
}

#[tokio::test]
async fn answers_that_nobody_takes_are_given_up() {
    let server = Server::narrow().await;
    let mut client = server.send(ASK.replace("GET /", "GET /long")).await;
    server.answers().await;
    assert!(rest(&mut client).await < LONG);
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: u8 = 4;
const HEADERS: u8 = 1;
const END_STREAM_AND_HEADERS: u8 = 5;

/// `GET` of a path, in the static table of HPACK and literals.
fn get_frame(stream: u32, path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).unwrap();
    let block = [&[0x82, 0x86, 0x04, length], path.as_bytes(), &[0x01, 7], b"fairway"].concat();
    frame(HEADERS, END_STREAM_AND_HEADERS, stream, &block)
}

#[tokio::test]
async fn http2_with_its_window_shut_is_given_up() {
    let server = Server::narrow().await;
    // SETTINGS_INITIAL_WINDOW_SIZE is 0: nothing of an answer may be sent, and the client asks for many.
    let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])].concat();
    let asking: Vec<u8> = (0..50).flat_map(|number| get_frame(2 * number + 1, "/long")).collect();
    let mut client = server.send([begin, asking].concat()).await;
    server.answers().await;
    assert!(rest(&mut client).await < LONG);
}

#[tokio::test]
async fn http2_with_nothing_but_frames_is_ended() {
    let server = Server::narrow().await;
    let _silent = server.send([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
    server.answers().await;
    // Headers without an end.
    let begun = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &get_frame(1, "/"), &frame(HEADERS, 0, 3, &[0x82])].concat();
    let _begun = server.send(begun).await;
    server.answers().await;
}

#[tokio::test]
async fn http2_has_its_limits_of_heads_too() {
    let server = Server::usual().await;
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().tls_certs_only([]).build().unwrap();
    let url = format!("http://{}/", server.address);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    // Refused as a request or as a connection, as h2 likes.
    let long = client.get(&url).header("x", "x".repeat(1 << 20)).send().await;
    assert!(long.is_err() || long.is_ok_and(|response| response.status() == 431));
    server.answers().await;
}

#[tokio::test]
async fn a_crowd_of_the_silent_keeps_nobody_out() {
    let patience = Patience { max_connections: 20, idle: Duration::from_secs(2), ..Patience::default() };
    let server = Server::start(patience).await;
    let mut silent = Vec::new();
    for _ in 0..30 {
        silent.push(server.send("GET / HTTP/1.1\r\n").await);
    }
    server.answers().await;
}
