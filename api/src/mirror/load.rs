//! Reading rows into memory: everything, or what has changed since.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ::entity::{epoch, image, namespace, registry, space, space_binding, tombstone, workspace};
use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::{DatabaseTransaction, DbErr, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::directory::{Directory, Tables};
use super::index::{Index, Row};
use crate::catalog::{Catalog, ImageData, Snapshot};
use crate::storage::{Epoch, Storage};

/// Spaces whose images are read by one statement: enough that statements do not count, few enough that their rows do not.
const SPACES_A_STATEMENT: usize = 200;

/// The directory of now, from the one `before` where that is possible: not when it knows less than tombstones tell, or
/// more than the database (which was restored from a backup then).
pub(super) async fn advance(storage: &Storage, before: Option<Arc<Directory>>) -> Result<Directory, DbErr> {
    let tx = storage.snapshot().await?;
    let row = epoch::Entity::find_by_id(epoch::ID).one(&tx).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("the epoch row is missing".into()))?;
    let now = Epoch::from(row);
    let before = before.filter(|before| {
        let then = before.epoch;
        then.access <= now.access && then.content <= now.content && then.version() >= row.horizon
    });
    let directory = match before {
        Some(before) => changes(&tx, now, &before).await,
        None => everything(&tx, now).await,
    };
    tx.rollback().await?;
    directory
}

async fn everything(tx: &DatabaseTransaction, now: Epoch) -> Result<Directory, DbErr> {
    let tables = Tables {
        registries: Arc::new(Index::new(registry::Entity::find().all(tx).await?)),
        spaces: Arc::new(Index::new(space::Entity::find().all(tx).await?)),
        workspaces: Arc::new(Index::new(workspace::Entity::find().all(tx).await?)),
        namespaces: Arc::new(Index::new(namespace::Entity::find().all(tx).await?)),
        bindings: Arc::new(Index::new(space_binding::Entity::find().all(tx).await?)),
    };
    let known = tables.spaces.iter().filter(|space| space.images_as_of.is_some()).map(|space| space.id);
    let snapshots = read_images(tx, known.collect()).await?;
    Ok(Directory::new(now, tables, Catalog::default().with(wholes(snapshots)), None))
}

async fn changes(tx: &DatabaseTransaction, now: Epoch, before: &Directory) -> Result<Directory, DbErr> {
    let since = before.epoch.version();
    let graves = tombstone::Entity::find().filter(tombstone::Column::Version.gt(since)).all(tx).await?;
    let mut gone: HashMap<tombstone::Kind, HashSet<Uuid>> = HashMap::new();
    for grave in &graves {
        gone.entry(grave.kind).or_default().insert(grave.of);
    }
    let gone = |kind| gone.get(&kind).cloned().unwrap_or_default();
    let registries = registry::Entity::find().filter(registry::Column::Version.gt(since)).all(tx).await?;
    let spaces = space::Entity::find().filter(space::Column::Version.gt(since)).all(tx).await?;
    // Tenants change under the counter of access alone.
    let (mut workspaces, mut namespaces, mut bindings) = (Vec::new(), Vec::new(), Vec::new());
    if now.access != before.epoch.access {
        workspaces = workspace::Entity::find().filter(workspace::Column::Version.gt(since)).all(tx).await?;
        namespaces = namespace::Entity::find().filter(namespace::Column::Version.gt(since)).all(tx).await?;
        bindings = space_binding::Entity::find().filter(space_binding::Column::Version.gt(since)).all(tx).await?;
    }

    let is_unread = |space: &&space::Model| space.images_as_of.is_some() && before.catalog.get(space.id).is_none();
    let newly_read: Vec<Uuid> = spaces.iter().filter(is_unread).map(|space| space.id).collect();
    let forgotten = gone(tombstone::Kind::Space);
    let catalog = before
        .catalog
        .with(changed_images(tx, since, before, &graves).await?)
        .with(wholes(read_images(tx, newly_read).await?))
        .with(forgotten.iter().map(|space| (*space, None)));

    let tables = Tables {
        registries: advanced(&before.registries, registries, &gone(tombstone::Kind::Registry)),
        spaces: advanced(&before.spaces, spaces, &forgotten),
        workspaces: advanced(&before.workspaces, workspaces, &gone(tombstone::Kind::Workspace)),
        namespaces: advanced(&before.namespaces, namespaces, &gone(tombstone::Kind::Namespace)),
        bindings: advanced(&before.bindings, bindings, &gone(tombstone::Kind::Binding)),
    };
    Ok(Directory::new(now, tables, catalog, Some(before)))
}

