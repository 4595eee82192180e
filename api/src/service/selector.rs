//! The selector: every image that may be deployed into a namespace, from every registry, in one list.
//!
//! It answers from memory: what is visible was worked out for the epoch that the request reads. A registry is asked for
//! nothing, but for the images of spaces that were never read, once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ::entity::registry::{Failure, HealthState};
use ::entity::registry_sync;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use uuid::Uuid;

use super::access::{Availability, Reach, RegistryView, Sight};
use super::image::Image;
use super::name::NamespaceKey;
use super::present::Visible;
use super::{Cx, Error, Registry, Space};
use crate::catalog::{self, Cursor, CursorError, Order, Row, Search, Snapshot};
use crate::sync::failure_of;
use crate::upstream;

/// One request waits for no more spaces that were never read; a sweep that is at them is quicker.
const MAX_FIRST_READS: usize = 200;

/// What a selector is narrowed to; what the viewer may not see matches nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub via: Option<Vec<Availability>>,
    pub registry: Option<Uuid>,
    pub space: Option<Uuid>,
}

/// What may be used in a namespace, as far as the viewer may know, as a request found it.
#[derive(Clone)]
pub struct Reachable {
    sight: Arc<Sight>,
    visible: Arc<Visible>,
    /// Why spaces that were never read could not be read now.
    failures: Arc<HashMap<Uuid, Arc<upstream::Error>>>,
}

/// What each of these namespaces reaches.
pub async fn reachable(cx: &Cx, namespaces: &[NamespaceKey]) -> Result<HashMap<NamespaceKey, Reachable>, Error> {
    reachable_where(cx, namespaces, |_| true).await
}

/// The same; of what was never read, only spaces whose references begin in a way that `is_wanted` are read first.
pub(super) async fn reachable_where(
    cx: &Cx,
    namespaces: &[NamespaceKey],
    is_wanted: impl Fn(&str) -> bool,
) -> Result<HashMap<NamespaceKey, Reachable>, Error> {
    let sight = cx.sight().await?;
    let visible = |key: &NamespaceKey| (key.clone(), sight.visible(&key.cluster, &key.name));
    let visible: Vec<(NamespaceKey, Arc<Visible>)> = namespaces.iter().map(visible).collect();
    let reach = |visible: &Visible| -> Vec<Reach> {
        let wanted = visible.unread.iter().filter(|part| is_wanted(&visible.images.part(**part).prefix));
        wanted.take(MAX_FIRST_READS).map(|part| visible.reach(*part).clone()).collect()
    };
    let unread: Vec<Reach> = visible.iter().flat_map(|(_, visible)| reach(visible)).collect();
    let (read, failures) = read_first(cx, unread).await;
    let failures = Arc::new(failures);
    let complete = |(key, visible): (NamespaceKey, Arc<Visible>)| {
        let is_helped = visible.unread.iter().any(|part| read.contains_key(&visible.reach(*part).space.id));
        let visible = if is_helped { Arc::new(visible.with(sight.directory(), &read)) } else { visible };
        (key, Reachable { sight: sight.clone(), visible, failures: failures.clone() })
    };
    Ok(visible.into_iter().map(complete).collect())
}

type FirstReads = (HashMap<Uuid, Arc<Snapshot>>, HashMap<Uuid, Arc<upstream::Error>>);

/// Reads the images of spaces that never were, each once, however many ask for it.
async fn read_first(cx: &Cx, unread: Vec<Reach>) -> FirstReads {
    let (mut read, mut failures) = FirstReads::default();
    if unread.is_empty() {
        return (read, failures);
    }
    cx.depends_on_more();
    let mut seen = HashSet::new();
    let reads = unread.into_iter().filter(|reach| seen.insert(reach.space.id)).map(|reach| {
        let (sync, deadline) = (cx.service.sync.clone(), cx.deadline());
        async move { (reach.space.id, sync.first_images(reach.registry, reach.space, deadline).await) }
    });
    for (space, outcome) in join_all(reads).await {
        match outcome {
            Ok(snapshot) => drop(read.insert(space, snapshot)),
            Err(failure) => drop(failures.insert(space, failure)),
        }
    }
    (read, failures)
}

/// The images of one space; why they are unknown, where they were never read and cannot be now.
pub(super) async fn images_of(
    cx: &Cx,
    registry: &Registry,
    space: &Space,
) -> Result<Arc<Snapshot>, Arc<upstream::Error>> {
    if let Ok(sight) = cx.sight().await
        && let Some(snapshot) = sight.directory().catalog.get(space.id)
    {
        return Ok(snapshot.clone());
    }
    cx.depends_on_more();
    cx.service.sync.first_images(registry.clone(), space.clone(), cx.deadline()).await
}

impl Reachable {
    /// One space alone, all of whose images the viewer may see.
    pub(super) fn of_space(
        sight: Arc<Sight>,
        registry: &Registry,
        space: &Space,
        snapshot: Option<Arc<Snapshot>>,
    ) -> Self {
        let reach = Reach { registry: registry.clone(), space: space.clone(), via: Availability::Public };
        Self { sight, visible: Arc::new(Visible::of_space(reach, snapshot)), failures: Arc::default() }
    }

