//! Who may do what in which project: roles, public projects, robots. Pure rules over the state.

use super::call::{Call, is_true};
use super::identity::Identity;
use super::reply::Refusal;
use super::robot::Robot;
use super::state::{Project, State};

/// `resource:action…` for anybody, in public projects. Note what is absent: `repository:read`.
const PUBLIC: &str = "project:read label:read,list repository:list,pull tag:list \
    artifact:read,list artifact-addition:read scan:read scanner:read accessory:list";
const LIMITED_GUEST: &str = "project:read quota:read repository:list,pull configuration:read \
    scan:read scanner:read artifact:read,list artifact-addition:read tag:list accessory:list";
const GUEST: &str = "project:read member:read,list log:list label:read,list quota:read \
    repository:read,list,pull configuration:read robot:read,list scan:read scanner:read \
    artifact:read,list artifact-addition:read tag:list accessory:list";
const DEVELOPER: &str = "project:read member:read,list log:list label:read,list quota:read \
    repository:create,read,update,list,push,pull configuration:read robot:read,list scan:read \
    scanner:read artifact:create,read,list artifact-label:create,delete artifact-addition:read \
    tag:list,create accessory:list";
const MAINTAINER: &str = "project:read member:read,list log:list label:create,read,update,delete,list \
    quota:read repository:create,read,update,delete,list,push,pull tag-retention:create,read,update,delete,list \
    immutable-tag:create,update,delete,list configuration:read robot:read,list scan:create,read,stop \
    scanner:read artifact:create,read,delete,list artifact-label:create,delete \
    artifact-addition:read tag:list,create,delete accessory:list";
const PROJECT_ADMIN: &str = "project:read,update,delete member:create,read,update,delete,list \
    metadata:create,read,update,delete log:list label:create,read,update,delete,list quota:read \
    repository:create,read,update,delete,list,push,pull tag-retention:create,read,update,delete,list \
    immutable-tag:create,update,delete,list configuration:read,update \
    robot:create,read,update,delete,list notification-policy:create,read,update,delete,list \
    scan:create,read,stop scanner:read,create artifact:create,read,delete,list \
    artifact-label:create,delete artifact-addition:read tag:list,create,delete accessory:list";

/// What can be granted beside projects, and what system administrators have.
const SYSTEM: &str = "project:create,list robot:create,read,update,delete,list catalog:read \
    quota:read,list user:create,read,update,delete,list audit-log:list system-volumes:read \
    registry:create,read,update,delete,list replication:create,read,list \
    garbage-collection:create,read,list configuration:read,update label:create,read,update,delete";

/// The ids that members carry, and what Harbor calls them.
pub(super) fn role_name(role_id: i64) -> &'static str {
    match role_id {
        1 => "projectAdmin",
        2 => "developer",
        3 => "guest",
        4 => "maintainer",
        _ => "limitedGuest",
    }
}

fn role_rights(role_id: i64) -> &'static str {
    match role_id {
        1 => PROJECT_ADMIN,
        2 => DEVELOPER,
        3 => GUEST,
        4 => MAINTAINER,
        _ => LIMITED_GUEST,
    }
}

fn pairs(rights: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    rights.split_whitespace().flat_map(|entry| {
        let (resource, actions) = entry.split_once(':').unwrap_or((entry, ""));
        actions.split(',').map(move |action| (resource, action))
    })
}

fn grants(rights: &'static str, resource: &str, action: &str) -> bool {
    pairs(rights).any(|pair| pair == (resource, action))
}

/// Whether the caller may do this in this project.
pub(super) fn may(state: &State, identity: &Identity, project: &Project, resource: &str, action: &str) -> bool {
    if project.is_public() && grants(PUBLIC, resource, action) {
        return true;
    }
    match identity {
        Identity::Anonymous => false,
        Identity::User { id, .. } => {
            identity.is_sysadmin(state)
                || project.role_of(*id).is_some_and(|role| grants(role_rights(role), resource, action))
        }
        Identity::Robot { id, .. } => {
            state.robots.get(id).is_some_and(|robot| robot_may(state, robot, project, resource, action))
        }
        Identity::Token(grant) => {
            resource == "repository" && grant.allows(project.id, action)
                || (resource, action) == ("artifact", "read") && grant.allows(project.id, "pull")
        }
    }
}

