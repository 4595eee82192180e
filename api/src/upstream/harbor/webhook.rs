//! Harbor's webhook policies, which tell of pushes and deletions in one project.

use std::collections::BTreeSet;

use reqwest::{Method, header::LOCATION};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Harbor,
    list::{Row, Source},
    project::numeric,
};
use crate::upstream::{Error, SpaceKey, Webhook, http::Reply};

/// What changes the images of a project. There is no event for tags that are made or deleted by the API.
const EVENTS: [&str; 4] = ["PUSH_ARTIFACT", "DELETE_ARTIFACT", "REPLICATION", "TAG_RETENTION"];

/// What every Harbor has events for.
const OLD_EVENTS: [&str; 2] = ["PUSH_ARTIFACT", "DELETE_ARTIFACT"];

/// No `Debug`: Harbor shows the secret in clear.
#[derive(Deserialize)]
struct Policy {
    id: i64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    event_types: Option<Vec<String>>,
    #[serde(default)]
    targets: Option<Vec<Target>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Target {
    #[serde(rename = "type")]
    kind: String,
    address: String,
    auth_header: String,
    skip_cert_verify: bool,
    /// Since 2.8.
    payload_format: String,
}

impl Row for Policy {
    fn id(&self) -> i64 {
        self.id
    }
}

impl Harbor {
    pub(in crate::upstream) async fn put_webhook(&self, space: &SpaceKey, hook: &Webhook) -> Result<String, Error> {
        let policies = policies_of(space)?;
        if let Some(policy) = self.find_policy(&policies, hook).await? {
            return self.update_policy(&policies, &policy, hook).await;
        }
        match self.create_policy(&policies, hook).await {
            Ok(Some(id)) => return Ok(id.to_string()),
            // Made, but not told where; or another replica was faster.
            Ok(None) | Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        match self.find_policy(&policies, hook).await? {
            Some(policy) => self.update_policy(&policies, &policy, hook).await,
            None => Err(Error::Changed { what: "the list of webhook policies".to_owned() }),
        }
    }

    pub(in crate::upstream) async fn delete_webhook(&self, space: &SpaceKey, id: &str) -> Result<(), Error> {
        let path = format!("{}/{}", policies_of(space)?, numeric(id)?);
        match self.send(self.call(Method::DELETE, &path)?).await {
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn find_policy(&self, policies: &str, hook: &Webhook) -> Result<Option<Policy>, Error> {
        let source = Source {
            what: "the list of webhook policies",
            path: policies,
            repository: None,
            query: "sort=id",
            trusts_count: false,
        };
        let known: Vec<Policy> = self.list(source).await?;
        Ok(known.into_iter().find(|policy| policy.name == hook.name))
    }

    async fn update_policy(&self, policies: &str, policy: &Policy, hook: &Webhook) -> Result<String, Error> {
        if !policy.is_for(hook) {
            self.write_policy(&Method::PUT, &format!("{policies}/{}", policy.id), hook).await?;
        }
        Ok(policy.id.to_string())
    }

    /// Makes a policy; its id, if Harbor tells.
    async fn create_policy(&self, policies: &str, hook: &Webhook) -> Result<Option<i64>, Error> {
        let reply = self.write_policy(&Method::POST, policies, hook).await?;
        // Only the tail: behind a proxy's path the rest of it is wrong.
        let tail = reply.header(LOCATION).and_then(|location| location.trim_end_matches('/').rsplit('/').next());
        Ok(tail.and_then(|tail| tail.parse().ok()))
    }

    async fn write_policy(&self, method: &Method, path: &str, hook: &Webhook) -> Result<Reply, Error> {
        let call = |events: &[&str]| Ok(self.call(method.clone(), path)?.json(&policy_body(hook, events)));
        match self.send(call(&EVENTS)?).await {
            // An event that it does not know, perhaps. What else it may not like, it says again.
            Err(Error::Rejected { status: 400, .. }) => self.send(call(&OLD_EVENTS)?).await,
            outcome => outcome,
        }
    }
}

impl Policy {
    /// Whether there is nothing to change.
    fn is_for(&self, hook: &Webhook) -> bool {
        let events: BTreeSet<&str> = self.event_types.iter().flatten().map(String::as_str).collect();
        let targets = self.targets.as_deref().unwrap_or_default();
        self.enabled && events == BTreeSet::from(EVENTS) && matches!(targets, [target] if target.is_for(hook))
    }
}

impl Target {
    fn is_for(&self, hook: &Webhook) -> bool {
        self.kind == "http"
            && self.address == hook.address
            && self.auth_header == hook.authorization.expose_secret()
            && !self.skip_cert_verify
            && matches!(self.payload_format.as_str(), "" | "Default")
    }
}

/// Without a payload format, which before 2.8 Harbor does not know.
fn policy_body(hook: &Webhook, events: &[&str]) -> Value {
    json!({
        "name": hook.name,
        "enabled": true,
        "event_types": events,
        "targets": [{
            "type": "http",
            "address": hook.address,
            "auth_header": hook.authorization.expose_secret(),
            "skip_cert_verify": false,
        }],
    })
}

/// Where the policies of a project are. By its id, which no other project has or gets.
fn policies_of(space: &SpaceKey) -> Result<String, Error> {
    Ok(format!("/projects/{}/webhook/policies", numeric(&space.id)?))
}
