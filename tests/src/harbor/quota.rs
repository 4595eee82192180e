//! Storage quotas, which are read only here: one for each project, under an id of its own.

use serde_json::json;

use super::call::Call;
use super::paging::ListQuery;
use super::permission::require_in_system;
use super::query::{Cell, Row};
use super::reply::Reply;
use super::state::{Project, State, timestamp};
use super::system::Answer;

/// A project as `/quotas` orders it.
struct Quota<'a>(&'a Project);

impl Row for Quota<'_> {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        (column == "creation_time").then_some(Cell::Time(self.0.created))
    }
}

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    require_in_system(state, &call.identity, "quota", "list")?;
    let wanted = call.query("reference_id").and_then(|id| id.parse().ok());
    let rows =
        state.projects.values().filter(|project| wanted.is_none_or(|id: i64| project.id == id)).map(Quota).collect();
    let listing = query.apply(call, rows, "-creation_time")?;
    let quotas = listing
        .rows
        .iter()
        .map(|Quota(project)| {
            json!({
                "creation_time": timestamp(project.created),
                "hard": {"storage": project.storage_limit},
                "id": project.quota_id,
                "ref": {"id": project.id, "name": project.name, "owner_name": ""},
                "update_time": timestamp(project.created),
                "used": {"storage": project.size()},
            })
        })
        .collect();
    Ok(Reply::list(&listing, quotas))
}
