//! Rules of the code base itself, held by tests: the schema, the arrows between modules, the migrations.

mod arrows;
mod migrations;
mod schema;

use std::path::PathBuf;

/// A path below the root of the workspace.
fn workspace(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
