//! The one way to the database: connections, read snapshots and writes.
//!
//! Knows the three databases' manners, and the epoch that orders all writers; knows no rule and no table but that.

mod epoch;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::entity::{epoch as epoch_row, tombstone};
use chrono::{DateTime, Utc};
use migration::{Migrator, MigratorTrait};
use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder;
use sea_orm::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    AccessMode, ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbBackend, IsolationLevel,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use secrecy::{ExposeSecret, SecretString};

/// Connections kept to a database server. SQLite readers share them too; its writers queue for the one write lock.
const MAX_CONNECTIONS: u32 = 16;

/// A pool of connections to the database named by `FAIRWAY_DATABASE_URL`.
#[derive(Clone)]
pub struct Storage {
    db: DatabaseConnection,
    statements: Arc<AtomicU64>,
    epoch_reads: Arc<epoch::Reads>,
}

/// The two counters of the [`epoch`](epoch_row) row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Raised by every change of what decides who sees what.
    pub access: i64,
    /// Raised by every change of images and health.
    pub content: i64,
}

impl Epoch {
    /// What rows are stamped with: grows by one with each write, whichever counter it raised.
    pub fn version(self) -> i64 {
        self.access + self.content
    }
}

impl From<epoch_row::Model> for Epoch {
    fn from(row: epoch_row::Model) -> Self {
        Self { access: row.access, content: row.content }
    }
}

/// Which counter a write raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raises {
    Access,
    Content,
}

impl Storage {
    /// Connects; an SQLite file that does not exist is made.
    pub async fn connect(url: &SecretString) -> Result<Self, DbErr> {
        let mut options = ConnectOptions::new(url.expose_secret());
        options
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(Duration::from_secs(10))
            .idle_timeout(Duration::from_secs(300))
            // One that was in use a moment ago is not asked first whether it lives.
            .test_before_acquire_if_idle_for(Duration::from_secs(1))
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(|options| {
                use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
                options
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal)
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_secs(10))
                    .statement_cache_capacity(256)
                    .optimize_on_close(true, None)
            });
        let mut db = Database::connect(options).await?;
        let statements = Arc::new(AtomicU64::new(0));
        let counter = statements.clone();
        db.set_metric_callback(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        Ok(Self { db, statements, epoch_reads: Arc::default() })
    }

    /// For single reads that need no snapshot, and for migrations.
    pub fn connection(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Waits for statements under way and closes the connections.
    pub async fn close(self) -> Result<(), DbErr> {
        self.db.close().await
    }

    /// SQL statements executed through this pool so far, transaction control left out.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Applies the pending migrations. Two processes that start together do not both apply them: PostgreSQL and
    /// MySQL hold a named lock meanwhile; SQLite is for one process.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        let (lock, unlock) = match self.db.get_database_backend() {
            DbBackend::Postgres => ("SELECT pg_advisory_xact_lock(4609927)::text IS NOT NULL AS held", None),
            DbBackend::MySql => (
                // A lock's name has at most 64 characters, and is the server's, not the database's.
                "SELECT GET_LOCK(CONCAT('fairway-', MD5(DATABASE())), 60) = 1 AS held",
                Some("SELECT RELEASE_LOCK(CONCAT('fairway-', MD5(DATABASE())))"),
            ),
            _ => return Migrator::up(&self.db, None).await,
        };
        // The lock belongs to one connection: a transaction keeps hold of it, while the migrations run in others.
        let holder = self.db.begin().await?;
        let row = holder.query_one_raw(Statement::from_string(self.db.get_database_backend(), lock)).await?;
        let is_held = match row {
            Some(row) => {
                row.try_get::<bool>("", "held").or_else(|_| row.try_get::<i64>("", "held").map(|held| held == 1))?
            }
            None => false,
        };
        if !is_held {
            return Err(DbErr::Custom("another process has been migrating the database for a minute".to_owned()));
        }
        let migrated = Migrator::up(&self.db, None).await;
        if let Some(unlock) = unlock {
            // The end of the connection would release it too.
            let _ = holder.execute_unprepared(unlock).await;
        }
        holder.rollback().await?;
        migrated
    }

    /// Undoes the last migration.
    pub async fn revert(&self) -> Result<(), DbErr> {
        Migrator::down(&self.db, Some(1)).await
    }

    /// The migrations by name, each with whether it has been applied.
    pub async fn migrations(&self) -> Result<Vec<(String, bool)>, DbErr> {
        let pending = Migrator::get_pending_migrations(&self.db).await?;
        let is_applied = |name: &str| !pending.iter().any(|migration| migration.name() == name);
        Ok(Migrator::migrations()
            .iter()
            .map(|migration| (migration.name().to_owned(), is_applied(migration.name())))
            .collect())
    }

    /// The epoch now: one row, one statement, which began after this call and is shared by all who ask meanwhile.
    pub async fn epoch(&self) -> Result<Epoch, DbErr> {
        let db = self.db.clone();
        let read = move || {
            let db = db.clone();
            async move { epoch::read(&db).await }
        };
        self.epoch_reads.next(read).await
    }

    /// Whether this process is the only one on its database.
    pub fn is_single(&self) -> bool {
        self.db.get_database_backend() == DbBackend::Sqlite
    }

    /// The database's clock, in milliseconds since 1970, for use within a statement: the one clock that all replicas
    /// share.
    pub fn now_ms(&self) -> SimpleExpr {
        Expr::cust(match self.db.get_database_backend() {
            DbBackend::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
            DbBackend::MySql => "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)",
            _ => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        })
    }

    /// Forgets tombstones of before `cutoff`. Processes that have read nothing since then read everything anew.
    pub async fn forget_tombstones(&self, cutoff: DateTime<Utc>) -> Result<(), DbErr> {
        let tx = self.begin().await?;
        let newest = tombstone::Entity::find()
            .filter(tombstone::Column::At.lt(cutoff))
            .order_by_desc(tombstone::Column::Version)
            .one(&tx)
            .await?;
        let Some(newest) = newest else { return Ok(()) };
        epoch_row::Entity::update_many()
            .col_expr(epoch_row::Column::Horizon, Expr::value(newest.version))
            .filter(epoch_row::Column::Id.eq(epoch_row::ID))
            .filter(epoch_row::Column::Horizon.lt(newest.version))
            .exec(&tx)
            .await?;
        tombstone::Entity::delete_many().filter(tombstone::Column::Version.lte(newest.version)).exec(&tx).await?;
        tx.commit().await
    }

    /// A view of the whole database as of one moment.
    pub async fn snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        match self.db.get_database_backend() {
            // In WAL mode the first read of a deferred transaction fixes what all later ones see.
            DbBackend::Sqlite => self.db.begin().await,
            _ => {
                let options = TransactionOptions {
                    isolation_level: Some(IsolationLevel::RepeatableRead),
                    access_mode: Some(AccessMode::ReadOnly),
                    ..Default::default()
                };
                self.db.begin_with_options(options).await
            }
        }
    }

    /// Begins a write and raises the epoch, which queues all writers: from here on nobody else changes anything.
    /// No network call belongs between this and [`Write::commit`]. Dropped without commit, nothing happened.
    ///
    /// As every writer takes the same row first, two of them cannot wait for each other; what a database calls a
    /// deadlock all the same (gap locks, a statement outside of writes) is tried again.
    pub async fn write(&self, raises: Raises) -> Result<Write, DbErr> {
        const ATTEMPTS: usize = 3;
        let mut attempt = 1;
        loop {
            match self.try_write(raises).await {
                Err(error) if attempt < ATTEMPTS && is_deadlock(&error) => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    /// A transaction for rows that no process keeps in memory: it raises no epoch, and waits for no other writer but on
    /// SQLite, which has one at a time.
    pub async fn write_aside(&self) -> Result<DatabaseTransaction, DbErr> {
        self.begin().await
    }

    async fn try_write(&self, raises: Raises) -> Result<Write, DbErr> {
        let tx = self.begin().await?;
        let column = match raises {
            Raises::Access => epoch_row::Column::Access,
            Raises::Content => epoch_row::Column::Content,
        };
        epoch_row::Entity::update_many()
            .col_expr(column, Expr::col(column).add(1))
            .filter(epoch_row::Column::Id.eq(epoch_row::ID))
            .exec(&tx)
            .await?;
        let version = epoch::read(&tx).await?.version();
        Ok(Write { tx, version })
    }

    /// A transaction that will write.
    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = match self.db.get_database_backend() {
            // A deferred transaction that turns from reading to writing fails with BUSY at once.
            DbBackend::Sqlite => TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..Default::default()
            },
            _ => TransactionOptions { isolation_level: Some(IsolationLevel::ReadCommitted), ..Default::default() },
        };
        self.db.begin_with_options(options).await
    }
}

