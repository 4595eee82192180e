//! Connections of clients that speak badly, slowly or not at all, and everybody else beside them.

use tests::gateway::TestGateway;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn send(gateway: &TestGateway, bytes: &[u8]) -> TcpStream {
    let mut client = TcpStream::connect(gateway.address()).await.expect("the gateway listens");
    // It may have closed before it has read all.
    let _ = client.write_all(bytes).await;
    client
}

#[tokio::test]
async fn a_crowd_of_hostile_clients_keeps_nobody_out() {
    let gateway = TestGateway::builder().configure(|config| config.max_connections = 40).start().await;
    let endless_body =
        b"POST /graphql HTTP/1.1\r\nhost: fairway\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    let hostile: [&[u8]; 5] = [
        b"",
        b"GET /graphql HTTP/1.1\r\nhost: fairway\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        endless_body,
    ];
    let mut held = Vec::new();
    for bytes in hostile.iter().cycle().take(100) {
        held.push(send(&gateway, bytes).await);
    }
    let client = gateway.as_outsider();
    let replies = futures_util::future::join_all((0..20).map(|_| client.ask("{ viewer { subject } }"))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
}

#[tokio::test]
async fn headers_beyond_all_measure_are_431() {
    let gateway = TestGateway::start().await;
    for headers in [format!("x: {}\r\n", "x".repeat(1 << 20)), "x: y\r\n".repeat(10_000)] {
        let request = format!("GET /healthz HTTP/1.1\r\nhost: fairway\r\n{headers}\r\n");
        let mut client = send(&gateway, request.as_bytes()).await;
        let mut status = [0; 12];
        client.read_exact(&mut status).await.expect("there is an answer");
        assert_eq!(&status, b"HTTP/1.1 431");
    }
    gateway.as_outsider().ask("{ viewer { subject } }").await.succeeded();
}
