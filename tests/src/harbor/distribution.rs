//! `/v2/`: tags, manifests, blobs and the catalog, for clients that pull.
//!
//! Pushing over HTTP is not simulated; images come from the control API.

use axum::http::{HeaderName, Method, StatusCode, header};
use serde_json::{Value, json};

use super::artifact::{self, find};
use super::call::Call;
use super::content::{Artifact, OCI_INDEX, OCI_MANIFEST};
use super::delivery::{Event, announce};
use super::identity::Identity;
use super::permission::{may, may_in_system};
use super::reply::{Refusal, Reply};
use super::repository::repository_mut;
use super::state::{Project, State};
use super::system::Answer;
use super::token::challenge;

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const JSON_UTF8: &str = "application/json; charset=utf-8";

/// Answers everything below `/v2`.
pub(super) fn answer(state: &mut State, call: &Call) -> Answer {
    let mut segments = call.segments.iter().skip(1).map(String::as_str);
    let rest: Vec<&str> = segments.by_ref().collect();
    match rest.as_slice() {
        [] if call.has_trailing_slash => base(state, call),
        ["_catalog"] => catalog(state, call),
        [name @ .., "tags", "list"] => tags(state, call, &name.join("/")),
        [name @ .., "manifests", reference] => manifest(state, call, &name.join("/"), reference),
        [name @ .., "blobs", "uploads"] => {
            let name = name.join("/");
            named(state, call, &name, "push")?;
            Err(may_not(&name, "push"))
        }
        [name @ .., "blobs", digest] => blob(state, call, &name.join("/"), digest),
        [name @ .., "referrers", digest] => referrers(state, call, &name.join("/"), digest),
        _ => {
            let message = format!("un-recognized request: {} {}", call.method, call.path);
            Err(distribution(challenge(&message, String::new())))
        }
    }
}

fn distribution(refusal: Refusal) -> Refusal {
    refusal.with(API_VERSION, "registry/2.0")
}

/// The scheme is that of the configured URL, the host is the one that was dialled.
fn bearer(state: &State, call: &Call, scope: Option<String>) -> String {
    let scheme = state.external_url.split(':').next().unwrap_or("http");
    let realm = format!("{scheme}://{}/service/token", call.host());
    let scope = scope.map_or_else(String::new, |scope| format!(",scope=\"{scope}\""));
    format!("Bearer realm=\"{realm}\",service=\"harbor-registry\"{scope}")
}

fn basic() -> String {
    "Basic realm=\"harbor\"".to_owned()
}

fn base(state: &State, call: &Call) -> Answer {
    if !call.identity.is_anonymous() {
        let reply = Reply::body(JSON_UTF8, "{}");
        return Ok(reply.with(API_VERSION, "registry/2.0".to_owned()));
    }
    let how = if call.has_credentials() { basic() } else { bearer(state, call, None) };
    Err(distribution(challenge("unauthorized", how)))
}

/// The project of a repository name, after the rights were checked.
fn named<'a, 'n>(
    state: &'a State,
    call: &Call,
    name: &'n str,
    action: &str,
) -> Result<(&'a Project, &'n str), Refusal> {
    let Some((project_name, repository)) = name.split_once('/') else {
        let message = format!("bad request: invalid repository name: {name}");
        return Err(Refusal::bad_request(message).without_session());
    };
    if !call.has_credentials() {
        let actions = if action == "pull" { "pull" } else { "pull,push" };
        let message = if action == "pull" {
            "authorize header needed to send HEAD to repository".to_owned()
        } else {
            format!("unauthorized to access repository: {name}, action: {action}")
        };
        let scope = format!("repository:{name}:{actions}");
        let how = bearer(state, call, Some(scope));
        return Err(distribution(challenge(&message, how)));
    }
    let Some(project) = state.project_named(project_name) else {
        let message = format!("project {project_name} not found");
        return Err(distribution(challenge(&message, String::new())));
    };
    if may(state, &call.identity, project, "repository", action) {
        return Ok((project, repository));
    }
    Err(may_not(name, action))
}

