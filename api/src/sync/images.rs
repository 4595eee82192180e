//! The images of a registry's spaces, as a sweep keeps them: by what changed last and by how many there are, and now
//! and then all of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::entity::{registry::Kind, registry_sync, space};
use futures_util::{StreamExt, stream};
use sea_orm::ActiveValue::Set;
use sea_orm::QuerySelect;
use sea_orm::prelude::*;

use super::AT_A_TIME;
use super::health::is_outage;
use super::keep::{Extent, Read, snapshot};
use super::plan::{Holding, by_space, is_cheaper_at_once, unread};
use super::reading::{Reading, Stop};
use crate::catalog::{ImageData, Snapshot};
use crate::metrics::{self, SweepOutcome};
use crate::upstream::{self, Recent, SpaceKey};

/// How many pages of what changed last are read before it is left to the counts.
const MOST_PAGES: usize = 10;

/// How many spaces are read before that is written down.
const DATED_AT_ONCE: usize = 100;

/// How far a sweep is, in spaces.
pub(super) struct Progress {
    done: AtomicUsize,
    total: AtomicUsize,
    tally: metrics::Sweep,
}

impl Progress {
    pub(super) fn new(tally: metrics::Sweep) -> Self {
        Self { done: AtomicUsize::default(), total: AtomicUsize::default(), tally }
    }

    /// The sweep came to this end. Dropped without, it was abandoned.
    pub(super) fn ended(self, outcome: SweepOutcome) {
        self.tally.ended(outcome);
    }

    pub(super) fn get(&self) -> (usize, usize) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    fn expect(&self, total: usize) {
        self.total.store(total, Ordering::Relaxed);
        self.tally.expects(total);
    }

    fn advance(&self, n: usize) {
        self.done.fetch_add(n, Ordering::Relaxed);
        self.tally.advanced(n);
    }
}

/// The images of one registry, on their way to the rows.
pub(super) struct Images<'a> {
    pub(super) reading: &'a Reading,
    pub(super) client: &'a upstream::Registry,
    /// The sync row as it was when the sweep began.
    pub(super) row: &'a registry_sync::Model,
    pub(super) progress: &'a Progress,
}

