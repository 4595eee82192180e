//! Everything the simulated Harbor remembers, and the ids and instants it hands out.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use axum::body::Bytes;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::content::Artifact;
use super::delivery::Delivery;
use super::robot::Robot;
use super::token::Grant;
use super::version::Version;
use super::webhook::Policy;

/// How Harbor writes "never".
pub(super) const NEVER: &str = "0001-01-01T00:00:00.000Z";

/// Ids of one kind of row, never reused.
#[derive(Debug, Default)]
pub(super) struct Sequence(i64);

impl Sequence {
    pub(super) fn draw(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }
}

#[derive(Debug, Default)]
pub(super) struct Sequences {
    pub(super) user: Sequence,
    pub(super) project: Sequence,
    /// Quotas and allow lists grow in step, and unlike project ids skip nothing.
    pub(super) quota: Sequence,
    pub(super) member: Sequence,
    pub(super) repository: Sequence,
    pub(super) artifact: Sequence,
    pub(super) accessory: Sequence,
    pub(super) tag: Sequence,
    pub(super) label: Sequence,
    pub(super) robot: Sequence,
    pub(super) policy: Sequence,
    /// Makes contents, secrets and request ids differ.
    pub(super) salt: Sequence,
}

pub(super) struct State {
    pub(super) version: Version,
    /// The configured external URL, without a trailing slash.
    pub(super) external_url: String,
    pub(super) users: BTreeMap<i64, User>,
    pub(super) robots: BTreeMap<i64, Robot>,
    pub(super) projects: BTreeMap<i64, Project>,
    pub(super) labels: BTreeMap<i64, Label>,
    pub(super) policies: BTreeMap<i64, Policy>,
    pub(super) audit: Vec<AuditEntry>,
    pub(super) tokens: HashMap<String, Grant>,
    pub(super) blobs: HashMap<String, Bytes>,
    /// User names held after a failed login, until when.
    pub(super) frozen: HashMap<String, Instant>,
    pub(super) read_only: bool,
    pub(super) admins_create_projects_only: bool,
    pub(super) ids: Sequences,
    pub(super) deliveries: UnboundedSender<Delivery>,
    last_instant: DateTime<Utc>,
}

pub(super) struct User {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) password: String,
    pub(super) email: String,
    pub(super) realname: String,
    pub(super) is_sysadmin: bool,
    pub(super) created: DateTime<Utc>,
}

#[derive(Debug)]
pub(super) struct Project {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) owner_id: i64,
    pub(super) owner_name: String,
    /// Every value is a string; `public` decides visibility.
    pub(super) metadata: BTreeMap<String, String>,
    /// Creation and update: nothing ever moves the latter.
    pub(super) created: DateTime<Utc>,
    /// Above zero for a proxy cache.
    pub(super) registry_id: i64,
    pub(super) storage_limit: i64,
    pub(super) quota_id: i64,
    pub(super) members: Vec<Member>,
    /// By name without the project.
    pub(super) repositories: BTreeMap<String, Repository>,
}

impl Project {
    /// Anything but the very word `true` is private.
    pub(super) fn is_public(&self) -> bool {
        self.metadata.get("public").is_some_and(|public| public == "true")
    }

    pub(super) fn role_of(&self, user: i64) -> Option<i64> {
        self.members.iter().find(|member| member.user_id == user).map(|member| member.role_id)
    }

    pub(super) fn size(&self) -> u64 {
        self.repositories
            .values()
            .flat_map(|repository| repository.artifacts.values())
            .map(|artifact| artifact.size)
            .sum()
    }
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: i64,
    pub(super) user_id: i64,
    pub(super) user_name: String,
    pub(super) role_id: i64,
}

#[derive(Debug)]
pub(super) struct Repository {
    pub(super) id: i64,
    pub(super) description: String,
    pub(super) pull_count: i64,
    pub(super) created: DateTime<Utc>,
    pub(super) updated: DateTime<Utc>,
    pub(super) artifacts: BTreeMap<i64, Artifact>,
}

#[derive(Debug)]
pub(super) struct Label {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) created: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub(super) struct AuditEntry {
    pub(super) id: i64,
    pub(super) project_id: i64,
    pub(super) time: DateTime<Utc>,
    pub(super) operation: &'static str,
    pub(super) resource: String,
    pub(super) resource_type: &'static str,
    pub(super) username: String,
}

impl State {
    pub(super) fn new(version: Version, deliveries: UnboundedSender<Delivery>) -> Self {
        Self {
            version,
            external_url: String::new(),
            users: BTreeMap::new(),
            robots: BTreeMap::new(),
            projects: BTreeMap::new(),
            labels: BTreeMap::new(),
            policies: BTreeMap::new(),
            audit: Vec::new(),
            tokens: HashMap::new(),
            blobs: HashMap::new(),
            frozen: HashMap::new(),
            read_only: false,
            admins_create_projects_only: false,
            ids: Sequences::default(),
            deliveries,
            last_instant: DateTime::UNIX_EPOCH,
        }
    }

    /// The time, later than any time before, so that orders by time are total.
    pub(super) fn now(&mut self) -> DateTime<Utc> {
        let earliest = self.last_instant + Duration::microseconds(1);
        self.last_instant = api::clock::now().max(earliest);
        self.last_instant
    }

    pub(super) fn project_named(&self, name: &str) -> Option<&Project> {
        self.projects.values().find(|project| project.name == name)
    }

    pub(super) fn user_named(&self, name: &str) -> Option<&User> {
        self.users.values().find(|user| user.name == name || user.email == name)
    }

    pub(super) fn record(
        &mut self,
        project_id: i64,
        operation: &'static str,
        resource_type: &'static str,
        resource: String,
        username: &str,
    ) {
        let time = self.now();
        let id = i64::try_from(self.audit.len()).unwrap_or(i64::MAX) + 1;
        self.audit.push(AuditEntry {
            id,
            project_id,
            time,
            operation,
            resource,
            resource_type,
            username: username.to_owned(),
        });
    }
}

/// Milliseconds, UTC.
pub(super) fn timestamp(time: DateTime<Utc>) -> Value {
    Value::from(time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// [`timestamp`], or year one.
pub(super) fn timestamp_or_never(time: Option<DateTime<Utc>>) -> Value {
    time.map_or_else(|| Value::from(NEVER), timestamp)
}
