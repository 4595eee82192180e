//! The images of a space: loaded when somebody asks, each identical load once, and kept for when it fails.

use std::collections::HashMap;
use std::sync::Arc;

use ::entity::{image, registry, space};
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder;
use sea_orm::prelude::*;
use sea_orm::sea_query::OnConflict;
use tokio::time::{Instant, timeout_at};

use super::Sync;
use crate::catalog::{Entry, ImageData, Snapshot};
use crate::clock;
use crate::storage::Raises;
use crate::upstream::{self, SpaceKey};

/// Rows written by one statement: seven values each, below every database's limit.
const ROWS_A_STATEMENT: usize = 1_000;

/// The images of one space, as of a moment.
#[derive(Clone)]
pub struct Loaded {
    /// None when no images were ever known of it.
    pub snapshot: Option<Arc<Snapshot>>,
    pub as_of: Option<DateTime<Utc>>,
    /// Why these are the last known ones, and not those of now.
    pub failure: Option<Arc<upstream::Error>>,
}

impl Sync {
    /// Brings the last known images of all spaces to memory: at start, before any registry has answered.
    pub async fn recall(&self) -> Result<usize, DbErr> {
        let storage = &self.inner.storage;
        let moments: HashMap<Uuid, DateTime<Utc>> = space::Entity::find()
            .all(storage.connection())
            .await?
            .into_iter()
            .filter_map(|row| Some((row.id, row.images_as_of?)))
            .collect();
        let rows = image::Entity::find().order_by_asc(image::Column::SpaceId).all(storage.connection()).await?;
        let n_images = rows.len();
        let mut by_space: HashMap<Uuid, Vec<ImageData>> = moments.keys().map(|id| (*id, Vec::new())).collect();
        for row in rows {
            by_space.entry(row.space_id).or_default().push(data_of(row));
        }
        for (id, images) in by_space {
            if let Some(as_of) = moments.get(&id) {
                let snapshot = Arc::new(Snapshot::build(images));
                self.inner.catalog.replace(id, Entry { snapshot, as_of: *as_of });
            }
        }
        Ok(n_images)
    }

    /// The images of these spaces now, all loaded at once and in the order given; for one whose registry fails or
    /// does not answer within `deadline`, the last known ones with the failure. A load goes on when nobody waits
    /// for it any more: who asks next finds its result.
    pub async fn images(&self, spaces: &[(Arc<registry::Model>, Arc<space::Model>)], deadline: Instant) -> Vec<Loaded> {
        let loads = spaces.iter().cloned().map(|(registry, space)| self.images_of(registry, space, deadline));
        join_all(loads).await
    }

    async fn images_of(&self, registry: Arc<registry::Model>, space: Arc<space::Model>, deadline: Instant) -> Loaded {
        let (sync, id) = (self.clone(), space.id);
        // Under other settings it is another load.
        let load = self.inner.loads.join((id, registry.updated_at), sync.load(registry, space));
        let failure = match timeout_at(deadline, load).await {
            Ok(Some(Ok(loaded))) => return loaded,
            Ok(Some(Err(failure))) => failure,
            Ok(None) => Arc::new(upstream::Error::Malformed { what: "its list of images".into() }),
            Err(_elapsed) => Arc::new(upstream::Error::Timeout),
        };
        self.last_known(id, Some(failure))
    }

    /// What was known of the space before `failure`.
    pub fn last_known(&self, space: Uuid, failure: Option<Arc<upstream::Error>>) -> Loaded {
        let kept = self.inner.catalog.get(space);
        Loaded {
            snapshot: kept.as_ref().map(|entry| entry.snapshot.clone()),
            as_of: kept.map(|entry| entry.as_of),
            failure,
        }
    }

