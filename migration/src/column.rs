//! Column types that mean the same on all three databases.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// A moment in UTC, exact to the microsecond. MySQL's own mapping would round to whole seconds, and its TIMESTAMP
/// ends in 2038.
pub(crate) fn moment(backend: DatabaseBackend, name: &str) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    match backend {
        DatabaseBackend::MySql => column.custom(Alias::new("datetime(6)")),
        _ => column.timestamp_with_time_zone(),
    };
    column
}

pub(crate) fn id(name: &str) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    column.uuid();
    column
}

pub(crate) fn text(name: &str, length: u32) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    column.string_len(length);
    column
}

pub(crate) fn long_text(name: &str) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    column.text();
    column
}

pub(crate) fn count(name: &str) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    column.big_integer();
    column
}

pub(crate) fn flag(name: &str) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    column.boolean();
    column
}

/// A table whose text compares byte by byte. MySQL's default collation would take `App` for `app`.
pub(crate) fn table(backend: DatabaseBackend, name: &str) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(Alias::new(name));
    if backend == DatabaseBackend::MySql {
        table.character_set("utf8mb4").collate("utf8mb4_bin");
    }
    table
}

pub(crate) fn foreign_key(
    from: (&str, &str),
    to: (&str, &str),
    on_delete: ForeignKeyAction,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("fk_{}_{}", from.0, from.1))
        .from(Alias::new(from.0), Alias::new(from.1))
        .to(Alias::new(to.0), Alias::new(to.1))
        .on_delete(on_delete)
        .on_update(ForeignKeyAction::Restrict)
        .to_owned()
}

pub(crate) fn index(table: &str, columns: &[&str], unique: bool) -> IndexCreateStatement {
    let mut index = Index::create();
    index
        .name(format!("{}_{}_{}", if unique { "uq" } else { "ix" }, table, columns.join("_")))
        .table(Alias::new(table));
    for column in columns {
        index.col(Alias::new(*column));
    }
    if unique {
        index.unique();
    }
    index
}
