//! What was deleted, for processes that keep rows in memory, and for a sync whose list is older than the deletion.

use sea_orm::entity::prelude::*;

/// The table of what was deleted. A space's images go with it, and a registry's spaces have tombstones of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Kind {
    #[sea_orm(string_value = "registry")]
    Registry,
    #[sea_orm(string_value = "space")]
    Space,
    #[sea_orm(string_value = "binding")]
    Binding,
    #[sea_orm(string_value = "workspace")]
    Workspace,
    #[sea_orm(string_value = "namespace")]
    Namespace,
    #[sea_orm(string_value = "image")]
    Image,
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tombstone")]
pub struct Model {
    /// The version of the write that deleted it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: Kind,
    /// The id of what was deleted; of an image, its space's.
    #[sea_orm(primary_key, auto_increment = false)]
    pub of: Uuid,
    /// Of an image; otherwise empty.
    #[sea_orm(primary_key, auto_increment = false)]
    pub repository: String,
    /// When, to know which are old enough to go.
    pub at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
