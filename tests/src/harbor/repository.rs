//! Repositories: lists, description, deletion.

use serde::Deserialize;
use serde_json::{Value, json};

use super::artifact::is_listed;
use super::call::Call;
use super::delivery::{Event, announce};
use super::paging::ListQuery;
use super::permission;
use super::project::visible;
use super::query::{Cell, Row};
use super::reply::{Refusal, Reply};
use super::state::{Project, Repository, State, timestamp};
use super::system::Answer;

const DEFAULT_ORDER: &str = "-creation_time,-repository_id";

struct RepositoryRow<'a> {
    project: &'a Project,
    repository: &'a Repository,
    full_name: String,
}

impl Row for RepositoryRow<'_> {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        Some(match column {
            "repository_id" => Cell::Number(self.repository.id),
            "name" => Cell::Text(&self.full_name),
            "project_id" => Cell::Number(self.project.id),
            "description" => Cell::Text(&self.repository.description),
            "pull_count" => Cell::Number(self.repository.pull_count),
            "creation_time" => Cell::Time(self.repository.created),
            "update_time" => Cell::Time(self.repository.updated),
            _ => return None,
        })
    }
}

fn rows(project: &Project) -> impl Iterator<Item = RepositoryRow<'_>> {
    project.repositories.iter().map(|(name, repository)| RepositoryRow {
        project,
        repository,
        full_name: format!("{}/{name}", project.name),
    })
}

fn repository_json(row: &RepositoryRow<'_>) -> Value {
    let repository = row.repository;
    let mut json = json!({
        "artifact_count": artifact_count(repository),
        "creation_time": timestamp(repository.created),
        "id": repository.id,
        "name": row.full_name,
        "project_id": row.project.id,
        "pull_count": repository.pull_count,
        "update_time": timestamp(repository.updated),
    });
    if !repository.description.is_empty() {
        json["description"] = json!(repository.description);
    }
    json
}

/// Untagged artifacts count; accessories and untagged children of indexes do not.
pub(super) fn artifact_count(repository: &Repository) -> usize {
    repository.artifacts.values().filter(|artifact| is_listed(repository, artifact)).count()
}

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    let project = permission::project(state, call, "repository", "list")?;
    let listing = query.apply(call, rows(project).collect(), DEFAULT_ORDER)?;
    let repositories = listing.rows.iter().map(repository_json).collect();
    Ok(Reply::list(&listing, repositories))
}

pub(super) fn list_all(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    let all = visible(state, &call.identity).flat_map(rows).collect();
    let listing = query.apply(call, all, DEFAULT_ORDER)?;
    let repositories = listing.rows.iter().map(repository_json).collect();
    Ok(Reply::list(&listing, repositories))
}

/// Nobody but members may read a single repository, not even of a public project.
pub(super) fn get(state: &mut State, call: &Call) -> Answer {
    let project = permission::project(state, call, "repository", "read")?;
    let name = call.repository(3);
    let row = rows(project).find(|row| row.full_name[project.name.len() + 1..] == name);
    match row {
        Some(row) => Ok(Reply::json(&repository_json(&row))),
        None => Err(missing(project, &name)),
    }
}

fn missing(project: &Project, name: &str) -> Refusal {
    Refusal::not_found(format!("repository {}/{name} not found", project.name))
}

#[derive(Debug, Deserialize)]
struct RepositoryChange {
    #[serde(default)]
    description: String,
}

pub(super) fn update(state: &mut State, call: &Call) -> Answer {
    let change: RepositoryChange = call.json("repository")?;
    let project = permission::project(state, call, "repository", "update")?;
    let (project_id, name) = (project.id, call.repository(3));
    if !project.repositories.contains_key(&name) {
        return Err(missing(project, &name));
    }
    describe(state, project_id, &name, &change.description);
    Ok(Reply::done())
}

/// Stores a description the way Harbor does: escaped for HTML.
pub(super) fn describe(state: &mut State, project_id: i64, name: &str, description: &str) {
    let now = state.now();
    if let Some(repository) = repository_mut(state, project_id, name) {
        repository.description = description
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&#34;")
            .replace('\'', "&#39;");
        repository.updated = now;
    }
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let project = permission::project(state, call, "repository", "delete")?;
    let (project_id, name) = (project.id, call.repository(3));
    if !project.repositories.contains_key(&name) {
        return Err(missing(project, &name));
    }
    remove(state, project_id, &name, call.identity.name());
    Ok(Reply::done())
}

/// There is no event for a repository: each top-level artifact announces its own end.
pub(super) fn remove(state: &mut State, project_id: i64, name: &str, operator: &str) {
    let Some(project) = state.projects.get_mut(&project_id) else {
        return;
    };
    let Some(repository) = project.repositories.remove(name) else {
        return;
    };
    let full_name = format!("{}/{name}", project.name);
    for artifact in repository.artifacts.values() {
        if is_listed(&repository, artifact) {
            let tag = artifact.tags.first().map(|tag| tag.name.as_str());
            announce(state, project_id, name, Event::Deleted, artifact, tag, operator);
        }
    }
    state.record(project_id, "delete", "repository", full_name, operator);
}

pub(super) fn repository_mut<'a>(state: &'a mut State, project_id: i64, name: &str) -> Option<&'a mut Repository> {
    state.projects.get_mut(&project_id)?.repositories.get_mut(name)
}
