//! What is in a simulated Harbor, seen from behind: what tests compare with what clients of it say.

use std::collections::BTreeMap;

use super::SimulatedHarbor;
use super::artifact::is_listed;
use super::control::id_of;
use super::state::{Project, Repository, timestamp};

/// A project as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectState {
    /// Never given twice.
    pub id: i64,
    pub name: String,
    pub is_public: bool,
    /// As the API writes it, in milliseconds.
    pub created_at: String,
    pub repositories: BTreeMap<String, RepositoryState>,
}

/// A repository as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryState {
    /// The digests of those that Harbor counts, oldest first.
    pub artifacts: Vec<String>,
    pub pull_count: i64,
    /// Escaped for HTML; empty for none.
    pub description: String,
}

/// A webhook policy as it is now, with what its target is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyState {
    pub name: String,
    pub is_enabled: bool,
    pub events: Vec<String>,
    pub address: String,
    /// What stands in `Authorization`.
    pub authorization: String,
    /// `Default` or `CloudEvents`; empty before 2.8.
    pub payload_format: String,
}

impl SimulatedHarbor {
    /// All projects, by name.
    pub fn inventory(&self) -> Vec<ProjectState> {
        let state = self.shared().lock();
        let mut projects: Vec<_> = state.projects.values().map(project_state).collect();
        projects.sort_by(|a, b| a.name.cmp(&b.name));
        projects
    }

    /// The webhook policies of a project, each of which has one target, oldest first.
    pub fn webhooks(&self, project: &str) -> Vec<PolicyState> {
        let state = self.shared().lock();
        let project_id = id_of(&state, project);
        let policies = state.policies.values().filter(|policy| policy.project_id == project_id);
        policies
            .map(|policy| {
                let target = policy.spec.targets.first().expect("a policy without a target is refused");
                PolicyState {
                    name: policy.spec.name.clone(),
                    is_enabled: policy.spec.enabled,
                    events: policy.spec.event_types.clone(),
                    address: target.address.clone(),
                    authorization: target.auth_header.clone(),
                    payload_format: target.payload_format.clone(),
                }
            })
            .collect()
    }
}

fn project_state(project: &Project) -> ProjectState {
    let repositories = project.repositories.iter().map(|(name, stored)| (name.clone(), repository_state(stored)));
    ProjectState {
        id: project.id,
        name: project.name.clone(),
        is_public: project.is_public(),
        created_at: timestamp(project.created).as_str().unwrap_or_default().to_owned(),
        repositories: repositories.collect(),
    }
}

fn repository_state(repository: &Repository) -> RepositoryState {
    let listed = repository.artifacts.values().filter(|artifact| is_listed(repository, artifact));
    RepositoryState {
        artifacts: listed.map(|artifact| artifact.digest.clone()).collect(),
        pull_count: repository.pull_count,
        description: repository.description.clone(),
    }
}
