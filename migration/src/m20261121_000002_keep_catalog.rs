//! What keeps the memory of each process true to the rows, and the rows true to the registries: tombstones and versions
//! to read what changed by, and the sync of each registry with its lease.

use sea_orm_migration::prelude::*;

use crate::column::{count, foreign_key, id, index, long_text, moment, table, text};

pub(crate) struct Migration;

/// Rows that are read by what changed since a version.
const VERSIONED: [&str; 6] = ["workspace", "registry", "space", "space_binding", "namespace", "image"];

/// What a sync writes on each turn stands in `registry_sync`, apart from what the epoch guards. Dropped at once: no release
/// had these columns.
const MOVED: [&str; 5] =
    ["health_checked_at", "health_latency_ms", "sync_started_at", "sync_succeeded_at", "sync_error"];

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261121_000002_keep_catalog"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let moment = |name: &str| moment(backend, name);
        let table = |name: &str| table(backend, name);

        for name in VERSIONED {
            manager.create_index(index(name, &["version"], false)).await?;
        }
        alter(manager, "epoch", |alter| alter.add_column(count("horizon").not_null().default(0i64))).await?;

        manager
            .create_table(
                table("tombstone")
                    .col(count("version").not_null())
                    .col(text("kind", 16).not_null())
                    .col(id("of").not_null())
                    .col(text("repository", 255).not_null())
                    .col(moment("at").not_null())
                    .primary_key(
                        Index::create()
                            .col(Alias::new("version"))
                            .col(Alias::new("kind"))
                            .col(Alias::new("of"))
                            .col(Alias::new("repository")),
                    )
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("tombstone", &["of", "version"], false)).await?;
        manager.create_index(index("tombstone", &["at"], false)).await?;

        manager
            .create_table(
                table("registry_sync")
                    .col(id("registry_id").not_null().primary_key())
                    .col(id("holder"))
                    .col(count("fence").not_null())
                    .col(count("lease_until_ms").not_null())
                    .col(count("due_ms").not_null())
                    .col(ColumnDef::new(Alias::new("sweeps_since_full")).integer().not_null())
                    .col(moment("full_since"))
                    .col(moment("started_at"))
                    .col(moment("succeeded_at"))
                    .col(moment("confirmed_at"))
                    .col(moment("checked_at"))
                    .col(ColumnDef::new(Alias::new("latency_ms")).integer())
                    .col(long_text("error"))
                    .col(ColumnDef::new(Alias::new("spaces_done")).integer())
                    .col(ColumnDef::new(Alias::new("spaces_total")).integer())
                    .foreign_key(&mut foreign_key(
                        ("registry_sync", "registry_id"),
                        ("registry", "id"),
                        ForeignKeyAction::Cascade,
                    ))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("registry_sync", &["due_ms"], false)).await?;
        manager
            .get_connection()
            .execute_unprepared(
                "INSERT INTO registry_sync (registry_id, fence, lease_until_ms, due_ms, sweeps_since_full, started_at, \
                 succeeded_at, checked_at, latency_ms, error) \
                 SELECT id, 0, 0, 0, 0, sync_started_at, sync_succeeded_at, health_checked_at, health_latency_ms, \
                 sync_error FROM registry",
            )
            .await?;
        for column in MOVED {
            alter(manager, "registry", |alter| alter.drop_column(Alias::new(column))).await?;
        }
        alter(manager, "registry", |alter| alter.add_column(text("health_failure", 16))).await?;
        alter(manager, "registry", |alter| alter.add_column(ColumnDef::new(Alias::new("webhook_secret")).blob()))
            .await?;

        alter(manager, "space", |alter| alter.add_column(text("images_failure", 16))).await?;
        alter(manager, "space", |alter| alter.add_column(long_text("images_error"))).await?;
        alter(manager, "space", |alter| alter.add_column(text("webhook", 100))).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        for column in ["webhook", "images_error", "images_failure"] {
            alter(manager, "space", |alter| alter.drop_column(Alias::new(column))).await?;
        }
        for column in ["webhook_secret", "health_failure"] {
            alter(manager, "registry", |alter| alter.drop_column(Alias::new(column))).await?;
        }
        let columns = [
            moment(backend, "health_checked_at"),
            ColumnDef::new(Alias::new("health_latency_ms")).integer().to_owned(),
            moment(backend, "sync_started_at"),
            moment(backend, "sync_succeeded_at"),
            long_text("sync_error"),
        ];
        for mut column in columns {
            alter(manager, "registry", |alter| alter.add_column(&mut column)).await?;
        }
        for name in ["registry_sync", "tombstone"] {
            manager.drop_table(Table::drop().table(Alias::new(name)).to_owned()).await?;
        }
        alter(manager, "epoch", |alter| alter.drop_column(Alias::new("horizon"))).await?;
        for name in VERSIONED {
            let drop = Index::drop().name(format!("ix_{name}_version")).table(Alias::new(name)).to_owned();
            manager.drop_index(drop).await?;
        }
        Ok(())
    }
}

/// One change a statement: SQLite takes no more.
async fn alter(
    manager: &SchemaManager<'_>,
    table: &str,
    change: impl FnOnce(&mut TableAlterStatement) -> &mut TableAlterStatement,
) -> Result<(), DbErr> {
    let mut statement = Table::alter();
    change(statement.table(Alias::new(table)));
    manager.alter_table(statement).await
}
