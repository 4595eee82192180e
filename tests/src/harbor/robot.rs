//! Robot accounts: creation, secrets, expiry.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::Call;
use super::paging::ListQuery;
use super::permission::{self, require_in_system};
use super::project::is_name;
use super::query::{Cell, Row, Test};
use super::reply::{Refusal, Reply};
use super::state::{State, timestamp};
use super::system::{Answer, is_strong, weak};

const PREFIX: &str = "robot$";
const DEFAULT_DURATION_DAYS: i64 = 30;

/// Resources that since 2.10 a robot's permission must name one of.
const RESOURCES: &str = "project repository artifact tag artifact-addition artifact-label \
    accessory scan sbom label member metadata notification-policy tag-retention immutable-tag log \
    quota catalog registry replication replication-policy garbage-collection audit-log robot \
    system-volumes user export-cve";

/// A robot to make with [`super::SimulatedHarbor::create_robot`].
#[derive(Clone, Debug)]
pub struct RobotSpec {
    /// Without prefix and project.
    pub name: String,
    /// `None` for a system robot, else the project it belongs to.
    pub project: Option<String>,
    /// -1 never expires.
    pub duration_days: i64,
    pub permissions: Vec<Permission>,
}

impl RobotSpec {
    /// A system robot that never expires, without any right.
    pub fn system(name: &str) -> Self {
        Self { name: name.to_owned(), project: None, duration_days: -1, permissions: Vec::new() }
    }

    /// Adds rights such as `repository:list` in one project, or in all under the name `*`.
    #[must_use]
    pub fn in_project(self, project: &str, rights: &[&str]) -> Self {
        self.with("project", project, rights)
    }

    /// Adds rights such as `catalog:read` in the system.
    #[must_use]
    pub fn in_system(self, rights: &[&str]) -> Self {
        self.with("system", "/", rights)
    }

    fn with(mut self, kind: &str, namespace: &str, rights: &[&str]) -> Self {
        let access = |right: &&str| {
            let (resource, action) = right.split_once(':').unwrap_or((right, ""));
            Access { action: action.to_owned(), resource: resource.to_owned() }
        };
        self.permissions.push(Permission {
            access: rights.iter().map(access).collect(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
        });
        self
    }
}

/// What a robot may do in one project, all projects (`*`) or the system (`/`).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Permission {
    #[serde(default)]
    pub access: Vec<Access>,
    /// `project` or `system`.
    pub kind: String,
    pub namespace: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Access {
    pub action: String,
    pub resource: String,
}

pub(super) struct Robot {
    pub(super) id: i64,
    /// With prefix and, for project robots, the project: what it logs in with.
    pub(super) full_name: String,
    pub(super) description: String,
    pub(super) secret: String,
    pub(super) level: String,
    /// Zero for system robots.
    pub(super) project_id: i64,
    pub(super) duration: i64,
    /// Unix seconds, or -1.
    pub(super) expires_at: i64,
    pub(super) disabled: bool,
    pub(super) permissions: Vec<Permission>,
    pub(super) created: DateTime<Utc>,
}

impl Row for &Robot {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        Some(match column {
            "id" => Cell::Number(self.id),
            // Stored without the prefix, and so compared.
            "name" => Cell::Text(self.full_name.trim_start_matches(PREFIX)),
            "creation_time" => Cell::Time(self.created),
            _ => return None,
        })
    }
}

fn robot_json(state: &State, robot: &Robot) -> Value {
    let mut json = json!({
        "creation_time": timestamp(robot.created), "disable": robot.disabled,
        "duration": robot.duration, "editable": true, "expires_at": robot.expires_at,
        "id": robot.id, "level": robot.level, "name": robot.full_name,
        "permissions": robot.permissions, "update_time": timestamp(robot.created),
    });
    if !robot.description.is_empty() {
        json["description"] = json!(robot.description);
    }
    if state.version.has(12) {
        json["creator_type"] = json!("local");
        json["creator_ref"] = json!(1);
    }
    json
}