fn robot_may(state: &State, robot: &Robot, project: &Project, resource: &str, action: &str) -> bool {
    let mixed = robot.permissions.iter().any(|grant| grant.kind == "system");
    // Measured on 2.9.5: one system entry shadows all project entries. 2.10 reworked robots.
    if mixed && !state.version.has(10) {
        return false;
    }
    robot
        .permissions
        .iter()
        .filter(|grant| grant.kind == "project")
        .filter(|grant| grant.namespace == "*" || grant.namespace == project.name)
        .flat_map(|grant| &grant.access)
        .any(|access| {
            let implied = robot.level == "project" && access.action == "push" && action == "pull";
            access.resource == resource && (access.action == action || implied)
        })
}

/// Whether the caller may do this in the system, beside projects.
pub(super) fn may_in_system(state: &State, identity: &Identity, resource: &str, action: &str) -> bool {
    match identity {
        Identity::Robot { id, .. } => state.robots.get(id).is_some_and(|robot| {
            robot
                .permissions
                .iter()
                .filter(|grant| grant.kind == "system")
                .flat_map(|grant| &grant.access)
                .any(|access| access.resource == resource && access.action == action)
        }),
        _ => identity.is_sysadmin(state),
    }
}

/// Refuses as Harbor does for system resources: the message is just the caller's name.
pub(super) fn require_in_system(
    state: &State,
    identity: &Identity,
    resource: &str,
    action: &str,
) -> Result<(), Refusal> {
    if may_in_system(state, identity, resource, action) {
        return Ok(());
    }
    Err(identity.refuse(identity.name()))
}

/// What the caller may do in a project, as `/users/current/permissions` lists it. System
/// administrators may do everything, in projects that do not exist too.
pub(super) fn all_in_project(
    state: &State,
    identity: &Identity,
    project: Option<&Project>,
) -> Vec<(&'static str, &'static str)> {
    if identity.is_sysadmin(state) {
        return pairs(PROJECT_ADMIN).collect();
    }
    match (identity, project) {
        (_, None) => Vec::new(),
        (Identity::User { id, .. }, Some(project)) => match project.role_of(*id) {
            Some(role) => pairs(role_rights(role)).collect(),
            None if project.is_public() => pairs(PUBLIC).collect(),
            None => Vec::new(),
        },
        (_, Some(project)) => {
            pairs(PROJECT_ADMIN).filter(|(resource, action)| may(state, identity, project, resource, action)).collect()
        }
    }
}

/// [`all_in_project`] for the system.
pub(super) fn all_in_system(state: &State, identity: &Identity) -> Vec<(&'static str, &'static str)> {
    pairs(SYSTEM).filter(|(resource, action)| may_in_system(state, identity, resource, action)).collect()
}

/// The project that a path names, if the caller may do this in it; else the refusal that gives
/// nothing away: 401 to the anonymous, 403 to others, and 404 to system administrators alone.
pub(super) fn project<'a>(state: &'a State, call: &Call, resource: &str, action: &str) -> Result<&'a Project, Refusal> {
    // Below `repositories` and `logs`, paths take names only.
    let names_only = matches!(call.segment(2), "repositories" | "logs" | "auditlog-exts");
    let wanted = call.segment(1);
    let by_name = names_only
        || wanted.parse::<i64>().is_err()
        || state.version.has(2) && call.header("x-is-resource-name").is_some_and(is_true);
    let found =
        if by_name { state.project_named(wanted) } else { wanted.parse().ok().and_then(|id| state.projects.get(&id)) };
    match found {
        Some(project) if may(state, &call.identity, project, resource, action) => Ok(project),
        // Before 2.7 a missing name was a missing right, to system administrators too.
        None if call.identity.is_sysadmin(state) && (state.version.has(7) || !by_name) => {
            Err(Refusal::not_found(format!("project {wanted} not found")))
        }
        _ => Err(call.identity.refuse("forbidden")),
    }
}
