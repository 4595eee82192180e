//! The socket: a thread with its own runtime, so that stopping cuts every connection at once.
//!
//! A graceful shutdown would wait for requests that a fault lets hang for ever.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::serve::Listener;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::delivery::{self, Delivery};
use super::exchange::{self, Shared};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A running server; dropping it stops it.
#[derive(Debug)]
pub(super) struct Server {
    stop: Option<oneshot::Sender<()>>,
    stopped: Option<oneshot::Receiver<()>>,
}

/// What a server serves, kept over restarts.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) shared: Arc<Shared>,
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Deliveries wait here while the server is stopped.
    pub(super) queue: Arc<Mutex<UnboundedReceiver<Delivery>>>,
}

/// Takes an address without answering on it: connecting is refused, and nobody else gets the port.
pub(super) fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of an earlier server may linger in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl Server {
    /// Begins to answer. Must be called inside a runtime, and outlives it.
    pub(super) fn start(socket: TcpSocket, service: Service) -> io::Result<Self> {
        let listener = socket.listen(BACKLOG)?.into_std()?;
        let (stop, stopping) = oneshot::channel();
        let (ended, stopped) = oneshot::channel();
        thread::Builder::new().name("simulated-harbor".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime needs nothing but file descriptors");
            runtime.block_on(async {
                tokio::select! {
                    _ = stopping => {}
                    () = serve(listener, service) => {}
                }
            });
            // Drops the tasks of all connections, and so closes these.
            drop(runtime);
            let _ = ended.send(());
        })?;
        Ok(Self { stop: Some(stop), stopped: Some(stopped) })
    }

    /// Returns when the port is closed and every connection cut.
    pub(super) async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(stopped) = self.stopped.take() {
            // An error means that the thread is gone, which is as good.
            drop(stopped.await);
        }
    }
}

async fn serve(listener: std::net::TcpListener, service: Service) {
    let listener = TcpListener::from_std(listener).expect("the listener does not block");
    let Service { shared, tls, queue } = service;
    tokio::spawn(async move { delivery::deliver(&mut *queue.lock().await).await });
    let router = Router::new().fallback(move |request: Request| {
        let shared = Arc::clone(&shared);
        async move { exchange::answer(shared, request).await }
    });
    let served = match tls {
        Some(config) => axum::serve(TlsListener::new(listener, config), router).await,
        None => axum::serve(listener, router).await,
    };
    served.expect("serving ends with the runtime only");
}

/// Handshakes run beside each other: a client that never finishes one holds up nobody.
struct TlsListener {
    accepted: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: io::Result<SocketAddr>,
}

impl TlsListener {
    fn new(mut listener: TcpListener, config: Arc<ServerConfig>) -> Self {
        let address = listener.local_addr();
        let acceptor = TlsAcceptor::from(config);
        let (sender, accepted) = mpsc::channel(16);
        tokio::spawn(async move {
            loop {
                let (stream, peer) = Listener::accept(&mut listener).await;
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    let handshake = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream));
                    if let Ok(Ok(stream)) = handshake.await {
                        drop(sender.send((stream, peer)).await);
                    }
                });
            }
        });
        Self { accepted, address }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.address {
            Ok(address) => Ok(*address),
            Err(error) => Err(error.kind().into()),
        }
    }
}
