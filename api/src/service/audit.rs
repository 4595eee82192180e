//! What was done, written in the same transaction as the change itself.

use std::collections::BTreeSet;

use ::entity::audit_event::{ActiveModel, Entity, Outcome};
use sea_orm::ActiveValue::Set;
use sea_orm::{DbErr, EntityTrait};
use serde_json::Value;
use uuid::Uuid;

use super::Cx;
use crate::clock;
use crate::storage::Write;

/// One thing that was done. What changed never holds a secret.
pub(super) struct Deed<'a> {
    /// The mutation's name.
    pub action: &'static str,
    pub target: Option<String>,
    pub target_name: &'a str,
    /// One event each: the workspace concerned, if there is one, and what changed as its Admins may read it.
    pub events: Vec<(Option<Uuid>, Value)>,
}

/// The same for each workspace concerned; one event without a workspace where there is none.
pub(super) fn alike(workspaces: impl IntoIterator<Item = Uuid>, changes: &Value) -> Vec<(Option<Uuid>, Value)> {
    let distinct: BTreeSet<Uuid> = workspaces.into_iter().collect();
    match distinct.is_empty() {
        true => vec![(None, changes.clone())],
        false => distinct.into_iter().map(|workspace| (Some(workspace), changes.clone())).collect(),
    }
}

pub(super) async fn record(write: &Write, actor: &Actor, deed: Deed<'_>) -> Result<(), DbErr> {
    /// Ten values a row: below every database's limit of values in a statement.
    const ROWS_A_STATEMENT: usize = 1_000;
    let target_name: String = deed.target_name.chars().take(512).collect();
    for chunk in deed.events.chunks(ROWS_A_STATEMENT) {
        let rows = chunk.iter().map(|(workspace_id, changes)| ActiveModel {
            id: Set(Uuid::now_v7()),
            at: Set(clock::now()),
            actor: Set(actor.subject.clone()),
            action: Set(deed.action.to_owned()),
            outcome: Set(Outcome::Succeeded),
            target: Set(deed.target.clone()),
            target_name: Set(target_name.clone()),
            workspace_id: Set(*workspace_id),
            changes: Set(Some(changes.clone())),
            request_id: Set(actor.request_id.clone()),
        });
        Entity::insert_many(rows).exec_without_returning(write.tx()).await?;
    }
    Ok(())
}

/// Who does it, for acts that outlive the request.
#[derive(Clone)]
pub(super) struct Actor {
    pub subject: String,
    pub request_id: String,
}

impl From<&Cx> for Actor {
    fn from(cx: &Cx) -> Self {
        Self { subject: cx.viewer.subject.clone(), request_id: cx.request_id.clone() }
    }
}