    /// The image of a reference without tag and digest, with its place in the order by reference.
    ///
    /// # Errors
    /// When it is not known, and may be in a space that could not be read: "no" would be a guess.
    pub fn find(&self, reference: &str) -> Result<Option<(Image, Availability, String)>, Error> {
        let images = &self.visible.images;
        if let Some(row) = images.find(reference) {
            let (image, via) = self.image(row);
            return Ok(Some((image, via, images.cursor(row, Order::ReferenceAsc, None).encode())));
        }
        let mut blind = self.visible.unread.iter();
        match blind.find(|part| reference.starts_with(&*images.part(**part).prefix)) {
            None => Ok(None),
            Some(part) => {
                let Reach { registry, space, .. } = self.visible.reach(*part);
                Err(unread(&self.sight, registry, self.failures.get(&space.id)))
            }
        }
    }

    fn image(&self, row: Row) -> (Image, Availability) {
        let reach = self.visible.reach(row.part);
        let snapshot = self.visible.images.part(row.part).snapshot.clone();
        (Image::new(reach.registry.clone(), reach.space.clone(), snapshot, row.index), reach.via)
    }
}

/// What a space that was never read is to those who ask for it.
pub(super) fn unread(sight: &Sight, registry: &Registry, failure: Option<&Arc<upstream::Error>>) -> Error {
    let source = failure.map_or(upstream::Error::Timeout, |failure| (**failure).clone());
    let (message, name) = (told(sight, registry, &source), registry.name.clone());
    Error::Upstream { message, registry: Some(name), field: None, source }
}

/// One namespace's images, narrowed, ready to be paged.
pub struct Selection {
    reachable: Reachable,
    /// Which parts the filter lets through: the others still hide what stands twice.
    shown: Option<Vec<bool>>,
    search: Option<Search>,
}

/// Which page: `limit` images between two cursors.
#[derive(Clone, Debug)]
pub struct Window {
    pub limit: usize,
    pub after: Option<String>,
    pub before: Option<String>,
    pub backward: bool,
}

/// One registry that an answer draws on.
pub struct Source {
    pub registry: Registry,
    pub state: SourceState,
    /// How old what is shown of it is.
    pub as_of: Option<DateTime<Utc>>,
    pub n_spaces: usize,
    pub n_images: usize,
    /// Why it is not current, in words fit for this viewer.
    pub error: Option<String>,
}

/// Ordered from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceState {
    Current,
    /// The last known images are shown.
    Stale,
    /// None are known.
    Unavailable,
}

impl Selection {
    /// One reference stands once, by precedence, and that is decided before `filter` and `search`.
    pub fn new(reachable: Reachable, filter: &Filter, search: Option<Search>) -> Self {
        let shown = filter.narrows().then(|| reachable.visible.parts().map(|reach| filter.admits(reach)).collect());
        Self { reachable, shown, search }
    }

