//! The rows of images, made equal to what was read of the registry.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use ::entity::{image, space, tombstone};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, QuerySelect};

use super::ROWS_A_WRITE;
use super::health::failure_of;
use super::reading::{Reading, Stop};
use crate::catalog::{self, ImageData, Snapshot};
use crate::storage::{Raises, Write};
use crate::upstream;

/// The images that were read of a space.
pub(super) struct Read {
    pub(super) space: Arc<space::Model>,
    /// What is stored, as far as is known; none when the space was never read.
    pub(super) before: Option<Arc<Snapshot>>,
    pub(super) now: Arc<Snapshot>,
    pub(super) extent: Extent,
}

/// What was read of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All images: what is not among them is gone, and the space is known from here on.
    Whole,
    /// What differs from before: the rest is taken from there. What is not among them is gone.
    Changes,
    /// Some images, of a space whose others are known.
    Some,
}

/// One change of a row.
enum Change<'a> {
    Put(Uuid, catalog::Image<'a>),
    Delete(Uuid, String),
    /// All of the space's images are stored: with this, processes come to keep them in memory.
    Settle {
        space: Uuid,
        n_images: usize,
    },
}

impl Change<'_> {
    fn space(&self) -> Uuid {
        match self {
            Self::Put(space, _) | Self::Delete(space, _) | Self::Settle { space, .. } => *space,
        }
    }

    fn repository(&self) -> Option<&str> {
        match self {
            Self::Put(_, image) => Some(image.repository),
            Self::Delete(_, repository) => Some(repository),
            Self::Settle { .. } => None,
        }
    }
}

impl Reading {
    /// Makes the stored images of these spaces equal to those that were read. What others have written since this
    /// reading began stays as it is, and is answered: it was read later, or has to be read again.
    pub(super) async fn keep(&self, reads: &[Read]) -> Result<Vec<(Uuid, String)>, Stop> {
        let unknown: HashSet<Uuid> =
            reads.iter().filter(|read| read.before.is_none()).map(|read| read.space.id).collect();
        // An earlier attempt may have come half way.
        let begun = self.stored(&unknown).await?;
        let mut changes = Vec::new();
        for read in reads {
            add_changes(read, begun.get(&read.space.id), &mut changes);
        }
        let mut left = Vec::new();
        let mut rest = changes.as_slice();
        while !rest.is_empty() {
            // A deletion writes two rows, of which one is its tombstone.
            let mut rows = 0;
            let fits = |change: &&Change| {
                rows += 1 + usize::from(matches!(change, Change::Delete(..)));
                rows <= ROWS_A_WRITE
            };
            let (chunk, later) = rest.split_at(rest.iter().take_while(fits).count());
            rest = later;
            let write = self.write(Raises::Content).await?;
            left.extend(self.make(&write, &unknown, chunk).await?);
            self.commit(write).await?;
        }
        Ok(left)
    }

