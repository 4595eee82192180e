//! A world, written straight into the tables: registries that are never asked, with all that hangs on them.

use std::time::SystemTime;

use anyhow::Context;
use chrono::TimeDelta;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, IntoActiveModel, Iterable, TransactionTrait,
    prelude::{DateTimeUtc, Expr},
};

use ::entity::{image, namespace, registry, registry_sync, space, space_binding, workspace};

use super::name::{self, Kind};
use crate::database::TemporaryDatabase;

/// Values of one statement: below the limit of every database.
const VALUES_A_STATEMENT: usize = 28_000;
/// What the epoch of a new database adds up to.
const VERSION: i64 = 2;

/// How large a world is. Things are spread evenly.
#[derive(Clone, Copy, Debug)]
pub(super) struct World {
    pub(super) registries: usize,
    pub(super) spaces: usize,
    /// How many of the spaces are public.
    pub(super) public: usize,
    pub(super) images: usize,
    pub(super) workspaces: usize,
    pub(super) namespaces: usize,
    /// How many private spaces each workspace has bound.
    pub(super) bound: usize,
}

impl World {
    /// The workspace that a namespace belongs to.
    pub(super) fn workspace_of(&self, namespace: usize) -> usize {
        namespace % self.workspaces
    }

    /// How many images each space has.
    pub(super) fn images_a_space(&self) -> usize {
        self.images / self.spaces
    }

    /// How many images a namespace of any workspace reaches.
    pub(super) fn reached(&self) -> usize {
        (self.public + self.bound) * self.images_a_space()
    }

    fn is_public(&self, space: usize) -> bool {
        (space + 1) * self.public / self.spaces > space * self.public / self.spaces
    }

    /// Makes the tables and fills them.
    pub(super) async fn write(&self, database: &TemporaryDatabase) -> anyhow::Result<()> {
        let connection = database.connect().await;
        if connection.get_database_backend() == DbBackend::Sqlite {
            // A world that is lost in a power cut is made again.
            connection.execute_unprepared("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").await?;
        }
        Migrator::up(&connection, None).await.context("the tables cannot be made")?;
        let now = DateTimeUtc::from(SystemTime::now());
        let private: Vec<usize> = (0..self.spaces).filter(|space| !self.is_public(*space)).collect();

        insert::<workspace::Entity>((0..self.workspaces).map(|place| workspace_row(place, now)), &connection).await?;
        insert::<namespace::Entity>((0..self.namespaces).map(|place| self.namespace_row(place)), &connection).await?;
        insert::<registry::Entity>((0..self.registries).map(|place| registry_row(place, now)), &connection).await?;
        insert::<registry_sync::Entity>((0..self.registries).map(|place| sync_row(place, now)), &connection).await?;
        insert::<space::Entity>((0..self.spaces).map(|place| self.space_row(place, now)), &connection).await?;
        let bindings = (0..self.workspaces * self.bound).map(|place| space_binding::Model {
            id: name::id(Kind::Binding, place),
            space_id: name::id(Kind::Space, private[place % private.len()]),
            workspace_id: name::id(Kind::Workspace, place / self.bound),
            created_at: now,
            created_by: "load".to_owned(),
            version: VERSION,
        });
        insert::<space_binding::Entity>(bindings, &connection).await?;
        let images = (0..self.spaces)
            .flat_map(|space| (0..self.images_a_space()).map(move |place| image_row(space, place, now)));
        insert::<image::Entity>(images, &connection).await?;
        connection.close().await.context("the connection cannot be closed")
    }

    fn namespace_row(&self, place: usize) -> namespace::Model {
        let (cluster, name) = name::namespace(place);
        namespace::Model {
            id: name::id(Kind::Namespace, place),
            cluster_key: cluster.clone(),
            cluster,
            name,
            workspace_id: Some(name::id(Kind::Workspace, self.workspace_of(place))),
            version: VERSION,
        }
    }

    fn space_row(&self, place: usize, now: DateTimeUtc) -> space::Model {
        space::Model {
            id: name::id(Kind::Space, place),
            registry_id: name::id(Kind::Registry, place % self.registries),
            upstream_id: (place + 1).to_string(),
            name: name::space(place),
            visibility: if self.is_public(place) { space::Visibility::Public } else { space::Visibility::Private },
            is_proxy_cache: false,
            image_count: Some(self.images_a_space() as i64),
            missing: false,
            unseen_since: None,
            images_as_of: Some(now),
            images_failure: None,
            images_error: None,
            webhook: None,
            created_at: Some(now),
            version: VERSION,
        }
    }
}