    /// One page. `backward` takes the last `limit` of what the cursors leave.
    ///
    /// # Errors
    /// `Invalid` for a cursor that is none, or of another order.
    pub fn page(&self, order: Order, window: &Window) -> Result<catalog::Page, Error> {
        let place = |field: &'static str, cursor: &Option<String>| {
            let decoded = cursor.as_ref().map(|text| Cursor::decode(text, order, self.search.as_ref())).transpose();
            decoded.map_err(|error| match error {
                CursorError::Malformed => Error::invalid(field, format!("`{field}` is not a cursor of this list")),
                CursorError::OtherOrder | CursorError::OtherSearch => {
                    Error::invalid(field, format!("`{field}` is a cursor of another list or order"))
                }
            })
        };
        let (after, before) = (place("after", &window.after)?, place("before", &window.before)?);
        Ok(self.reachable.visible.images.page(&catalog::Query {
            search: self.search.as_ref(),
            shown: self.shown.as_deref(),
            order,
            after: after.as_ref(),
            before: before.as_ref(),
            limit: window.limit,
            backward: window.backward,
        }))
    }

    pub fn cursor(&self, row: Row, order: Order) -> String {
        self.reachable.visible.images.cursor(row, order, self.search.as_ref()).encode()
    }

    /// How many images there are in all.
    pub fn total(&self) -> usize {
        match (&self.search, &self.shown) {
            (None, None) => self.reachable.visible.counts().total,
            _ => self.counts().total,
        }
    }

    pub fn image(&self, row: Row) -> (Image, Availability) {
        self.reachable.image(row)
    }

    fn counts(&self) -> catalog::Counts {
        self.reachable.visible.images.count(self.search.as_ref(), self.shown.as_deref())
    }

    fn is_shown(&self, part: usize) -> bool {
        self.shown.as_ref().is_none_or(|shown| shown[part])
    }

    fn parts(&self) -> impl Iterator<Item = (usize, &Reach)> {
        self.reachable.visible.parts().enumerate().filter(|(part, _)| self.is_shown(*part))
    }

    /// The registries that the answer draws on, each once.
    pub fn registries(&self) -> HashSet<Uuid> {
        self.parts().map(|(_, reach)| reach.registry.id).collect()
    }

    /// One row for each registry, by name; those that did not answer included. `turns` tell how each is kept in step.
    pub fn sources(&self, cx: &Cx, turns: &HashMap<Uuid, registry_sync::Model>) -> Vec<Source> {
        // What counts as current today is stale tomorrow.
        cx.depends_on_more();
        let Reachable { sight, visible, failures } = &self.reachable;
        let counts = self.counts();
        let unread: HashSet<usize> = visible.unread.iter().copied().collect();
        let oldest_current = crate::clock::now() - current_for(cx);
        let mut sources: BTreeMap<(&str, Uuid), Source> = BTreeMap::new();
        for (part, Reach { registry, space, .. }) in self.parts() {
            let turn = turns.get(&registry.id);
            let as_of = as_of(space, turn).filter(|_| !unread.contains(&part));
            let trouble = match failures.get(&space.id) {
                Some(failure) => Some(told(sight, registry, failure)),
                None => trouble(sight, registry, space),
            };
            let trouble = trouble.or_else(|| match as_of {
                None => Some("its images have not been read yet".to_owned()),
                Some(as_of) if as_of < oldest_current => {
                    Some("Fairway has not looked at the registry since".to_owned())
                }
                Some(_) => None,
            });
            let state = match (&trouble, unread.contains(&part)) {
                (_, true) => SourceState::Unavailable,
                (Some(_), false) => SourceState::Stale,
                (None, false) => SourceState::Current,
            };
            let source = sources.entry((&registry.name_key, registry.id)).or_insert_with(|| Source {
                registry: registry.clone(),
                state,
                as_of,
                n_spaces: 0,
                n_images: 0,
                error: None,
            });
            source.n_spaces += 1;
            source.n_images += counts.per_part[part];
            source.as_of = oldest(source.as_of, as_of);
            // Where the two differ, something of it is shown, and something is not of now.
            source.state = if source.state == state { state } else { SourceState::Stale };
            source.error = source.error.take().or(trouble);
        }
        sources.into_values().collect()
    }
}

impl Filter {
    fn narrows(&self) -> bool {
        self.via.is_some() || self.registry.is_some() || self.space.is_some()
    }

    fn admits(&self, reach: &Reach) -> bool {
        self.via.as_ref().is_none_or(|via| via.contains(&reach.via))
            && self.registry.is_none_or(|id| reach.registry.id == id)
            && self.space.is_none_or(|id| reach.space.id == id)
    }
}

/// For how long images count as those of now after they were confirmed: two turns of the sync, and the time in which
/// another replica takes over from one that died.
fn current_for(cx: &Cx) -> TimeDelta {
    const TAKE_OVER: TimeDelta = TimeDelta::seconds(30);
    let turns = TimeDelta::from_std(cx.service.sync.interval() * 2).unwrap_or(TimeDelta::MAX);
    turns.checked_add(&TAKE_OVER).unwrap_or(TimeDelta::MAX)
}

/// As of when the images kept of a space are known to be true.
pub(super) fn as_of(space: &Space, turn: Option<&registry_sync::Model>) -> Option<DateTime<Utc>> {
    let confirmed = turn.and_then(|turn| turn.confirmed_at).filter(|_| space.images_failure.is_none());
    space.images_as_of.max(confirmed)
}

/// Why the images kept of a space are not those of now.
pub(super) fn trouble(sight: &Sight, registry: &Registry, space: &Space) -> Option<String> {
    let is_down = matches!(registry.health_state, HealthState::Unauthorized | HealthState::Unreachable);
    let (failure, text) = match (is_down, space.images_failure) {
        (true, _) => (registry.health_failure.unwrap_or(Failure::Silent), &registry.health_cause),
        (false, Some(failure)) => (failure, &space.images_error),
        (false, None) => return None,
    };
    Some(in_words(sight, registry, failure, text.as_deref()))
}

fn oldest(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (known, None) | (None, known) => known,
    }
}

/// A registry's failure in words fit for the viewer.
pub(super) fn told(sight: &Sight, registry: &Registry, failure: &upstream::Error) -> String {
    in_words(sight, registry, failure_of(failure), Some(&failure.cause()))
}

/// Those who may not read the registry's settings learn no address and no word of its own.
pub(super) fn in_words(sight: &Sight, registry: &Registry, failure: Failure, text: Option<&str>) -> String {
    if let Some(text) = text.filter(|_| sight.view_of(registry) == RegistryView::Settings) {
        return text.to_owned();
    }
    match failure {
        Failure::Refused => "the registry refuses the account that Fairway has for it",
        Failure::Gone => "the registry does not have this space any more",
        Failure::Nonsense => "the registry sends answers that make no sense",
        Failure::Changed => "the registry changed while it was read",
        Failure::Settings => "the registry's settings in Fairway need an Admin's attention",
        Failure::Silent => "the registry does not answer",
    }
    .to_owned()
}
