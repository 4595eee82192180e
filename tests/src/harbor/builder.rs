//! How a simulated Harbor is set up before it starts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::mpsc;

use super::SimulatedHarbor;
use super::exchange::Shared;
use super::fault::FaultBoard;
use super::journal::Journal;
use super::server::{Server, Service, reserve};
use super::state::State;
use super::version::Version;
use super::{project, system};

/// See [`SimulatedHarbor::builder`].
pub struct Builder {
    version: String,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self { version: "v2.9.5".to_owned(), address: SocketAddr::from(([127, 0, 0, 1], 0)), tls: None }
    }

    /// `v2.0.0` to `v2.15.2`, or `1.10` for a Harbor with the older API.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// The address to serve at; 127.0.0.1 and a free port by default.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Serves HTTPS with this chain and key, both in PEM.
    ///
    /// # Panics
    /// Where they cannot be read or do not belong together.
    #[must_use]
    pub fn tls(mut self, certificates_pem: &str, key_pem: &str) -> Self {
        let chain = CertificateDer::pem_slice_iter(certificates_pem.as_bytes())
            .collect::<Result<_, _>>()
            .expect("the certificates are PEM");
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).expect("the key is PEM");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks the default versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("the key belongs to the certificate");
        self.tls = Some(Arc::new(config));
        self
    }

    /// # Panics
    /// Where the address is taken.
    pub async fn start(self) -> SimulatedHarbor {
        // Somebody else may have installed one; webhooks only need that there is one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let socket = reserve(self.address).expect("the address is free");
        let address = socket.local_addr().expect("a bound socket has an address");
        let scheme = if self.tls.is_some() { "https" } else { "http" };

        let (deliveries, queue) = mpsc::unbounded_channel();
        let mut state = State::new(Version::parse(&self.version), deliveries);
        state.external_url = format!("{scheme}://{address}");
        furnish(&mut state);

        let service = Service {
            shared: Arc::new(Shared {
                state: std::sync::Mutex::new(state),
                journal: Journal::new(),
                faults: FaultBoard::default(),
                latency: std::sync::Mutex::default(),
            }),
            tls: self.tls,
            queue: Arc::new(tokio::sync::Mutex::new(queue)),
        };
        let server = Server::start(socket, service.clone()).expect("a bound socket can listen");
        SimulatedHarbor::new(address, scheme, service, server)
    }
}

/// What a fresh Harbor holds: an administrator, an anonymous user's id, a public project.
fn furnish(state: &mut State) {
    let admin = SimulatedHarbor::ADMIN;
    let id = system::insert_user(state, admin, SimulatedHarbor::ADMIN_PASSWORD, true);
    state.ids.user.draw();
    let metadata = BTreeMap::from([("public".to_owned(), "true".to_owned())]);
    project::insert(state, "library", metadata, (id, admin.to_owned()));
}
