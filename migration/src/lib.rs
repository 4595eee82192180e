//! The versioned, reversible schema of Fairway's database, the same on SQLite, PostgreSQL and MySQL/MariaDB.
//!
//! A merged migration is never edited: a change is a new one. Tables and columns are plain strings, so that an old
//! migration does not change with the code. Every foreign key is indexed and states its delete rule.

pub use sea_orm_migration::prelude::*;

mod column;
mod m20261121_000001_create_tables;
mod m20261121_000002_keep_catalog;
mod m20261121_000003_index_audit;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_create_tables::Migration),
            Box::new(m20261121_000002_keep_catalog::Migration),
            Box::new(m20261121_000003_index_audit::Migration),
        ]
    }
}
