//! A registry space: a Harbor project, or the one space of a Docker Registry.

use sea_orm::entity::prelude::*;

/// Who may pull: everybody, or those to whom the space is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Visibility {
    #[sea_orm(string_value = "public")]
    Public,
    #[sea_orm(string_value = "private")]
    Private,
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "space")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub registry_id: Uuid,
    /// The registry's own id: Harbor's `project_id`, or `/`. A project recreated under an old name has a new one.
    pub upstream_id: String,
    pub name: String,
    pub visibility: Visibility,
    pub is_proxy_cache: bool,
    pub image_count: Option<i64>,
    /// It vanished from the registry behind Fairway's back.
    pub missing: bool,
    /// The first of the sweeps in a row that did not see it.
    pub unseen_since: Option<DateTimeUtc>,
    /// When its images were last read by themselves; none while they never were. Not stamped with a version when it alone
    /// moves.
    pub images_as_of: Option<DateTimeUtc>,
    /// Why its images could not be read although its registry answers.
    pub images_failure: Option<super::registry::Failure>,
    /// The same in a sentence, for those who may read the registry's settings.
    pub images_error: Option<String>,
    /// The webhook policy that Fairway has in it: `id fingerprint`, or `- fingerprint` where it may have none.
    pub webhook: Option<String>,
    pub created_at: Option<DateTimeUtc>,
    pub version: i64,
    #[sea_orm(belongs_to, from = "registry_id", to = "id", on_delete = "Cascade")]
    pub registry: BelongsTo<super::registry::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
