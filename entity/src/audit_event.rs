//! What was done, by whom. Refers to nothing: it outlives what it tells of.

use sea_orm::entity::prelude::*;

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Outcome {
    #[sea_orm(string_value = "succeeded")]
    Succeeded,
    #[sea_orm(string_value = "denied")]
    Denied,
    #[sea_orm(string_value = "failed")]
    Failed,
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub at: DateTimeUtc,
    /// The token's subject.
    pub actor: String,
    /// The mutation's name.
    pub action: String,
    pub outcome: Outcome,
    /// What was acted on, as `type:key`, where it is one thing.
    pub target: Option<String>,
    pub target_name: String,
    /// The workspace concerned.
    pub workspace_id: Option<Uuid>,
    /// What changed, before and after; never a secret.
    pub changes: Option<Json>,
    pub request_id: String,
}

impl ActiveModelBehavior for ActiveModel {}
