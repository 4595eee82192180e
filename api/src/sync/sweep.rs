//! One registry's health and spaces, read and written down.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ::entity::registry::{self, HealthState, Privilege};
use ::entity::space::{self, Visibility};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::*;

use super::{Error, Sync};
use crate::clock;
use crate::storage::{Raises, Write};
use crate::upstream::{self, Probe, Space};

/// What one look at a registry found.
pub struct Found {
    pub probe: Probe,
    pub spaces: Vec<Space>,
}

impl Sync {
    /// Proves the account and lists the spaces, storing nothing.
    pub async fn look(&self, client: &upstream::Registry) -> Result<Found, upstream::Error> {
        let probe = client.probe().await?;
        let spaces = client.list_spaces().await?;
        Ok(Found { probe, spaces })
    }

    /// A sweep, because a person asked for it: also when the account was refused a moment ago.
    pub async fn refresh(&self, id: Uuid) -> Result<(), Arc<Error>> {
        self.forget_refusal(id);
        if let Some(earlier) = self.inner.sweeps.under_way(&id) {
            // What it has read already may be older than what this person knows.
            let _ = earlier.await;
        }
        self.sweep(id).await
    }

    /// Probes the registry, reads its spaces and writes both down. Who asks while a sweep of it is under way shares
    /// it. What the registry answered, a failure too, is in its row afterwards.
    pub(super) async fn sweep(&self, id: Uuid) -> Result<(), Arc<Error>> {
        let sync = self.clone();
        let swept = self.inner.sweeps.join(id, async move { sync.sweep_once(id).await.map_err(Arc::new) });
        swept.await.unwrap_or(Err(Arc::new(Error::Gone)))
    }

