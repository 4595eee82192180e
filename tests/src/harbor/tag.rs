//! Tags of an artifact.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::artifact::{find, full_reference, named};
use super::call::Call;
use super::content::Tag;
use super::paging::ListQuery;
use super::query::{Cell, Row};
use super::reply::{Refusal, Reply};
use super::repository::repository_mut;
use super::state::{State, timestamp, timestamp_or_never};
use super::system::Answer;
use super::version::Version;

impl Row for &Tag {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        Some(match column {
            "id" => Cell::Number(self.id),
            "name" => Cell::Text(&self.name),
            "push_time" => Cell::Time(self.pushed),
            "pull_time" => Cell::Time(self.pulled.unwrap_or_default()),
            _ => return None,
        })
    }
}

pub(super) fn tag_json(version: &Version, repository: i64, artifact: i64, tag: &Tag) -> Value {
    let mut json = json!({
        "artifact_id": artifact, "id": tag.id, "immutable": false, "name": tag.name,
        "pull_time": timestamp_or_never(tag.pulled), "push_time": timestamp(tag.pushed),
        "repository_id": repository,
    });
    if !version.has(9) {
        json["signed"] = json!(false);
    }
    json
}

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    let name = call.repository(3);
    let row = named(state, call, &name, ("tag", "list"))?;
    let listing = query.apply(call, row.artifact.tags.iter().collect(), "-push_time,-id")?;
    let tags =
        listing.rows.iter().map(|tag| tag_json(&state.version, row.repository.id, row.artifact.id, tag)).collect();
    Ok(Reply::list(&listing, tags))
}

#[derive(Debug, Deserialize)]
struct NewTag {
    #[serde(default)]
    name: String,
}

/// Never moves a tag: a name in use anywhere in the repository is a conflict. Sends no webhook.
pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let new: NewTag = call.json("tag")?;
    let name = call.repository(3);
    let row = named(state, call, &name, ("tag", "create"))?;
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if new.name.is_empty() || !new.name.chars().all(valid) {
        return Err(Refusal::bad_request(format!("bad request: invalid tag name: {}", new.name)));
    }
    if find(row.repository, &new.name).is_some() {
        return Err(Refusal::conflict(format!(
            "tag {} already exists under the repository {}",
            new.name, row.repository.id
        )));
    }
    let (project_id, artifact_id) = (row.project.id, row.artifact.id);
    attach(state, project_id, &name, artifact_id, &new.name);
    let resource = full_reference(state, project_id, &name, &new.name);
    state.record(project_id, "create", "tag", resource, call.identity.name());
    Ok(Reply::empty(StatusCode::CREATED))
}

/// Puts a tag on an artifact, taking it from any other.
pub(super) fn attach(state: &mut State, project_id: i64, repository: &str, artifact_id: i64, name: &str) {
    let (id, now) = (state.ids.tag.draw(), state.now());
    let bumps = state.version.has_patch(15, 2);
    let Some(repository) = repository_mut(state, project_id, repository) else {
        return;
    };
    if bumps {
        repository.updated = now;
    }
    let mut moved = None;
    for artifact in repository.artifacts.values_mut() {
        if let Some(at) = artifact.tags.iter().position(|tag| tag.name == name) {
            moved = Some(artifact.tags.remove(at));
        }
    }
    let tag = Tag { id: moved.map_or(id, |tag| tag.id), name: name.to_owned(), pushed: now, pulled: None };
    if let Some(artifact) = repository.artifacts.get_mut(&artifact_id) {
        artifact.tags.push(tag);
    }
}

/// Takes a tag off; the artifact stays, untagged if need be. Sends no webhook.
pub(super) fn detach(state: &mut State, project_id: i64, repository: &str, name: &str) {
    let now = state.now();
    let bumps = state.version.has_patch(15, 2);
    if let Some(repository) = repository_mut(state, project_id, repository) {
        for artifact in repository.artifacts.values_mut() {
            artifact.tags.retain(|tag| tag.name != name);
        }
        if bumps {
            repository.updated = now;
        }
    }
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let name = call.repository(3);
    let row = named(state, call, &name, ("tag", "delete"))?;
    let wanted = call.segment(7);
    if !row.artifact.tags.iter().any(|tag| tag.name == wanted) {
        return Err(Refusal::not_found(format!("tag {wanted} attached to artifact {} not found", row.artifact.id)));
    }
    let project_id = row.project.id;
    detach(state, project_id, &name, wanted);
    let resource = full_reference(state, project_id, &name, wanted);
    state.record(project_id, "delete", "tag", resource, call.identity.name());
    Ok(Reply::done())
}
