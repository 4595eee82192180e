//! The audit trail.

use async_graphql::{Context, Enum, ID, InputObject, Object, ScalarType, Value};

use super::ContextExt;
use super::error::Result;
use super::id::{self, NodeId};
use super::node::{self, Node};
use super::page::{Connection, PageArgs, Slice, places};
use super::plain::{Lean, Plain};
use super::scalar::{DateTime, Json};
use super::workspace::Workspace;
use crate::service::audit::{self, Event, Key, Outcome, Target};
use crate::service::{self, Error};

/// How an act ended.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Outcome")]
pub(super) enum AuditOutcome {
    /// It was done, or there was nothing to do.
    Succeeded,
    /// Who asked may not do it, or may not see what it is about.
    Denied,
    /// It was not done, or not wholly: the input was wrong, a registry refused or did not answer, or Fairway ended
    /// meanwhile.
    Failed,
}

pub(super) struct AuditEvent(pub(super) Event);

/// One act, as it concerned one workspace, or the platform.
#[Object]
impl AuditEvent {
    /// Its global id.
    pub(super) async fn id(&self) -> ID {
        NodeId::AuditEvent(self.0.id).encode()
    }

    /// When it was written: an act that reaches a registry is written before it begins.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// The subject of who did it, or tried to.
    async fn actor(&self) -> &str {
        &self.0.actor
    }

    /// The mutation's name, such as `bindSpaces`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// How it ended.
    async fn outcome(&self) -> AuditOutcome {
        self.0.outcome.into()
    }

    /// What it was about, where that was one thing; null once it is gone, or when you may not see it.
    async fn target(&self, ctx: &Context<'_>) -> Option<Result<Node>> {
        let target = Target::parse(self.0.target.as_deref()?)?;
        Box::pin(node::find(ctx.cx(), target.into())).await.map_err(Into::into).transpose()
    }

    /// What that was called then, or all names with commas where it was several things. Of what is not there, what was
    /// typed.
    async fn target_name(&self) -> &str {
        &self.0.target_name
    }

    /// The workspace concerned; null where none is, or once it is gone.
    async fn workspace(&self, ctx: &Context<'_>) -> Option<Result<Workspace>> {
        let found = service::workspace::find(ctx.cx(), self.0.workspace_id?).await;
        found.map(|found| found.map(Workspace)).map_err(Into::into).transpose()
    }

    /// What changed for the workspace, `before` and `after`; empty where nothing did, null unless the act succeeded. It
    /// never holds a secret.
    async fn changes(&self) -> Option<Json> {
        self.0.changes.clone().map(Json)
    }

    /// The id of the request that asked for it, as its answer had it.
    async fn request_id(&self) -> &str {
        &self.0.request_id
    }
}

impl Plain for AuditEvent {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        Some(match ctx.item.node.name.node.as_str() {
            "id" => NodeId::AuditEvent(self.0.id).encode().0.into(),
            "at" => DateTime(self.0.at).to_value(),
            "actor" => self.0.actor.clone().into(),
            "action" => self.0.action.clone().into(),
            "targetName" => self.0.target_name.clone().into(),
            "changes" => self.0.changes.clone().map_or(Value::Null, |changes| Json(changes).to_value()),
            "requestId" => self.0.request_id.clone().into(),
            _ => return None,
        })
    }
}

/// What a list of events is narrowed to.
#[derive(InputObject, Default)]
pub(super) struct AuditEventFilter {
    /// The exact subject of who did it.
    actor: Option<String>,
    /// The exact name of a mutation.
    action: Option<String>,
    /// Only those about this thing, also when it is gone.
    target_id: Option<ID>,
    /// Only those that concern this workspace, also when it is gone.
    workspace_id: Option<ID>,
    /// Only those that ended so.
    outcome: Option<AuditOutcome>,
    /// At this moment or later.
    since: Option<DateTime>,
    /// Before this moment.
    until: Option<DateTime>,
}

impl AuditEventFilter {
    /// None where no event can be of that kind.
    fn parse(self) -> std::result::Result<Option<audit::Filter>, Error> {
        let target = match self.target_id {
            None => None,
            Some(id) => {
                let id = NodeId::parse(&id).ok_or_else(|| Error::invalid("targetId", "this is not an id"))?;
                let Some(target) = id.target() else { return Ok(None) };
                Some(target)
            }
        };
        Ok(Some(audit::Filter {
            actor: self.actor,
            action: self.action,
            target,
            workspace: self.workspace_id.map(|id| id::workspace(&id, "workspaceId")).transpose()?,
            outcome: self.outcome.map(Outcome::from),
            since: self.since.map(|since| since.0),
            until: self.until.map(|until| until.0),
        }))
    }
}

/// Names the list in its cursors.
const LIST: &str = "audit";

#[derive(Default)]
pub(super) struct AuditEventQuery;

#[Object]
impl AuditEventQuery {
    /// The audit trail, newest first: one event for each workspace that an act concerned, or one where it concerned none.
    /// Acts that were denied or failed are in it too. Admins read all of it, Workspace Admins what concerns their
    /// workspaces, others nothing.
    #[graphql(complexity = "20 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 2")]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Narrows the list.")] filter: Option<AuditEventFilter>,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<Lean<Connection<AuditEvent>>> {
        let window = PageArgs::parse(first, after, last, before)?;
        let (after, before) = places(LIST, &window)?;
        let page = audit::Page {
            limit: window.limit,
            after: key(after, "after")?,
            before: key(before, "before")?,
            backward: window.backward,
            // Counting reads an index from end to end.
            counted: ctx.look_ahead().field("totalCount").exists(),
        };
        let listed = match filter.unwrap_or_default().parse()? {
            Some(filter) => Box::pin(audit::list(ctx.cx(), &filter, &page)).await?,
            None => audit::Listed::default(),
        };
        let total = usize::try_from(listed.total).unwrap_or(usize::MAX);
        let ends = (listed.has_previous, listed.has_next);
        Ok(Slice::of(listed.events, LIST, |event| Key::of(event).micros(), ends, total).connect(AuditEvent))
    }
}

fn key(place: Option<(i64, uuid::Uuid)>, field: &'static str) -> std::result::Result<Option<Key>, Error> {
    let Some((at, id)) = place else { return Ok(None) };
    let key = Key::from_micros(at, id);
    key.map(Some).ok_or_else(|| Error::invalid(field, format!("`{field}` is not a cursor of this list")))
}