    async fn load(
        self,
        registry: Arc<registry::Model>,
        space: Arc<space::Model>,
    ) -> Result<Loaded, Arc<upstream::Error>> {
        if self.is_refused(&registry) {
            return Err(Arc::new(upstream::Error::Unauthorized));
        }
        let key = SpaceKey { id: space.upstream_id.clone(), name: space.name.clone() };
        let as_of = clock::now();
        let listed = match self.client(&registry) {
            Ok(client) => client.list_images(&key).await,
            Err(unusable) => Err(unusable),
        };
        self.heed(&registry, listed.as_ref().err());
        let images = listed.map_err(|error| {
            tracing::warn!(
                registry.id = %registry.id,
                space.name = %space.name,
                error = &error as &dyn std::error::Error,
                "The images of a space were not loaded",
            );
            Arc::new(error)
        })?;
        let loaded = Arc::new(Snapshot::build(images.into_iter().filter_map(data)));
        let kept = self.inner.catalog.get(space.id);
        if kept.as_ref().is_some_and(|entry| entry.as_of > as_of) {
            // A load that began later came first.
            return Ok(Loaded { snapshot: Some(loaded), as_of: Some(as_of), failure: None });
        }
        let snapshot = match &kept {
            Some(entry) if *entry.snapshot == *loaded => entry.snapshot.clone(),
            _ => loaded,
        };
        let is_news = kept.as_ref().is_none_or(|entry| !Arc::ptr_eq(&entry.snapshot, &snapshot));
        let is_kept = !is_news
            || self.keep(&registry, space.id, &snapshot, as_of).await.unwrap_or_else(|error| {
                // The answer is true all the same. What was known stays known, and the next load tries again.
                let error: &dyn std::error::Error = &error;
                tracing::error!(space.id = %space.id, error, "The images of a space were not written down");
                false
            });
        if !is_news && let Err(error) = self.date(space.id, as_of).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(space.id = %space.id, error, "The age of a space's images was not written down");
        }
        if is_kept {
            self.inner.catalog.replace(space.id, Entry { snapshot: snapshot.clone(), as_of });
        }
        Ok(Loaded { snapshot: Some(snapshot), as_of: Some(as_of), failure: None })
    }

    /// Writes down that the images are still true, once an interval: what a restart tells of their age. Nobody keeps
    /// that moment in memory, so the epoch stays.
    async fn date(&self, space: Uuid, as_of: DateTime<Utc>) -> Result<(), DbErr> {
        {
            let mut dated = self.inner.dated.lock().expect("no panic happens under this lock");
            let interval = chrono::TimeDelta::from_std(self.inner.interval).unwrap_or(chrono::TimeDelta::MAX);
            if dated.get(&space).is_some_and(|last| as_of - *last < interval) {
                return Ok(());
            }
            dated.insert(space, as_of);
        }
        let changed = space::ActiveModel { id: Set(space), images_as_of: Set(Some(as_of)), ..Default::default() };
        space::Entity::update(changed).exec(self.inner.storage.connection()).await?;
        Ok(())
    }

    /// Makes the rows equal to what is known now, whoever wrote them. False, and nothing done, when the space is gone
    /// or its registry's settings have changed meanwhile.
    async fn keep(
        &self,
        registry: &registry::Model,
        space_id: Uuid,
        now: &Snapshot,
        as_of: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let write = self.inner.storage.write(Raises::Content).await?;
        let settings = registry::Entity::find_by_id(registry.id).one(write.tx()).await?;
        let space = space::Entity::find_by_id(space_id).one(write.tx()).await?;
        if space.is_none() || settings.is_none_or(|settings| settings.updated_at != registry.updated_at) {
            return Ok(false);
        }
        let rows = image::Entity::find().filter(image::Column::SpaceId.eq(space_id)).all(write.tx()).await?;
        let before = Snapshot::build(rows.into_iter().map(data_of));
        let changes = before.diff(now);
        for gone in changes.removed.chunks(ROWS_A_STATEMENT) {
            let repositories = gone.iter().map(|row| before.image(*row).repository.to_owned());
            image::Entity::delete_many()
                .filter(image::Column::SpaceId.eq(space_id))
                .filter(image::Column::Repository.is_in(repositories))
                .exec(write.tx())
                .await?;
        }
        let news: Vec<usize> = changes.added.into_iter().chain(changes.changed).collect();
        for chunk in news.chunks(ROWS_A_STATEMENT) {
            let rows = chunk.iter().map(|row| {
                let image = now.image(*row);
                image::ActiveModel {
                    space_id: Set(space_id),
                    repository: Set(image.repository.to_owned()),
                    description: Set(image.description.map(str::to_owned)),
                    artifact_count: Set(image.artifact_count),
                    pull_count: Set(image.pull_count),
                    updated_at: Set(image.updated_at),
                    version: Set(write.version()),
                }
            });
            let on_conflict = OnConflict::columns([image::Column::SpaceId, image::Column::Repository])
                .update_columns([
                    image::Column::Description,
                    image::Column::ArtifactCount,
                    image::Column::PullCount,
                    image::Column::UpdatedAt,
                    image::Column::Version,
                ])
                .to_owned();
            image::Entity::insert_many(rows).on_conflict(on_conflict).exec_without_returning(write.tx()).await?;
        }
        let changed = space::ActiveModel {
            id: Set(space_id),
            image_count: Set(Some(now.len() as i64)),
            images_as_of: Set(Some(as_of)),
            // Not stamped: what a sweep may overwrite is not among what changed here.
            ..Default::default()
        };
        space::Entity::update(changed).exec(write.tx()).await?;
        write.commit().await?;
        self.inner.dated.lock().expect("no panic happens under this lock").insert(space_id, as_of);
        Ok(true)
    }
}

/// What a database of any kind can hold of it. The specification allows a repository 255 characters.
fn data(image: upstream::Image) -> Option<ImageData> {
    /// MySQL's TEXT holds 65,535 bytes.
    const LONGEST_DESCRIPTION: usize = 16_000;
    if image.repository.len() > 255 {
        tracing::warn!(repository = %image.repository, "A repository with an impossible name was left out");
        return None;
    }
    // PostgreSQL keeps no NUL.
    let description =
        image.description.map(|text| text.chars().filter(|c| *c != '\0').take(LONGEST_DESCRIPTION).collect());
    Some(ImageData {
        repository: image.repository,
        description,
        artifact_count: image.artifact_count,
        pull_count: image.pull_count,
        updated_at: image.updated_at,
    })
}

fn data_of(row: image::Model) -> ImageData {
    ImageData {
        repository: row.repository,
        description: row.description,
        artifact_count: row.artifact_count,
        pull_count: row.pull_count,
        updated_at: row.updated_at,
    }
}
