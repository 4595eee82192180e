//! What registries said a moment ago, and are being asked right now: identical questions are one.
//!
//! Holds what registries tell and nothing of who may see it: whoever looks here has found the image by R1 before.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use quick_cache::sync::{Cache, DefaultLifecycle, EntryAction, EntryResult};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::Error;
use crate::upstream::{Artifact, Detail, Tag};

/// How long an answer is given again. Pushes show within two seconds (R6).
const KEPT: Duration = Duration::from_secs(1);

/// Rows of all answers of a kind that are kept: about 15 MB of artifacts, and more than the longest list has.
const MAX_ROWS: u64 = 50_000;
const LIKELY_KEPT: usize = 1024;

/// Each by itself, as one of them may be described further.
pub(super) type Artifacts = Arc<Vec<Arc<Artifact>>>;

/// Answers by question.
#[derive(Default)]
pub(super) struct RecentAnswers {
    /// The tags of a Docker Registry's image.
    pub(super) tags: Recent<Place, Arc<Vec<Tag>>>,
    /// What a tag or a digest names in a Docker Registry.
    pub(super) digests: Recent<(Place, String), Option<String>>,
    /// Artifacts, those with tags alone or all.
    pub(super) lists: Recent<(Place, bool, Detail), Artifacts>,
    /// The artifact that a tag or a digest names in a Harbor.
    pub(super) artifacts: Recent<(Place, String, Detail), Option<Arc<Artifact>>>,
}

/// An image as one directory has it: what has changed since is asked for anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) registry: Uuid,
    /// When its settings last changed: another account may be told another thing.
    pub(super) settings: DateTime<Utc>,
    pub(super) space: Uuid,
    pub(super) repository: String,
    pub(super) version: i64,
}

pub(super) struct Recent<K, V>(Cache<K, (Instant, V), Rows>);

impl<K: Clone + Eq + Hash, V: Clone + Weigh> Default for Recent<K, V> {
    fn default() -> Self {
        // In one piece: a part of it would be too small for a long list, and whoever waits for one would read it again.
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(LIKELY_KEPT)
            .weight_capacity(MAX_ROWS)
            .build()
            .expect("all that has no default is given");
        Self(Cache::with_options(options, Rows, DefaultHashBuilder::default(), DefaultLifecycle::default()))
    }
}

impl<K: Clone + Eq + Hash, V: Clone + Weigh> Recent<K, V> {
    /// The answer, which `ask` gets where there is none. Who asks the same meanwhile waits for it until `deadline`, and
    /// asks again when it fails, or when the one who asked has hung up.
    pub(super) async fn get(
        &self,
        key: K,
        deadline: Instant,
        ask: impl Future<Output = Result<V, Error>>,
    ) -> Result<V, Error> {
        let look = |_: &K, (at, answer): &mut (Instant, V)| match at.elapsed() < KEPT {
            true => EntryAction::Retain(answer.clone()),
            false => EntryAction::ReplaceWithGuard,
        };
        let place = match timeout_at(deadline, self.0.entry_async(&key, look)).await {
            Ok(EntryResult::Retained(answer)) => return Ok(answer),
            Ok(EntryResult::Replaced(place, _) | EntryResult::Vacant(place)) => place,
            // What is too long to wait for is too long to ask for: `ask` says so in its own words.
            Ok(EntryResult::Removed(..) | EntryResult::Timeout) | Err(_) => return ask.await,
        };
        let answer = ask.await?;
        // Err says that it was taken out meanwhile, which nobody does.
        let _ = place.insert((Instant::now(), answer.clone()));
        Ok(answer)
    }
}

/// How many rows an answer has.
pub(super) trait Weigh {
    fn rows(&self) -> u64;
}

impl<T> Weigh for Arc<Vec<T>> {
    fn rows(&self) -> u64 {
        self.len() as u64
    }
}

impl<T> Weigh for Option<T> {
    fn rows(&self) -> u64 {
        0
    }
}

#[derive(Clone)]
struct Rows;

impl<K, V: Weigh> Weighter<K, (Instant, V)> for Rows {
    fn weight(&self, _: &K, (_, answer): &(Instant, V)) -> u64 {
        1 + answer.rows()
    }
}
