//! Clients for the registries behind Fairway: Harbor 2.4 and later, and Docker Registry (distribution 2.8, 3.x).
//!
//! Owns everything that goes over the wire to a registry: addresses, TLS, deadlines, retries, breakers, limits on bodies
//! and on concurrency, paging, and what each product's oddities mean. It is written like a crate of its own: it knows nothing
//! of tenants, viewers, SQL or GraphQL, keeps no state that outlives the process, and never decides what a failure
//! means for what Fairway shows.
//!
//! Start at [`Upstream::registry`]; the products are in `harbor` and `distribution`.

mod address;
mod distribution;
mod error;
mod guard;
mod harbor;
mod http;
mod name;
mod probe;
mod registry;
mod resource;
mod time;
mod tls;
mod version;
mod webhook;

#[cfg(test)]
mod testing;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use self::distribution::Documents;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::distribution::fuzzing;
use self::http::{Lane, Traffic, Transport};
pub use self::{
    address::{Address, AddressError},
    error::{Error, UnreachableKind},
    guard::{Guard, Guards, NetworkError, Networks, Reach},
    name::is_tag,
    probe::{Check, Privilege, Probe},
    registry::Registry,
    resource::{
        Artifact, ArtifactKey, Detail, Findings, Image, Platform, Quota, Recent, Report, Scan, Severity, Space,
        SpaceKey, Tag, TagKey, Visibility, tags_of,
    },
    tls::Tls,
    webhook::Webhook,
};

/// How many origins and TLS settings are remembered before idle ones are forgotten.
const REMEMBERED: usize = 1024;

/// What holds for every request to every registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Time for connecting and for the headers of one reply. A stalled body ends after the same time without a byte,
    /// a slow one after six times as long.
    pub timeout: Duration,
    /// The largest body read, after decompression.
    pub max_body_bytes: usize,
    /// How many requests may be under way to one origin.
    pub concurrency: usize,
    /// How long at most a registry that does not answer is left alone before one call may try again. It begins with a
    /// second and doubles; a registry that asks for it gets up to a minute.
    pub breaker_pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            max_body_bytes: 4 << 20,
            concurrency: 4,
            breaker_pause: Duration::from_secs(15),
        }
    }
}

/// All replies of one list together: more than a hundred thousand repositories take.
const MAX_LIST_BYTES: usize = 32 << 20;

/// The product at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Harbor 2.4 or later.
    Harbor,
    /// A Docker Registry: CNCF distribution, or what speaks its protocol.
    DockerRegistry,
}

/// The account that Fairway uses at a registry.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// A user name, or the full name of a robot (`robot$ci`).
    pub username: String,
    /// The password, the robot's secret, or the CLI secret of an OIDC user.
    pub password: secrecy::SecretString,
}

/// One registry: where it is, what it is, and as whom to speak to it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The product expected there.
    pub kind: Kind,
    /// Where it is.
    pub address: Address,
    /// The account; Docker Registry may have none.
    pub credentials: Option<Credentials>,
    /// How its certificate is checked.
    pub tls: Tls,
    /// In which networks it may be.
    pub reach: Reach,
}

/// Where clients for registries come from.
///
/// Clones share their connections and their limits, so there is one of it in a process.
#[derive(Clone)]
pub struct Upstream {
    settings: Arc<Settings>,
    guards: Guards,
    /// Connections are pooled inside a client, so there is one client for each way of checking certificates, and for each
    /// reach: what was opened under one guard is not for the other.
    clients: Arc<Mutex<HashMap<(Tls, Reach), reqwest::Client>>>,
    lanes: Arc<Mutex<HashMap<String, Arc<Lane>>>>,
    traffic: Arc<Traffic>,
    documents: Arc<Documents>,
}

impl Upstream {
    /// Makes the clients' common part. Opens no connection.
    pub fn new(settings: Settings, guards: Guards) -> Self {
        // An Err says that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            settings: Arc::new(settings),
            guards,
            clients: Arc::default(),
            lanes: Arc::default(),
            traffic: Arc::default(),
            documents: Arc::default(),
        }
    }

    /// A client for one registry. Cheap, and sends nothing.
    ///
    /// # Errors
    /// [`Error::InvalidCertificate`] if the CA certificate is no PEM; [`Error::Blocked`] if the address is an IP address
    /// in a network that registries may not be in (names are checked when they are resolved).
    pub fn registry(&self, endpoint: Endpoint) -> Result<Registry, Error> {
        self.guards.of(endpoint.reach).check_address(&endpoint.address)?;
        let client = self.client(endpoint.tls, endpoint.reach)?;
        let lane = self.lane(&endpoint.address);
        let transport = Transport::new(client, endpoint.address, lane, Settings::clone(&self.settings));
        Ok(Registry::new(endpoint.kind, transport, endpoint.credentials, self.documents.clone()))
    }

    /// HTTP requests sent to registries so far, retries included.
    pub fn requests(&self) -> u64 {
        self.traffic.requests()
    }

    /// How many of [`Upstream::requests`] no registry answered: no connection, no reply in time, or a 5xx.
    pub fn failures(&self) -> u64 {
        self.traffic.failures()
    }

    fn client(&self, tls: Tls, reach: Reach) -> Result<reqwest::Client, Error> {
        let mut clients = lock(&self.clients);
        let key = (tls, reach);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = tls::client(&key.0, &self.settings, self.guards.of(reach).clone())?;
        if clients.len() >= REMEMBERED {
            // Clients in use live on in their registries; only their sharing ends.
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }

    fn lane(&self, address: &Address) -> Arc<Lane> {
        let mut lanes = lock(&self.lanes);
        if lanes.len() >= REMEMBERED {
            // A lane in use is kept: two of them for one registry would double what it allows.
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let lane = || Arc::new(Lane::new(&self.settings, self.traffic.clone()));
        lanes.entry(address.as_str().to_owned()).or_insert_with(lane).clone()
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Locks what is only ever held for a look-up: a panic elsewhere cannot have left it half changed.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
