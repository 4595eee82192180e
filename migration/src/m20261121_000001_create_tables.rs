//! Registries, their spaces and images; workspaces, their bindings and namespaces; the epoch; audit events.

use sea_orm_migration::prelude::*;

use crate::column::{count, flag, foreign_key, id, index, long_text, moment, table, text};

pub(crate) struct Migration;

/// In the order in which they are made; dropped in reverse.
const TABLES: [&str; 8] =
    ["workspace", "registry", "space", "space_binding", "namespace", "image", "epoch", "audit_event"];

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261121_000001_create_tables"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let moment = |name: &str| moment(backend, name);
        let table = |name: &str| table(backend, name);

        manager
            .create_table(
                table("workspace")
                    .col(id("id").not_null().primary_key())
                    .col(text("name", 63).not_null())
                    .col(text("name_key", 63).not_null())
                    .col(text("display_name", 255))
                    .col(moment("created_at").not_null())
                    .col(count("version").not_null())
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("workspace", &["name_key"], true)).await?;

        manager
            .create_table(
                table("registry")
                    .col(id("id").not_null().primary_key())
                    .col(text("kind", 16).not_null())
                    .col(id("workspace_id"))
                    .col(text("scope_key", 36).not_null())
                    .col(text("name", 100).not_null())
                    .col(text("name_key", 200).not_null())
                    .col(long_text("description"))
                    .col(text("address", 500).not_null())
                    .col(text("host", 300).not_null())
                    .col(flag("host_given").not_null())
                    .col(text("username", 255))
                    .col(ColumnDef::new(Alias::new("password")).blob())
                    .col(flag("tls_verify").not_null())
                    .col(long_text("ca_certificate"))
                    .col(text("health_state", 16).not_null())
                    .col(long_text("health_cause"))
                    .col(moment("health_since"))
                    .col(moment("health_checked_at"))
                    .col(ColumnDef::new(Alias::new("health_latency_ms")).integer())
                    .col(text("health_version", 100))
                    .col(text("privilege", 16))
                    .col(moment("sync_started_at"))
                    .col(moment("sync_succeeded_at"))
                    .col(long_text("sync_error"))
                    .col(moment("created_at").not_null())
                    .col(text("created_by", 255).not_null())
                    .col(moment("updated_at").not_null())
                    .col(count("version").not_null())
                    .foreign_key(&mut foreign_key(
                        ("registry", "workspace_id"),
                        ("workspace", "id"),
                        ForeignKeyAction::Restrict,
                    ))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("registry", &["workspace_id"], false)).await?;
        manager.create_index(index("registry", &["scope_key", "name_key"], true)).await?;
        manager.create_index(index("registry", &["scope_key", "address"], true)).await?;
        manager.create_index(index("registry", &["host"], false)).await?;

        manager
            .create_table(
                table("space")
                    .col(id("id").not_null().primary_key())
                    .col(id("registry_id").not_null())
                    .col(text("upstream_id", 64).not_null())
                    .col(text("name", 255).not_null())
                    .col(text("visibility", 16).not_null())
                    .col(flag("is_proxy_cache").not_null())
                    .col(count("image_count"))
                    .col(flag("missing").not_null())
                    .col(moment("unseen_since"))
                    .col(moment("images_as_of"))
                    .col(moment("created_at"))
                    .col(count("version").not_null())
                    .foreign_key(&mut foreign_key(
                        ("space", "registry_id"),
                        ("registry", "id"),
                        ForeignKeyAction::Cascade,
                    ))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("space", &["registry_id", "upstream_id"], true)).await?;

        manager
            .create_table(
                table("space_binding")
                    .col(id("id").not_null().primary_key())
                    .col(id("space_id").not_null())
                    .col(id("workspace_id").not_null())
                    .col(moment("created_at").not_null())
                    .col(text("created_by", 255).not_null())
                    .col(count("version").not_null())
                    .foreign_key(&mut foreign_key(
                        ("space_binding", "space_id"),
                        ("space", "id"),
                        ForeignKeyAction::Cascade,
                    ))
                    .foreign_key(&mut foreign_key(
                        ("space_binding", "workspace_id"),
                        ("workspace", "id"),
                        ForeignKeyAction::Cascade,
                    ))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("space_binding", &["space_id", "workspace_id"], true)).await?;
        manager.create_index(index("space_binding", &["workspace_id"], false)).await?;

        manager
            .create_table(
                table("namespace")
                    .col(id("id").not_null().primary_key())
                    .col(text("cluster", 253).not_null())
                    .col(text("cluster_key", 253).not_null())
                    .col(text("name", 63).not_null())
                    .col(id("workspace_id"))
                    .col(count("version").not_null())
                    .foreign_key(&mut foreign_key(
                        ("namespace", "workspace_id"),
                        ("workspace", "id"),
                        ForeignKeyAction::SetNull,
                    ))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("namespace", &["cluster_key", "name"], true)).await?;
        manager.create_index(index("namespace", &["workspace_id"], false)).await?;

        manager
            .create_table(
                table("image")
                    .col(id("space_id").not_null())
                    .col(text("repository", 255).not_null())
                    .col(long_text("description"))
                    .col(count("artifact_count"))
                    .col(count("pull_count"))
                    .col(moment("updated_at"))
                    .col(count("version").not_null())
                    .primary_key(Index::create().col(Alias::new("space_id")).col(Alias::new("repository")))
                    .foreign_key(&mut foreign_key(("image", "space_id"), ("space", "id"), ForeignKeyAction::Cascade))
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                table("epoch")
                    .col(ColumnDef::new(Alias::new("id")).integer().not_null().primary_key())
                    .col(count("access").not_null())
                    .col(count("content").not_null())
                    .to_owned(),
            )
            .await?;
        manager
            .exec_stmt(
                Query::insert()
                    .into_table(Alias::new("epoch"))
                    .columns([Alias::new("id"), Alias::new("access"), Alias::new("content")])
                    .values_panic([1.into(), 1i64.into(), 1i64.into()])
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                table("audit_event")
                    .col(id("id").not_null().primary_key())
                    .col(moment("at").not_null())
                    .col(text("actor", 255).not_null())
                    .col(text("action", 64).not_null())
                    .col(text("outcome", 16).not_null())
                    .col(text("target", 512))
                    .col(text("target_name", 512).not_null())
                    .col(id("workspace_id"))
                    .col(ColumnDef::new(Alias::new("changes")).json())
                    .col(text("request_id", 128).not_null())
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("audit_event", &["at"], false)).await?;
        manager.create_index(index("audit_event", &["workspace_id", "at"], false)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in TABLES.into_iter().rev() {
            manager.drop_table(Table::drop().table(Alias::new(name)).to_owned()).await?;
        }
        Ok(())
    }
}
