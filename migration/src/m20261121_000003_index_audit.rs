//! What the audit trail is paged by: newest first, all of it or narrowed to one workspace, actor, action, thing or outcome.
//! Several events have the same moment, and the id decides between them.

use sea_orm_migration::prelude::*;

use crate::column::index;

pub(crate) struct Migration;

/// What leads an index, each before the moment and the id.
const NARROWED_BY: [&[&str]; 6] = [&[], &["workspace_id"], &["actor"], &["action"], &["target"], &["outcome"]];

/// Those before, which left the order within a moment open.
const REPLACED: [&[&str]; 2] = [&["at"], &["workspace_id", "at"]];

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261121_000003_index_audit"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for leading in NARROWED_BY {
            manager.create_index(index("audit_event", &[leading, &["at", "id"]].concat(), false)).await?;
        }
        for columns in REPLACED {
            drop_index(manager, columns).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for columns in REPLACED {
            manager.create_index(index("audit_event", columns, false)).await?;
        }
        for leading in NARROWED_BY {
            drop_index(manager, &[leading, &["at", "id"]].concat()).await?;
        }
        Ok(())
    }
}

async fn drop_index(manager: &SchemaManager<'_>, columns: &[&str]) -> Result<(), DbErr> {
    let name = format!("ix_audit_event_{}", columns.join("_"));
    manager.drop_index(Index::drop().name(name).table(Alias::new("audit_event")).to_owned()).await
}
