//! Members and metadata of a project.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Call;
use super::paging::ListQuery;
use super::permission::{self, require_in_system, role_name};
use super::query::{Cell, Row};
use super::reply::{Refusal, Reply};
use super::state::{Member, State};
use super::system::Answer;

impl Row for &Member {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        match column {
            "id" => Some(Cell::Number(self.id)),
            "entity_name" => Some(Cell::Text(&self.user_name)),
            _ => None,
        }
    }
}

fn member_json(project_id: i64, member: &Member) -> Value {
    json!({
        "entity_id": member.user_id, "entity_name": member.user_name, "entity_type": "u",
        "id": member.id, "project_id": project_id, "role_id": member.role_id,
        "role_name": role_name(member.role_id),
    })
}

/// The total counts all members even where `entityname` leaves fewer: so does Harbor.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    let project = permission::project(state, call, "member", "list")?;
    let mut listing = query.apply(call, project.members.iter().collect(), "entity_name")?;
    if let Some(name) = call.query("entityname").filter(|name| !name.is_empty()) {
        listing.rows.retain(|member| member.user_name == name);
    }
    let members = listing.rows.iter().map(|member| member_json(project.id, member)).collect();
    Ok(Reply::list(&listing, members))
}

#[derive(Debug, Deserialize)]
struct NewMember {
    role_id: i64,
    #[serde(default)]
    member_user: MemberUser,
}

#[derive(Debug, Default, Deserialize)]
struct MemberUser {
    #[serde(default)]
    username: String,
}

pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let new: NewMember = call.json("projectMember")?;
    let project = permission::project(state, call, "member", "create")?;
    let project_id = project.id;
    let name = &new.member_user.username;
    let Some(user) = state.user_named(name) else {
        return Err(Refusal::not_found(format!("user {name} not found")));
    };
    if project.role_of(user.id).is_some() {
        return Err(Refusal::conflict(format!("the member {name} already exists in the project")));
    }
    let (user_id, user_name) = (user.id, user.name.clone());
    let id = insert(state, project_id, user_id, user_name, new.role_id);
    let project = call.segment(1);
    Ok(Reply::created(format!("/api/v2.0/projects/{project}/members/{id}")))
}

pub(super) fn insert(state: &mut State, project_id: i64, user_id: i64, user_name: String, role_id: i64) -> i64 {
    let id = state.ids.member.draw();
    if let Some(project) = state.projects.get_mut(&project_id) {
        project.members.retain(|member| member.user_id != user_id);
        project.members.push(Member { id, user_id, user_name, role_id });
    }
    id
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let project_id = permission::project(state, call, "member", "delete")?.id;
    let wanted: i64 = call.segment(3).parse().unwrap_or_default();
    let Some(project) = state.projects.get_mut(&project_id) else {
        return Err(Refusal::internal());
    };
    let before = project.members.len();
    project.members.retain(|member| member.id != wanted);
    if project.members.len() == before {
        return Err(Refusal::not_found(format!("the project member id {wanted} not found")));
    }
    Ok(Reply::done())
}

/// Needs a right that no role carries: system administrators alone, in practice.
pub(super) fn list_metadata(state: &mut State, call: &Call) -> Answer {
    let project = permission::project(state, call, "metadata", "list")?;
    if !call.identity.is_sysadmin(state) {
        require_in_system(state, &call.identity, "metadata", "list")?;
    }
    Ok(Reply::json(&json!(project.metadata)))
}

/// A map of one pair; `{}` for a key that was never set.
pub(super) fn get_metadata(state: &mut State, call: &Call) -> Answer {
    let project = permission::project(state, call, "metadata", "read")?;
    let key = call.segment(3);
    let pairs: BTreeMap<&str, &String> = project.metadata.get(key).map(|value| (key, value)).into_iter().collect();
    Ok(Reply::json(&json!(pairs)))
}

/// 200 without effect for a key that was never set.
pub(super) fn update_metadata(state: &mut State, call: &Call) -> Answer {
    let change: BTreeMap<String, String> = call.json("metadata")?;
    let id = permission::project(state, call, "metadata", "update")?.id;
    let key = call.segment(3);
    if change.len() != 1 {
        return Err(Refusal::bad_request("only allow one key/value pair"));
    }
    let stored = state.projects.get_mut(&id).and_then(|project| project.metadata.get_mut(key));
    if let (Some(stored), Some(value)) = (stored, change.get(key)) {
        stored.clone_from(value);
    }
    Ok(Reply::done())
}
