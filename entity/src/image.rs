//! The last known images of a space: what is shown while its registry does not answer.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "image")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub space_id: Uuid,
    /// The path inside the space.
    #[sea_orm(primary_key, auto_increment = false)]
    pub repository: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub description: Option<String>,
    pub artifact_count: Option<i64>,
    pub pull_count: Option<i64>,
    pub updated_at: Option<DateTimeUtc>,
    pub version: i64,
    #[sea_orm(belongs_to, from = "space_id", to = "id", on_delete = "Cascade")]
    pub space: BelongsTo<super::space::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