/// Makes Fairway forget the images of every space, as if nobody had ever asked for them. Not while it runs.
pub(super) async fn forget_images(database: &TemporaryDatabase) -> anyhow::Result<()> {
    let connection = database.connect().await;
    image::Entity::delete_many().exec(&connection).await?;
    space::Entity::update_many()
        .col_expr(space::Column::ImagesAsOf, Expr::value(None::<DateTimeUtc>))
        .exec(&connection)
        .await?;
    connection.close().await.context("the connection cannot be closed")
}

fn workspace_row(place: usize, now: DateTimeUtc) -> workspace::Model {
    workspace::Model {
        id: name::id(Kind::Workspace, place),
        name: name::workspace(place),
        name_key: name::workspace(place),
        display_name: None,
        created_at: now,
        version: VERSION,
    }
}

/// It answers nobody: its address is a port on which nothing listens, and its password cannot be opened.
fn registry_row(place: usize, now: DateTimeUtc) -> registry::Model {
    let name = name::registry(place);
    registry::Model {
        id: name::id(Kind::Registry, place),
        kind: registry::Kind::Harbor,
        workspace_id: None,
        scope_key: "platform".to_owned(),
        name_key: name.clone(),
        description: None,
        address: format!("http://127.0.0.1:9/{name}"),
        host: name.clone(),
        name,
        host_given: true,
        username: Some("robot$fairway".to_owned()),
        password: Some(vec![0; 64]),
        tls_verify: true,
        ca_certificate: None,
        health_state: registry::HealthState::Healthy,
        health_cause: None,
        health_failure: None,
        health_since: Some(now),
        health_version: Some("v2.13.2".to_owned()),
        privilege: Some(registry::Privilege::SystemAdmin),
        webhook_secret: None,
        created_at: now,
        created_by: "load".to_owned(),
        updated_at: now,
        version: VERSION,
    }
}

/// Swept a moment ago, and not due for as long as anybody measures.
fn sync_row(place: usize, now: DateTimeUtc) -> registry_sync::Model {
    registry_sync::Model {
        registry_id: name::id(Kind::Registry, place),
        holder: None,
        fence: 0,
        lease_until_ms: 0,
        due_ms: (now + TimeDelta::days(1)).timestamp_millis(),
        sweeps_since_full: 0,
        full_since: None,
        started_at: Some(now),
        succeeded_at: Some(now),
        confirmed_at: Some(now),
        checked_at: Some(now),
        latency_ms: Some(12),
        error: None,
        spaces_done: None,
        spaces_total: None,
    }
}

fn image_row(space: usize, place: usize, now: DateTimeUtc) -> image::Model {
    let random = name::mix(space << 32 | place);
    let minutes = i64::try_from(random % 400_000).unwrap_or_default();
    image::Model {
        space_id: name::id(Kind::Space, space),
        repository: name::repository(space, place),
        // Most repositories have none.
        description: random.is_multiple_of(8).then(|| "Built from the main branch on every merge".to_owned()),
        artifact_count: Some((random >> 20 & 31) as i64 + 1),
        pull_count: Some((random >> 32 & 0xFFFF) as i64),
        updated_at: now.checked_sub_signed(TimeDelta::minutes(minutes)),
        version: VERSION,
    }
}

/// Inserts rows, many a statement, in one transaction.
async fn insert<E>(rows: impl Iterator<Item = E::Model>, connection: &DatabaseConnection) -> anyhow::Result<()>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    let rows_a_statement = VALUES_A_STATEMENT / E::Column::iter().count();
    let transaction = connection.begin().await?;
    let mut rows = rows.map(IntoActiveModel::into_active_model);
    loop {
        let batch: Vec<E::ActiveModel> = rows.by_ref().take(rows_a_statement).collect();
        if batch.is_empty() {
            break;
        }
        let inserted = E::insert_many(batch).exec_without_returning(&transaction).await;
        inserted.with_context(|| format!("rows of `{}` cannot be written", E::default().table_name()))?;
    }
    transaction.commit().await.context("the rows cannot be written")
}