#[derive(Debug, Deserialize)]
struct NewRobot {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    duration: i64,
    #[serde(default)]
    disable: bool,
    #[serde(default)]
    permissions: Vec<Permission>,
}

pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let mut new: NewRobot = call.json("robot")?;
    require_in_system(state, &call.identity, "robot", "create")?;
    if !is_name(&new.name) {
        return Err(Refusal::bad_request("robot name is not in lower case or contains illegal characters"));
    }
    check_permissions(state, &new.permissions)?;
    if new.duration == 0 {
        if state.version.has(11) {
            return Err(Refusal::bad_request("bad request: duration must be -1 or positive"));
        }
        new.duration = DEFAULT_DURATION_DAYS;
    }
    // Rolled back or not, a row that was tried has used up its id.
    let id = state.ids.robot.draw();
    let namespaces = new.permissions.iter().filter(|grant| grant.kind == "project" && grant.namespace != "*");
    let mut project_id = 0;
    for grant in namespaces {
        match state.project_named(&grant.namespace) {
            Some(project) if new.level == "project" => project_id = project.id,
            Some(_) => {}
            None => {
                return Err(Refusal::not_found(format!("project {} not found", grant.namespace)));
            }
        }
    }
    let full_name = match state.projects.get(&project_id) {
        Some(project) => format!("{PREFIX}{}+{}", project.name, new.name),
        None => format!("{PREFIX}{}", new.name),
    };
    if state.robots.values().any(|robot| robot.full_name == full_name) {
        return Err(Refusal::conflict(format!("robot account {project_id}:{} already exists", new.name)));
    }
    let robot = Robot {
        id,
        full_name,
        description: new.description,
        secret: new_secret(state),
        level: new.level,
        project_id,
        duration: new.duration,
        expires_at: -1,
        disabled: new.disable,
        permissions: new.permissions,
        created: state.now(),
    };
    let reply = insert(state, robot);
    Ok(Reply::json(&reply)
        .status(axum::http::StatusCode::CREATED)
        .with(axum::http::header::LOCATION, format!("/api/v2.0/robots/{id}")))
}

/// Stores a robot and returns what its creator is told: the secret, this once.
pub(super) fn insert(state: &mut State, mut robot: Robot) -> Value {
    if robot.duration > 0 {
        robot.expires_at = robot.created.timestamp() + robot.duration * 24 * 60 * 60;
    }
    let told = json!({
        "creation_time": timestamp(robot.created), "expires_at": robot.expires_at,
        "id": robot.id, "name": robot.full_name, "secret": robot.secret,
    });
    state.robots.insert(robot.id, robot);
    told
}

/// A robot as tests ask for it, not stored yet.
pub(super) fn from_spec(state: &mut State, spec: RobotSpec) -> Robot {
    let project = spec.project.as_deref().map(|name| {
        let project = state.project_named(name);
        project.unwrap_or_else(|| panic!("no project {name} for robot {}", spec.name))
    });
    let (level, project_id, full_name) = match project {
        Some(project) => {
            let full_name = format!("{PREFIX}{}+{}", project.name, spec.name);
            ("project", project.id, full_name)
        }
        None => ("system", 0, format!("{PREFIX}{}", spec.name)),
    };
    Robot {
        id: state.ids.robot.draw(),
        full_name,
        description: String::new(),
        secret: new_secret(state),
        level: level.to_owned(),
        project_id,
        duration: spec.duration_days,
        expires_at: -1,
        disabled: false,
        permissions: spec.permissions,
        created: state.now(),
    }
}