/// An open write: the only way to change a row.
#[must_use = "a write that is not committed changes nothing"]
pub struct Write {
    tx: DatabaseTransaction,
    version: i64,
}

impl Write {
    pub fn tx(&self) -> &DatabaseTransaction {
        &self.tx
    }

    /// What each row that this write touches is stamped with.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Leaves word of rows that this write deletes: who keeps them in memory reads it there.
    pub async fn bury(&self, kind: tombstone::Kind, ids: impl IntoIterator<Item = Uuid>) -> Result<(), DbErr> {
        self.bury_all(kind, ids.into_iter().map(|id| (id, String::new()))).await
    }

    /// The same for single images of a space; a space's tombstone speaks for all of its images.
    pub async fn bury_images(&self, space: Uuid, repositories: impl IntoIterator<Item = String>) -> Result<(), DbErr> {
        self.bury_all(tombstone::Kind::Image, repositories.into_iter().map(|repository| (space, repository))).await
    }

    async fn bury_all(&self, kind: tombstone::Kind, gone: impl Iterator<Item = (Uuid, String)>) -> Result<(), DbErr> {
        /// Five values a row: below every database's limit of values in a statement.
        const ROWS_A_STATEMENT: usize = 1_000;
        let (version, at) = (self.version, crate::clock::now());
        let rows: Vec<_> = gone
            .map(|(of, repository)| tombstone::ActiveModel {
                version: Set(version),
                kind: Set(kind),
                of: Set(of),
                repository: Set(repository),
                at: Set(at),
            })
            .collect();
        for chunk in rows.chunks(ROWS_A_STATEMENT) {
            tombstone::Entity::insert_many(chunk.to_vec()).exec_without_returning(&self.tx).await?;
        }
        Ok(())
    }

    pub async fn commit(self) -> Result<(), DbErr> {
        self.tx.commit().await
    }
}

/// Whether a database gave up one of two transactions that waited for each other.
fn is_deadlock(error: &DbErr) -> bool {
    /// PostgreSQL: deadlock detected, serialization failure. MySQL: deadlock, and the state that it shares with others.
    const STATES: [&str; 2] = ["40P01", "40001"];
    let (DbErr::Exec(RuntimeErr::SqlxError(source)) | DbErr::Query(RuntimeErr::SqlxError(source))) = error else {
        return false;
    };
    source.as_database_error().and_then(|error| error.code()).is_some_and(|code| STATES.contains(&&*code))
}
