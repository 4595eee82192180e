//! A simulated Harbor: an HTTP server on a port of its own, with state, versions and faults.
//!
//! It answers as Harbor was recorded to (`tests/recordings`, replayed by `tests/it/recordings.rs`)
//! and as its source says where no recording exists. Tests steer it with [`SimulatedHarbor`] and
//! meet it over HTTP. It does not push over HTTP, scan, replicate, collect garbage or run
//! sessions: gateways have no use for those.
//!
//! Start reading at `exchange` (the way of a request) and `route` (which handler answers it).

mod accessory;
mod addition;
mod artifact;
mod audit;
mod builder;
mod call;
mod content;
mod control;
mod delivery;
mod distortion;
mod distribution;
mod exchange;
mod fault;
mod identity;
mod inventory;
mod journal;
mod member;
mod paging;
mod permission;
mod project;
mod query;
mod quota;
mod reply;
mod repository;
mod robot;
mod route;
mod search;
mod seeding;
mod server;
mod state;
mod system;
mod tag;
mod token;
mod version;
mod webhook;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpSocket;

pub use self::builder::Builder;
pub use self::content::{ArtifactKind, ArtifactSpec, Scan};
pub use self::fault::{ArmedFault, ErrorPage, Fault, FaultId};
pub use self::inventory::{PolicyState, ProjectState, RepositoryState};
pub use self::robot::{Access, Permission, RobotSpec};

use self::exchange::Shared;
use self::server::{Server, Service, reserve};

/// Steers one simulated Harbor, which stops when this is dropped.
///
/// What is changed here happens behind the back of clients: without audit rows, and without
/// webhooks but for pushes and deletions of artifacts. Names that do not exist are bugs of the
/// test and panic.
pub struct SimulatedHarbor {
    address: SocketAddr,
    scheme: &'static str,
    service: Service,
    phase: Mutex<Phase>,
}

enum Phase {
    Running(Server),
    /// Holds the port, so that no other test gets it before a restart.
    Stopped(TcpSocket),
    Changing,
}

impl SimulatedHarbor {
    /// The name of the system administrator that every Harbor has.
    pub const ADMIN: &str = "admin";
    /// The password of [`Self::ADMIN`].
    pub const ADMIN_PASSWORD: &str = "Harbor12345";

    /// Harbor 2.9.5 with one administrator and one empty public project, `library`.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Another version, address, or HTTPS.
    pub fn builder() -> Builder {
        Builder::new()
    }

    fn new(address: SocketAddr, scheme: &'static str, service: Service, server: Server) -> Self {
        Self { address, scheme, service, phase: Mutex::new(Phase::Running(server)) }
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// `127.0.0.1:PORT`, as image references begin.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Cuts every connection; connecting is refused until [`Self::restart`]. State stays.
    pub async fn stop(&self) {
        let before = std::mem::replace(&mut *self.phase(), Phase::Changing);
        let after = match before {
            Phase::Running(server) => {
                server.stop().await;
                Phase::Stopped(reserve(self.address).expect("the port was ours a moment ago"))
            }
            Phase::Stopped(socket) => Phase::Stopped(socket),
            Phase::Changing => panic!("the simulated Harbor is being stopped or restarted"),
        };
        *self.phase() = after;
    }

    /// Answers again, at the same address and with the same state.
    pub async fn restart(&self) {
        self.stop().await;
        let before = std::mem::replace(&mut *self.phase(), Phase::Changing);
        if let Phase::Stopped(socket) = before {
            let server = Server::start(socket, self.service.clone()).expect("the port is held");
            *self.phase() = Phase::Running(server);
        }
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.service.shared
    }
}
