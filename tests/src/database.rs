//! A database of its own for each gateway under test.
//!
//! SQLite in a temporary folder, unless `FAIRWAY_TEST_DATABASE_URL` names a PostgreSQL or MySQL/MariaDB server: then a
//! fresh database is created there, and dropped at the end.
//! Owns names and lifetimes; knows nothing of what is stored.

use std::collections::BTreeMap;

use entity::epoch;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, EntityTrait, Statement,
};
use secrecy::SecretString;
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

/// The server that tests make their databases on, without a path: `postgres://postgres@127.0.0.1:5432`.
pub const SERVER_VARIABLE: &str = "FAIRWAY_TEST_DATABASE_URL";

/// A database that lives as long as this value.
#[derive(Debug)]
pub struct TemporaryDatabase {
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// The folder is deleted with the value.
    Folder {
        _folder: TempDir,
    },
    Server {
        maintenance_url: String,
        name: String,
    },
}

impl TemporaryDatabase {
    /// Makes an empty database where the environment says.
    ///
    /// # Panics
    /// When the server that the environment names cannot be used: a suite that silently fell back to SQLite would prove nothing.
    pub async fn create() -> Self {
        match std::env::var(SERVER_VARIABLE) {
            Ok(server) if !server.is_empty() => Self::on_server(&server).await,
            _ => Self::in_folder(),
        }
    }

    /// Whether several processes may share a database here. A test that needs that returns when not, after saying so.
    #[must_use]
    pub fn can_be_shared(test: &str) -> bool {
        if std::env::var(SERVER_VARIABLE).is_ok_and(|server| !server.is_empty()) {
            return true;
        }
        // Past the test harness' capture, which would hide it from a green run.
        let notice = format!("\nNOT RUN: {test} needs a database server, which {SERVER_VARIABLE} names\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes());
        false
    }

    /// The address that a gateway is configured with.
    #[must_use]
    pub fn url(&self) -> SecretString {
        SecretString::from(self.url.clone())
    }

    /// A connection beside the gateway's own, to see what was stored.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn connect(&self) -> DatabaseConnection {
        Database::connect(self.url.as_str()).await.expect("the temporary database answers as long as it lives")
    }

    /// The epoch as it stands.
    ///
    /// # Panics
    /// When the database does not answer, or was never migrated.
    pub async fn epoch(&self) -> epoch::Model {
        let connection = self.connect().await;
        let row = epoch::Entity::find().one(&connection).await.expect("the epoch can be read");
        connection.close().await.expect("a connection can be closed");
        row.expect("a migrated database has an epoch")
    }

    /// Runs statements beside the gateway's own, to bring about what an operator or a disaster would.
    ///
    /// # Panics
    /// When the database refuses one of them.
    pub async fn execute(&self, statements: &[&str]) {
        let connection = self.connect().await;
        for statement in statements {
            let done = connection.execute_unprepared(statement).await;
            done.unwrap_or_else(|error| panic!("`{statement}` is refused: {error}"));
        }
        connection.close().await.expect("a connection can be closed");
    }

    /// How many rows stand in each table, to see that a refused change left nothing behind.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn row_counts(&self) -> BTreeMap<String, i64> {
        let connection = self.connect().await;
        let backend = connection.get_database_backend();
        let tables = match backend {
            DbBackend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
            DbBackend::Postgres => {
                "SELECT CAST(table_name AS text) AS name FROM information_schema.tables WHERE table_schema = 'public'"
            }
            _ => {
                "SELECT CAST(table_name AS CHAR) AS name FROM information_schema.tables WHERE table_schema = DATABASE()"
            }
        };
        let rows = connection.query_all_raw(Statement::from_string(backend, tables)).await;
        let mut counts = BTreeMap::new();
        for row in rows.expect("a database can list its tables") {
            let table: String = row.try_get("", "name").expect("a table has a name");
            let count = format!("SELECT COUNT(*) AS n FROM {table}");
            let row = connection.query_one_raw(Statement::from_string(backend, count)).await;
            let row = row.expect("a table can be counted").expect("a count is one row");
            counts.insert(table, row.try_get("", "n").expect("a count is a whole number"));
        }
        connection.close().await.expect("a connection can be closed");
        counts
    }

    /// Makes an empty SQLite database, whatever the environment says.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn in_folder() -> Self {
        let folder = TempDir::with_prefix("fairway-test-").expect("a temporary folder can be made");
        let file = folder.path().join("fairway.db");
        Self {
            // `rwc` lets a connection of the tests create the file before a gateway did.
            url: format!("sqlite://{}?mode=rwc", file.display()),
            place: Place::Folder { _folder: folder },
        }
    }

    /// Makes an empty database on this server, whatever the environment says.
    ///
    /// # Panics
    /// When the server cannot be used.
    pub async fn on_server(server: &str) -> Self {
        let name = format!("fairway_test_{}", Uuid::new_v4().simple());
        let mut url = Url::parse(server).unwrap_or_else(|error| panic!("the database server is no address: {error}"));
        // Both servers have one database that is always there; PostgreSQL cannot be connected to without naming one.
        let maintenance = if url.scheme().starts_with("postgres") { "postgres" } else { "mysql" };
        url.set_path(maintenance);
        let maintenance_url = url.to_string();
        execute(&maintenance_url, &format!("CREATE DATABASE {name}"))
            .await
            .unwrap_or_else(|error| panic!("no database can be made on the server given: {error}"));
        url.set_path(&name);
        Self { url: url.to_string(), place: Place::Server { maintenance_url, name } }
    }
}

impl Drop for TemporaryDatabase {
    fn drop(&mut self) {
        let Place::Server { maintenance_url, name } = &self.place else {
            return;
        };
        // A thread with a runtime of its own: drop is not async, and the test's runtime may be ending.
        let drop_it = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(drop_database(maintenance_url, name)))
        };
        let dropped = std::thread::scope(|threads| threads.spawn(drop_it).join());
        if !matches!(dropped, Ok(Ok(Ok(())))) {
            tracing::warn!(database.name = %name, "A test database could not be dropped");
        }
    }
}

/// Drops a database that a gateway may still be connected to: its transactions would be waited for, and whoever drops it
/// holds up the thread that would end them.
async fn drop_database(url: &str, name: &str) -> Result<(), DbErr> {
    if url.starts_with("postgres") {
        return execute(url, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    }
    let mut options = ConnectOptions::new(url);
    // What is set for a session holds for the one connection.
    options.max_connections(1);
    let connection = Database::connect(options).await?;
    connection.execute_unprepared("SET SESSION lock_wait_timeout = 10").await?;
    let sessions = format!("SELECT CAST(id AS SIGNED) AS id FROM information_schema.processlist WHERE db = '{name}'");
    for row in connection.query_all_raw(Statement::from_string(DbBackend::MySql, sessions)).await? {
        // It may have ended by itself meanwhile.
        let _ = connection.execute_unprepared(&format!("KILL {}", row.try_get::<i64>("", "id")?)).await;
    }
    connection.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name}")).await?;
    connection.close().await
}

async fn execute(url: &str, statement: &str) -> Result<(), DbErr> {
    let connection = Database::connect(url).await?;
    connection.execute_unprepared(statement).await?;
    connection.close().await
}
