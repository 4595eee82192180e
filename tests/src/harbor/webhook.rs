//! Webhook policies: per project, with a secret that Harbor shows to whoever may read them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::Call;
use super::paging::ListQuery;
use super::permission;
use super::query::{Cell, Row};
use super::reply::{Refusal, Reply};
use super::state::{State, timestamp, timestamp_or_never};
use super::system::Answer;
use super::version::Version;

const EVENTS: [&str; 10] = [
    "PUSH_ARTIFACT",
    "PULL_ARTIFACT",
    "DELETE_ARTIFACT",
    "QUOTA_EXCEED",
    "QUOTA_WARNING",
    "SCANNING_FAILED",
    "SCANNING_STOPPED",
    "SCANNING_COMPLETED",
    "REPLICATION",
    "TAG_RETENTION",
];

pub(super) struct Policy {
    pub(super) id: i64,
    pub(super) project_id: i64,
    pub(super) spec: PolicySpec,
    /// Lost by an update, as Harbor does.
    pub(super) created: Option<DateTime<Utc>>,
    pub(super) updated: DateTime<Utc>,
}

#[derive(Deserialize)]
pub(super) struct PolicySpec {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) event_types: Vec<String>,
    #[serde(default)]
    pub(super) targets: Vec<Target>,
}

#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Target {
    pub(super) address: String,
    /// Sent as `Authorization`, word for word, and shown in clear.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) auth_header: String,
    /// `Default` or `CloudEvents`; since 2.8.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) payload_format: String,
    #[serde(default)]
    skip_cert_verify: bool,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

impl Row for &Policy {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        Some(match column {
            "id" => Cell::Number(self.id),
            "name" => Cell::Text(&self.spec.name),
            "creation_time" => Cell::Time(self.created.unwrap_or_default()),
            _ => return None,
        })
    }
}

fn policy_json(policy: &Policy) -> Value {
    let spec = &policy.spec;
    let mut json = json!({
        "creation_time": timestamp_or_never(policy.created), "enabled": spec.enabled,
        "event_types": spec.event_types, "id": policy.id, "name": spec.name,
        "project_id": policy.project_id, "targets": spec.targets,
        "update_time": timestamp(policy.updated),
    });
    if !spec.description.is_empty() {
        json["description"] = json!(spec.description);
    }
    json
}

pub(super) fn list_events(state: &mut State, call: &Call) -> Answer {
    permission::project(state, call, "notification-policy", "read")?;
    let mut events = json!({"event_type": EVENTS, "notify_type": ["http", "slack"]});
    if state.version.has(8) {
        events["payload_formats"] = json!([{"formats": ["Default", "CloudEvents"], "notify_type": "http"}]);
    }
    Ok(Reply::json(&events))
}

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    let project = permission::project(state, call, "notification-policy", "list")?.id;
    let rows = state.policies.values().filter(|policy| policy.project_id == project).collect();
    let listing = query.apply(call, rows, "-creation_time")?;
    let policies = listing.rows.iter().map(|policy| policy_json(policy)).collect();
    Ok(Reply::list(&listing, policies))
}

fn check(version: &Version, mut spec: PolicySpec) -> Result<PolicySpec, Refusal> {
    if spec.targets.is_empty() {
        return Err(Refusal::bad_request(format!("empty notification target with policy {}", spec.name)));
    }
    for target in &mut spec.targets {
        let scheme = target.address.split("://").next().unwrap_or_default();
        if target.kind == "http" && !matches!(scheme, "http" | "https") {
            return Err(Refusal::bad_request(format!("invalid scheme: {scheme}")));
        }
        match target.payload_format.as_str() {
            _ if !version.has(8) => target.payload_format.clear(),
            "" if target.kind == "http" => "Default".clone_into(&mut target.payload_format),
            "" | "Default" | "CloudEvents" => {}
            other => {
                return Err(Refusal::bad_request(format!("unsupported payload format type: {other}")));
            }
        }
    }
    if spec.event_types.is_empty() {
        return Err(Refusal::bad_request("empty event type"));
    }
    let unknown = |event: &&String| !EVENTS.contains(&event.as_str());
    if let Some(event) = spec.event_types.iter().find(unknown) {
        return Err(Refusal::bad_request(format!("unsupported event type {event}")));
    }
    Ok(spec)
}

pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let spec: PolicySpec = call.json("policy")?;
    let project_id = permission::project(state, call, "notification-policy", "create")?.id;
    let spec = check(&state.version, spec)?;
    let id = state.ids.policy.draw();
    let taken = state.policies.values().any(|policy| policy.project_id == project_id && policy.spec.name == spec.name);
    if taken {
        return Err(Refusal::conflict(format!("notification policy named {} already exists", spec.name)));
    }
    let now = state.now();
    let policy = Policy { id, project_id, spec, created: Some(now), updated: now };
    state.policies.insert(id, policy);
    let project = call.segment(1);
    Ok(Reply::created(format!("/api/v2.0/projects/{project}/webhook/policies/{id}")))
}

fn wanted(state: &State, call: &Call, action: &str) -> Result<i64, Refusal> {
    let project = permission::project(state, call, "notification-policy", action)?.id;
    let text = call.segment(4);
    text.parse()
        .ok()
        .and_then(|id| state.policies.get(&id))
        .filter(|policy| policy.project_id == project)
        .map(|policy| policy.id)
        .ok_or_else(|| Refusal::not_found(format!("notification policy {text} not found")))
}

pub(super) fn get(state: &mut State, call: &Call) -> Answer {
    let id = wanted(state, call, "read")?;
    let policy = state.policies.get(&id).ok_or_else(Refusal::internal)?;
    Ok(Reply::json(&policy_json(policy)))
}

pub(super) fn update(state: &mut State, call: &Call) -> Answer {
    let spec: PolicySpec = call.json("policy")?;
    let id = wanted(state, call, "update")?;
    let spec = check(&state.version, spec)?;
    let policy = state.policies.get_mut(&id).ok_or_else(Refusal::internal)?;
    policy.spec = spec;
    policy.created = None;
    Ok(Reply::done())
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let id = wanted(state, call, "delete")?;
    state.policies.remove(&id);
    Ok(Reply::done())
}
