//! Audit logs, old and new. Pure reading; rows are recorded where things happen.

use serde_json::json;

use super::call::Call;
use super::paging::ListQuery;
use super::permission::{self, may, may_in_system};
use super::query::{Cell, Row};
use super::reply::{Refusal, Reply};
use super::state::{AuditEntry, State, timestamp};
use super::system::Answer;

impl Row for &AuditEntry {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        Some(match column {
            "id" => Cell::Number(self.id),
            "username" => Cell::Text(&self.username),
            "resource" => Cell::Text(&self.resource),
            "resource_type" => Cell::Text(self.resource_type),
            "operation" => Cell::Text(self.operation),
            "op_time" => Cell::Time(self.time),
            _ => return None,
        })
    }
}

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    if call.identity.is_anonymous() {
        // This one refusal has no message.
        let unauthorized = axum::http::StatusCode::UNAUTHORIZED;
        return Err(Refusal::new(unauthorized, "UNAUTHORIZED", ""));
    }
    let everything = may_in_system(state, &call.identity, "audit-log", "list");
    let rows = state.audit.iter().filter(|entry| {
        everything
            || state
                .projects
                .get(&entry.project_id)
                .is_some_and(|project| may(state, &call.identity, project, "log", "list"))
    });
    page(state, call, &query, rows.collect())
}

pub(super) fn list_of_project(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    let project = permission::project(state, call, "log", "list")?.id;
    let rows = state.audit.iter().filter(|entry| entry.project_id == project);
    page(state, call, &query, rows.collect())
}

fn page(state: &State, call: &Call, query: &ListQuery, mut rows: Vec<&AuditEntry>) -> Answer {
    let extended = call.path.ends_with("auditlog-exts");
    // Since 2.13 the older lists hold only rows from before the upgrade: none here.
    if state.version.has(13) && !extended {
        rows.clear();
    }
    let listing = query.apply(call, rows, "-op_time")?;
    let entries = listing
        .rows
        .iter()
        .map(|entry| {
            let mut json = json!({
                "id": entry.id, "op_time": timestamp(entry.time), "operation": entry.operation,
                "resource": entry.resource, "resource_type": entry.resource_type,
                "username": entry.username,
            });
            if extended {
                let description = format!("{} {}", entry.operation, entry.resource_type);
                json["operation_description"] = json!(description);
                json["operation_result"] = json!(true);
            }
            json
        })
        .collect();
    Ok(Reply::list(&listing, entries))
}
