//! Keeps the rows true to the registries: sweeps of health, spaces and images, first readings, and hints.
//!
//! Knows no viewer, no rule and no GraphQL. What it learns it writes to rows, which each process brings to memory by
//! itself; what it cannot learn it says. Registries are divided among the replicas by leases.
//!
//! A sweep of a registry (`sweep`) holds its `lease`, looks (`look`), writes health and spaces down (`health`, `space`),
//! sees to webhooks (`webhook`), and brings images up to date (`images`, `keep`). All that it writes goes through its
//! `reading`, so that nothing newer is overwritten.

mod first;
mod flight;
mod health;
mod hint;
mod images;
mod keep;
mod lease;
mod look;
mod plan;
mod reading;
mod report;
mod run;
mod sealed;
mod space;
mod sweep;
#[cfg(test)]
mod tests;
mod webhook;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::entity::registry::{self, HealthState, Kind};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbErr;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::flight::Flights;
pub use self::health::{failure_of, health_of, lacking, privilege, renewed_sync_row, sync_row};
use self::hint::Hints;
pub use self::look::{Found, Unseen};
pub use self::sealed::{Resealed, Secret, Unopened, list_unopened, reseal};
pub use self::space::{space_row, write_new_spaces, write_spaces};
use self::sweep::Ended;
pub use self::webhook::{webhook_authorization, webhook_context};
use crate::catalog::Snapshot;
use crate::clock;
use crate::metrics::Metrics;
use crate::mirror::Mirror;
use crate::storage::Storage;
use crate::upstream::{self, Address, Credentials, Endpoint, Reach, Tls, Upstream};
use crate::vault::Vault;

/// A registry whose account is refused is left alone for this long, or until its settings change: each try with a
/// wrong password locks the account's user out for a while (Harbor 2.9.5: 1.5 s, for every source address).
pub(crate) const REFUSED_PAUSE: Duration = Duration::from_secs(300);

/// How much of one registry is asked for at a time: as much as goes to one origin at a time.
const AT_A_TIME: usize = 4;

/// Rows that one transaction writes, and one statement: below every database's limit of values.
const ROWS_A_WRITE: usize = 1_000;

/// How many sweeps run at a time in this process. Some places are kept for those that a person waits for.
const SLOTS: usize = 12;
const ASKED_SLOTS: usize = 4;

/// Clients of Docker Registries that are kept.
const CLIENTS: usize = 1024;

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Sync {
    inner: Arc<Inner>,
}

/// What is configured of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often each registry is swept.
    pub interval: Duration,
    /// Who has waited for as long and got no answer has waited long enough to say that there is none.
    pub patience: Duration,
    /// Where registries reach this installation, without a slash at the end. None: no registry is told to.
    pub public_url: Option<String>,
    /// The path of a registry's notifications, by its id.
    pub webhook_path: fn(Uuid) -> String,
}

struct Inner {
    storage: Storage,
    mirror: Mirror,
    upstream: Upstream,
    vault: Arc<Vault>,
    metrics: Metrics,
    settings: Settings,
    /// Names this process in leases.
    process: Uuid,
    /// First readings of spaces under way, by space and the moment when its registry's settings last changed.
    first_reads: Flights<(Uuid, DateTime<Utc>), FirstRead>,
    /// Sweeps under way in this process, by registry.
    sweeps: Flights<Uuid, Result<Ended, Arc<Error>>>,
    slots: Semaphore,
    asked_slots: Semaphore,
    /// Ends the sweeps that nobody waits for.
    stopping: CancellationToken,
    hints: Hints,
    /// Registries that refused the account of this process, and are left alone for a while.
    refused: Mutex<HashMap<Uuid, Refusal>>,
    /// Clients of Docker Registries, with the settings that they were made of: they have learnt how each wants the account,
    /// and hold its tokens.
    clients: Mutex<HashMap<Uuid, (DateTime<Utc>, upstream::Registry)>>,
    /// When a registry was last looked at because somebody saw it fail.
    suspected: Mutex<HashMap<Uuid, Instant>>,
}

