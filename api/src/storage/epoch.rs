//! The epoch, read once for all who ask for it at the same time.
//!
//! A read tells what was true when it began, so a caller may only share one that began after it came: while one is
//! under way, all who come wait for the next.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ::entity::epoch;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use tokio::sync::oneshot;
use tokio::task;

use super::Epoch;

/// How long one read may take. Everybody waits behind it, so one that hangs must not hang for long.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often whoever is about to ask is let go first, before a read begins that all of them share.
const YIELDS: usize = 3;

/// Read in one row, by a statement whose text never changes: connections keep it prepared.
const SELECT: &str = "SELECT access, content FROM epoch WHERE id = 1";

/// The epoch as `db` sees it.
pub(super) async fn read(db: &impl ConnectionTrait) -> Result<Epoch, DbErr> {
    const { assert!(epoch::ID == 1) };
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), SELECT)).await?;
    let row =
        row.ok_or_else(|| DbErr::RecordNotFound("the epoch row is missing: has the database been migrated?".into()))?;
    Ok(Epoch { access: row.try_get_by_index(0)?, content: row.try_get_by_index(1)? })
}

/// Reads of the epoch, shared.
pub(super) struct Reads {
    queue: Mutex<Queue>,
    patience: Duration,
}

#[derive(Default)]
struct Queue {
    /// Those for whom the next read begins.
    waiting: Vec<oneshot::Sender<Result<Epoch, DbErr>>>,
    /// Whether a [`Server`] is at work, who will come to them.
    is_served: bool,
}

impl Default for Reads {
    fn default() -> Self {
        Self { queue: Mutex::default(), patience: PATIENCE }
    }
}

impl Reads {
    /// What a `read` answers that begins after this call. It runs in a task of its own: whoever stops waiting takes
    /// nothing from the others.
    pub(super) async fn next<F>(self: &Arc<Self>, read: impl Fn() -> F + Send + 'static) -> Result<Epoch, DbErr>
    where
        F: Future<Output = Result<Epoch, DbErr>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let is_served = {
            let mut queue = self.queue();
            queue.waiting.push(answer);
            std::mem::replace(&mut queue.is_served, true)
        };
        if !is_served {
            task::spawn(Server { reads: self.clone(), has_left: false }.serve(read));
        }
        answered.await.unwrap_or_else(|_| Err(DbErr::Custom("the read of the epoch was broken off".to_owned())))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no panic happens under this lock")
    }
}

/// Reads for as long as somebody waits.
struct Server {
    reads: Arc<Reads>,
    has_left: bool,
}

impl Server {
    async fn serve<F>(mut self, read: impl Fn() -> F)
    where
        F: Future<Output = Result<Epoch, DbErr>>,
    {
        loop {
            for _ in 0..YIELDS {
                task::yield_now().await;
            }
            let Some(waiting) = self.called() else { return };
            let answer = tokio::time::timeout(self.reads.patience, read()).await;
            let answer = answer.unwrap_or_else(|_| Err(DbErr::Custom("the epoch was not told in time".to_owned())));
            for caller in waiting {
                // Who has stopped waiting needs no answer.
                let _ = caller.send(answer.clone());
            }
        }
    }

    /// Those who wait; none when it is time to leave.
    fn called(&mut self) -> Option<Vec<oneshot::Sender<Result<Epoch, DbErr>>>> {
        let mut queue = self.reads.queue();
        if queue.waiting.is_empty() {
            queue.is_served = false;
            self.has_left = true;
            return None;
        }
        Some(std::mem::take(&mut queue.waiting))
    }
}

impl Drop for Server {
    /// A panic, or the end of the runtime, leaves nobody waiting for what will not come.
    fn drop(&mut self) {
        if !self.has_left
            && let Ok(mut queue) = self.reads.queue.lock()
        {
            queue.is_served = false;
            queue.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests;