impl Images<'_> {
    /// Brings the images of these spaces up to date: those that a complete list of spaces showed. `is_full` reads them
    /// all, whatever is known. True if it did.
    pub(super) async fn update(&self, mut holdings: Vec<Holding>, mut is_full: bool) -> Result<bool, Stop> {
        if self.reading.registry.kind == Kind::DockerRegistry {
            self.progress.expect(holdings.len());
            self.read_each(holdings, false).await?;
            return Ok(true);
        }
        if holdings.iter().all(Holding::is_empty) {
            self.settle_empty(&mut holdings).await?;
            return Ok(is_full);
        }
        // When everything is read anyway, what changed last matters only to what an earlier sweep has read of it.
        let is_resumed = self.row.full_since.is_some();
        let mut total = None;
        if !is_full || is_resumed {
            match self.catch_up(&mut holdings).await {
                Ok(n_images) => total = n_images,
                // This Harbor does not tell what changed last, or not this account.
                Err(Stop::Failed(error)) if !is_outage(&error) => is_full = true,
                Err(stop) => return Err(stop),
            }
        }
        self.settle_empty(&mut holdings).await?;
        let read_since = if is_full { self.begin_full().await? } else { HashSet::new() };
        let is_due = |holding: &Holding| is_full && !read_since.contains(&holding.space.id);
        let turn = usize::try_from(self.row.sweeps_since_full).unwrap_or_default();
        let mut unread = unread(&holdings, is_due, turn);
        self.progress.expect(unread.len());
        let listed = || holdings.iter().map(|holding| holding.listed.unwrap_or_default()).sum();
        if is_cheaper_at_once(&unread, total.unwrap_or_else(listed)) {
            unread = self.read_at_once(unread, is_full).await?;
        }
        self.read_each(unread, is_full).await?;
        Ok(is_full)
    }

    /// Reads what changed last, as long as it is news. Where that is all there is, it is taken as such. Answers how many
    /// images there are in all, where the registry tells.
    async fn catch_up(&self, holdings: &mut [Holding]) -> Result<Option<usize>, Stop> {
        let Recent { mut images, total } = self.client.recent_images(1).await.map_err(Stop::Failed)?;
        if total.is_some_and(|total| total <= images.len()) {
            self.take_all(holdings, images).await?;
            return Ok(total);
        }
        for page in 2.. {
            let is_news = self.take_some(holdings, images).await?;
            if !is_news || page > MOST_PAGES {
                break;
            }
            images = self.client.recent_images(page).await.map_err(Stop::Failed)?.images;
        }
        Ok(total)
    }

    /// Takes these images for all that there are, in the spaces where the registry counts as many.
    async fn take_all(&self, holdings: &mut [Holding], images: Vec<(String, upstream::Image)>) -> Result<(), Stop> {
        let mut images = by_space(images);
        let mut reads = Vec::new();
        for holding in holdings {
            let images = images.remove(&holding.space.upstream_id).unwrap_or_default();
            if holding.listed == Some(images.len()) {
                reads.push(holding.take(Snapshot::build(images)));
            }
        }
        self.reading.keep(&reads).await?;
        Ok(())
    }

    /// Takes these images in, in the spaces whose others are known. True if one of them was not known, or known
    /// otherwise.
    async fn take_some(&self, holdings: &mut [Holding], images: Vec<(String, upstream::Image)>) -> Result<bool, Stop> {
        let mut images = by_space(images);
        let mut reads = Vec::new();
        let mut is_news = false;
        for holding in holdings {
            let Some(images) = images.remove(&holding.space.upstream_id) else { continue };
            let Some(known) = &holding.known else {
                is_news = true;
                continue;
            };
            let some = Snapshot::build(images.iter().cloned());
            let changes = known.diff(&some);
            if changes.added.is_empty() && changes.changed.is_empty() {
                continue;
            }
            is_news = true;
            let by_repository: BTreeMap<String, Option<ImageData>> =
                images.into_iter().map(|image| (image.repository.clone(), Some(image))).collect();
            let patched = Arc::new(known.patched(by_repository));
            let before = holding.known.replace(patched);
            reads.push(Read { space: holding.space.clone(), before, now: Arc::new(some), extent: Extent::Some });
        }
        self.reading.keep(&reads).await?;
        // What is left belongs to spaces that are newer than the list of them.
        Ok(is_news || !images.is_empty())
    }

    /// Writes down the spaces without images that were never read: the list of spaces says all there is to say.
    async fn settle_empty(&self, holdings: &mut [Holding]) -> Result<(), Stop> {
        let is_unsettled = |holding: &&mut Holding| {
            holding.is_empty() && (holding.known.is_none() || holding.space.images_failure.is_some())
        };
        let unsettled = holdings.iter_mut().filter(is_unsettled);
        let reads: Vec<Read> = unsettled.map(|holding| holding.take(Snapshot::default())).collect();
        self.reading.keep(&reads).await?;
        Ok(())
    }

    /// Begins to read everything, or goes on with what an earlier sweep began: answers the spaces that have been read
    /// since. That moment stands in the database alone.
    async fn begin_full(&self) -> Result<HashSet<Uuid>, Stop> {
        let storage = self.reading.storage();
        let Some(since) = self.row.full_since else {
            let begun = registry_sync::ActiveModel { full_since: Set(Some(self.reading.at)), ..Default::default() };
            return match self.reading.lease() {
                Some(lease) if !lease.note(begun).await? => Err(Stop::Lost),
                _ => Ok(HashSet::new()),
            };
        };
        let read: Vec<Uuid> = space::Entity::find()
            .select_only()
            .column(space::Column::Id)
            .filter(space::Column::RegistryId.eq(self.reading.registry.id))
            .filter(space::Column::ImagesAsOf.gte(since))
            .into_tuple()
            .all(storage.connection())
            .await?;
        Ok(read.into_iter().collect())
    }

    /// Reads the images of all spaces by one list, and answers the spaces of which it does not hold as many as the
    /// registry counts.
    async fn read_at_once(&self, unread: Vec<Holding>, is_full: bool) -> Result<Vec<Holding>, Stop> {
        let mut images = match self.client.list_all_images().await {
            Ok(images) => by_space(images),
            Err(error) if is_outage(&error) => return Err(Stop::Failed(error)),
            // It changes too quickly for one long list, for one.
            Err(_) => return Ok(unread),
        };
        let (mut reads, mut rest, mut dated) = (Vec::new(), Vec::new(), Vec::new());
        for mut holding in unread {
            let images = images.remove(&holding.space.upstream_id).unwrap_or_default();
            if holding.listed != Some(images.len()) {
                rest.push(holding);
                continue;
            }
            dated.extend(holding.known.is_some().then_some(holding.space.id));
            reads.push(holding.take(Snapshot::build(images)));
        }
        self.reading.keep(&reads).await?;
        if is_full {
            for chunk in dated.chunks(DATED_AT_ONCE) {
                self.reading.date(chunk).await?;
            }
        }
        self.progress.advance(reads.len());
        Ok(rest)
    }

    /// Reads these spaces one by one, some at a time. One that fails by itself is marked, and holds up no other.
    async fn read_each(&self, unread: Vec<Holding>, is_full: bool) -> Result<(), Stop> {
        let mut reads = stream::iter(unread).map(|holding| self.read(holding)).buffer_unordered(AT_A_TIME);
        let mut dated = Vec::new();
        let mut outcome = Ok(());
        while let Some(read) = reads.next().await {
            match read {
                Ok(space) => dated.extend(space.filter(|_| is_full)),
                Err(stop) => {
                    outcome = Err(stop);
                    break;
                }
            }
            self.progress.advance(1);
            if dated.len() >= DATED_AT_ONCE {
                self.reading.date(&dated).await?;
                dated.clear();
            }
        }
        // What was read was read, whatever ended it.
        self.reading.date(&dated).await?;
        outcome
    }

    /// Reads and keeps one space; answers its id if it could be read.
    async fn read(&self, mut holding: Holding) -> Result<Option<Uuid>, Stop> {
        let space = holding.space.clone();
        match self.client.list_images(&key(&space)).await {
            Ok(images) => {
                self.reading.keep(&[holding.take(snapshot(images))]).await?;
                Ok(Some(space.id))
            }
            Err(error) if is_outage(&error) => Err(Stop::Failed(error)),
            Err(error) => {
                self.reading.mark(&space, &error, self.row.confirmed_at).await?;
                Ok(None)
            }
        }
    }
}

