//! Projects: visibility, creation, settings, deletion, summary and quota.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Call, is_true};
use super::fault::Fault;
use super::identity::Identity;
use super::paging::ListQuery;
use super::permission::{self, may, may_in_system};
use super::query::{Cell, Row};
use super::reply::{Refusal, Reply};
use super::state::{Member, NEVER, Project, State, timestamp};
use super::system::Answer;

impl Row for &Project {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        Some(match column {
            "project_id" => Cell::Number(self.id),
            "name" => Cell::Text(&self.name),
            "owner" => Cell::Text(&self.owner_name),
            "owner_id" => Cell::Number(self.owner_id),
            "registry_id" => Cell::Number(self.registry_id),
            "creation_time" | "update_time" => Cell::Time(self.created),
            "public" => Cell::Flag(self.is_public()),
            _ => return None,
        })
    }
}

/// What the caller gets to see in lists of projects and repositories.
pub(super) fn visible<'a>(state: &'a State, identity: &'a Identity) -> impl Iterator<Item = &'a Project> {
    let everything = identity.is_sysadmin(state) || may_in_system(state, identity, "project", "list");
    state.projects.values().filter(move |project| {
        everything
            || project.is_public()
            || match identity {
                Identity::User { id, .. } => project.role_of(*id).is_some(),
                // Before 2.4 robots were shown public projects alone.
                Identity::Robot { id, .. } => {
                    state.version.has(4)
                        && state.robots.get(id).is_some_and(|robot| {
                            robot.permissions.iter().any(|grant| {
                                grant.kind == "project" && (grant.namespace == "*" || grant.namespace == project.name)
                            })
                        })
                }
                Identity::Anonymous | Identity::Token(_) => false,
            }
    })
}

/// How much of a project is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Full,
    /// `with_detail=false`: the visibility is missing, not private.
    Brief,
    /// As `/search` shows it.
    Found,
}

pub(super) fn project_json(state: &State, project: &Project, identity: &Identity, detail: Detail) -> Value {
    let role = match identity {
        Identity::User { id, .. } => project.role_of(*id),
        Identity::Anonymous | Identity::Robot { .. } | Identity::Token(_) => None,
    };
    let allowlist = if detail == Detail::Full {
        json!({
            "creation_time": NEVER, "id": project.quota_id, "items": [],
            "project_id": project.id, "update_time": NEVER,
        })
    } else {
        json!({"creation_time": NEVER, "items": null, "update_time": NEVER})
    };
    let mut json = json!({
        "creation_time": timestamp(project.created),
        "current_user_role_ids": role.map(|role| vec![role]),
        "name": project.name,
        "owner_id": project.owner_id,
        "project_id": project.id,
        "repo_count": project.repositories.len(),
        "update_time": timestamp(project.created),
    });
    let allowlist_key = if state.version.has(1) { "cve_allowlist" } else { "cve_whitelist" };
    json[allowlist_key] = allowlist;
    if let Some(role) = role {
        json["current_user_role_id"] = json!(role);
    }
    if detail == Detail::Full {
        json["owner_name"] = json!(project.owner_name);
    }
    if detail != Detail::Brief {
        json["metadata"] = json!(project.metadata);
    }
    if project.registry_id > 0 {
        json["registry_id"] = json!(project.registry_id);
    }
    if !state.version.has(8) {
        json["chart_count"] = json!(0);
    }
    json
}

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let mut query = ListQuery::parse(call, &state.version)?;
    // These parameters are written over the terms of `q` that have their names.
    for key in ["name", "public", "owner"] {
        if call.query(key).is_some() {
            query.take(key);
        }
    }
    let anonymous = Identity::Anonymous;
    let identity = if call.faulty(&Fault::AnonymousProjectsOnly) { &anonymous } else { &call.identity };
    let rows = visible(state, identity)
        .filter(|project| {
            let part = call.query("name").unwrap_or_default().to_lowercase();
            let public = call.query("public").map(is_true);
            project.name.to_lowercase().contains(&part)
                && public.is_none_or(|public| project.is_public() == public)
                && call.query("owner").is_none_or(|owner| project.owner_name == owner)
        })
        .collect();
    let listing = query.apply(call, rows, "name")?;
    let detail = if state.version.has(2) && !call.flag("with_detail", true) { Detail::Brief } else { Detail::Full };
    let projects = listing.rows.iter().map(|project| project_json(state, project, identity, detail)).collect();
    Ok(Reply::list(&listing, projects))
}

/// Tells any logged-in caller whether a name is taken, private projects included.
pub(super) fn head(state: &mut State, call: &Call) -> Answer {
    let name = call.query("project_name").unwrap_or_default();
    if call.identity.is_anonymous() {
        return Err(Refusal::unauthorized());
    }
    match state.project_named(name) {
        Some(_) => Ok(Reply::done()),
        None => Err(Refusal::not_found(format!("project {name} not found"))),
    }
}

#[derive(Debug, Deserialize)]
struct NewProject {
    #[serde(default)]
    project_name: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    /// Deprecated, and heeded on creation alone.
    public: Option<bool>,
    storage_limit: Option<i64>,
    registry_id: Option<i64>,
}

pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let new: NewProject = call.json("project")?;
    if new.project_name.len() > 255 {
        return Err(Refusal::invalid(
            "validation failure list:\nproject_name in body should be at most 255 chars long",
        ));
    }
    if call.identity.is_anonymous() {
        return Err(Refusal::unauthorized());
    }
    let sysadmin = call.identity.is_sysadmin(state);
    let allowed = sysadmin || may_in_system(state, &call.identity, "project", "create");
    if state.admins_create_projects_only && !allowed {
        return Err(Refusal::forbidden("Only system admin can create project"));
    }
    if new.registry_id.is_some_and(|id| id > 0) && !sysadmin {
        return Err(Refusal::forbidden("Only system admin can create proxy cache project"));
    }
    check_name(&new.project_name)?;
    let mut metadata = new.metadata;
    let top_level = new.public.unwrap_or(false).to_string();
    let public = metadata.entry("public".to_owned()).or_insert(top_level);
    if public != "true" && public != "false" {
        return Err(Refusal::bad_request(format!("invalid public value: {public}")));
    }
    // The id is drawn before the row is refused, as a database sequence does.
    if state.project_named(&new.project_name).is_some() {
        state.ids.project.draw();
        return Err(Refusal::conflict(format!("The project named {} already exists", new.project_name)));
    }
    let owner = match &call.identity {
        Identity::User { id, name } => (*id, name.clone()),
        identity => (1, identity.name().to_owned()),
    };
    let id = insert(state, &new.project_name, metadata, owner);
    if let Some(project) = state.projects.get_mut(&id) {
        project.registry_id = new.registry_id.unwrap_or(0);
        if let Some(limit) = new.storage_limit.filter(|limit| sysadmin && *limit != 0) {
            project.storage_limit = limit;
        }
    }
    let by_name = call.header("x-resource-name-in-location").is_some_and(is_true);
    let location = if by_name { new.project_name } else { id.to_string() };
    Ok(Reply::created(format!("/api/v2.0/projects/{location}")))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(Refusal::bad_request(format!(
            "Project name {name} is illegal in length. (greater than 255 or less than 1)"
        )));
    }
    if is_name(name) {
        return Ok(());
    }
    Err(Refusal::bad_request("project name is not in lower case or contains illegal characters"))
}

/// `^[a-z0-9]+(?:[._-][a-z0-9]+)*$`, for projects and robots alike.
pub(super) fn is_name(name: &str) -> bool {
    name.split(['.', '_', '-'])
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

/// Adds a project; its creator becomes its first administrator.
pub(super) fn insert(
    state: &mut State,
    name: &str,
    metadata: BTreeMap<String, String>,
    (owner_id, owner_name): (i64, String),
) -> i64 {
    let id = state.ids.project.draw();
    let member = Member { id: state.ids.member.draw(), user_id: owner_id, user_name: owner_name.clone(), role_id: 1 };
    let project = Project {
        id,
        name: name.to_owned(),
        owner_id,
        owner_name: owner_name.clone(),
        metadata,
        created: state.now(),
        registry_id: 0,
        storage_limit: -1,
        quota_id: state.ids.quota.draw(),
        members: vec![member],
        repositories: BTreeMap::new(),
    };
    state.projects.insert(id, project);
    state.record(id, "create", "project", name.to_owned(), &owner_name);
    id
}

/// Takes a project away with all that hangs on it. Its id never comes back.
pub(super) fn remove(state: &mut State, id: i64) {
    let Some(project) = state.projects.remove(&id) else {
        return;
    };
    state.policies.retain(|_, policy| policy.project_id != id);
    state.robots.retain(|_, robot| robot.project_id != id);
    for robot in state.robots.values_mut() {
        robot.permissions.retain(|grant| grant.kind != "project" || grant.namespace != project.name);
    }
}

pub(super) fn get(state: &mut State, call: &Call) -> Answer {
    let project = permission::project(state, call, "project", "read")?;
    Ok(Reply::json(&project_json(state, project, &call.identity, Detail::Full)))
}

#[derive(Debug, Deserialize)]
struct ProjectChange {
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// Merges metadata, unchecked: `public: maybe` is stored, and private. Sends no webhook.
pub(super) fn update(state: &mut State, call: &Call) -> Answer {
    let change: ProjectChange = call.json("project")?;
    let id = permission::project(state, call, "project", "update")?.id;
    if let Some(project) = state.projects.get_mut(&id) {
        project.metadata.extend(change.metadata);
    }
    Ok(Reply::done())
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let project = permission::project(state, call, "project", "delete")?;
    if !project.repositories.is_empty() {
        return Err(Refusal::precondition(
            "precondition failed: the project contains repositories, can not be deleted",
        ));
    }
    let (id, name) = (project.id, project.name.clone());
    remove(state, id);
    state.record(id, "delete", "project", name, call.identity.name());
    Ok(Reply::done())
}

pub(super) fn deletable(state: &mut State, call: &Call) -> Answer {
    let project = permission::project(state, call, "project", "delete")?;
    // `deletable: false` is a zero value, and those are left out.
    Ok(Reply::json(&if project.repositories.is_empty() {
        json!({"deletable": true})
    } else {
        json!({"message": "the project contains repositories, can not be deleted"})
    }))
}

pub(super) fn summary(state: &mut State, call: &Call) -> Answer {
    let project = permission::project(state, call, "project", "read")?;
    let mut summary = json!({"repo_count": project.repositories.len()});
    if may(state, &call.identity, project, "member", "list") {
        let roles = [
            (1, "project_admin_count"),
            (2, "developer_count"),
            (3, "guest_count"),
            (4, "maintainer_count"),
            (5, "limited_guest_count"),
        ];
        for (role, key) in roles {
            let of_role = |member: &&Member| member.role_id == role;
            let count = project.members.iter().filter(of_role).count();
            if count > 0 {
                summary[key] = json!(count);
            }
        }
    }
    if may(state, &call.identity, project, "quota", "read") {
        summary["quota"] = json!({
            "hard": {"storage": project.storage_limit}, "used": {"storage": project.size()},
        });
    }
    Ok(Reply::json(&summary))
}
