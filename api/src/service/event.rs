//! Events: what changed in a namespace's selector, and in the health of registries, told as it happens.
//!
//! An event is what differs between the directory of one epoch and that of the next. So every replica tells of what any of
//! them has written, nothing has to be stored or sent for it, and whoever is slow misses no change in the end and takes
//! no memory: what happened meanwhile is one difference. What two epochs do not tell apart is no event: a tag that is
//! moved in a registry that counts no artifacts.
//!
//! R1 holds for each event: the difference is between what the viewer might see then and what they may see now.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::vec::IntoIter;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use uuid::Uuid;

use super::access::Sight;
use super::name::NamespaceKey;
use super::present::Visible;
use super::{Cx, Error, Registry, RegistryView, Service, registry};
use crate::catalog::Snapshot;
use crate::clock;
use crate::storage::{Epoch, Storage};

/// How often the epoch is read while somebody waits for it to move.
const PACE: Duration = Duration::from_millis(500);

/// What became of an image, for a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageEventKind {
    /// It is new, or holds more artifacts than before.
    Pushed,
    /// It is gone from its registry.
    Deleted,
    /// It was there, and may be used from now on.
    BecameAvailable,
    /// It may not be used any more.
    BecameUnavailable,
}

/// One image of which something became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageEvent {
    pub kind: ImageEventKind,
    pub reference: String,
    /// When Fairway saw it.
    pub at: DateTime<Utc>,
}

/// Tells those who wait that the epoch has moved. One task reads it for all of them, while there are any.
#[derive(Default)]
pub(super) struct Watch {
    epoch: watch::Sender<Option<Epoch>>,
    is_kept: Mutex<bool>,
}

impl Watch {
    fn subscribe(self: &Arc<Self>, storage: &Storage) -> watch::Receiver<Option<Epoch>> {
        let mut is_kept = self.is_kept.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.epoch.subscribe();
        if !std::mem::replace(&mut *is_kept, true) {
            tokio::spawn(self.clone().keep(storage.clone()));
        }
        receiver
    }

    async fn keep(self: Arc<Self>, storage: Storage) {
        loop {
            tokio::time::sleep(PACE).await;
            {
                let mut is_kept = self.is_kept.lock().unwrap_or_else(PoisonError::into_inner);
                if self.epoch.receiver_count() == 0 {
                    *is_kept = false;
                    return;
                }
            }
            // While the database does not answer, nothing is known to have changed.
            if let Ok(now) = storage.epoch().await {
                self.epoch.send_if_modified(|epoch| epoch.replace(now) != Some(now));
            }
        }
    }
}

/// One moment after the other, as one viewer sees them.
struct Moments {
    cx: Arc<Cx>,
    epoch: watch::Receiver<Option<Epoch>>,
    sight: Arc<Sight>,
}

impl Moments {
    async fn begin(cx: Arc<Cx>) -> Result<Self, Error> {
        let service: &Service = &cx.service;
        // First, so that nothing that happens after the sight is missed.
        let epoch = service.watch.subscribe(&service.storage);
        let sight = cx.fresh_sight().await?;
        Ok(Self { cx, epoch, sight })
    }

    /// The moment before and the one after, which differ.
    async fn next(&mut self) -> (Arc<Sight>, Arc<Sight>) {
        loop {
            if self.epoch.changed().await.is_err() {
                // Nobody reads the epoch any more: the process ends.
                std::future::pending::<()>().await;
            }
            let sight = loop {
                match self.cx.renew().await {
                    Ok(sight) => break sight,
                    Err(error) => {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(error, "What changed cannot be read: events wait");
                    }
                }
                tokio::time::sleep(PACE).await;
            };
            if !Arc::ptr_eq(sight.directory(), self.sight.directory()) {
                return (std::mem::replace(&mut self.sight, sight.clone()), sight);
            }
        }
    }
}

/// What becomes of the images that may be used in a namespace, as far as the viewer may know.
pub struct ImageEvents {
    moments: Moments,
    namespace: NamespaceKey,
    pending: IntoIter<Change>,
    at: DateTime<Utc>,
}

impl ImageEvents {
    /// From now on: what this call sees is where it begins.
    pub async fn begin(cx: Arc<Cx>, namespace: NamespaceKey) -> Result<Self, Error> {
        let moments = Moments::begin(cx).await?;
        Ok(Self { moments, namespace, pending: Vec::new().into_iter(), at: clock::now() })
    }

    /// The next one, whenever that is. The context that it was begun with is of that moment then.
    pub async fn next(&mut self) -> ImageEvent {
        loop {
            if let Some(change) = self.pending.next() {
                // A difference may be long, and its reader slow: what is shown of an image is of now. Where the database
                // does not answer, the fields that ask for it say so.
                let _ = self.moments.cx.renew().await;
                return ImageEvent { kind: change.kind, reference: change.reference(), at: self.at };
            }
            let (before, after) = self.moments.next().await;
            let NamespaceKey { cluster, name } = &self.namespace;
            let changes = changes(&before.visible(cluster, name), &after.visible(cluster, name));
            (self.pending, self.at) = (changes.into_iter(), clock::now());
        }
    }
}

/// Registries that enter another state of health, as far as the viewer may see them.
pub struct HealthEvents {
    moments: Moments,
    registry: Option<Uuid>,
    pending: IntoIter<Uuid>,
}

