//! The system's own calls: version, health, `/systeminfo`, statistics, users, settings.

use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Call;
use super::fault::Fault;
use super::identity::Identity;
use super::paging::ListQuery;
use super::permission::{all_in_project, all_in_system, require_in_system};
use super::project::visible;
use super::query::{Cell, Row};
use super::reply::{Refusal, Reply};
use super::state::{State, User, timestamp};

pub(super) type Answer = Result<Reply, Refusal>;

/// No JSON content type here: beego guesses from the text.
pub(super) fn api_version(_: &mut State, _: &Call) -> Answer {
    Ok(Reply::body("text/plain; charset=utf-8", "{\"version\":\"v2.0\"}\n"))
}

pub(super) fn ping(_: &mut State, _: &Call) -> Answer {
    Ok(Reply::body("text/plain", "Pong"))
}

/// Always 200: whether Harbor is well stands in the body.
pub(super) fn health(_: &mut State, call: &Call) -> Answer {
    let mut names = vec!["core", "database", "jobservice", "portal", "redis", "registry", "registryctl"];
    let mut ill = Vec::new();
    for fault in &call.faults {
        match fault {
            Fault::Unhealthy(name) => ill.push(*name),
            Fault::DatabaseDown => ill.push("database"),
            _ => {}
        }
    }
    names.extend(ill.iter().filter(|name| **name == "trivy"));
    let components: Vec<Value> = names
        .iter()
        .map(|name| {
            if ill.contains(name) {
                let error = "failed to check health: dial tcp: connect: connection refused";
                json!({"error": error, "name": name, "status": "unhealthy"})
            } else {
                json!({"name": name, "status": "healthy"})
            }
        })
        .collect();
    let status = if ill.is_empty() { "healthy" } else { "unhealthy" };
    Ok(Reply::json(&json!({"components": components, "status": status})))
}

pub(super) fn info(state: &mut State, call: &Call) -> Answer {
    let mut shown = state.version.text().to_owned();
    for fault in &call.faults {
        if let Fault::NotHarborVersionString(text) = fault {
            (*text).clone_into(&mut shown);
        }
    }
    let version = &state.version;
    let mut info = json!({"auth_mode": "db_auth", "self_registration": false});
    if version.has(8) {
        info["primary_auth_mode"] = json!(false);
    }
    if version.has(9) {
        info["banner_message"] = json!("");
    }
    let authenticated = !call.identity.is_anonymous();
    if authenticated || !version.has(13) {
        info["harbor_version"] = json!(shown);
    }
    // Up to 2.1 everybody was told everything.
    if authenticated || !version.has(2) {
        let registry = state.external_url.trim_start_matches("http://");
        info["external_url"] = json!(state.external_url);
        info["registry_url"] = json!(registry.trim_start_matches("https://"));
        info["has_ca_root"] = json!(false);
        info["notification_enable"] = json!(true);
        info["project_creation_restriction"] =
            json!(if state.admins_create_projects_only { "adminonly" } else { "everyone" });
        info["read_only"] = json!(state.read_only || call.faulty(&Fault::ReadOnly));
        info["registry_storage_provider_name"] = json!("filesystem");
        if !version.has(9) {
            info["with_notary"] = json!(false);
        }
        if !version.has(8) {
            info["with_chartmuseum"] = json!(false);
        }
        if version.has(5) {
            info["current_time"] = timestamp(state.now());
        }
    }
    Ok(Reply::json(&info))
}

pub(super) fn volumes(state: &mut State, call: &Call) -> Answer {
    require_in_system(state, &call.identity, "system-volumes", "read")?;
    Ok(Reply::json(&json!({"storage": [{}]})))
}

pub(super) fn certificate(_: &mut State, _: &Call) -> Answer {
    Err(Refusal::not_found("resource not found: cert not found in path: /etc/core/ca/ca.crt"))
}

/// Totals are zero for everybody but system administrators; robots see public counts alone.
pub(super) fn statistics(state: &mut State, call: &Call) -> Answer {
    if call.identity.is_anonymous() {
        return Err(Refusal::unauthorized());
    }
    let sysadmin = call.identity.is_sysadmin(state);
    let as_robot = matches!(call.identity, Identity::Robot { .. });
    let (mut projects, mut repositories, mut bytes) = ([0usize; 2], [0usize; 2], 0);
    for project in visible(state, &call.identity) {
        let side = usize::from(project.is_public());
        if as_robot && side == 0 {
            continue;
        }
        projects[side] += 1;
        repositories[side] += project.repositories.len();
        bytes += project.size();
    }
    let total = |counts: [usize; 2]| if sysadmin { counts[0] + counts[1] } else { 0 };
    Ok(Reply::json(&json!({
        "private_project_count": projects[0], "private_repo_count": repositories[0],
        "public_project_count": projects[1], "public_repo_count": repositories[1],
        "total_project_count": total(projects), "total_repo_count": total(repositories),
        "total_storage_consumption": if sysadmin { bytes } else { 0 },
    })))
}

