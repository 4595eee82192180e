//! Keeps `entity` and `catalog` true to the registries: probes, sweeps of spaces, and the images of a space.
//!
//! Knows no viewer, no rule and no GraphQL. What it learns it writes to rows; what it cannot learn it says.
//! Images are loaded when somebody asks, and the last known ones are kept for when a registry does not answer.

mod flight;
mod images;
mod sweep;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::entity::registry::{self, HealthState, Kind};
use chrono::{DateTime, Utc};
use sea_orm::{DbErr, EntityTrait};
use tokio::time::Instant;
use uuid::Uuid;

use self::flight::Flights;
pub use self::images::Loaded;
pub use self::sweep::{Found, health_of, lacking, privilege, space_row, write_new_spaces, write_spaces};
use crate::catalog::Catalog;
use crate::storage::Storage;
use crate::upstream::{self, Address, Credentials, Endpoint, Tls, Upstream};
use crate::vault::Vault;

/// A registry whose account is refused is left alone for this long, or until its settings change: each try with a
/// wrong password locks the account's user out for a while (Harbor 2.9.5: 1.5 s, for every source address).
pub(crate) const REFUSED_PAUSE: Duration = Duration::from_secs(300);

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Sync {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    upstream: Upstream,
    vault: Arc<Vault>,
    catalog: Arc<Catalog>,
    interval: Duration,
    /// Loads of images under way, by space and the moment when its registry's settings last changed.
    loads: Flights<(Uuid, DateTime<Utc>), Result<Loaded, Arc<upstream::Error>>>,
    /// Sweeps under way, by registry.
    sweeps: Flights<Uuid, Result<(), Arc<Error>>>,
    /// Registries that refused the account, and are left alone for a while.
    refused: Mutex<HashMap<Uuid, Refusal>>,
    /// When a registry was last looked at because somebody saw it fail.
    suspected: Mutex<HashMap<Uuid, Instant>>,
    /// When the moment at which a space's images were last true was last written down.
    dated: Mutex<HashMap<Uuid, DateTime<Utc>>>,
}

/// An account that was refused.
#[derive(Clone, Copy)]
struct Refusal {
    /// When the settings that were refused last changed.
    settings: DateTime<Utc>,
    until: DateTime<Utc>,
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
        upstream: Upstream,
        vault: Arc<Vault>,
        catalog: Arc<Catalog>,
        interval: Duration,
    ) -> Self {
        let inner = Inner {
            storage,
            upstream,
            vault,
            catalog,
            interval,
            loads: Flights::default(),
            sweeps: Flights::default(),
            refused: Mutex::default(),
            suspected: Mutex::default(),
            dated: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The client of a stored registry.
    pub fn client(&self, row: &registry::Model) -> Result<upstream::Registry, upstream::Error> {
        let unusable = |what: &str| upstream::Error::Unusable { what: what.to_owned() };
        let address = Address::parse(&row.address).map_err(|_| unusable("the stored address is none"))?;
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
        let tls = Tls { verify: row.tls_verify, ca_certificate: row.ca_certificate.clone() };
        self.inner.upstream.registry(Endpoint { kind: row.kind.into(), address, credentials, tls })
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
        let answer = tokio::time::timeout_at(deadline, question(self.client(row)?));
        let answer = answer.await.unwrap_or(Err(upstream::Error::Timeout));
        self.heed(row, answer.as_ref().err());
        answer
    }

    /// Sweeps each registry once an interval, until `shutdown` ends. Spread over the interval, so that a thousand
    /// registries are not asked in the same second.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        let mut due: HashMap<Uuid, Instant> = HashMap::new();
        loop {
            let tick = self.inner.interval / 12;
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(tick) => {}
            }
            let rows = match registry::Entity::find().all(self.inner.storage.connection()).await {
                Ok(rows) => rows,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "The registries cannot be listed");
                    continue;
                }
            };
            let now = Instant::now();
            due.retain(|id, _| rows.iter().any(|row| row.id == *id));
            for row in &rows {
                let next = due.entry(row.id).or_insert_with(|| now + self.first_pause(row.id));
                if *next > now || self.is_refused(row) {
                    continue;
                }
                *next = now + self.inner.interval;
                self.sweep_aside(row.id);
            }
        }
    }

    /// Whether this process is sweeping the registry now.
    pub fn is_sweeping(&self, registry: Uuid) -> bool {
        self.inner.sweeps.under_way(&registry).is_some()
    }

    /// A part of the interval that follows from the id: the same for each start.
    fn first_pause(&self, id: Uuid) -> Duration {
        let share = (id.as_u128() % 1_000) as u32;
        self.inner.interval * (500 + share / 2) / 1_000
    }

    /// Whether the account was refused with just these settings, and lately.
    fn is_refused(&self, row: &registry::Model) -> bool {
        let refused = self.inner.refused.lock().expect("no panic happens under this lock");
        refused
            .get(&row.id)
            .is_some_and(|refusal| refusal.settings == row.updated_at && refusal.until > crate::clock::now())
    }

    /// Remembers what an answer tells of the registry as a whole: a refused account is left alone for a while, and
    /// a registry whose users see another state than its health tells is looked at again.
    fn heed(&self, row: &registry::Model, failure: Option<&upstream::Error>) {
        match failure {
            None => {
                self.forget_refusal(row.id);
                let passes_for_down = matches!(row.health_state, HealthState::Unauthorized | HealthState::Unreachable);
                if passes_for_down && self.may_suspect(row.id) {
                    self.sweep_aside(row.id);
                }
            }
            Some(failure) => {
                if failure.is_unauthorized() {
                    self.note_refusal(row);
                }
                let passes_for_well = matches!(row.health_state, HealthState::Healthy | HealthState::Degraded);
                if passes_for_well && !failure.is_about_request() && self.may_suspect(row.id) {
                    self.sweep_aside(row.id);
                }
            }
        }
    }

    /// Whether nobody looked at the registry for this reason a moment ago.
    fn may_suspect(&self, registry: Uuid) -> bool {
        const MOMENT: Duration = Duration::from_secs(10);
        let now = Instant::now();
        let mut suspected = self.inner.suspected.lock().expect("no panic happens under this lock");
        suspected.retain(|_, at| now.duration_since(*at) < MOMENT);
        suspected.insert(registry, now).is_none_or(|at| now.duration_since(at) >= MOMENT)
    }

    /// Sweeps the registry, and nobody waits for it.
    pub fn sweep_aside(&self, registry: Uuid) {
        let sync = self.clone();
        tokio::spawn(async move {
            if let Err(error) = sync.sweep(registry).await {
                let error: &dyn std::error::Error = &*error;
                tracing::warn!(registry.id = %registry, error, "The registry was not synchronized");
            }
        });
    }

    /// The pause begins with the first refusal, and is not prolonged by what follows from it.
    fn note_refusal(&self, row: &registry::Model) {
        if !self.is_refused(row) {
            let until = crate::clock::now() + REFUSED_PAUSE;
            let mut refused = self.inner.refused.lock().expect("no panic happens under this lock");
            refused.insert(row.id, Refusal { settings: row.updated_at, until });
        }
    }

    /// Forgets the images of spaces that are no more.
    pub fn retain(&self, is_there: impl Fn(Uuid) -> bool) {
        self.inner.dated.lock().expect("no panic happens under this lock").retain(|space, _| is_there(*space));
        self.inner.catalog.retain(is_there);
    }

    fn forget_refusal(&self, registry: Uuid) {
        self.inner.refused.lock().expect("no panic happens under this lock").remove(&registry);
    }
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
