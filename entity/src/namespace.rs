//! A Kubernetes namespace that Fairway knows. It stays known when its workspace lets it go.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "namespace")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub cluster: String,
    /// `cluster` in lower case.
    #[sea_orm(unique_key = "cluster_name")]
    pub cluster_key: String,
    /// A DNS label.
    #[sea_orm(unique_key = "cluster_name")]
    pub name: String,
    /// None while it is free.
    pub workspace_id: Option<Uuid>,
    pub version: i64,
    #[sea_orm(belongs_to, from = "workspace_id", to = "id", on_delete = "SetNull")]
    pub workspace: BelongsTo<Option<super::workspace::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