    async fn make(
        &self,
        write: &Write,
        unknown: &HashSet<Uuid>,
        changes: &[Change<'_>],
    ) -> Result<Vec<(Uuid, String)>, DbErr> {
        let tx = write.tx();
        let ids: BTreeSet<Uuid> = changes.iter().map(Change::space).collect();
        let spaces = space::Entity::find().filter(space::Column::Id.is_in(ids.iter().copied())).all(tx).await?;
        let spaces: HashMap<Uuid, space::Model> = spaces.into_iter().map(|row| (row.id, row)).collect();
        // Not one that is gone meanwhile, or that somebody else has read for the first time: all is said of it then.
        let is_open = |id: Uuid| {
            let is_read_by_others =
                |row: &space::Model| row.images_as_of.is_some() && unknown.contains(&id) && self.is_newer(row.version);
            spaces.get(&id).is_some_and(|row| !is_read_by_others(row))
        };
        let newer = self.newer(write, &ids, changes).await?;
        let is_newer = |change: &Change| {
            change.repository().is_some_and(|repository| newer.contains(&(change.space(), repository.to_owned())))
        };
        let mut left = Vec::new();
        let mut puts = Vec::new();
        let mut deletions: HashMap<Uuid, Vec<String>> = HashMap::new();
        let mut settled = Vec::new();
        for change in changes.iter().filter(|change| is_open(change.space())) {
            match change {
                Change::Put(space, image) if is_newer(change) => left.push((*space, image.repository.to_owned())),
                Change::Delete(space, repository) if is_newer(change) => left.push((*space, repository.clone())),
                Change::Put(space, image) => puts.push(row(*space, image, write.version())),
                Change::Delete(space, repository) => deletions.entry(*space).or_default().push(repository.clone()),
                Change::Settle { space, n_images } => settled.push((*space, *n_images)),
            }
        }
        for (space, repositories) in deletions {
            image::Entity::delete_many()
                .filter(image::Column::SpaceId.eq(space))
                .filter(image::Column::Repository.is_in(repositories.iter().map(String::as_str)))
                .exec(tx)
                .await?;
            write.bury_images(space, repositories).await?;
        }
        if !puts.is_empty() {
            let on_conflict = OnConflict::columns([image::Column::SpaceId, image::Column::Repository])
                .update_columns([
                    image::Column::Description,
                    image::Column::ArtifactCount,
                    image::Column::PullCount,
                    image::Column::UpdatedAt,
                    image::Column::Version,
                ])
                .to_owned();
            image::Entity::insert_many(puts).on_conflict(on_conflict).exec_without_returning(tx).await?;
        }
        for (space, n_images) in settled {
            let row = space::ActiveModel {
                id: Set(space),
                image_count: Set(i64::try_from(n_images).ok()),
                images_as_of: Set(Some(self.at)),
                images_failure: Set(None),
                images_error: Set(None),
                version: Set(write.version()),
                ..Default::default()
            };
            space::Entity::update(row).exec(tx).await?;
        }
        Ok(left)
    }

    /// The repositories among `changes` that others wrote or deleted since this reading began.
    async fn newer(
        &self,
        write: &Write,
        spaces: &BTreeSet<Uuid>,
        changes: &[Change<'_>],
    ) -> Result<HashSet<(Uuid, String)>, DbErr> {
        let repositories: BTreeSet<&str> = changes.iter().filter_map(Change::repository).collect();
        if repositories.is_empty() {
            return Ok(HashSet::new());
        }
        let rows: Vec<(Uuid, String, i64)> = image::Entity::find()
            .select_only()
            .columns([image::Column::SpaceId, image::Column::Repository, image::Column::Version])
            .filter(image::Column::SpaceId.is_in(spaces.iter().copied()))
            .filter(image::Column::Repository.is_in(repositories.iter().copied()))
            .filter(image::Column::Version.gt(self.noted()))
            .into_tuple()
            .all(write.tx())
            .await?;
        let graves: Vec<(Uuid, String, i64)> = tombstone::Entity::find()
            .select_only()
            .columns([tombstone::Column::Of, tombstone::Column::Repository, tombstone::Column::Version])
            .filter(tombstone::Column::Kind.eq(tombstone::Kind::Image))
            .filter(tombstone::Column::Of.is_in(spaces.iter().copied()))
            .filter(tombstone::Column::Repository.is_in(repositories.iter().copied()))
            .filter(tombstone::Column::Version.gt(self.noted()))
            .into_tuple()
            .all(write.tx())
            .await?;
        let others = rows.into_iter().chain(graves).filter(|(_, _, version)| self.is_newer(*version));
        Ok(others.map(|(space, repository, _)| (space, repository)).collect())
    }

    /// The images stored of these spaces; those of which none are, are left out.
    async fn stored(&self, spaces: &HashSet<Uuid>) -> Result<HashMap<Uuid, Snapshot>, DbErr> {
        let spaces: Vec<Uuid> = spaces.iter().copied().collect();
        let mut images: HashMap<Uuid, Vec<ImageData>> = HashMap::new();
        for chunk in spaces.chunks(ROWS_A_WRITE) {
            let rows = image::Entity::find()
                .filter(image::Column::SpaceId.is_in(chunk.to_vec()))
                .order_by_asc(image::Column::Repository)
                .all(self.storage().connection())
                .await?;
            for row in rows {
                images.entry(row.space_id).or_default().push(ImageData {
                    repository: row.repository,
                    description: row.description,
                    artifact_count: row.artifact_count,
                    pull_count: row.pull_count,
                    updated_at: row.updated_at,
                });
            }
        }
        Ok(images.into_iter().map(|(space, images)| (space, Snapshot::build(images))).collect())
    }

    /// Writes down why the images of a space could not be read although its registry answers. What is known of them was
    /// true when they were last read by themselves, or with all others at `confirmed_at`.
    pub(super) async fn mark(
        &self,
        space: &space::Model,
        error: &upstream::Error,
        confirmed_at: Option<DateTime<Utc>>,
    ) -> Result<(), Stop> {
        let (failure, text) = (Some(failure_of(error)), Some(error.cause()));
        if (space.images_failure, &space.images_error) == (failure, &text) {
            return Ok(());
        }
        let write = self.write(Raises::Content).await?;
        let Some(row) = space::Entity::find_by_id(space.id).one(write.tx()).await? else { return Ok(()) };
        if self.is_newer(row.version) {
            return Ok(());
        }
        let as_of = match row.images_failure {
            Some(_) => row.images_as_of,
            None => row.images_as_of.map(|as_of| confirmed_at.map_or(as_of, |confirmed| confirmed.max(as_of))),
        };
        let changed = space::ActiveModel {
            id: Set(space.id),
            images_as_of: Set(as_of),
            images_failure: Set(failure),
            images_error: Set(text),
            version: Set(write.version()),
            ..Default::default()
        };
        space::Entity::update(changed).exec(write.tx()).await?;
        self.commit(write).await
    }

    /// Writes down that the images of these spaces were read by themselves, so that the same reading of everything,
    /// begun again, need not do it once more. Nobody keeps that moment in memory, so the epoch stays.
    pub(super) async fn date(&self, spaces: &[Uuid]) -> Result<(), DbErr> {
        if spaces.is_empty() {
            return Ok(());
        }
        space::Entity::update_many()
            .set(space::ActiveModel { images_as_of: Set(Some(self.at)), ..Default::default() })
            .filter(space::Column::Id.is_in(spaces.to_vec()))
            .filter(space::Column::ImagesAsOf.is_not_null())
            .filter(space::Column::ImagesFailure.is_null())
            .exec(self.storage().connection())
            .await?;
        Ok(())
    }
}

/// What turns the rows of a space into what was read.
fn add_changes<'a>(read: &'a Read, begun: Option<&'a Snapshot>, changes: &mut Vec<Change<'a>>) {
    let empty = Snapshot::default();
    let before = read.before.as_deref().or(begun).unwrap_or(&empty);
    let space = read.space.id;
    let differences = before.diff(&read.now);
    if read.extent != Extent::Some {
        let gone = differences.removed.iter().map(|row| before.image(*row).repository.to_owned());
        changes.extend(gone.map(|repository| Change::Delete(space, repository)));
    }
    let news = differences.added.iter().chain(&differences.changed);
    changes.extend(news.map(|row| Change::Put(space, read.now.image(*row))));
    if read.extent == Extent::Whole && (read.before.is_none() || read.space.images_failure.is_some()) {
        changes.push(Change::Settle { space, n_images: read.now.len() });
    }
}

fn row(space: Uuid, image: &catalog::Image<'_>, version: i64) -> image::ActiveModel {
    image::ActiveModel {
        space_id: Set(space),
        repository: Set(image.repository.to_owned()),
        description: Set(image.description.map(str::to_owned)),
        artifact_count: Set(image.artifact_count),
        pull_count: Set(image.pull_count),
        updated_at: Set(image.updated_at),
        version: Set(version),
    }
}

/// What a database of any kind can hold of it. The specification allows a repository 255 characters.
pub(super) fn data(image: upstream::Image) -> Option<ImageData> {
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

pub(super) fn snapshot(images: impl IntoIterator<Item = upstream::Image>) -> Snapshot {
    Snapshot::build(images.into_iter().filter_map(data))
}
