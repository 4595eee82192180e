//! The migrations: they go up, down and up again; the entities are what they make; foreign keys are indexed.

use std::collections::{BTreeMap, BTreeSet};

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, IdenStatic, Iterable, Statement};
use tests::database::TemporaryDatabase;

/// Names as the database has them: table, then columns.
type Tables = BTreeMap<String, BTreeSet<String>>;

/// Table and columns of an entity.
fn columns_of<E: EntityTrait + Default>() -> (String, BTreeSet<String>) {
    let columns = E::Column::iter().map(|column| column.as_str().to_owned()).collect();
    (E::default().table_name().to_owned(), columns)
}

/// All entities; one that is missing here is found, for its table is.
fn entities() -> Tables {
    BTreeMap::from([
        columns_of::<entity::audit_event::Entity>(),
        columns_of::<entity::epoch::Entity>(),
        columns_of::<entity::image::Entity>(),
        columns_of::<entity::namespace::Entity>(),
        columns_of::<entity::registry::Entity>(),
        columns_of::<entity::registry_sync::Entity>(),
        columns_of::<entity::space::Entity>(),
        columns_of::<entity::space_binding::Entity>(),
        columns_of::<entity::tombstone::Entity>(),
        columns_of::<entity::workspace::Entity>(),
    ])
}

async fn rows(database: &DatabaseConnection, sql: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let rows = database.query_all_raw(statement).await.expect("a database can describe itself");
    rows.iter()
        .map(|row| columns.iter().map(|column| row.try_get("", column).expect("names are text")).collect())
        .collect()
}

/// The tables there are, but for the ones that the migrations keep their own books in.
async fn tables(database: &DatabaseConnection) -> Tables {
    let sql = match database.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT m.name AS t, c.name AS c FROM sqlite_master m JOIN pragma_table_info(m.name) c
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
        }
        DbBackend::Postgres => {
            "SELECT CAST(table_name AS text) AS t, CAST(column_name AS text) AS c
             FROM information_schema.columns WHERE table_schema = 'public'"
        }
        _ => {
            "SELECT CAST(table_name AS CHAR) AS t, CAST(column_name AS CHAR) AS c
             FROM information_schema.columns WHERE table_schema = DATABASE()"
        }
    };
    let mut tables = Tables::new();
    for row in rows(database, sql, &["t", "c"]).await {
        let [table, column] = row.try_into().expect("two columns were asked for");
        if !table.starts_with("seaql") {
            tables.entry(table).or_default().insert(column);
        }
    }
    tables
}

#[tokio::test]
async fn they_go_up_and_down_and_up_again() {
    let temporary = TemporaryDatabase::create().await;
    let database = temporary.connect().await;
    let steps = u32::try_from(Migrator::migrations().len()).expect("there are not that many migrations");
    Migrator::up(&database, None).await.expect("all migrations can be applied");
    let before = tables(&database).await;
    assert!(!before.is_empty());
    // One by one, so that each is known to undo what it did.
    for _ in 0..steps {
        Migrator::down(&database, Some(1)).await.expect("each migration can be reverted");
    }
    assert_eq!(tables(&database).await, Tables::new());
    Migrator::up(&database, None).await.expect("all migrations can be applied again");
    assert_eq!(tables(&database).await, before);
    database.close().await.expect("a connection can be closed");
}

#[tokio::test]
async fn entities_are_what_the_migrations_make() {
    let temporary = TemporaryDatabase::create().await;
    let database = temporary.connect().await;
    Migrator::up(&database, None).await.expect("all migrations can be applied");
    assert_eq!(tables(&database).await, entities());
    database.close().await.expect("a connection can be closed");
}

#[tokio::test]
async fn every_foreign_key_is_indexed_and_says_what_becomes_of_its_rows() {
    // SQLite tells both in two queries, and the migrations are the same for all databases.
    let temporary = TemporaryDatabase::in_folder();
    let database = temporary.connect().await;
    Migrator::up(&database, None).await.expect("all migrations can be applied");
    let keys = rows(
        &database,
        "SELECT m.name AS t, k.\"from\" AS c, k.on_delete AS d FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) k
         WHERE m.type = 'table'",
        &["t", "c", "d"],
    )
    .await;
    assert!(!keys.is_empty());
    let leading = rows(
        &database,
        "SELECT m.name AS t, i.name AS c FROM sqlite_master m JOIN pragma_index_list(m.name) l
         JOIN pragma_index_info(l.name) i WHERE m.type = 'table' AND i.seqno = 0",
        &["t", "c"],
    )
    .await;
    for key in keys {
        let is_indexed = leading.iter().any(|index| index[..] == key[..2]);
        assert!(is_indexed, "{}.{} leads no index", key[0], key[1]);
        assert_ne!(key[2], "NO ACTION", "{}.{} states no delete rule", key[0], key[1]);
    }
    database.close().await.expect("a connection can be closed");
}
