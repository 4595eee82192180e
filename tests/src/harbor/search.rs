//! `/search`: unpaged, with a shape of its own.

use serde_json::{Value, json};

use super::call::Call;
use super::identity::Identity;
use super::project::{Detail, project_json, visible};
use super::reply::{Refusal, Reply};
use super::repository::artifact_count;
use super::state::{Project, State};
use super::system::Answer;

/// Projects match by case, repositories do not. Robots are shown public projects alone.
pub(super) fn search(state: &mut State, call: &Call) -> Answer {
    let part = call.query("q").unwrap_or_default();
    if part.is_empty() {
        return Err(Refusal::invalid("q in query is required"));
    }
    let robot = matches!(call.identity, Identity::Robot { .. });
    let projects: Vec<&Project> =
        visible(state, &call.identity).filter(|project| !robot || project.is_public()).collect();
    let found = projects
        .iter()
        .filter(|project| project.name.contains(part))
        .map(|project| project_json(state, project, &call.identity, Detail::Found))
        .collect::<Vec<_>>();
    let mut repositories: Vec<(i64, Value)> = Vec::new();
    for project in projects {
        for (name, repository) in &project.repositories {
            let full_name = format!("{}/{name}", project.name);
            if !full_name.to_lowercase().contains(&part.to_lowercase()) {
                continue;
            }
            let mut json = json!({
                "project_id": project.id, "project_name": project.name,
                "repository_name": full_name,
            });
            let artifacts = artifact_count(repository);
            if artifacts > 0 {
                json["artifact_count"] = json!(artifacts);
            }
            if repository.pull_count > 0 {
                json["pull_count"] = json!(repository.pull_count);
            }
            if project.is_public() {
                json["project_public"] = json!(true);
            }
            repositories.push((repository.id, json));
        }
    }
    repositories.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    let repositories: Vec<Value> = repositories.into_iter().map(|(_, json)| json).collect();
    let mut json = json!({"project": found, "repository": repositories});
    if !state.version.has(8) {
        json["chart"] = json!([]);
    }
    Ok(Reply::json(&json))
}