fn advanced<T: Row>(before: &Arc<Index<T>>, changed: Vec<T>, gone: &HashSet<Uuid>) -> Arc<Index<T>> {
    if changed.is_empty() && gone.is_empty() {
        return before.clone();
    }
    Arc::new(before.advanced(changed, gone))
}

/// The snapshots of the spaces of which single images changed. Spaces that were never read are left alone: all of their
/// images are read at once when they have been.
async fn changed_images(
    tx: &DatabaseTransaction,
    since: i64,
    before: &Directory,
    graves: &[tombstone::Model],
) -> Result<Vec<(Uuid, Option<Arc<Snapshot>>)>, DbErr> {
    let rows = image::Entity::find().filter(image::Column::Version.gt(since)).all(tx).await?;
    // A row that is there now is newer than any tombstone of its name.
    let mut changes: HashMap<Uuid, BTreeMap<String, Option<ImageData>>> = HashMap::new();
    for grave in graves.iter().filter(|grave| grave.kind == tombstone::Kind::Image) {
        changes.entry(grave.of).or_default().insert(grave.repository.clone(), None);
    }
    for row in rows {
        let (space, data) = data_of(row);
        changes.entry(space).or_default().insert(data.repository.clone(), Some(data));
    }
    let patched = |(space, changes)| {
        let snapshot = before.catalog.get(space)?.patched(changes);
        Some((space, Some(Arc::new(snapshot))))
    };
    Ok(changes.into_iter().filter_map(patched).collect())
}

/// All images of these spaces.
async fn read_images(tx: &DatabaseTransaction, mut spaces: Vec<Uuid>) -> Result<HashMap<Uuid, Snapshot>, DbErr> {
    spaces.sort_unstable();
    let mut snapshots = HashMap::with_capacity(spaces.len());
    for batch in spaces.chunks(SPACES_A_STATEMENT) {
        let mut query = image::Entity::find();
        query = match batch {
            // In the order of ids: databases compare them byte by byte, as is done here.
            [first, .., last] => query.filter(image::Column::SpaceId.between(*first, *last)),
            [only] => query.filter(image::Column::SpaceId.eq(*only)),
            [] => break,
        };
        let rows: Vec<Columns> = query
            .select_only()
            .columns([
                image::Column::SpaceId,
                image::Column::Repository,
                image::Column::Description,
                image::Column::ArtifactCount,
                image::Column::PullCount,
                image::Column::UpdatedAt,
            ])
            .order_by_asc(image::Column::SpaceId)
            .order_by_asc(image::Column::Repository)
            .into_tuple()
            .all(tx)
            .await?;
        let mut rows = rows.into_iter().peekable();
        while let Some(space) = rows.peek().map(|row| row.0) {
            let images = std::iter::from_fn(|| rows.next_if(|row| row.0 == space)).map(data);
            let snapshot = Snapshot::build(images);
            // Between the first and the last of a batch there may be spaces that were not asked for.
            if batch.binary_search(&space).is_ok() {
                snapshots.insert(space, snapshot);
            }
        }
        for space in batch {
            snapshots.entry(*space).or_default();
        }
    }
    Ok(snapshots)
}

type Columns = (Uuid, String, Option<String>, Option<i64>, Option<i64>, Option<DateTime<Utc>>);

fn data((_, repository, description, artifact_count, pull_count, updated_at): Columns) -> ImageData {
    ImageData { repository, description, artifact_count, pull_count, updated_at }
}

fn data_of(row: image::Model) -> (Uuid, ImageData) {
    let image::Model { space_id, repository, description, artifact_count, pull_count, updated_at, .. } = row;
    (space_id, ImageData { repository, description, artifact_count, pull_count, updated_at })
}

fn wholes(snapshots: HashMap<Uuid, Snapshot>) -> impl Iterator<Item = (Uuid, Option<Arc<Snapshot>>)> {
    snapshots.into_iter().map(|(space, snapshot)| (space, Some(Arc::new(snapshot))))
}
