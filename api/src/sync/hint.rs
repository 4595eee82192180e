//! Hints: something is said to have happened to an image. What it says is not believed, but read again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use ::entity::space;
use futures_util::{StreamExt, stream};
use uuid::Uuid;

use super::health::is_outage;
use super::images::key;
use super::keep::{Extent, Read, data, snapshot};
use super::reading::{Reading, Stop};
use super::report::{self, Hinted};
use super::{AT_A_TIME, Sync};
use crate::catalog::{ImageData, Snapshot};
use crate::upstream;

/// More repositories than this in one space are not read one by one.
const MOST_REPOSITORIES: usize = 100;

/// How often a repository is read again because another write came in between.
const ATTEMPTS: usize = 3;

/// What is to be read again, by space. A space is in it for as long as somebody is at it.
#[derive(Default)]
pub(super) struct Hints {
    waiting: Mutex<HashMap<Uuid, Waiting>>,
}

/// What of one space waits to be read again. A hint that comes while the same is being read waits too: it may be newer
/// than what is read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Waiting {
    whole: bool,
    repositories: BTreeSet<String>,
}

/// What is read next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Whole,
    Repositories(BTreeSet<String>),
}

impl Waiting {
    /// `None` means all of the space.
    fn add(&mut self, repository: Option<String>) {
        match repository {
            Some(repository) if !self.whole => drop(self.repositories.insert(repository)),
            Some(_) => {}
            None => self.whole = true,
        }
        if self.whole || self.repositories.len() > MOST_REPOSITORIES {
            *self = Self { whole: true, repositories: BTreeSet::new() };
        }
    }

    fn take(&mut self) -> Option<Next> {
        let Self { whole, repositories } = std::mem::take(self);
        if whole {
            return Some(Next::Whole);
        }
        (!repositories.is_empty()).then_some(Next::Repositories(repositories))
    }
}

impl Hints {
    /// True if nobody is at the space yet.
    fn add(&self, space: Uuid, repository: Option<String>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_idle = !waiting.contains_key(&space);
        waiting.entry(space).or_default().add(repository);
        is_idle
    }

    /// None when nothing waits: nobody is at the space from here on.
    fn next(&self, space: Uuid) -> Option<Next> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let next = waiting.get_mut(&space).and_then(Waiting::take);
        if next.is_none() {
            waiting.remove(&space);
        }
        next
    }

    /// Whether nothing is being read again.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn forget(&self, space: Uuid) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&space);
    }
}

/// Lets the next hint begin anew if following this one panics.
struct Following<'a> {
    hints: &'a Hints,
    space: Uuid,
}

impl Drop for Following<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.hints.forget(self.space);
        }
    }
}

impl Sync {
    /// Something is said to have happened to a repository, or to all of a space: it is read again, soon. Returns at
    /// once.
    pub fn hint(&self, registry: Uuid, space: Uuid, repository: Option<String>) {
        if !self.inner.hints.add(space, repository) {
            return;
        }
        let sync = self.clone();
        tokio::spawn(async move {
            let hints = &sync.inner.hints;
            let _following = Following { hints, space };
            while let Some(next) = hints.next(space) {
                let outcome = sync.follow(registry, space, next).await;
                let outcome = outcome.unwrap_or_else(|stop| {
                    tracing::warn!(registry.id = %registry, space.id = %space, ?stop, "A hint could not be followed");
                    Hinted::Failed
                });
                report::hinted(registry, space, outcome);
            }
        });
    }

    async fn follow(&self, registry: Uuid, space: Uuid, next: Next) -> Result<Hinted, Stop> {
        let mut next = next;
        for _ in 0..ATTEMPTS {
            let directory = self.inner.mirror.current().await?;
            let reading = Reading::begin(&self.inner.storage, &directory, registry, None)?;
            let row = directory.spaces.find(space).filter(|row| row.registry_id == registry && !row.missing);
            let Some(row) = row.filter(|_| !self.is_refused(&reading.registry)) else { return Ok(Hinted::Ignored) };
            let before = directory.catalog.get(space).cloned();
            let client = self.client(&reading.registry).map_err(Stop::Failed)?;
            let read = match (next, before) {
                (Next::Repositories(repositories), Some(before)) => read_some(&client, row, repositories, before).await,
                (Next::Whole | Next::Repositories(_), before) => read_whole(&client, row, before).await,
            };
            self.heed(&reading.registry, read.as_ref().err());
            let left = reading.keep(&[read.map_err(Stop::Failed)?]).await?;
            if left.is_empty() {
                return Ok(Hinted::Taken);
            }
            // Somebody wrote these since the reading began, and may have read them before.
            next = Next::Repositories(left.into_iter().map(|(_, repository)| repository).collect());
        }
        Ok(Hinted::Failed)
    }
}

async fn read_whole(
    client: &upstream::Registry,
    space: &Arc<space::Model>,
    before: Option<Arc<Snapshot>>,
) -> Result<Read, upstream::Error> {
    let now = Arc::new(snapshot(client.list_images(&key(space)).await?));
    Ok(Read { space: space.clone(), before, now, extent: Extent::Whole })
}

/// Reads these repositories. One that cannot be read stays as it is.
async fn read_some(
    client: &upstream::Registry,
    space: &Arc<space::Model>,
    repositories: BTreeSet<String>,
    before: Arc<Snapshot>,
) -> Result<Read, upstream::Error> {
    let space_key = &key(space);
    let ask = async |repository: String| {
        let image = client.get_image(space_key, &repository).await;
        (repository, image)
    };
    let mut answers = stream::iter(repositories).map(ask).buffer_unordered(AT_A_TIME);
    let mut changes: BTreeMap<String, Option<ImageData>> = BTreeMap::new();
    let mut failure = None;
    while let Some((repository, answer)) = answers.next().await {
        match answer {
            Ok(image) => drop(changes.insert(repository, image.and_then(data))),
            Err(error) if is_outage(&error) => return Err(error),
            Err(error) => failure = Some(error),
        }
    }
    if let Some(error) = failure.filter(|_| changes.is_empty()) {
        return Err(error);
    }
    // All others stay as they are known, so that nothing is written of them.
    let now = Arc::new(before.patched(changes));
    Ok(Read { space: space.clone(), before: Some(before), now, extent: Extent::Changes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: impl IntoIterator<Item = usize>) -> Option<Next> {
        Some(Next::Repositories(names.into_iter().map(|name| name.to_string()).collect()))
    }

    #[test]
    fn what_comes_while_a_space_is_read_waits_once() {
        let (hints, space) = (Hints::default(), Uuid::nil());
        assert!(hints.add(space, Some("1".into())), "nobody is at it");
        assert_eq!(hints.next(space), named([1]));
        for _ in 0..5 {
            assert!(!hints.add(space, Some("1".into())), "somebody is at it");
        }
        assert!(!hints.add(space, Some("2".into())));
        assert_eq!(hints.next(space), named([1, 2]));
        assert_eq!(hints.next(space), None);
        assert!(hints.add(space, Some("1".into())), "they are done");
    }

    #[test]
    fn many_repositories_become_one_reading_of_their_space() {
        let mut waiting = Waiting::default();
        for name in 0..MOST_REPOSITORIES {
            waiting.add(Some(name.to_string()));
        }
        assert_eq!(waiting.repositories.len(), MOST_REPOSITORIES);
        waiting.add(Some("one more".into()));
        waiting.add(Some("and more".into()));
        assert_eq!(waiting.take(), Some(Next::Whole));
        assert_eq!(waiting.take(), None);
    }
}
