//! The selector: every image that may be deployed into a namespace, from every registry, in one list.
//!
//! Three steps, of which the first two are batched by the loaders of a request: what each namespace reaches (no
//! more than one round to the database, however many are asked for), the images of each space (each loaded once),
//! and one merged, ordered page of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::access::{Availability, Reach, RegistryView, Sight, reference_prefix};
use super::image::Image;
use super::name::NamespaceKey;
use super::{Cx, Error, Registry};
use crate::catalog::{self, Cursor, CursorError, Order, Part, Row, Search};
use crate::upstream;

pub use crate::sync::Loaded;

/// What a selector is narrowed to; what the viewer may not see matches nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub via: Option<Vec<Availability>>,
    pub registry: Option<Uuid>,
    pub space: Option<Uuid>,
}

/// The spaces that each of these namespaces reaches, as far as the viewer may know.
pub async fn reach(cx: &Cx, namespaces: &[NamespaceKey]) -> Result<HashMap<NamespaceKey, Arc<Vec<Reach>>>, Error> {
    let sight = cx.sight().await?;
    let reach = namespaces.iter().map(|key| (key.clone(), Arc::new(sight.reach(&key.cluster, &key.name))));
    Ok(reach.collect())
}

/// The images of these spaces: those of now where the registry answers in time, else the last known ones.
pub async fn images(cx: &Cx, spaces: &[Uuid]) -> Result<HashMap<Uuid, Loaded>, Error> {
    let sight = cx.sight().await?;
    let directory = sight.directory();
    let wanted: Vec<_> = spaces
        .iter()
        .filter_map(|id| {
            let space = directory.spaces.find(*id)?;
            Some((directory.registries.find(space.registry_id)?.clone(), space.clone()))
        })
        .collect();
    let loaded = cx.service.sync.images(&wanted, cx.deadline).await;
    Ok(wanted.iter().map(|(_, space)| space.id).zip(loaded).collect())
}

/// One namespace's images, ready to be paged.
pub struct Selection {
    sight: Arc<Sight>,
    reach: Vec<Reach>,
    loaded: Vec<Loaded>,
    images: catalog::Selection,
    /// Which parts the filter lets through: the others still hide what stands twice.
    shown: Vec<bool>,
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
    /// `reach` and the images of its spaces, in the same order. One reference stands once, by precedence, and that
    /// is decided before `filter` and `search`.
    pub fn new(
        sight: Arc<Sight>,
        reach: &[Reach],
        loaded: Vec<Loaded>,
        filter: &Filter,
        search: Option<Search>,
    ) -> Self {
        let parts = reach
            .iter()
            .zip(&loaded)
            .enumerate()
            .map(|(rank, (reach, loaded))| Part {
                snapshot: loaded.snapshot.clone().unwrap_or_default(),
                prefix: reference_prefix(&reach.registry, &reach.space).into(),
                // `reach` comes in the order of precedence.
                rank: rank as u32,
            })
            .collect();
        let shown = reach.iter().map(|reach| filter.admits(reach)).collect();
        let images = catalog::Selection::new(parts);
        Self { sight, reach: reach.to_vec(), loaded, images, shown, search }
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
        Ok(self.images.page(&catalog::Query {
            search: self.search.as_ref(),
            shown: Some(&self.shown),
            order,
            after: after.as_ref(),
            before: before.as_ref(),
            limit: window.limit,
            backward: window.backward,
        }))
    }

    pub fn cursor(&self, row: Row, order: Order) -> String {
        self.images.cursor(row, order, self.search.as_ref()).encode()
    }

    /// How many images there are in all.
    pub fn total(&self) -> usize {
        self.images.count(self.search.as_ref(), Some(&self.shown)).total
    }

    pub fn image(&self, row: Row) -> (Image, Availability) {
        let reach = &self.reach[row.part];
        let snapshot = self.images.parts()[row.part].snapshot.clone();
        (Image::new(reach.registry.clone(), reach.space.clone(), snapshot, row.index), reach.via)
    }

    /// The image of a reference without tag and digest, with its place in the order by reference.
    pub fn find(&self, reference: &str) -> Option<(Image, Availability, String)> {
        let row = self.images.find(reference)?;
        let (image, via) = self.image(row);
        Some((image, via, self.images.cursor(row, Order::ReferenceAsc, None).encode()))
    }

    /// One row for each registry, by name; those that did not answer included.
    pub fn sources(&self) -> Vec<Source> {
        let counts = self.images.count(self.search.as_ref(), Some(&self.shown));
        let mut sources: BTreeMap<(String, Uuid), Source> = BTreeMap::new();
        for (index, reach) in self.reach.iter().enumerate().filter(|(index, _)| self.shown[*index]) {
            let loaded = &self.loaded[index];
            let state = match (&loaded.failure, &loaded.snapshot) {
                (None, _) => SourceState::Current,
                (Some(_), Some(_)) => SourceState::Stale,
                (Some(_), None) => SourceState::Unavailable,
            };
            let source =
                sources.entry((reach.registry.name_key.clone(), reach.registry.id)).or_insert_with(|| Source {
                    registry: reach.registry.clone(),
                    state,
                    as_of: loaded.as_of,
                    n_spaces: 0,
                    n_images: 0,
                    error: None,
                });
            source.n_spaces += 1;
            source.n_images += counts.per_part[index];
            source.as_of = oldest(source.as_of, loaded.as_of);
            source.state = match (source.state, state) {
                (a, b) if a == b => a,
                // Something of it is shown, and something is not of now.
                _ => SourceState::Stale,
            };
            if source.error.is_none() {
                source.error = loaded.failure.as_ref().map(|failure| told(&self.sight, &reach.registry, failure));
            }
        }
        sources.into_values().collect()
    }
}

impl Filter {
    fn admits(&self, reach: &Reach) -> bool {
        self.via.as_ref().is_none_or(|via| via.contains(&reach.via))
            && self.registry.is_none_or(|id| reach.registry.id == id)
            && self.space.is_none_or(|id| reach.space.id == id)
    }
}

fn oldest(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (known, None) | (None, known) => known,
    }
}

/// A registry's failure in words fit for the viewer: those who may not read its settings learn no address and no
/// word of its own.
pub(super) fn told(sight: &Sight, registry: &Registry, failure: &upstream::Error) -> String {
    use upstream::Error as E;
    if sight.view_of(registry) == RegistryView::Settings {
        return failure.cause();
    }
    match failure {
        E::Unauthorized | E::Forbidden { .. } => "the registry refuses the account that Fairway has for it",
        E::NotFound => "the registry does not have this space any more",
        E::Malformed { .. } | E::NotTheProduct { .. } | E::UnsupportedVersion { .. } | E::TooLarge => {
            "the registry sends answers that make no sense"
        }
        E::Changed { .. } => "the registry changed while it was read",
        E::Unusable { .. } | E::InvalidCertificate { .. } | E::Blocked { .. } => {
            "the registry's settings in Fairway need an Admin's attention"
        }
        E::Unreachable { .. }
        | E::Timeout
        | E::Conflict { .. }
        | E::ReadOnly
        | E::Rejected { .. }
        | E::Unavailable { .. }
        | E::Unsupported { .. } => "the registry does not answer",
    }
    .to_owned()
}
