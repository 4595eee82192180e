//! Acts under way, and what is written of them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::entity::audit_event::{Column, Entity, Outcome};
use sea_orm::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Attempt, Entry, insert};
use crate::service::{Cx, Error, Sight};
use crate::storage::Write;

/// Runs an act to its end, in a task of its own: a client that hangs up, or a deadline that passes, ends the wait, and
/// neither the act nor what is written of it.
///
/// # Errors
/// What the act ended with. That its failure could not be written down is logged, and changes nothing about its answer.
pub async fn perform<T, F>(
    cx: Arc<Cx>,
    attempt: Attempt,
    run: impl FnOnce(Act) -> F + Send + 'static,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let act = Act(Arc::new(Inner { cx, attempt, written: Mutex::default() }));
    let service = act.service.clone();
    let to_its_end = async move {
        // A task within the task: an act that panics is written down like any other that fails.
        match act.service.to_the_end(run(act.clone())).await {
            Ok(done) => act.conclude().await.map(|()| done),
            Err(error) => {
                act.fail(&error).await;
                Err(error)
            }
        }
    };
    service.to_the_end(to_its_end).await
}

/// A mutation under way. Whatever takes a [`Cx`] takes this too.
#[derive(Clone)]
pub struct Act(Arc<Inner>);

struct Inner {
    cx: Arc<Cx>,
    attempt: Attempt,
    written: Mutex<Written>,
}

#[derive(Default)]
struct Written {
    /// The events that say FAILED until they are completed, by the workspace concerned.
    begun: BTreeMap<Option<Uuid>, Uuid>,
    /// Whether the act has written how it ended.
    is_recorded: bool,
}

impl Deref for Act {
    type Target = Cx;

    fn deref(&self) -> &Cx {
        &self.0.cx
    }
}

impl Act {
    /// Writes the events as FAILED, before a registry is asked for anything: should this process end meanwhile, they
    /// say so. For an act that the viewer may do, as of the sight at hand.
    pub(in crate::service) async fn begin(&self) -> Result<(), Error> {
        let entries = self.0.attempt.entries(&*self.sight().await?);
        let workspaces: Vec<Option<Uuid>> = entries.iter().map(|entry| entry.workspace).collect();
        let tx = self.service.storage.write_aside().await?;
        let ids = insert(&tx, self, self.0.attempt.action, Outcome::Failed, entries).await?;
        tx.commit().await?;
        self.written().begun = workspaces.into_iter().zip(ids).collect();
        Ok(())
    }

    /// Writes that the act has succeeded, in the transaction of its change. Once for an act, with one entry for each
    /// workspace.
    pub(in crate::service) async fn record(&self, write: &Write, entries: Vec<Entry>) -> Result<(), DbErr> {
        self.succeed(write.tx(), entries).await
    }

    /// An entry for each workspace concerned, of which nothing has changed.
    pub(in crate::service) fn unchanged(&self, sight: &Sight) -> Vec<Entry> {
        self.0.attempt.entries(sight)
    }

    /// The same for one of them.
    pub(in crate::service) fn unchanged_for(&self, workspace: Uuid, sight: &Sight) -> Entry {
        self.0.attempt.entry_for(workspace, sight)
    }

    /// Sees to it that an act which has succeeded has left its events. One that changed no row has written none yet: if
    /// that cannot be done now, the act is not acknowledged.
    async fn conclude(&self) -> Result<(), Error> {
        if self.written().is_recorded {
            return Ok(());
        }
        let is_begun = !self.written().begun.is_empty();
        let entries = if is_begun { Vec::new() } else { self.unchanged(&*self.sight().await?) };
        let tx = self.service.storage.write_aside().await?;
        self.succeed(&tx, entries).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Completes what was begun, and writes the rest.
    async fn succeed(&self, db: &impl ConnectionTrait, entries: Vec<Entry>) -> Result<(), DbErr> {
        let mut begun = self.written().begun.clone();
        let mut new = Vec::new();
        for entry in entries {
            let Some(id) = begun.remove(&entry.workspace) else {
                new.push(entry);
                continue;
            };
            completed(id, &entry.changes)
                .col_expr(Column::Target, Expr::value(entry.target.map(|target| target.to_string())))
                .col_expr(Column::TargetName, Expr::value(super::legible(&entry.target_name)))
                .exec(db)
                .await?;
        }
        // Concerned when it began and no more, or an act that has nothing to change: it succeeded all the same.
        for id in begun.into_values() {
            completed(id, &json!({})).exec(db).await?;
        }
        insert(db, self, self.0.attempt.action, Outcome::Succeeded, new).await?;
        self.written().is_recorded = true;
        Ok(())
    }

    /// Writes that the act has failed or was denied. The client's answer is its error, whether this succeeds or not.
    async fn fail(&self, error: &Error) {
        // What was begun says so already.
        if !self.written().begun.is_empty() {
            return;
        }
        if let Err(source) = self.try_fail(error).await {
            let source: &dyn std::error::Error = &source;
            let action = self.0.attempt.action;
            tracing::error!(error = source, audit.action = action, "An act that failed is missing in the audit trail");
        }
    }

    async fn try_fail(&self, error: &Error) -> Result<(), Error> {
        let sight = self.fresh_sight().await?;
        let (outcome, entries) = self.0.attempt.failed(error, &sight, self.viewer.is_admin);
        let tx = self.service.storage.write_aside().await?;
        insert(&tx, self, self.0.attempt.action, outcome, entries).await?;
        tx.commit().await?;
        Ok(())
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn completed(id: Uuid, changes: &Value) -> sea_orm::UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::Outcome, Expr::value(Outcome::Succeeded))
        .col_expr(Column::Changes, Expr::value(Some(changes.clone())))
        .filter(Column::Id.eq(id))
}
