//! The directory of one epoch, and what was worked out of it for all requests that read it.
//!
//! What a namespace may use depends on its workspace alone, so there is one [`Visible`] for all namespaces without one
//! and one for each workspace, made when first asked for. The public part, which is the large one, is shared by all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ::entity::{registry, space};
use uuid::Uuid;

use super::access::{Reach, own_reach, public_reach};
use crate::catalog::{Counts, Part, Selection, Snapshot, Union};
use crate::mirror::{Directory, reference_prefix};

/// Made once for each directory; gone with it.
pub struct Present {
    pub directory: Arc<Directory>,
    public: OnceLock<Arc<Visible>>,
    of_workspace: Mutex<HashMap<Uuid, Arc<OnceLock<Arc<Visible>>>>>,
}

/// The spaces that may be used in a namespace, with their images as one list.
pub(super) struct Visible {
    public: Arc<Public>,
    own: Vec<Reach>,
    pub(super) images: Union,
    /// The parts whose images were never read.
    pub(super) unread: Vec<usize>,
    counts: OnceLock<Counts>,
}

/// What is everybody's.
struct Public {
    reach: Vec<Reach>,
    selection: Arc<Selection>,
}

impl Present {
    pub(super) fn new(directory: Arc<Directory>) -> Self {
        Self { directory, public: OnceLock::new(), of_workspace: Mutex::default() }
    }

    /// What may be used in any namespace.
    pub(super) fn public(&self) -> Arc<Visible> {
        let make = || {
            let reach = public_reach(&self.directory);
            let selection = Arc::new(Selection::new(self.parts(&reach, 0)));
            self.visible(Arc::new(Public { reach, selection }), Vec::new())
        };
        self.public.get_or_init(|| Arc::new(make())).clone()
    }

    /// What may be used in the namespaces of this workspace.
    pub(super) fn of_workspace(&self, workspace: Uuid) -> Arc<Visible> {
        let cell = {
            let mut of_workspace = self.of_workspace.lock().unwrap_or_else(PoisonError::into_inner);
            of_workspace.entry(workspace).or_default().clone()
        };
        let make = || self.visible(self.public().public.clone(), own_reach(&self.directory, workspace));
        cell.get_or_init(|| Arc::new(make())).clone()
    }

    fn visible(&self, public: Arc<Public>, own: Vec<Reach>) -> Visible {
        let images = Union::new(public.selection.clone(), self.parts(&own, public.reach.len()));
        Visible::new(public, own, images, |space| self.directory.catalog.get(space).is_some())
    }

    fn parts(&self, reach: &[Reach], first_rank: usize) -> Vec<Part> {
        let snapshot = |space| self.directory.catalog.get(space).cloned();
        parts(reach, first_rank, snapshot)
    }
}

impl Visible {
    fn new(public: Arc<Public>, own: Vec<Reach>, images: Union, is_read: impl Fn(Uuid) -> bool) -> Self {
        let all = public.reach.iter().chain(&own).enumerate();
        let unread = all.filter(|(_, reach)| !is_read(reach.space.id)).map(|(part, _)| part).collect();
        Self { public, own, images, unread, counts: OnceLock::new() }
    }

    /// Where the images of a part come from, and why they may be used.
    pub(super) fn reach(&self, part: usize) -> &Reach {
        match part.checked_sub(self.public.reach.len()) {
            None => &self.public.reach[part],
            Some(own) => &self.own[own],
        }
    }

    /// All parts, as they are numbered.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Reach> {
        self.public.reach.iter().chain(&self.own)
    }

    /// What is not everybody's.
    pub(super) fn own(&self) -> &[Reach] {
        &self.own
    }

    /// How many images there are, without search and filter.
    pub(super) fn counts(&self) -> &Counts {
        self.counts.get_or_init(|| self.images.count(None, None))
    }

    /// The same with images that have been read since, for the one request that waited for them.
    pub(super) fn with(&self, directory: &Directory, read: &HashMap<Uuid, Arc<Snapshot>>) -> Self {
        let snapshot = |space| read.get(&space).or_else(|| directory.catalog.get(space)).cloned();
        let selection = Arc::new(Selection::new(parts(&self.public.reach, 0, snapshot)));
        let images = Union::new(selection.clone(), parts(&self.own, self.public.reach.len(), snapshot));
        let public = Arc::new(Public { reach: self.public.reach.clone(), selection });
        Self::new(public, self.own.clone(), images, |space| snapshot(space).is_some())
    }

    /// One space alone.
    pub(super) fn of_space(reach: Reach, snapshot: Option<Arc<Snapshot>>) -> Self {
        let is_read = snapshot.is_some();
        let selection = Arc::new(Selection::new(parts(std::slice::from_ref(&reach), 0, |_| snapshot.clone())));
        let public = Arc::new(Public { reach: vec![reach], selection: selection.clone() });
        Self::new(public, Vec::new(), Union::new(selection, Vec::new()), |_| is_read)
    }
}

/// `reach` comes in the order of precedence, and that is what ranks the parts.
fn parts(reach: &[Reach], first_rank: usize, snapshot: impl Fn(Uuid) -> Option<Arc<Snapshot>>) -> Vec<Part> {
    let part = |(place, reach): (usize, &Reach)| {
        let (registry, space): (&registry::Model, &space::Model) = (&reach.registry, &reach.space);
        Part {
            snapshot: snapshot(space.id).unwrap_or_default(),
            prefix: reference_prefix(registry, space).into(),
            rank: u32::try_from(first_rank + place).unwrap_or(u32::MAX),
        }
    };
    reach.iter().enumerate().map(part).collect()
}
