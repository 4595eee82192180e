//! Who sweeps a registry: one process at a time, by a row in the database and the database's clock alone.
//!
//! A lease that is not renewed lapses, and another replica takes over. The one that lost it may not know yet, so each of
//! its writes proves the lease again inside the transaction.

use std::time::Duration;

use ::entity::registry_sync::{ActiveModel, Column, Entity, Model};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::*;
use sea_orm::sea_query::{ExprTrait, SimpleExpr};
use sea_orm::{Condition, QueryOrder, QuerySelect};

use crate::clock;
use crate::storage::{Storage, Write};

/// How long a lease lasts without being renewed. A replica that died is followed by another this much later, and the time
/// between two looks for what is due.
const LENGTH: Duration = Duration::from_secs(20);

/// How often a lease is renewed.
pub(super) const RENEWAL: Duration = Duration::from_secs(5);

/// In `due_ms`: as soon as may be.
const AT_ONCE: i64 = 0;

/// In `due_ms` while somebody sweeps: long past, so that the registry is due when they die, and not [`AT_ONCE`], so that
/// a demand that comes meanwhile is not lost.
const UNDER_WAY: i64 = 1;

/// The right to sweep one registry.
#[derive(Clone)]
pub(super) struct Lease {
    storage: Storage,
    registry: Uuid,
    holder: Uuid,
    fence: i64,
}

/// Takes the lease of a registry for the process `holder`, unless somebody has it; `if_due` also unless it is not due.
/// With it comes the row as it is now.
pub(super) async fn claim(
    storage: &Storage,
    registry: Uuid,
    holder: Uuid,
    if_due: bool,
) -> Result<Option<(Lease, Model)>, DbErr> {
    let mut claim = Entity::update_many()
        .set(ActiveModel {
            holder: Set(Some(holder)),
            due_ms: Set(UNDER_WAY),
            started_at: Set(Some(clock::now())),
            spaces_done: Set(None),
            spaces_total: Set(None),
            ..Default::default()
        })
        .col_expr(Column::Fence, Expr::col(Column::Fence).add(1))
        .col_expr(Column::LeaseUntilMs, from_now(storage, LENGTH))
        .filter(Column::RegistryId.eq(registry))
        .filter(Expr::col(Column::LeaseUntilMs).lte(storage.now_ms()));
    if if_due {
        claim = claim.filter(Expr::col(Column::DueMs).lte(storage.now_ms()));
    }
    if claim.exec(storage.connection()).await?.rows_affected == 0 {
        return Ok(None);
    }
    let row = Entity::find_by_id(registry).one(storage.connection()).await?;
    Ok(row.filter(|row| row.holder == Some(holder)).map(|row| {
        let lease = Lease { storage: storage.clone(), registry, holder, fence: row.fence };
        (lease, row)
    }))
}

/// The registries that are due and that nobody sweeps, the longest due first.
pub(super) async fn due(storage: &Storage, limit: u64) -> Result<Vec<Uuid>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::RegistryId)
        .filter(Expr::col(Column::DueMs).lte(storage.now_ms()))
        .filter(Expr::col(Column::LeaseUntilMs).lte(storage.now_ms()))
        .order_by_asc(Column::DueMs)
        .limit(limit)
        .into_tuple()
        .all(storage.connection())
        .await
}

/// Has a registry swept as soon as may be, once more if somebody is at it.
pub(super) async fn demand(storage: &Storage, registry: Uuid) -> Result<(), DbErr> {
    Entity::update_many()
        .set(ActiveModel { due_ms: Set(AT_ONCE), ..Default::default() })
        .filter(Column::RegistryId.eq(registry))
        .exec(storage.connection())
        .await?;
    Ok(())
}

/// Whether there is such a registry at all.
pub(super) async fn is_known(storage: &Storage, registry: Uuid) -> Result<bool, DbErr> {
    Ok(Entity::find_by_id(registry).one(storage.connection()).await?.is_some())
}

/// Ends the leases of all other processes: where there can be none, they are those of this one's past.
pub(super) async fn clear(storage: &Storage, holder: Uuid) -> Result<(), DbErr> {
    Entity::update_many()
        .set(ActiveModel { lease_until_ms: Set(0), ..Default::default() })
        .filter(Column::Holder.ne(holder))
        .exec(storage.connection())
        .await?;
    Ok(())
}

impl Lease {
    pub(super) fn registry(&self) -> Uuid {
        self.registry
    }

    /// Renews it, and writes down how far the sweep is. False if it is lost.
    pub(super) async fn renew(&self, done: usize, total: usize) -> Result<bool, DbErr> {
        let count = |n: usize| Set(Some(i32::try_from(n).unwrap_or(i32::MAX)));
        let progress = ActiveModel { spaces_done: count(done), spaces_total: count(total), ..Default::default() };
        self.note(progress).await
    }

    /// Writes something of the sweep under way into its row, and renews. False if the lease is lost.
    pub(super) async fn note(&self, columns: ActiveModel) -> Result<bool, DbErr> {
        self.update(columns, self.storage.connection()).await
    }

    /// Whether it still holds, inside a write: until that ends nobody else can take it, however long it takes.
    pub(super) async fn holds(&self, write: &Write) -> Result<bool, DbErr> {
        self.update(ActiveModel { ..Default::default() }, write.tx()).await
    }

    async fn update(&self, columns: ActiveModel, db: &impl ConnectionTrait) -> Result<bool, DbErr> {
        let renewed = Entity::update_many()
            .set(columns)
            .col_expr(Column::LeaseUntilMs, from_now(&self.storage, LENGTH))
            .filter(self.is_mine())
            .filter(Expr::col(Column::LeaseUntilMs).gt(self.storage.now_ms()))
            .exec(db)
            .await?;
        Ok(renewed.rows_affected == 1)
    }

    /// Ends it with the outcome of the sweep. The next one is due after `pause`; at once if there is none, or if it was
    /// demanded meanwhile.
    pub(super) async fn release(&self, outcome: ActiveModel, pause: Option<Duration>) -> Result<(), DbErr> {
        let next = match pause {
            Some(pause) => {
                Expr::case(Column::DueMs.eq(AT_ONCE), AT_ONCE).finally(from_now(&self.storage, pause)).into()
            }
            None => Expr::value(AT_ONCE),
        };
        Entity::update_many()
            .set(ActiveModel { lease_until_ms: Set(0), spaces_done: Set(None), spaces_total: Set(None), ..outcome })
            .col_expr(Column::DueMs, next)
            .filter(self.is_mine())
            .exec(self.storage.connection())
            .await?;
        Ok(())
    }

    fn is_mine(&self) -> Condition {
        Condition::all()
            .add(Column::RegistryId.eq(self.registry))
            .add(Column::Holder.eq(self.holder))
            .add(Column::Fence.eq(self.fence))
    }
}

fn from_now(storage: &Storage, pause: Duration) -> SimpleExpr {
    storage.now_ms().add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX / 2))
}

/// What a look at the registry leaves in its row.
pub(super) fn looked(at: DateTime<Utc>, latency_ms: Option<i32>) -> ActiveModel {
    ActiveModel { checked_at: Set(Some(at)), latency_ms: Set(latency_ms), ..Default::default() }
}