impl HealthEvents {
    /// From now on: of one registry, or of all that the viewer sees.
    ///
    /// # Errors
    /// `NotFound` for a registry that the viewer does not see.
    pub async fn begin(cx: Arc<Cx>, registry: Option<Uuid>) -> Result<Self, Error> {
        let moments = Moments::begin(cx.clone()).await?;
        if let Some(id) = registry
            && registry::find(&cx, id).await?.is_none()
        {
            return Err(Error::not_found("registry").on("registryId"));
        }
        Ok(Self { moments, registry, pending: Vec::new().into_iter() })
    }

    /// The next one, as it is now.
    pub async fn next(&mut self) -> Registry {
        loop {
            if let Some(id) = self.pending.next() {
                let _ = self.moments.cx.renew().await;
                // It may be gone, or hidden, since.
                if let Ok(Some(found)) = registry::find(&self.moments.cx, id).await {
                    return found;
                }
                continue;
            }
            let (before, after) = self.moments.next().await;
            let is_meant = |row: &&Registry| self.registry.is_none_or(|id| row.id == id);
            let has_changed = |row: &&Registry| {
                let earlier = before.directory().registries.find(row.id);
                earlier.is_some_and(|earlier| earlier.health_state != row.health_state)
            };
            let changed = after.directory().registries.iter().filter(is_meant).filter(has_changed);
            let seen = changed.filter(|row| after.view_of(row) != RegistryView::Hidden).map(|row| row.id);
            self.pending = seen.collect::<Vec<_>>().into_iter();
        }
    }
}

/// A row of a snapshot of which something became.
struct Change {
    kind: ImageEventKind,
    prefix: Arc<str>,
    snapshot: Arc<Snapshot>,
    row: usize,
}

impl Change {
    fn reference(&self) -> String {
        format!("{}{}", self.prefix, self.snapshot.image(self.row).repository)
    }
}

/// What differs between two moments of a selector, in the order of its parts and their images.
fn changes(before: &Arc<Visible>, after: &Arc<Visible>) -> Vec<Change> {
    let (earlier, later) = (places(before), places(after));
    let mut changes = Vec::new();
    let mut note = |kind, visible: &Visible, part: usize, rows: &mut dyn Iterator<Item = usize>| {
        let part = visible.images.part(part);
        let (prefix, snapshot) = (&part.prefix, &part.snapshot);
        changes.extend(rows.map(|row| Change { kind, prefix: prefix.clone(), snapshot: snapshot.clone(), row }));
    };
    for (place, part) in later.ordered() {
        let now = &after.images.part(part).snapshot;
        let Some(then) = earlier.by_place.get(&place).map(|part| &before.images.part(*part).snapshot) else {
            note(ImageEventKind::BecameAvailable, after, part, &mut (0..now.len()));
            continue;
        };
        if Arc::ptr_eq(then, now) {
            continue;
        }
        let diff = then.diff(now);
        let holds_more = |row: &usize| {
            let image = now.image(*row);
            let earlier = then.get(image.repository).and_then(|row| then.image(row).artifact_count);
            image.artifact_count.zip(earlier).is_some_and(|(count, earlier)| count > earlier)
        };
        let mut pushed: Vec<usize> = diff.added;
        pushed.extend(diff.changed.into_iter().filter(holds_more));
        pushed.sort_unstable();
        note(ImageEventKind::Pushed, after, part, &mut pushed.into_iter());
        note(ImageEventKind::Deleted, before, earlier.by_place[&place], &mut diff.removed.into_iter());
    }
    for (place, part) in earlier.ordered() {
        if !later.by_place.contains_key(&place) {
            let n_rows = before.images.part(part).snapshot.len();
            note(ImageEventKind::BecameUnavailable, before, part, &mut (0..n_rows));
        }
    }
    // One reference stands once, however often it is reached.
    let mut told = HashSet::new();
    changes.retain(|change| {
        let reference = change.reference();
        let is_news = match change.kind {
            ImageEventKind::Pushed => after.images.find(&reference).is_some_and(|row| {
                let shown = after.images.part(row.part);
                Arc::ptr_eq(&shown.snapshot, &change.snapshot)
            }),
            ImageEventKind::BecameAvailable => before.images.find(&reference).is_none(),
            ImageEventKind::Deleted | ImageEventKind::BecameUnavailable => after.images.find(&reference).is_none(),
        };
        is_news && told.insert(reference)
    });
    changes
}

/// The parts of a selector whose images are known, by their space and what its references begin with.
struct Places<'a> {
    by_place: HashMap<(Uuid, &'a str), usize>,
    order: Vec<(Uuid, &'a str)>,
}

impl<'a> Places<'a> {
    fn ordered(&self) -> impl Iterator<Item = ((Uuid, &'a str), usize)> {
        self.order.iter().map(|place| (*place, self.by_place[place]))
    }
}

fn places(visible: &Visible) -> Places<'_> {
    let unread: HashSet<usize> = visible.unread.iter().copied().collect();
    let known = visible.parts().enumerate().filter(|(part, _)| !unread.contains(part));
    let place = |part: usize, space: Uuid| (space, &*visible.images.part(part).prefix);
    let order: Vec<_> = known.map(|(part, reach)| (place(part, reach.space.id), part)).collect();
    Places { by_place: order.iter().copied().collect(), order: order.into_iter().map(|(place, _)| place).collect() }
}
