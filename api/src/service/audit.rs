//! The audit trail: what was asked for, by whom, and how it ended.
//!
//! Every mutation runs in [`perform`], which leaves its events however it ends: an [`Act`] that changes something
//! writes them in the transaction of the change, and of whatever fails or is denied they are written in one place, from
//! its error. What an act is about, and which workspaces it concerns, is told by the [`Attempt`] that begins it: from the
//! input alone, before anything of it is known to exist. An event for a workspace names nothing that its members may not
//! see. Starts at [`perform`]; what is read of the trail, and by whom, stands in `trail`.

mod act;
mod attempt;
mod trail;

use std::collections::BTreeSet;
use std::fmt;

use ::entity::audit_event::{ActiveModel, Entity};
pub use ::entity::audit_event::{Model as Event, Outcome};
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::act::{Act, perform};
pub use self::attempt::{Attempt, Named, Thing};
pub use self::trail::{Filter, Key, Listed, Page, find, list};
use super::Cx;
use crate::clock;

/// A name, or several with commas, is cut to what its column holds.
const MAX_NAME_CHARS: usize = 512;

/// The one thing that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Registry(Uuid),
    Space(Uuid),
    Workspace(Uuid),
    Namespace(Uuid),
}

impl Target {
    /// What its row holds, read back; none for what was never written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, key) = text.split_once(':')?;
        let key = key.parse().ok()?;
        match kind {
            "registry" => Some(Self::Registry(key)),
            "space" => Some(Self::Space(key)),
            "workspace" => Some(Self::Workspace(key)),
            "namespace" => Some(Self::Namespace(key)),
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, key) = match self {
            Self::Registry(key) => ("registry", key),
            Self::Space(key) => ("space", key),
            Self::Workspace(key) => ("workspace", key),
            Self::Namespace(key) => ("namespace", key),
        };
        write!(f, "{kind}:{key}")
    }
}

/// What one event tells, beside who did what and how it ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The workspace concerned, if there is one.
    pub workspace: Option<Uuid>,
    pub target: Option<Target>,
    pub target_name: String,
    /// Before and after, as the workspace's Admins may read it; never a secret.
    pub changes: Value,
}

impl Entry {
    /// The same for each workspace concerned; one entry without a workspace where there is none.
    pub(super) fn alike(
        workspaces: impl IntoIterator<Item = Uuid>,
        target: Target,
        target_name: &str,
        changes: &Value,
    ) -> Vec<Self> {
        let distinct: BTreeSet<Uuid> = workspaces.into_iter().collect();
        let entry = |workspace| Self {
            workspace,
            target: Some(target),
            target_name: target_name.to_owned(),
            changes: changes.clone(),
        };
        match distinct.is_empty() {
            true => vec![entry(None)],
            false => distinct.into_iter().map(|workspace| entry(Some(workspace))).collect(),
        }
    }
}

/// What differs between two objects of the same fields, as `before` and `after`; empty where nothing does.
pub(super) fn difference(before: Value, after: Value) -> Value {
    let (Value::Object(mut before), Value::Object(mut after)) = (before, after) else { return json!({}) };
    let same: Vec<String> =
        before.iter().filter(|(name, value)| after.get(*name) == Some(value)).map(|(name, _)| name.clone()).collect();
    for name in same {
        before.remove(&name);
        after.remove(&name);
    }
    match before.is_empty() && after.is_empty() {
        true => json!({}),
        false => json!({ "before": before, "after": after }),
    }
}

/// A list of names as an event holds it: the first hundred, and how many more there were.
pub(super) fn names(all: impl ExactSizeIterator<Item = String>) -> Value {
    const SHOWN: usize = 100;
    let more = all.len().saturating_sub(SHOWN);
    let mut names: Vec<String> = all.take(SHOWN).collect();
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.into()
}

/// As text that every database takes and that does no harm where it is shown.
fn legible(text: &str) -> String {
    text.chars().take(MAX_NAME_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Writes one event for each entry; answers their ids, in the order given. Those without success have no changes.
async fn insert(
    db: &impl ConnectionTrait,
    cx: &Cx,
    action: &'static str,
    outcome: Outcome,
    entries: Vec<Entry>,
) -> Result<Vec<Uuid>, DbErr> {
    /// Ten values a row: below every database's limit of values in a statement.
    const ROWS_A_STATEMENT: usize = 1_000;
    let at = clock::now();
    let rows: Vec<(Uuid, ActiveModel)> = entries
        .into_iter()
        .map(|entry| {
            let id = Uuid::now_v7();
            let row = ActiveModel {
                id: Set(id),
                at: Set(at),
                actor: Set(cx.viewer.subject.clone()),
                action: Set(action.to_owned()),
                outcome: Set(outcome),
                target: Set(entry.target.map(|target| target.to_string())),
                target_name: Set(legible(&entry.target_name)),
                workspace_id: Set(entry.workspace),
                changes: Set(Some(entry.changes).filter(|_| outcome == Outcome::Succeeded)),
                request_id: Set(cx.request_id.clone()),
            };
            (id, row)
        })
        .collect();
    for chunk in rows.chunks(ROWS_A_STATEMENT) {
        Entity::insert_many(chunk.iter().map(|(_, row)| row.clone())).exec_without_returning(db).await?;
    }
    Ok(rows.into_iter().map(|(id, _)| id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_come_back_as_what_they_were() {
        let key = Uuid::from_u128(7);
        for target in [Target::Registry(key), Target::Space(key), Target::Workspace(key), Target::Namespace(key)] {
            assert_eq!(Target::parse(&target.to_string()), Some(target));
        }
        for text in ["", "registry", "registry:", "registry:7", "image:00000000-0000-0000-0000-000000000007"] {
            assert_eq!(Target::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_differs_is_told() {
        let before = json!({ "name": "a", "host": "h", "description": null });
        let after = json!({ "name": "b", "host": "h", "description": "d" });
        assert_eq!(
            difference(before.clone(), after),
            json!({ "before": { "name": "a", "description": null }, "after": { "name": "b", "description": "d" } })
        );
        assert_eq!(difference(before.clone(), before), json!({}));
    }

    #[test]
    fn long_lists_are_counted() {
        assert_eq!(names(["a".to_owned()].into_iter()), json!(["a"]));
        let many = names((0..102).map(|number| number.to_string()).collect::<Vec<_>>().into_iter());
        assert_eq!((many[99].as_str(), many[100].as_str()), (Some("99"), Some("and 2 more")));
    }

    #[test]
    fn names_are_cut_and_legible() {
        assert_eq!(legible("a\u{0}b\n"), "a\u{fffd}b\u{fffd}");
        assert_eq!(legible(&"ä".repeat(600)).chars().count(), MAX_NAME_CHARS);
    }
}
