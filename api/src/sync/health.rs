//! How a registry is, as its row tells it.

use std::time::Duration;

use ::entity::registry::{self, Failure, HealthState, Privilege};
use ::entity::registry_sync;
use sea_orm::ActiveValue::{self, Set};
use sea_orm::DbErr;
use sea_orm::prelude::*;

use super::look::Found;
use super::sweep::READ_ALL_AFTER;
use crate::clock;
use crate::storage::Write;
use crate::upstream::{self, Check, Probe};

/// What a look at a registry that answers found out.
#[derive(Debug)]
pub(super) struct Standing {
    degraded: Option<String>,
    version: Option<String>,
    latency: Duration,
    /// What the account may do. Unknown after a look that did not ask.
    rights: Option<Rights>,
}

#[derive(Debug)]
struct Rights {
    privilege: Privilege,
    /// What it lacks for PLATFORM scope.
    lacking: Option<String>,
}

impl From<Probe> for Standing {
    fn from(probe: Probe) -> Self {
        let rights = Rights { privilege: privilege(&probe), lacking: lacking(&probe) };
        let Probe { degraded, version, latency, .. } = probe;
        Self { degraded, version, latency, rights: Some(rights) }
    }
}

impl From<Check> for Standing {
    fn from(Check { degraded, version, latency }: Check) -> Self {
        Self { degraded, version, latency, rights: None }
    }
}

impl Standing {
    /// Whether the account's rights were looked into.
    pub(super) fn is_thorough(&self) -> bool {
        self.rights.is_some()
    }

    pub(super) fn latency_ms(&self) -> i32 {
        millis(self.latency)
    }
}

/// The state, and the one sentence that a person can act on.
pub fn health_of(probe: Result<&Probe, &upstream::Error>) -> (HealthState, Option<String>) {
    state(probe.map(|probe| probe.degraded.as_ref()))
}

fn state(degraded: Result<Option<&String>, &upstream::Error>) -> (HealthState, Option<String>) {
    match degraded {
        Ok(Some(cause)) => (HealthState::Degraded, Some(cause.clone())),
        Ok(None) => (HealthState::Healthy, None),
        Err(error) if error.is_unauthorized() => (HealthState::Unauthorized, Some(error.cause())),
        Err(error) => (HealthState::Unreachable, Some(error.cause())),
    }
}

/// What kind of failure it is, for those who may not read more of it.
pub fn failure_of(error: &upstream::Error) -> Failure {
    match error {
        upstream::Error::Unreachable { .. }
        | upstream::Error::Timeout
        | upstream::Error::Unavailable { .. }
        | upstream::Error::Conflict { .. }
        | upstream::Error::ReadOnly
        | upstream::Error::Rejected { .. }
        | upstream::Error::Unsupported { .. } => Failure::Silent,
        upstream::Error::Unauthorized | upstream::Error::Forbidden { .. } => Failure::Refused,
        upstream::Error::Malformed { .. }
        | upstream::Error::NotTheProduct { .. }
        | upstream::Error::UnsupportedVersion { .. }
        | upstream::Error::TooLarge => Failure::Nonsense,
        upstream::Error::Changed { .. } => Failure::Changed,
        upstream::Error::NotFound => Failure::Gone,
        upstream::Error::Unusable { .. }
        | upstream::Error::InvalidCertificate { .. }
        | upstream::Error::Blocked { .. } => Failure::Settings,
    }
}

/// Whether the registry as a whole does not answer, so that there is no use in asking it for the rest.
pub(super) fn is_outage(error: &upstream::Error) -> bool {
    match error {
        upstream::Error::Unreachable { .. }
        | upstream::Error::Timeout
        | upstream::Error::Unavailable { .. }
        | upstream::Error::Unauthorized
        | upstream::Error::Blocked { .. }
        | upstream::Error::Unusable { .. }
        | upstream::Error::InvalidCertificate { .. } => true,
        upstream::Error::Forbidden { .. }
        | upstream::Error::NotFound
        | upstream::Error::Conflict { .. }
        | upstream::Error::ReadOnly
        | upstream::Error::Rejected { .. }
        | upstream::Error::NotTheProduct { .. }
        | upstream::Error::UnsupportedVersion { .. }
        | upstream::Error::Unsupported { .. }
        | upstream::Error::Malformed { .. }
        | upstream::Error::Changed { .. }
        | upstream::Error::TooLarge => false,
    }
}

