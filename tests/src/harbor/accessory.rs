//! Accessories: artifacts that belong to another one, such as signatures.

use serde_json::{Value, json};

use super::artifact::{ArtifactRow, named};
use super::call::Call;
use super::content::Artifact;
use super::paging::ListQuery;
use super::query::{Cell, Row};
use super::reply::Reply;
use super::state::{State, timestamp};
use super::system::Answer;

pub(super) fn accessories(row: &ArtifactRow<'_>) -> Vec<Value> {
    let of_this =
        |artifact: &&Artifact| artifact.subject.as_ref().is_some_and(|subject| subject.digest == row.artifact.digest);
    let accessory = |artifact: &Artifact| {
        let subject = artifact.subject.as_ref()?;
        Some(json!({
            "artifact_id": artifact.id, "creation_time": timestamp(artifact.pushed),
            "digest": artifact.digest, "icon": "", "id": subject.accessory_id,
            "size": artifact.size, "subject_artifact_digest": subject.digest,
            "subject_artifact_id": row.artifact.id,
            "subject_artifact_repo": format!("{}/{}", row.project.name, row.name),
            "type": subject.kind,
        }))
    };
    row.repository.artifacts.values().filter(of_this).filter_map(accessory).collect()
}

impl Row for Value {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        match self.get(column)? {
            Value::String(text) => Some(Cell::Text(text)),
            Value::Number(number) => number.as_i64().map(Cell::Number),
            Value::Bool(flag) => Some(Cell::Flag(*flag)),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    let name = call.repository(3);
    let row = named(state, call, &name, ("accessory", "list"))?;
    let listing = query.apply(call, accessories(&row), "id")?;
    let rows = listing.rows.clone();
    Ok(Reply::list(&listing, rows))
}