fn may_not(name: &str, action: &str) -> Refusal {
    let message = format!("unauthorized to access repository: {name}, action: {action}");
    distribution(challenge(&message, basic()))
}

fn limit(call: &Call) -> Result<Option<usize>, Refusal> {
    match call.query("n") {
        None => Ok(None),
        Some(n) => n.parse().map(Some).map_err(|_| Refusal::bad_request("the N must be a positive int type")),
    }
}

/// Cuts a sorted list behind `last` to `n`; tells whether there is more.
fn cut(mut names: Vec<String>, last: &str, n: Option<usize>) -> (Vec<String>, bool) {
    names.retain(|name| last.is_empty() || name.as_str() > last);
    let n = n.unwrap_or(names.len());
    let more = n > 0 && names.len() > n;
    names.truncate(n);
    (names, more)
}

fn next_page(path: &str, last: &str, n: Option<usize>) -> String {
    let last = last.replace('/', "%2F");
    let n = n.unwrap_or_default();
    format!("</{path}?last={last}&n={n}>; rel=\"next\"")
}

/// Repositories with a tag. Basic credentials only, and `last` must still exist.
fn catalog(state: &State, call: &Call) -> Answer {
    let token = matches!(call.identity, Identity::Token(_));
    if token || !may_in_system(state, &call.identity, "catalog", "read") {
        let refusal = challenge("unauthorized to list catalog", basic());
        return Err(distribution(refusal));
    }
    let n = limit(call)?;
    let mut names: Vec<String> = Vec::new();
    for project in state.projects.values() {
        for (name, repository) in &project.repositories {
            if repository.artifacts.values().any(|artifact| !artifact.tags.is_empty()) {
                names.push(format!("{}/{name}", project.name));
            }
        }
    }
    names.sort();
    let last = call.query("last").unwrap_or_default();
    if !last.is_empty() && !names.iter().any(|name| name == last) {
        return Err(Refusal::bad_request(format!("the last {last} does not exist")));
    }
    let (names, more) = cut(names, last, n);
    let reply = Reply::json_utf8(&json!({"repositories": names}));
    Ok(match names.last() {
        Some(last) if more => reply.with(header::LINK, next_page("v2/_catalog", last, n)),
        _ => reply,
    })
}

fn tags(state: &State, call: &Call, name: &str) -> Answer {
    let (project, repository) = named(state, call, name, "pull")?;
    let Some(repository) = project.repositories.get(repository) else {
        return Err(missing(name));
    };
    let n = limit(call)?;
    let mut tags: Vec<String> =
        repository.artifacts.values().flat_map(|artifact| &artifact.tags).map(|tag| tag.name.clone()).collect();
    tags.sort();
    let (tags, more) = cut(tags, call.query("last").unwrap_or_default(), n);
    let reply = Reply::json_utf8(&json!({"name": name, "tags": tags}));
    Ok(match tags.last() {
        Some(last) if more => {
            let path = format!("v2/{name}/tags/list");
            reply.with(header::LINK, next_page(&path, last, n))
        }
        _ => reply,
    })
}

fn missing(name: &str) -> Refusal {
    Refusal::not_found(format!("repository {name} not found"))
}

fn manifest(state: &mut State, call: &Call, name: &str, reference: &str) -> Answer {
    let action = match call.method {
        Method::DELETE => "delete",
        Method::PUT => "push",
        _ => "pull",
    };
    let (project, repository_name) = named(state, call, name, action)?;
    let Some(repository) = project.repositories.get(repository_name) else {
        return Err(missing(name));
    };
    let Some(found) = find(repository, reference) else {
        let project_name = &project.name;
        return Err(artifact::missing(project_name, repository_name, reference));
    };
    let (project_id, found) = (project.id, found.clone());
    match call.method {
        Method::GET | Method::HEAD => {}
        Method::DELETE if found.digest == reference => {
            let operator = call.identity.name();
            artifact::remove(state, project_id, repository_name, found.id, operator);
            return Ok(Reply::empty(StatusCode::ACCEPTED));
        }
        _ => return Err(unsupported()),
    }
    check_accept(call, &found)?;
    let quiet = call.header("user-agent") == Some("harbor-registry-client");
    if call.method == Method::GET && !quiet {
        let operator = call.identity.name();
        count_pull(state, project_id, repository_name, (&found, reference), operator);
    }
    let etag = format!("\"{}\"", found.digest);
    let known = call.header("if-none-match").is_some_and(|tags| tags.contains(&found.digest));
    let reply = if known {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply::body(found.manifest_media_type, found.manifest.to_vec())
    };
    Ok(reply.with(CONTENT_DIGEST, found.digest).with(API_VERSION, "registry/2.0".to_owned()).with(header::ETAG, etag))
}

