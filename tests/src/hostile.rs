//! A server that owes nobody anything: it reads requests, and answers each with whatever bytes a script has for it.
//!
//! What a faulty Harbor does is the simulated Harbor's; this one need not speak HTTP, end an answer, or end at all.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What is done about one request.
#[derive(Debug)]
pub enum Answer {
    /// These bytes, and then the next request.
    Bytes(Vec<u8>),
    /// The first bytes, and then the second ones again and again, for as long as they are taken.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes one by one, one each 20 ms.
    Drip(Vec<u8>),
    /// These bytes, and the end of the connection.
    Close(Vec<u8>),
    /// These bytes, and the connection is reset.
    Reset(Vec<u8>),
    /// None.
    Silence,
}

impl Answer {
    /// A whole answer of HTTP with JSON in it, and more headers, each with its line end.
    #[must_use]
    pub fn json(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
        Self::Bytes(format!("{head}{headers}\r\n{body}").into_bytes())
    }

    /// The same with bytes in it, of a type and a coding that the headers name.
    #[must_use]
    pub fn body(headers: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 200 Scripted\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        Self::Bytes([head.as_bytes(), body].concat())
    }
}

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Path and query.
    pub target: String,
    /// Where the asker thinks it is: `host:port`.
    pub host: String,
    /// Whether it brought an account or a token.
    pub is_authorized: bool,
    /// How many requests came before.
    pub number: usize,
}

type Script = dyn Fn(&Asked) -> Answer + Send + Sync;

/// Stops when dropped.
pub struct Hostile {
    address: SocketAddr,
    n_requests: Arc<AtomicUsize>,
    n_connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Hostile {
    /// Answers by the script.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1", script).await
    }

    /// The same at another of this host's addresses.
    ///
    /// # Panics
    /// When that is none, or no port is free.
    pub async fn start_at(host: &str, script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let script: Arc<Script> = Arc::new(script);
        let listener = TcpListener::bind((host, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (n_requests, n_connections) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (requests, connections) = (n_requests.clone(), n_connections.clone());
        let accepting = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tasks.spawn(converse(stream, script.clone(), requests.clone()));
            }
        });
        Self { address, n_requests, n_connections, accepting }
    }

    /// `http://127.0.0.1:PORT`, or wherever it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests that came so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.n_requests.load(Ordering::Relaxed)
    }

    /// Connections that were made so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.n_connections.load(Ordering::Relaxed)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers what comes on one connection. That the other side has had enough is its right.
async fn converse(mut stream: TcpStream, script: Arc<Script>, n_requests: Arc<AtomicUsize>) {
    loop {
        let Some(head) = head(&mut stream).await else { return };
        let asked = asked(&head, n_requests.fetch_add(1, Ordering::Relaxed));
        let written = match script(&asked) {
            Answer::Bytes(bytes) => stream.write_all(&bytes).await,
            Answer::Endless(first, again) => {
                let mut written = stream.write_all(&first).await;
                while written.is_ok() {
                    written = stream.write_all(&again).await;
                }
                written
            }
            Answer::Drip(bytes) => {
                let mut written = Ok(());
                for byte in bytes {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    written = stream.write_all(&[byte]).await;
                    if written.is_err() {
                        break;
                    }
                }
                written
            }
            Answer::Close(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Answer::Reset(bytes) => {
                let _ = stream.write_all(&bytes).await;
                // What is closed so is reset, whatever was not sent.
                let _ = stream.set_zero_linger();
                return;
            }
            Answer::Silence => std::future::pending().await,
        };
        if written.is_err() {
            return;
        }
    }
}

/// Up to the end of the headers, or what came where that is no HTTP.
async fn head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
        // A TLS handshake has no such end.
        if head.first() == Some(&0x16) && head.len() > 100 {
            break;
        }
    }
    Some(head)
}

fn asked(head: &[u8], number: usize) -> Asked {
    let head = String::from_utf8_lossy(head);
    let target = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let find = |name: &str| headers.clone().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    Asked {
        target,
        host: find("host").unwrap_or_default().to_owned(),
        is_authorized: find("authorization").is_some(),
        number,
    }
}
