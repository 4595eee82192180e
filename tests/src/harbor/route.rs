//! Which handler a path and method lead to, and the answers to those that lead nowhere.

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::call::Call;
use super::fault::Fault;
use super::identity::Identity;
use super::reply::{Refusal, Reply};
use super::state::State;
use super::system::Answer;
use super::version::Version;
use super::{
    accessory, addition, artifact, audit, distribution, member, project, quota, repository, robot, search, system, tag,
    token, webhook,
};

type Handler = fn(&mut State, &Call) -> Answer;

const METHODS: [Method; 6] = [Method::HEAD, Method::POST, Method::GET, Method::PUT, Method::PATCH, Method::DELETE];

/// Answers a call whose identity is known.
pub(super) fn answer(state: &mut State, call: &Call) -> Reply {
    let result = if call.faulty(&Fault::DatabaseDown) { without_database(state, call) } else { dispatch(state, call) };
    result.unwrap_or_else(Reply::from)
}

fn dispatch(state: &mut State, call: &Call) -> Answer {
    let reads = matches!(call.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    if state.version.is_legacy() {
        return legacy(state, &segments);
    }
    if !reads && call.has_session() {
        return Err(Refusal::forbidden("CSRF token invalid"));
    }
    let is_settings = segments.as_slice() == ["api", "v2.0", "configurations"];
    if !reads && !is_settings && (state.read_only || call.faulty(&Fault::ReadOnly)) {
        return Err(read_only());
    }
    match segments.as_slice() {
        ["api", "version"] => system::api_version(state, call),
        ["api", "v2.0", rest @ ..] => api(state, call, rest),
        ["v2", ..] => distribution::answer(state, call),
        ["service", "token"] if call.method == Method::GET => token::issue(state, call),
        ["service", "token"] => Ok(token::wrong_method()),
        ["c", "login"] if !reads => Err(Refusal::forbidden("CSRF token invalid")),
        _ => Ok(Reply::page_not_found()),
    }
}

fn read_only() -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "DENIED", "The system is in read only mode. Any modification is prohibited.")
        .without_session()
}

fn api(state: &mut State, call: &Call, path: &[&str]) -> Answer {
    if let Some(handler) = find(&state.version, &call.method, path) {
        check_accept(call, path)?;
        return handler(state, call);
    }
    let allowed: Vec<&str> =
        METHODS.iter().filter(|method| find(&state.version, method, path).is_some()).map(Method::as_str).collect();
    if allowed.is_empty() {
        let path = super::call::decode(&call.path);
        return Err(Refusal::not_found(format!("path {path} was not found")));
    }
    Err(Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        format!("method {} is not allowed, but [{}] are", call.method, allowed.join(",")),
    ))
}

/// 422 where HTTP would have 406. Plain text and additions have other types than JSON.
fn check_accept(call: &Call, path: &[&str]) -> Result<(), Refusal> {
    let accept = call.header("accept").unwrap_or("*/*");
    let plain = path == ["ping"] || path.contains(&"additions");
    if plain
        || accept.is_empty()
        || accept.contains("*/*")
        || accept.contains("application/*")
        || accept.contains("application/json")
    {
        return Ok(());
    }
    Err(Refusal::invalid("unsupported media type requested, only [application/json] are available"))
}

fn find(version: &Version, method: &Method, path: &[&str]) -> Option<Handler> {
    match path {
        ["projects", _, rest @ ..] => in_project(version, method, rest),
        _ => in_system(version, method, path),
    }
}

fn in_system(version: &Version, method: &Method, path: &[&str]) -> Option<Handler> {
    let handler: Handler = match (method.as_str(), path) {
        ("GET", ["ping"]) => system::ping,
        ("GET", ["health"]) => system::health,
        ("GET", ["systeminfo"]) => system::info,
        ("GET", ["systeminfo", "volumes"]) => system::volumes,
        ("GET", ["systeminfo", "getcert"]) => system::certificate,
        ("GET", ["statistics"]) => system::statistics,
        ("GET", ["configurations"]) => system::get_settings,
        ("PUT", ["configurations"]) => system::update_settings,
        ("GET", ["users"]) => system::list_users,
        ("POST", ["users"]) => system::create_user,
        ("GET", ["users", "current"]) => system::current_user,
        ("GET", ["users", "current", "permissions"]) => system::current_permissions,
        ("GET", ["projects"]) => project::list,
        ("POST", ["projects"]) => project::create,
        ("HEAD", ["projects"]) => project::head,
        ("GET", ["repositories"]) if version.has(3) => repository::list_all,
        ("GET", ["robots"]) if version.has(2) => robot::list,
        ("POST", ["robots"]) if version.has(2) => robot::create,
        ("GET", ["robots", _]) if version.has(2) => robot::get,
        ("PUT", ["robots", _]) if version.has(2) => robot::update,
        ("PATCH", ["robots", _]) if version.has(2) => robot::refresh,
        ("DELETE", ["robots", _]) if version.has(2) => robot::delete,
        ("GET", ["quotas"]) => quota::list,
        ("GET", ["search"]) => search::search,
        ("GET", ["audit-logs"]) => audit::list,
        ("GET", ["auditlog-exts"]) if version.has(13) => audit::list,
        ("GET", ["scanners"]) => addition::list_scanners,
        _ => return None,
    };
    Some(handler)
}