fn check_permissions(state: &State, permissions: &[Permission]) -> Result<(), Refusal> {
    if permissions.is_empty() {
        return Err(Refusal::bad_request("bad request empty permission"));
    }
    let known = |access: &Access| RESOURCES.split_whitespace().any(|known| known == access.resource);
    let mut all = permissions.iter().flat_map(|grant| &grant.access);
    // Before 2.10 anything went.
    match all.find(|access| state.version.has(10) && !known(access)) {
        Some(access) => {
            Err(Refusal::bad_request(format!("bad request permission: {}:{}", access.resource, access.action)))
        }
        None => Ok(()),
    }
}

fn new_secret(state: &mut State) -> String {
    format!("Secret{:026}", state.ids.salt.draw())
}

/// System robots; those of a project need both `Level=project` and `ProjectID`, case and all.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let mut query = ListQuery::parse(call, &state.version)?;
    require_in_system(state, &call.identity, "robot", "list")?;
    let level = match query.take("Level") {
        Some(Test::Exact(level)) => level,
        _ => "system".to_owned(),
    };
    let project = match query.take("ProjectID") {
        Some(Test::Exact(id)) => id.parse().unwrap_or_default(),
        _ => 0,
    };
    page(state, call, &query, &level, project)
}

/// The calls of the older API, gone in 2.13.
pub(super) fn list_of_project(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    let project = permission::project(state, call, "robot", "list")?.id;
    page(state, call, &query, "project", project)
}

fn page(state: &State, call: &Call, query: &ListQuery, level: &str, project: i64) -> Answer {
    let rows = state.robots.values().filter(|robot| robot.level == level && robot.project_id == project).collect();
    let listing = query.apply(call, rows, "name")?;
    let robots = listing.rows.iter().map(|robot| robot_json(state, robot)).collect();
    Ok(Reply::list(&listing, robots))
}

fn wanted(state: &State, call: &Call, action: &str) -> Result<i64, Refusal> {
    require_in_system(state, &call.identity, "robot", action)?;
    let id = call.segment(1);
    match id.parse().ok().filter(|id| state.robots.contains_key(id)) {
        Some(id) => Ok(id),
        None => Err(Refusal::not_found(format!("robot {id} not found"))),
    }
}

pub(super) fn get(state: &mut State, call: &Call) -> Answer {
    let id = wanted(state, call, "read")?;
    let robot = state.robots.get(&id).ok_or_else(Refusal::internal)?;
    Ok(Reply::json(&robot_json(state, robot)))
}

/// Replaces all; the body must repeat the full name and the level.
pub(super) fn update(state: &mut State, call: &Call) -> Answer {
    let new: NewRobot = call.json("robot")?;
    let id = wanted(state, call, "update")?;
    check_permissions(state, &new.permissions)?;
    let robot = state.robots.get_mut(&id).ok_or_else(Refusal::internal)?;
    if new.name != robot.full_name || new.level != robot.level {
        return Err(Refusal::bad_request("cannot update the level or name of robot"));
    }
    robot.description = new.description;
    robot.disabled = new.disable;
    robot.permissions = new.permissions;
    Ok(Reply::done())
}

#[derive(Deserialize)]
struct NewSecret {
    #[serde(default)]
    secret: String,
}

/// An empty secret asks for a generated one, which is told; a chosen one is not repeated.
pub(super) fn refresh(state: &mut State, call: &Call) -> Answer {
    let new: NewSecret = call.json("robotSec")?;
    let id = wanted(state, call, "update")?;
    if !new.secret.is_empty() && !is_strong(&new.secret) {
        return Err(Refusal::bad_request(weak("the secret")));
    }
    let (secret, told) = if new.secret.is_empty() {
        let secret = new_secret(state);
        (secret.clone(), json!({"secret": secret}))
    } else {
        (new.secret, json!({}))
    };
    let robot = state.robots.get_mut(&id).ok_or_else(Refusal::internal)?;
    robot.secret = secret;
    Ok(Reply::json(&told))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let id = wanted(state, call, "delete")?;
    state.robots.remove(&id);
    Ok(Reply::done())
}