/// What a look at a registry changes in its row, not stamped yet; none if nothing.
pub(super) fn changed(
    row: &registry::Model,
    look: Result<&Standing, &upstream::Error>,
) -> Option<registry::ActiveModel> {
    let (state, cause) = state(look.map(|standing| standing.degraded.as_ref()));
    let is_platform = row.workspace_id.is_none();
    let rights = look.ok().and_then(|standing| standing.rights.as_ref());
    let (state, cause) = match rights.and_then(|rights| rights.lacking.clone()).filter(|_| is_platform) {
        // What was proven at integration holds no more.
        Some(lacking) if state == HealthState::Healthy => (HealthState::Degraded, Some(lacking)),
        _ => (state, cause),
    };
    let since = if state == row.health_state { row.health_since } else { Some(clock::now()) };
    let now = registry::Model {
        health_state: state,
        health_cause: cause,
        health_failure: look.err().map(failure_of),
        health_since: since,
        health_version: match look {
            Ok(standing) => stored_version(standing.version.as_deref()),
            Err(_) => row.health_version.clone(),
        },
        privilege: rights.map(|rights| rights.privilege).or(row.privilege),
        ..row.clone()
    };
    (now != *row).then(|| registry::ActiveModel {
        id: Set(now.id),
        health_state: Set(now.health_state),
        health_cause: Set(now.health_cause),
        health_failure: Set(now.health_failure),
        health_since: Set(now.health_since),
        health_version: Set(now.health_version),
        privilege: Set(now.privilege),
        ..Default::default()
    })
}

/// Writes down what [`changed`].
pub(super) async fn write(write: &Write, changed: registry::ActiveModel) -> Result<(), DbErr> {
    let stamped = registry::ActiveModel { version: Set(write.version()), ..changed };
    registry::Entity::update(stamped).exec(write.tx()).await?;
    Ok(())
}

/// Tells of a registry that came into another state; once, as nothing else changes the state.
pub(super) fn tell(before: &registry::Model, changed: &registry::ActiveModel) {
    let (ActiveValue::Set(state), ActiveValue::Set(cause)) = (&changed.health_state, &changed.health_cause) else {
        return;
    };
    if *state == before.health_state {
        return;
    }
    let (id, name, cause) = (before.id, before.name.as_str(), cause.as_deref().unwrap_or_default());
    if *state == HealthState::Healthy {
        tracing::info!(registry.id = %id, registry.name = name, "Registry `{name}` is well");
    } else {
        tracing::warn!(registry.id = %id, registry.name = name, cause, "Registry `{name}` is {state:?}");
    }
}

impl Found {
    /// What a probe that succeeded leaves in the row of its registry; `before` is the state that it had. The rest is in
    /// the registry's sync row: see [`sync_row`] and [`renewed_sync_row`].
    pub fn apply_to(&self, row: &mut registry::ActiveModel, before: Option<HealthState>) {
        let (state, cause) = health_of(Ok(&self.probe));
        row.health_state = Set(state);
        row.health_cause = Set(cause);
        row.health_failure = Set(None);
        if before != Some(state) {
            row.health_since = Set(Some(clock::now()));
        }
        row.health_version = Set(stored_version(self.probe.version.as_deref()));
        row.privilege = Set(Some(privilege(&self.probe)));
    }
}

/// The sync row of a registry that is integrated now: due at once.
pub fn sync_row(registry_id: Uuid, found: Option<&Found>) -> registry_sync::ActiveModel {
    registry_sync::ActiveModel {
        registry_id: Set(registry_id),
        holder: Set(None),
        fence: Set(0),
        lease_until_ms: Set(0),
        // Nothing is known of it yet, so everything is read all the same.
        sweeps_since_full: Set(0),
        ..renewed_sync_row(registry_id, found)
    }
}

/// What a change of settings leaves in the sync row: due at once, and to be read as a whole. Whoever sweeps keeps the
/// lease, and finds that the settings are others.
pub fn renewed_sync_row(registry_id: Uuid, found: Option<&Found>) -> registry_sync::ActiveModel {
    let mut row = registry_sync::ActiveModel {
        registry_id: Set(registry_id),
        due_ms: Set(0),
        sweeps_since_full: Set(READ_ALL_AFTER),
        full_since: Set(None),
        ..Default::default()
    };
    if let Some(found) = found {
        let now = clock::now();
        row.started_at = Set(Some(now));
        row.succeeded_at = Set(Some(now));
        row.checked_at = Set(Some(now));
        row.latency_ms = Set(Some(millis(found.probe.latency)));
        row.error = Set(None);
    }
    row
}

/// What the account lacks for PLATFORM scope, in one sentence.
pub fn lacking(probe: &Probe) -> Option<String> {
    if probe.lacks.is_empty() {
        return None;
    }
    Some(format!(
        "for the whole platform the account must be a system administrator, or a robot with the same rights: this one {}",
        probe.lacks.join(", "),
    ))
}

/// The stored form of what the account turned out to be.
pub fn privilege(probe: &Probe) -> Privilege {
    match probe.privilege {
        upstream::Privilege::SystemAdmin => Privilege::SystemAdmin,
        upstream::Privilege::User => Privilege::User,
        upstream::Privilege::Robot => Privilege::Robot,
        upstream::Privilege::Anonymous => Privilege::Anonymous,
    }
}

/// As much of it as its column holds.
fn stored_version(version: Option<&str>) -> Option<String> {
    version.map(|version| version.chars().take(100).collect())
}

fn millis(latency: Duration) -> i32 {
    i32::try_from(latency.as_millis()).unwrap_or(i32::MAX)
}