fn in_project(version: &Version, method: &Method, path: &[&str]) -> Option<Handler> {
    let handler: Handler = match (method.as_str(), path) {
        ("GET", []) => project::get,
        ("PUT", []) => project::update,
        ("DELETE", []) => project::delete,
        ("GET", ["_deletable"]) => project::deletable,
        ("GET", ["summary"]) => project::summary,
        ("GET", ["members"]) => member::list,
        ("POST", ["members"]) => member::create,
        ("DELETE", ["members", _]) => member::delete,
        ("GET", ["metadatas"]) => member::list_metadata,
        ("GET", ["metadatas", _]) => member::get_metadata,
        ("PUT", ["metadatas", _]) => member::update_metadata,
        ("GET", ["logs"]) => audit::list_of_project,
        ("GET", ["auditlog-exts"]) if version.has(13) => audit::list_of_project,
        ("GET", ["robots"]) if !version.has(13) => robot::list_of_project,
        ("GET", ["scanner"]) => addition::project_scanner,
        ("GET", ["artifacts"]) if version.has(12) => artifact::list_of_project,
        ("GET", ["webhook", "events"]) => webhook::list_events,
        ("GET", ["webhook", "policies"]) => webhook::list,
        ("POST", ["webhook", "policies"]) => webhook::create,
        ("GET", ["webhook", "policies", _]) => webhook::get,
        ("PUT", ["webhook", "policies", _]) => webhook::update,
        ("DELETE", ["webhook", "policies", _]) => webhook::delete,
        ("GET", ["repositories"]) => repository::list,
        ("GET", ["repositories", _]) => repository::get,
        ("PUT", ["repositories", _]) => repository::update,
        ("DELETE", ["repositories", _]) => repository::delete,
        (_, ["repositories", _, "artifacts", rest @ ..]) => {
            return in_repository(version, method, rest);
        }
        _ => return None,
    };
    Some(handler)
}

fn in_repository(version: &Version, method: &Method, path: &[&str]) -> Option<Handler> {
    let handler: Handler = match (method.as_str(), path) {
        ("GET", []) => artifact::list,
        ("GET", [_]) => artifact::get,
        ("DELETE", [_]) => artifact::delete,
        ("GET", [_, "tags"]) => tag::list,
        ("POST", [_, "tags"]) => tag::create,
        ("DELETE", [_, "tags", _]) => tag::delete,
        ("GET", [_, "accessories"]) if version.has(5) => accessory::list,
        ("GET", [_, "additions", _]) => addition::get,
        ("POST", [_, "scan"]) => addition::scan,
        _ => return None,
    };
    Some(handler)
}

/// What works while the database is stopped, as recorded: not much, and much of it misleads.
fn without_database(state: &mut State, call: &Call) -> Answer {
    let mut call = call.clone();
    call.identity = Identity::Anonymous;
    call.faults.retain(|fault| *fault != Fault::DatabaseDown);
    let ill = Fault::Unhealthy("database");
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let writes = !matches!(call.method, Method::GET | Method::HEAD);
    match segments.as_slice() {
        _ if writes => Err(Refusal::internal().without_session()),
        ["api", "v2.0", "health"] => {
            call.faults.push(ill);
            dispatch(state, &call)
        }
        ["api", "version"] | ["api", "v2.0", "ping" | "systeminfo"] => dispatch(state, &call),
        // A token that opens nothing, even to the right password.
        ["service", "token"] => dispatch(state, &call),
        ["api", "v2.0", "users", "current"] | ["api", "v2.0", "projects", _, ..] => Err(Refusal::unauthorized()),
        ["v2", ..] => dispatch(state, &call),
        _ => Err(Refusal::internal()),
    }
}

/// Harbor 1.x: another API under other paths, of which clients only need to learn that it is one.
fn legacy(state: &State, segments: &[&str]) -> Answer {
    match segments {
        ["api", "systeminfo"] => Ok(Reply::json_utf8(&json!({
            "auth_mode": "db_auth", "harbor_version": state.version.text(),
            "project_creation_restriction": "everyone", "self_registration": false,
            "with_chartmuseum": false, "with_clair": false, "with_notary": false,
        }))),
        ["api", "ping"] => Ok(Reply::body("text/plain; charset=utf-8", "Pong")),
        ["api", "projects"] => {
            let rows: Vec<_> = state
                .projects
                .values()
                .filter(|project| project.is_public())
                .map(|project| json!({"project_id": project.id, "name": project.name}))
                .collect();
            Ok(Reply::json_utf8(&json!(rows)))
        }
        _ => Ok(Reply::page_not_found()),
    }
}
