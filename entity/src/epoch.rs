//! One row, two counters: what tells every process whether what it keeps in memory is still true.

use sea_orm::entity::prelude::*;

/// The id of the only row.
pub const ID: i32 = 1;

#[sea_orm::model]
#[derive(Clone, Copy, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "epoch")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Raised by every change of what decides who sees what.
    pub access: i64,
    /// Raised by every change of images and health.
    pub content: i64,
    /// Tombstones up to this version may be gone: who knows less has to read everything.
    pub horizon: i64,
}

impl ActiveModelBehavior for ActiveModel {}
