//! The one way to the database: connections, read snapshots and writes.
//!
//! Knows the three databases' manners, and the epoch that orders all writers; knows no rule and no table but that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::entity::epoch;
use migration::{Migrator, MigratorTrait};
use sea_orm::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
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
}

/// The two counters of the [`epoch`] row.
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

impl From<epoch::Model> for Epoch {
    fn from(row: epoch::Model) -> Self {
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
            .test_before_acquire(true)
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
        Ok(Self { db, statements })
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

    /// The epoch now: one row, one statement.
    pub async fn epoch(&self) -> Result<Epoch, DbErr> {
        read_epoch(&self.db).await
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
    pub async fn write(&self, raises: Raises) -> Result<Write, DbErr> {
        let options = match self.db.get_database_backend() {
            // A deferred transaction that turns from reading to writing fails with BUSY at once.
            DbBackend::Sqlite => TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..Default::default()
            },
            _ => TransactionOptions { isolation_level: Some(IsolationLevel::ReadCommitted), ..Default::default() },
        };
        let tx = self.db.begin_with_options(options).await?;
        let column = match raises {
            Raises::Access => epoch::Column::Access,
            Raises::Content => epoch::Column::Content,
        };
        epoch::Entity::update_many()
            .col_expr(column, Expr::col(column).add(1))
            .filter(epoch::Column::Id.eq(epoch::ID))
            .exec(&tx)
            .await?;
        let version = read_epoch(&tx).await?.version();
        Ok(Write { tx, version })
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

    pub async fn commit(self) -> Result<(), DbErr> {
        self.tx.commit().await
    }
}

async fn read_epoch(db: &impl ConnectionTrait) -> Result<Epoch, DbErr> {
    let row = epoch::Entity::find_by_id(epoch::ID).one(db).await?;
    row.map(Epoch::from)
        .ok_or_else(|| DbErr::RecordNotFound("the epoch row is missing: has the database been migrated?".into()))
}