impl Row for &User {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        Some(match column {
            "user_id" => Cell::Number(self.id),
            "username" => Cell::Text(&self.name),
            "creation_time" | "update_time" => Cell::Time(self.created),
            _ => return None,
        })
    }
}

fn user_json(user: &User) -> Value {
    json!({
        "admin_role_in_auth": false, "creation_time": timestamp(user.created),
        "email": user.email, "realname": user.realname, "sysadmin_flag": user.is_sysadmin,
        "update_time": timestamp(user.created), "user_id": user.id, "username": user.name,
    })
}

pub(super) fn list_users(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    require_in_system(state, &call.identity, "user", "list")?;
    // The built-in administrator is not in the list.
    let rows = state.users.values().filter(|user| user.id != 1).collect();
    let listing = query.apply(call, rows, "username")?;
    let users = listing.rows.iter().map(|user| user_json(user)).collect();
    Ok(Reply::list(&listing, users))
}

#[derive(Deserialize)]
struct NewUser {
    username: String,
    password: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    realname: String,
}

pub(super) fn create_user(state: &mut State, call: &Call) -> Answer {
    let new: NewUser = call.json("userReq")?;
    require_in_system(state, &call.identity, "user", "create")?;
    if !is_strong(&new.password) {
        return Err(Refusal::bad_request(weak("the password or secret")));
    }
    if state.user_named(&new.username).is_some() {
        return Err(Refusal::conflict(format!("user {} or email {} already exists", new.username, new.email)));
    }
    let id = insert_user(state, &new.username, &new.password, false);
    if let Some(user) = state.users.get_mut(&id) {
        (user.email, user.realname) = (new.email, new.realname);
    }
    Ok(Reply::created(format!("/api/v2.0/users/{id}")))
}

pub(super) fn insert_user(state: &mut State, name: &str, password: &str, is_sysadmin: bool) -> i64 {
    let id = state.ids.user.draw();
    let created = state.now();
    let user = User {
        id,
        name: name.to_owned(),
        password: password.to_owned(),
        email: format!("{name}@example.com"),
        realname: name.to_owned(),
        is_sysadmin,
        created,
    };
    state.users.insert(id, user);
    id
}

/// Harbor's rule for passwords and robot secrets.
pub(super) fn is_strong(secret: &str) -> bool {
    (8..=128).contains(&secret.len())
        && secret.chars().any(|c| c.is_ascii_uppercase())
        && secret.chars().any(|c| c.is_ascii_lowercase())
        && secret.chars().any(|c| c.is_ascii_digit())
}

pub(super) fn weak(what: &str) -> String {
    format!(
        "{what} must be 8-128, inclusively, characters long with at least 1 uppercase letter, 1 lowercase letter and 1 number"
    )
}

/// Robots are authenticated and yet nobody: 412, where a bad credential is 401.
pub(super) fn current_user(state: &mut State, call: &Call) -> Answer {
    match &call.identity {
        Identity::User { id, .. } => match state.users.get(id) {
            Some(user) => Ok(Reply::json(&user_json(user))),
            None => Err(Refusal::unauthorized()),
        },
        Identity::Robot { .. } if state.version.has(3) => {
            Err(Refusal::precondition("get current user not available for security context: robot"))
        }
        Identity::Robot { .. } | Identity::Anonymous | Identity::Token(_) => Err(Refusal::unauthorized()),
    }
}

pub(super) fn current_permissions(state: &mut State, call: &Call) -> Answer {
    if call.identity.is_anonymous() {
        return Err(Refusal::unauthorized());
    }
    let scope = call.query("scope").unwrap_or_default().to_owned();
    let relative = call.flag("relative", false);
    let pairs = match scope.strip_prefix("/project/") {
        Some(id) => {
            let project = id.parse().ok().and_then(|id: i64| state.projects.get(&id));
            all_in_project(state, &call.identity, project)
        }
        None if scope == "/system" => all_in_system(state, &call.identity),
        None => Vec::new(),
    };
    let permissions = pairs
        .into_iter()
        .map(|(resource, action)| {
            let resource = match (relative, resource) {
                (true, _) => resource.to_owned(),
                (false, "project") => scope.clone(),
                (false, resource) => format!("{scope}/{resource}"),
            };
            json!({"action": action, "resource": resource})
        })
        .collect();
    Ok(Reply::json(&Value::Array(permissions)))
}

pub(super) fn get_settings(state: &mut State, call: &Call) -> Answer {
    require_in_system(state, &call.identity, "configuration", "read")?;
    Ok(Reply::json(&json!({
        "read_only": {"editable": true, "value": state.read_only},
    })))
}

#[derive(Debug, Deserialize)]
struct Settings {
    read_only: Option<bool>,
    project_creation_restriction: Option<String>,
}

pub(super) fn update_settings(state: &mut State, call: &Call) -> Answer {
    let settings: Settings = call.json("configurations")?;
    require_in_system(state, &call.identity, "configuration", "update")?;
    if let Some(read_only) = settings.read_only {
        state.read_only = read_only;
    }
    if let Some(restriction) = settings.project_creation_restriction {
        state.admins_create_projects_only = restriction == "adminonly";
    }
    Ok(Reply::done())
}