type FirstRead = Result<Arc<Snapshot>, Arc<upstream::Error>>;

/// An account that was refused.
#[derive(Clone, Copy)]
struct Refusal {
    /// When the settings that were refused last changed.
    settings: DateTime<Utc>,
    at: DateTime<Utc>,
}

/// Why a sweep could not be written. What the registry itself answered is in its row.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the registry is gone")]
    Gone,
    #[error("cannot read or write the database")]
    Database(#[from] DbErr),
}

impl Sync {
    pub fn new(
        storage: Storage,
        mirror: Mirror,
        upstream: Upstream,
        vault: Arc<Vault>,
        metrics: Metrics,
        settings: Settings,
    ) -> Self {
        let inner = Inner {
            storage,
            mirror,
            upstream,
            vault,
            metrics,
            settings,
            process: Uuid::new_v4(),
            first_reads: Flights::default(),
            sweeps: Flights::default(),
            slots: Semaphore::new(SLOTS),
            asked_slots: Semaphore::new(ASKED_SLOTS),
            stopping: CancellationToken::new(),
            hints: Hints::default(),
            refused: Mutex::default(),
            clients: Mutex::default(),
            suspected: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// How often each registry is swept.
    pub fn interval(&self) -> Duration {
        self.inner.settings.interval
    }

    /// Where registries reach this installation, if they do.
    pub fn public_url(&self) -> Option<&str> {
        self.inner.settings.public_url.as_deref()
    }

    /// The client of a stored registry.
    pub fn client(&self, row: &registry::Model) -> Result<upstream::Registry, upstream::Error> {
        // A Harbor's has nothing to learn, so that its account need not be kept at hand.
        if row.kind == Kind::Harbor {
            return self.new_client(row);
        }
        let known = |clients: &HashMap<Uuid, (DateTime<Utc>, upstream::Registry)>| {
            let (_, client) = clients.get(&row.id).filter(|(settings, _)| *settings == row.updated_at)?;
            Some(client.clone())
        };
        if let Some(client) = known(&self.inner.clients.lock().expect("no panic happens under this lock")) {
            return Ok(client);
        }
        let client = self.new_client(row)?;
        let mut clients = self.inner.clients.lock().expect("no panic happens under this lock");
        if clients.len() >= CLIENTS {
            // Registries that another replica removed are among them.
            clients.clear();
        }
        clients.insert(row.id, (row.updated_at, client.clone()));
        Ok(client)
    }

    fn new_client(&self, row: &registry::Model) -> Result<upstream::Registry, upstream::Error> {
        let address = address(row)?;
        let credentials = match (&row.username, &row.password) {
            (Some(username), Some(sealed)) => {
                let password = self.inner.vault.open(sealed, &seal_context(row.id, &address)).map_err(|error| {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(registry.id = %row.id, error, "A stored password cannot be opened");
                    unusable("Fairway cannot open the stored password: is its encryption key configured?")
                })?;
                Some(Credentials { username: username.clone(), password })
            }
            _ => None,
        };
        self.inner.upstream.registry(endpoint(row, address, credentials))
    }

    /// A client that has no account to use.
    fn anonymous_client(&self, row: &registry::Model) -> Result<upstream::Registry, upstream::Error> {
        self.inner.upstream.registry(endpoint(row, address(row)?, None))
    }

    /// Asks a registry something now. Not while its account is refused; and not beyond `deadline`, the wait for other
    /// requests to the same registry included.
    pub async fn ask<T, F>(
        &self,
        row: &registry::Model,
        deadline: Instant,
        question: impl FnOnce(upstream::Registry) -> F,
    ) -> Result<T, upstream::Error>
    where
        F: Future<Output = Result<T, upstream::Error>>,
    {
        if self.is_refused(row) {
            return Err(upstream::Error::Unauthorized);
        }
        let (client, begun) = (self.client(row)?, Instant::now());
        let answer = tokio::time::timeout_at(deadline, question(client.clone())).await.unwrap_or_else(|_| {
            // Not where the request had spent its time elsewhere before it came here.
            if begun.elapsed() >= self.inner.settings.patience {
                client.gave_up();
            }
            Err(upstream::Error::Timeout)
        });
        self.heed(row, answer.as_ref().err());
        answer
    }

    /// Remembers what an answer tells of the registry as a whole: a refused account is left alone for a while, and
    /// a registry whose users see another state than its health tells is looked at again.
    fn heed(&self, row: &registry::Model, failure: Option<&upstream::Error>) {
        match failure {
            None => {
                self.forget_refusal(row.id);
                if matches!(row.health_state, HealthState::Unauthorized | HealthState::Unreachable) {
                    self.suspect(row);
                }
            }
            Some(failure) => {
                if failure.is_unauthorized() {
                    self.note_refusal(row);
                }
                let passes_for_well = matches!(row.health_state, HealthState::Healthy | HealthState::Degraded);
                if passes_for_well && !failure.is_about_request() {
                    self.suspect(row);
                }
            }
        }
    }

    /// Whether the account is to be left alone. One that is known to be refused is tried by sweeps alone, so that there
    /// is one try in a while, however many replicas and readers there are.
    fn is_refused(&self, row: &registry::Model) -> bool {
        row.health_state == HealthState::Unauthorized || self.refused_at(row).is_some()
    }

    /// When this process saw the account refused, if that was with just these settings, lately, and before whatever made
    /// the registry what it is.
    fn refused_at(&self, row: &registry::Model) -> Option<DateTime<Utc>> {
        let pause = TimeDelta::from_std(REFUSED_PAUSE).unwrap_or(TimeDelta::MAX);
        let refused = self.inner.refused.lock().expect("no panic happens under this lock");
        let refusal = refused.get(&row.id).filter(|refusal| refusal.settings == row.updated_at)?;
        let is_outdated = row.health_state == HealthState::Healthy && row.health_since > Some(refusal.at);
        (!is_outdated && clock::now() - refusal.at < pause).then_some(refusal.at)
    }

    /// The pause begins with the first refusal, and is not prolonged by what follows from it.
    fn note_refusal(&self, row: &registry::Model) {
        if self.refused_at(row).is_none() {
            let refusal = Refusal { settings: row.updated_at, at: clock::now() };
            self.inner.refused.lock().expect("no panic happens under this lock").insert(row.id, refusal);
        }
    }

    /// Forgets what this process holds of a registry that is no more.
    pub fn forget(&self, registry: Uuid) {
        self.forget_refusal(registry);
        self.inner.clients.lock().expect("no panic happens under this lock").remove(&registry);
        self.inner.metrics.forget_registry(registry);
    }

    fn forget_refusal(&self, registry: Uuid) {
        self.inner.refused.lock().expect("no panic happens under this lock").remove(&registry);
    }
}

fn address(row: &registry::Model) -> Result<Address, upstream::Error> {
    Address::parse(&row.address).map_err(|_| unusable("the stored address is none"))
}

fn endpoint(row: &registry::Model, address: Address, credentials: Option<Credentials>) -> Endpoint {
    let tls = Tls { verify: row.tls_verify, ca_certificate: row.ca_certificate.clone() };
    Endpoint { kind: row.kind.into(), address, credentials, tls, reach: reach(row.workspace_id) }
}

/// How far the clients of a registry may reach, by its owner.
pub fn reach(workspace: Option<Uuid>) -> Reach {
    if workspace.is_some() { Reach::Workspace } else { Reach::Platform }
}

fn unusable(what: &str) -> upstream::Error {
    upstream::Error::Unusable { what: what.to_owned() }
}

impl From<Kind> for upstream::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Harbor => Self::Harbor,
            Kind::DockerRegistry => Self::DockerRegistry,
        }
    }
}

/// What a sealed password is bound to: moved to another registry or origin, it cannot be opened.
pub fn seal_context(id: Uuid, address: &Address) -> String {
    format!("registry:{id}:{}", address.origin())
}