impl Holding {
    /// `now` is all that it holds, from here on.
    fn take(&mut self, now: Snapshot) -> Read {
        let now = Arc::new(now);
        let before = self.known.replace(now.clone());
        let read = Read { space: self.space.clone(), before, now, extent: Extent::Whole };
        if self.space.images_failure.is_some() {
            let space = space::Model::clone(&self.space);
            self.space = Arc::new(space::Model { images_failure: None, images_error: None, ..space });
        }
        read
    }
}

/// The spaces that a list showed, or a second look, with what is stored of them.
pub(super) fn holdings<'a>(
    known: &[Arc<space::Model>],
    listed: impl Iterator<Item = &'a upstream::Space>,
    stored: impl Fn(Uuid) -> Option<Arc<Snapshot>>,
) -> Vec<Holding> {
    let rows: HashMap<&str, &Arc<space::Model>> = known.iter().map(|row| (row.upstream_id.as_str(), row)).collect();
    let holding = |space: &upstream::Space| {
        let row = *rows.get(space.id.as_str())?;
        let listed = space.image_count.map(|count| usize::try_from(count).unwrap_or_default());
        Some(Holding { space: row.clone(), listed, known: stored(row.id) })
    };
    listed.filter_map(holding).collect()
}

pub(super) fn key(space: &space::Model) -> SpaceKey {
    SpaceKey { id: space.upstream_id.clone(), name: space.name.clone() }
}