    async fn sweep_once(&self, id: Uuid) -> Result<(), Error> {
        let storage = &self.inner.storage;
        let noted = storage.epoch().await?.version();
        let row = registry::Entity::find_by_id(id).one(storage.connection()).await?.ok_or(Error::Gone)?;
        let started_at = clock::now();
        let client = self.client(&row);
        let found = match &client {
            // Each try would lock the account's owner out once more.
            _ if self.is_refused(&row) => Err(upstream::Error::Unauthorized),
            Ok(client) => self.look(client).await,
            Err(unusable) => Err(unusable.clone()),
        };
        match &found {
            Ok(_) => self.forget_refusal(id),
            Err(error) if error.is_unauthorized() => self.note_refusal(&row),
            Err(_) => {}
        }

        let known = space::Entity::find().filter(space::Column::RegistryId.eq(id)).all(storage.connection()).await?;
        let unseen = match (&client, &found) {
            (Ok(client), Ok(found)) => self.look_again(client, &known, found).await,
            _ => HashMap::new(),
        };
        let write = storage.write(Raises::Access).await?;
        let Some(now) = registry::Entity::find_by_id(id).one(write.tx()).await? else { return Err(Error::Gone) };
        if now.updated_at != row.updated_at {
            // The settings changed meanwhile: what was found tells of others.
            return Ok(());
        }
        write_health(&write, &now, found.as_ref().map(|found| &found.probe), started_at).await?;
        if let Ok(found) = &found {
            write_spaces(&write, id, noted, &found.spaces, &unseen).await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// Asks once more for each known space that a complete list did not show.
    async fn look_again(
        &self,
        client: &upstream::Registry,
        known: &[space::Model],
        found: &Found,
    ) -> HashMap<Uuid, Unseen> {
        let mut unseen = HashMap::new();
        let listed: HashSet<&str> = found.spaces.iter().map(|space| space.id.as_str()).collect();
        for row in known.iter().filter(|row| !row.missing && !listed.contains(row.upstream_id.as_str())) {
            let answer = match client.get_space(&row.upstream_id).await {
                Ok(Some(space)) if space.name == row.name => Unseen::Present(space),
                Ok(_) => Unseen::Gone,
                Err(_) => Unseen::Unsure,
            };
            unseen.insert(row.id, answer);
        }
        unseen
    }
}

/// What the second look at a space found that was absent from the list.
pub enum Unseen {
    Present(Space),
    Gone,
    /// Refused or not answered: no proof that it is gone.
    Unsure,
}

/// The state, and the one sentence that a person can act on.
pub fn health_of(probe: Result<&Probe, &upstream::Error>) -> (HealthState, Option<String>) {
    match probe {
        Ok(probe) => match &probe.degraded {
            Some(cause) => (HealthState::Degraded, Some(cause.clone())),
            None => (HealthState::Healthy, None),
        },
        Err(error) if error.is_unauthorized() => (HealthState::Unauthorized, Some(error.cause())),
        Err(error) => (HealthState::Unreachable, Some(error.cause())),
    }
}

async fn write_health(
    write: &Write,
    row: &registry::Model,
    probe: Result<&Probe, &upstream::Error>,
    started_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let now = clock::now();
    let is_platform = row.workspace_id.is_none();
    let (state, cause) = match (health_of(probe), probe) {
        // What was proven at integration holds no more.
        ((HealthState::Healthy, _), Ok(probe)) if is_platform && !probe.lacks.is_empty() => {
            (HealthState::Degraded, lacking(probe))
        }
        (health, _) => health,
    };
    let mut changed = registry::ActiveModel {
        id: Set(row.id),
        health_state: Set(state),
        health_cause: Set(cause.clone()),
        health_checked_at: Set(Some(now)),
        sync_started_at: Set(Some(started_at)),
        sync_error: Set(probe.is_err().then_some(cause).flatten()),
        version: Set(write.version()),
        ..Default::default()
    };
    if state != row.health_state {
        changed.health_since = Set(Some(now));
    }
    match probe {
        Ok(probe) => {
            changed.health_version = Set(version(probe));
            changed.health_latency_ms = Set(Some(latency_ms(probe)));
            changed.privilege = Set(Some(privilege(probe)));
            changed.sync_succeeded_at = Set(Some(now));
        }
        Err(_) => changed.health_latency_ms = Set(None),
    }
    registry::Entity::update(changed).exec(write.tx()).await?;
    Ok(())
}

/// Writes down a complete list of spaces, by R7: what is gone and what is private. Rows that others changed after the
/// version `noted` are left as they are: the list may be older.
pub async fn write_spaces(
    write: &Write,
    registry_id: Uuid,
    noted: i64,
    listed: &[Space],
    unseen: &HashMap<Uuid, Unseen>,
) -> Result<(), DbErr> {
    let rows = space::Entity::find().filter(space::Column::RegistryId.eq(registry_id)).all(write.tx()).await?;
    let by_upstream_id: HashMap<&str, &space::Model> = rows.iter().map(|row| (row.upstream_id.as_str(), row)).collect();
    let mut new = Vec::new();
    for space in listed {
        match by_upstream_id.get(space.id.as_str()) {
            // Changed through Fairway after this sweep began: what the sweep saw may be older.
            Some(row) if row.version > noted => {}
            Some(row) => see(write, row, space).await?,
            None => new.push(space),
        }
    }
    write_new_spaces(write, registry_id, new.into_iter()).await?;

    let names: HashSet<&str> = listed.iter().map(|space| space.name.as_str()).collect();
    for row in rows.iter().filter(|row| row.version <= noted) {
        match unseen.get(&row.id) {
            None => {}
            Some(Unseen::Present(space)) => see(write, row, space).await?,
            Some(verdict) => {
                let is_gone = matches!(verdict, Unseen::Gone);
                // One absence is no proof of removal: a second sweep has to miss it too. It is private at once.
                let unseen_since = row.unseen_since.or_else(|| is_gone.then(clock::now));
                // Another space under its name is proof enough.
                let is_replaced = is_gone && names.contains(row.name.as_str());
                let missing = row.missing || is_replaced || (is_gone && row.unseen_since.is_some());
                if (row.visibility, row.unseen_since, row.missing) == (Visibility::Private, unseen_since, missing) {
                    continue;
                }
                let changed = space::ActiveModel {
                    id: Set(row.id),
                    visibility: Set(Visibility::Private),
                    unseen_since: Set(unseen_since),
                    missing: Set(missing),
                    image_count: Set(if missing { Some(0) } else { row.image_count }),
                    version: Set(write.version()),
                    ..Default::default()
                };
                space::Entity::update(changed).exec(write.tx()).await?;
            }
        }
    }
    Ok(())
}

/// Writes down spaces that Fairway sees for the first time.
pub async fn write_new_spaces(
    write: &Write,
    registry_id: Uuid,
    spaces: impl Iterator<Item = &Space>,
) -> Result<(), DbErr> {
    /// Twelve values a row: below every database's limit of values in a statement.
    const ROWS_A_STATEMENT: usize = 1_000;
    let rows: Vec<_> = spaces.map(|space| space_row(Uuid::now_v7(), registry_id, space, write.version())).collect();
    for chunk in rows.chunks(ROWS_A_STATEMENT) {
        space::Entity::insert_many(chunk.to_vec()).exec_without_returning(write.tx()).await?;
    }
    Ok(())
}

async fn see(write: &Write, row: &space::Model, space: &Space) -> Result<(), DbErr> {
    let seen = space::Model {
        name: space.name.clone(),
        visibility: visibility(space),
        is_proxy_cache: space.is_proxy_cache,
        image_count: space.image_count.or(row.image_count),
        created_at: space.created_at.or(row.created_at),
        missing: false,
        unseen_since: None,
        ..row.clone()
    };
    if seen == *row {
        return Ok(());
    }
    let changed = space::ActiveModel {
        id: Set(row.id),
        name: Set(seen.name),
        visibility: Set(seen.visibility),
        is_proxy_cache: Set(seen.is_proxy_cache),
        image_count: Set(seen.image_count),
        created_at: Set(seen.created_at),
        missing: Set(false),
        unseen_since: Set(None),
        version: Set(write.version()),
        ..Default::default()
    };
    space::Entity::update(changed).exec(write.tx()).await?;
    Ok(())
}

/// The row of a space that Fairway sees for the first time.
pub fn space_row(id: Uuid, registry_id: Uuid, space: &Space, version: i64) -> space::ActiveModel {
    space::ActiveModel {
        id: Set(id),
        registry_id: Set(registry_id),
        upstream_id: Set(space.id.clone()),
        name: Set(space.name.clone()),
        visibility: Set(visibility(space)),
        is_proxy_cache: Set(space.is_proxy_cache),
        image_count: Set(space.image_count),
        missing: Set(false),
        unseen_since: Set(None),
        images_as_of: Set(None),
        created_at: Set(space.created_at),
        version: Set(version),
    }
}

fn visibility(space: &Space) -> Visibility {
    match space.visibility {
        upstream::Visibility::Public => Visibility::Public,
        upstream::Visibility::Private => Visibility::Private,
    }
}

impl Found {
    /// What a probe that succeeded leaves in the row of its registry; `before` is the state that it had.
    pub fn apply_to(&self, row: &mut registry::ActiveModel, before: Option<HealthState>) {
        let now = clock::now();
        let (state, cause) = health_of(Ok(&self.probe));
        row.health_state = Set(state);
        row.health_cause = Set(cause);
        if before != Some(state) {
            row.health_since = Set(Some(now));
        }
        row.health_checked_at = Set(Some(now));
        row.health_latency_ms = Set(Some(latency_ms(&self.probe)));
        row.health_version = Set(version(&self.probe));
        row.privilege = Set(Some(privilege(&self.probe)));
        row.sync_started_at = Set(Some(now));
        row.sync_succeeded_at = Set(Some(now));
        row.sync_error = Set(None);
    }
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

/// As much of it as its column holds.
fn version(probe: &Probe) -> Option<String> {
    probe.version.as_ref().map(|version| version.chars().take(100).collect())
}

fn latency_ms(probe: &Probe) -> i32 {
    i32::try_from(probe.latency.as_millis()).unwrap_or(i32::MAX)
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
