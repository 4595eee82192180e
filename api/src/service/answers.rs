//! Answers that are kept, to be given again to who asks the same.
//!
//! An answer follows from the question, from who asks, and from what is stored. So one is found again only under the
//! same bytes of the request (which are the document, its variables and the operation's name), for a viewer of equal
//! claims (who sees the same by R1, and is called the same), at the very epoch that the first one read. One that
//! depends on more than that is never kept: see [`Cx::depends_on_more`].

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::{Cx, Service};
use crate::auth::Viewer;
use crate::storage::Epoch;

/// All answers that are kept, with their questions, have together no more bytes than this.
const MAX_BYTES: u64 = 64 << 20;

/// A longer answer is not kept: it is rare, and would drive out many.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// How many answers are likely to be kept at a time.
const LIKELY_KEPT: usize = 4096;

/// A request that nobody has looked into yet, and its viewer.
#[derive(Clone)]
pub struct Question {
    viewer: Arc<Viewer>,
    body: Bytes,
}

/// Where an answer may be put that will be true for whoever asks the same at the same epoch.
pub struct Place {
    answers: Arc<Answers>,
    question: Question,
    epoch: Epoch,
}

impl Service {
    /// The answer that was given to the same question, if it is exact as of an epoch read after this call began. Only
    /// where there is one is the epoch read.
    pub async fn recall(&self, question: &Question) -> Option<Bytes> {
        let (epoch, answer) = self.answers.find(question)?;
        // If that fails, whoever makes the answer anew will meet the same failure, and has words for it.
        if self.storage.epoch().await.ok()? != epoch {
            return None;
        }
        self.answers.n_reused.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }

    /// Answers given again so far.
    pub fn reused_answers(&self) -> u64 {
        self.answers.n_reused.load(Ordering::Relaxed)
    }
}

impl Question {
    /// Where the answer that was made in this context may be put; none when it depends on more than the question, the
    /// viewer and one epoch. For what only asks, and answers without errors: what failed may succeed next time.
    pub fn place(self, cx: &Cx) -> Option<Place> {
        let answers = cx.service.answers.clone();
        cx.follows_from().map(|epoch| Place { answers, question: self, epoch })
    }
}

impl Place {
    pub fn keep(self, answer: Bytes) {
        self.answers.keep(self.epoch, self.question, answer);
    }
}

impl Question {
    pub fn new(viewer: Arc<Viewer>, body: Bytes) -> Self {
        Self { viewer, body }
    }

    /// The same with a body of its own: that of a request may be a slice of a longer buffer, and keep all of it.
    fn into_kept(self) -> Self {
        Self { body: Bytes::copy_from_slice(&self.body), ..self }
    }
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body
            && (Arc::ptr_eq(&self.viewer, &other.viewer) || claim_alike(&self.viewer, &other.viewer))
    }
}

impl Eq for Question {}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.viewer.subject.hash(state);
        self.body.hash(state);
    }
}

/// Whether two viewers get equal answers. Whatever is added to a viewer has to be compared here too.
fn claim_alike(one: &Viewer, other: &Viewer) -> bool {
    // How long the token lasts decides whether there is an answer, not what it is: clients renew their tokens.
    let Viewer { subject, name, is_admin, memberships, expires_at: _ } = one;
    *subject == other.subject && *name == other.name && *is_admin == other.is_admin && *memberships == other.memberships
}

/// The answers of one epoch: when it moves, all are forgotten.
pub(super) struct Answers {
    kept: RwLock<Kept>,
    n_reused: AtomicU64,
}

struct Kept {
    epoch: Option<Epoch>,
    answers: Cache<Question, Bytes, Length>,
}

impl Default for Answers {
    fn default() -> Self {
        Self { kept: RwLock::new(Kept::new(None)), n_reused: AtomicU64::new(0) }
    }
}

impl Answers {
    /// An answer to the question, and the epoch of which it is true.
    fn find(&self, question: &Question) -> Option<(Epoch, Bytes)> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        Some((kept.epoch?, kept.answers.get(question)?))
    }

    fn keep(&self, epoch: Epoch, question: Question, answer: Bytes) {
        if answer.len() > MAX_ANSWER_BYTES {
            return;
        }
        let insert = |kept: &Kept| kept.answers.insert(question.into_kept(), answer);
        {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            if kept.epoch == Some(epoch) {
                return insert(&kept);
            }
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        // Whichever came last, not the greater: an epoch that went back is a database that was restored. A request that
        // was slow may bring back an epoch that has gone, which costs the others' answers and no truth.
        let fresh = if kept.epoch == Some(epoch) { None } else { Some(Kept::new(Some(epoch))) };
        let forgotten = fresh.map(|fresh| std::mem::replace(&mut *kept, fresh));
        insert(&kept);
        drop(kept);
        // There may be thousands of them, for which nobody need wait.
        drop(forgotten);
    }
}

impl Kept {
    fn new(epoch: Option<Epoch>) -> Self {
        Self { epoch, answers: Cache::with_weighter(LIKELY_KEPT, MAX_BYTES, Length) }
    }
}

/// What an answer takes with its question.
#[derive(Clone)]
struct Length;

impl Weighter<Question, Bytes> for Length {
    fn weight(&self, question: &Question, answer: &Bytes) -> u64 {
        let Viewer { subject, name, memberships, .. } = &*question.viewer;
        let names = memberships.keys().map(|workspace| workspace.len() + size_of::<(String, usize)>()).sum::<usize>();
        let viewer = subject.len() + name.as_ref().map_or(0, String::len) + names;
        (size_of::<(Question, Viewer)>() + viewer + question.body.len() + answer.len()) as u64
    }
}

#[cfg(test)]
mod tests;
