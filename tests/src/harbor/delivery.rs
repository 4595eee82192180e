//! Webhooks going out. Knows payloads and targets, not why something happened.
//!
//! Events leave in order, one at a time; what cannot be delivered in three attempts is lost. The
//! attempts follow each other at once: a real Harbor waits most of a minute in between.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use uuid::Uuid;

use super::content::Artifact;
use super::state::State;

const ATTEMPTS: usize = 3;
const TIMEOUT: Duration = Duration::from_secs(3);

/// One POST that waits to be sent.
pub(super) struct Delivery {
    address: String,
    authorization: String,
    content_type: &'static str,
    body: String,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Pushed,
    Pulled,
    Deleted,
}

impl Event {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Pushed => ("PUSH_ARTIFACT", "harbor.artifact.pushed"),
            Self::Pulled => ("PULL_ARTIFACT", "harbor.artifact.pulled"),
            Self::Deleted => ("DELETE_ARTIFACT", "harbor.artifact.deleted"),
        }
    }
}

/// Tells all policies of the project. `tag` is the one that was pushed or pulled by, if any; a
/// deletion names the first. Where there is none, the digest stands in its place.
pub(super) fn announce(
    state: &mut State,
    project_id: i64,
    name: &str,
    event: Event,
    artifact: &Artifact,
    tag: Option<&str>,
    operator: &str,
) {
    let Some(project) = state.projects.get(&project_id) else {
        return;
    };
    let full_name = format!("{}/{name}", project.name);
    let host = state.external_url.split_once("://").map_or(state.external_url.as_str(), |(_, host)| host);
    let resource_url = match tag {
        Some(tag) => format!("{host}/{full_name}:{tag}"),
        None => format!("{host}/{full_name}@{}", artifact.digest),
    };
    let mut repository = json!({
        "name": name, "namespace": project.name, "repo_full_name": full_name,
        "repo_type": if project.is_public() { "public" } else { "private" },
    });
    // Absent when the repository is gone already.
    if let Some(stored) = project.repositories.get(name) {
        repository["date_created"] = json!(stored.created.timestamp());
    }
    let data = json!({
        "resources": [{
            "digest": artifact.digest, "tag": tag.unwrap_or(&artifact.digest),
            "resource_url": resource_url,
        }],
        "repository": repository,
    });
    let now = state.now();
    let (event_type, _) = event.names();
    let wanted = state.policies.values().filter(|policy| {
        policy.project_id == project_id
            && policy.spec.enabled
            && policy.spec.event_types.iter().any(|kind| kind == event_type)
    });
    for policy in wanted {
        for target in policy.spec.targets.iter().filter(|to| to.kind == "http") {
            let cloud_event = target.payload_format == "CloudEvents";
            let (content_type, body) = if cloud_event {
                let source = format!("/projects/{project_id}/webhook/policies/{}", policy.id);
                ("application/cloudevents+json", cloud_event_json(event, &source, now, operator, &data))
            } else {
                (
                    "application/json",
                    json!({
                        "type": event_type, "occur_at": now.timestamp(), "operator": operator,
                        "event_data": data,
                    }),
                )
            };
            let delivery = Delivery {
                address: target.address.clone(),
                authorization: target.auth_header.clone(),
                content_type,
                body: body.to_string(),
            };
            // Nobody listens once the simulation is gone.
            drop(state.deliveries.send(delivery));
        }
    }
}

fn cloud_event_json(event: Event, source: &str, now: DateTime<Utc>, operator: &str, data: &Value) -> Value {
    let (_, event_type) = event.names();
    json!({
        "specversion": "1.0", "id": Uuid::new_v4(), "source": source, "type": event_type,
        "datacontenttype": "application/json",
        "time": now.to_rfc3339_opts(SecondsFormat::Secs, true),
        "data": data, "requestid": Uuid::new_v4(), "operator": operator,
    })
}

/// Sends what is queued until the simulation is gone.
pub(super) async fn deliver(queue: &mut UnboundedReceiver<Delivery>) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        // Targets in tests have certificates of their own; no policy here asks to verify them.
        .tls_danger_accept_invalid_certs(true)
        .build()
        .expect("a client without system certificates can always be built");
    while let Some(delivery) = queue.recv().await {
        for _ in 0..ATTEMPTS {
            let mut request = client
                .post(&delivery.address)
                .header("content-type", delivery.content_type)
                .header("user-agent", "Go-http-client/1.1")
                .body(delivery.body.clone());
            if !delivery.authorization.is_empty() {
                request = request.header("authorization", &delivery.authorization);
            }
            let accepted = request.send().await;
            if accepted.is_ok_and(|response| response.status().is_success()) {
                break;
            }
        }
    }
}
