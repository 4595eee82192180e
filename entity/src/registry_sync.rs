//! How a registry is kept in step: who does it, when it is due, and how it went. Written on each turn, so nothing here is
//! guarded by the epoch, and nobody keeps it in memory.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "registry_sync")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub registry_id: Uuid,
    /// The process that sweeps it, or was the last to.
    pub holder: Option<Uuid>,
    /// Raised by each lease: a write that comes with an older number is refused.
    pub fence: i64,
    /// Until when the holder has it, in milliseconds since 1970 by the database's clock.
    pub lease_until_ms: i64,
    /// When the next sweep is due, by the same clock.
    pub due_ms: i64,
    /// Sweeps that looked for changes alone since the last one that read everything.
    pub sweeps_since_full: i32,
    /// When the reading of everything that is under way began: what was read since need not be read again.
    pub full_since: Option<DateTimeUtc>,
    pub started_at: Option<DateTimeUtc>,
    pub succeeded_at: Option<DateTimeUtc>,
    /// As of when all images of this registry are known to be true, but for the spaces that failed by themselves.
    pub confirmed_at: Option<DateTimeUtc>,
    pub checked_at: Option<DateTimeUtc>,
    pub latency_ms: Option<i32>,
    /// Why the last sweep failed; none if it did not.
    pub error: Option<String>,
    /// How far the sweep under way is; none between sweeps.
    pub spaces_done: Option<i32>,
    pub spaces_total: Option<i32>,
    #[sea_orm(belongs_to, from = "registry_id", to = "id", on_delete = "Cascade")]
    pub registry: BelongsTo<super::registry::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