fn unsupported() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "UNSUPPORTED", "the operation is unsupported")
}

/// OCI types must be accepted by name; a wildcard is not enough.
fn check_accept(call: &Call, found: &Artifact) -> Result<(), Refusal> {
    let kind = match found.manifest_media_type {
        OCI_INDEX => "index",
        OCI_MANIFEST => "manifest",
        _ => return Ok(()),
    };
    let accepted = call
        .headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains(found.manifest_media_type));
    if accepted {
        return Ok(());
    }
    let plural = if kind == "index" { "indexes" } else { "manifests" };
    Err(distribution(Refusal::new(
        StatusCode::NOT_FOUND,
        "MANIFEST_UNKNOWN",
        format!("OCI {kind} found, but accept header does not support OCI {plural}"),
    )))
}

/// Counts a pull. A real Harbor writes it down up to ten seconds later.
fn count_pull(state: &mut State, project_id: i64, name: &str, (found, reference): (&Artifact, &str), operator: &str) {
    let now = state.now();
    if let Some(repository) = repository_mut(state, project_id, name) {
        repository.pull_count += 1;
        repository.updated = now;
        if let Some(artifact) = repository.artifacts.get_mut(&found.id) {
            artifact.pulled = Some(now);
        }
    }
    let tag = (reference != found.digest).then_some(reference);
    announce(state, project_id, name, Event::Pulled, found, tag, operator);
    let resource = artifact::full_reference(state, project_id, name, &found.digest);
    state.record(project_id, "pull", "artifact", resource, operator);
}

fn blob(state: &State, call: &Call, name: &str, digest: &str) -> Answer {
    let (project, repository) = named(state, call, name, "pull")?;
    let referred = |artifact: &Artifact| {
        let manifest = std::str::from_utf8(&artifact.manifest).unwrap_or_default();
        manifest.contains(digest)
    };
    let held =
        project.repositories.get(repository).is_some_and(|repository| repository.artifacts.values().any(referred));
    match state.blobs.get(digest).filter(|_| held) {
        Some(bytes) => Ok(Reply::body("application/octet-stream", bytes.to_vec())
            .with(CONTENT_DIGEST, digest.to_owned())
            .with(API_VERSION, "registry/2.0".to_owned())
            .with(header::ETAG, format!("\"{digest}\""))),
        None => Err(distribution(Refusal::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry"))),
    }
}

/// An index of what refers to a digest; empty for an unknown one.
fn referrers(state: &State, call: &Call, name: &str, digest: &str) -> Answer {
    if !state.version.has(8) {
        return Err(Refusal::not_found(format!("path {} was not found", call.path)));
    }
    let (project, repository) = named(state, call, name, "pull")?;
    let manifests: Vec<Value> = project
        .repositories
        .get(repository)
        .into_iter()
        .flat_map(|repository| repository.artifacts.values())
        .filter(|artifact| {
            let subject = artifact.subject.as_ref();
            subject.is_some_and(|subject| subject.digest == digest)
        })
        .map(|artifact| {
            let mut entry = json!({
                "mediaType": artifact.manifest_media_type, "digest": artifact.digest,
                "size": artifact.size, "artifactType": artifact.media_type,
            });
            if !artifact.annotations.is_empty() {
                entry["annotations"] = json!(artifact.annotations);
            }
            entry
        })
        .collect();
    let total = manifests.len().to_string();
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
    Ok(Reply::json_utf8(&index).with(HeaderName::from_static("x-total-count"), total))
}
