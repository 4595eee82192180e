//! A tenant.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workspace")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// A DNS label, immutable.
    pub name: String,
    /// `name` in lower case: what uniqueness is decided by on every database.
    #[sea_orm(unique)]
    pub name_key: String,
    pub display_name: Option<String>,
    pub created_at: DateTimeUtc,
    pub version: i64,
}

impl ActiveModelBehavior for ActiveModel {}
