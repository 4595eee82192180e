//! What an act was asked to be about, and which workspaces that concerns: told of acts that fail, are denied, or change
//! nothing. Pure.

use std::collections::{BTreeSet, HashSet};

use ::entity::audit_event::Outcome;
use ::entity::space::Visibility;
use serde_json::json;
use uuid::Uuid;

use super::{Entry, MAX_NAME_CHARS, Target, legible};
use crate::service::name::{MAX_PAIRS, NamespaceKey};
use crate::service::{Directory, Error, RegistryView, Sight};

/// A denied act leaves no more events than this, whatever it names: who may do nothing shall not fill the table.
const MAX_DENIED: usize = 100;

/// A mutation, and what its input names.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The mutation's name.
    pub(super) action: &'static str,
    /// What is acted on: what events are called after.
    on: Vec<Named>,
    /// Where it is acted, or with whom: given, it decides alone whom the act concerns.
    with: Option<Vec<Named>>,
}

/// Something that an input names. It need not be there.
#[derive(Clone, Debug)]
pub struct Named {
    thing: Option<Thing>,
    typed: String,
}

/// What can be named by an id or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    Registry(Uuid),
    Space(Uuid),
    Workspace(Uuid),
    Namespace(NamespaceKey),
}

impl Named {
    /// A thing that would be there already, as it was typed; none where what was typed cannot name one.
    #[must_use]
    pub fn thing(thing: Option<Thing>, typed: &str) -> Self {
        Self { thing, typed: legible(typed) }
    }

    /// What is to be made, by the name that it shall have.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self::thing(None, name)
    }
}

/// A named thing that is there.
struct Found {
    target: Target,
    name: String,
    /// Those whose it is, and those who may use it.
    workspaces: BTreeSet<Uuid>,
    /// Whether every workspace sees it.
    is_public: bool,
    /// Whether the actor sees it.
    is_seen: bool,
}

impl Found {
    fn may_be_named_to(&self, workspace: Uuid) -> bool {
        self.is_public || self.workspaces.contains(&workspace)
    }
}

impl Attempt {
    #[must_use]
    pub fn to(action: &'static str) -> Self {
        Self { action, on: Vec::new(), with: None }
    }

    /// Acts on these.
    #[must_use]
    pub fn on(mut self, things: impl IntoIterator<Item = Named>) -> Self {
        self.on.extend(distinct(things));
        self
    }

    /// Concerns the workspaces of these, and not those of what is acted on.
    #[must_use]
    pub fn with(mut self, things: impl IntoIterator<Item = Named>) -> Self {
        self.with.get_or_insert_default().extend(distinct(things));
        self
    }

    /// One entry for each workspace concerned, as far as the actor sees what concerns it; one without where there is
    /// none.
    pub(super) fn entries(&self, sight: &Sight) -> Vec<Entry> {
        let seen = |named: &Named| find(named, sight).filter(|found| found.is_seen);
        let concerning = self.with.as_ref().unwrap_or(&self.on);
        let concerned: BTreeSet<Uuid> = concerning.iter().filter_map(seen).flat_map(|found| found.workspaces).collect();
        match concerned.is_empty() {
            true => vec![self.entry_for_admins(sight)],
            false => concerned.into_iter().map(|workspace| self.entry_for(workspace, sight)).collect(),
        }
    }

    /// Called after what is acted on and may be named to the workspace, or else after the workspace itself.
    pub(super) fn entry_for(&self, workspace: Uuid, sight: &Sight) -> Entry {
        let told = self.on.iter().filter_map(|named| match (find(named, sight), &named.thing) {
            (Some(found), _) => {
                (found.is_seen && found.may_be_named_to(workspace)).then_some((Some(found.target), found.name))
            }
            (None, None) => Some((None, named.typed.clone())),
            // The id of what is gone may be of another workspace's.
            (None, Some(_)) => None,
        });
        let (target, target_name) = match called(told) {
            (None, name) if name.is_empty() => {
                let own = sight.directory().workspaces.find(workspace);
                (own.map(|own| Target::Workspace(own.id)), own.map(|own| own.name.clone()).unwrap_or_default())
            }
            called => called,
        };
        Entry { workspace: Some(workspace), target, target_name, changes: json!({}) }
    }

    /// Without a workspace: Admins alone read it, who see all.
    fn entry_for_admins(&self, sight: &Sight) -> Entry {
        let told = self.on.iter().map(|named| match find(named, sight) {
            Some(found) => (Some(found.target), found.name),
            None => (None, named.typed.clone()),
        });
        let (target, target_name) = called(told);
        Entry { workspace: None, target, target_name, changes: json!({}) }
    }

    /// How an act that ended with `error` ended, and for whom.
    ///
    /// Whoever is told that a thing is not found must not learn from the trail whether it is there: then the event is for
    /// those alone whose thing was hidden, or for Admins, and for no workspace that the actor may be Admin of.
    pub(super) fn failed(&self, error: &Error, sight: &Sight, by_admin: bool) -> (Outcome, Vec<Entry>) {
        match error {
            Error::Forbidden { .. } => (Outcome::Denied, bounded(self.entries(sight))),
            Error::NotFound { .. } => {
                let all = distinct(self.on.iter().chain(self.with.iter().flatten()).cloned());
                let hidden: Vec<Found> =
                    all.filter_map(|named| find(&named, sight)).filter(|found| !found.is_seen).collect();
                match hidden.is_empty() {
                    false => (Outcome::Denied, bounded(of_hidden(&hidden))),
                    // From an Admin nothing is hidden.
                    true if by_admin => (Outcome::Failed, self.entries(sight)),
                    true => (Outcome::Failed, vec![self.entry_for_admins(sight)]),
                }
            }
            Error::Conflict { .. }
            | Error::Invalid { .. }
            | Error::Unsupported { .. }
            | Error::Upstream { .. }
            | Error::TooSoon { .. }
            | Error::Internal(_) => (Outcome::Failed, self.entries(sight)),
        }
    }
}

/// Each once, and no more than any mutation takes.
fn distinct(things: impl IntoIterator<Item = Named>) -> impl Iterator<Item = Named> {
    let mut seen = HashSet::new();
    things.into_iter().filter(move |named| seen.insert(named.typed.clone())).take(MAX_PAIRS)
}

/// One entry for each workspace whose things were hidden from the actor, naming its own.
fn of_hidden(hidden: &[Found]) -> Vec<Entry> {
    let entry = |workspace, told: &mut dyn Iterator<Item = &Found>| {
        let (target, target_name) = called(told.map(|found| (Some(found.target), found.name.clone())));
        Entry { workspace, target, target_name, changes: json!({}) }
    };
    let concerned: BTreeSet<Uuid> = hidden.iter().flat_map(|found| found.workspaces.iter().copied()).collect();
    match concerned.is_empty() {
        true => vec![entry(None, &mut hidden.iter())],
        false => concerned
            .into_iter()
            .map(|workspace| {
                entry(Some(workspace), &mut hidden.iter().filter(|found| found.may_be_named_to(workspace)))
            })
            .collect(),
    }
}

fn bounded(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.truncate(MAX_DENIED);
    entries
}

/// The one target there is, and all names with commas, as far as they fit.
fn called(things: impl Iterator<Item = (Option<Target>, String)>) -> (Option<Target>, String) {
    let (mut target, mut name, mut count) = (None, String::new(), 0_usize);
    for (its_target, its_name) in things {
        count += 1;
        target = its_target.filter(|_| count == 1);
        if count > 1 {
            name.push_str(", ");
        }
        name.push_str(&its_name);
        // It may have several bytes a character, and is cut to the character where it is written.
        if count > 1 && name.len() > 4 * MAX_NAME_CHARS {
            break;
        }
    }
    (target, name)
}

fn find(named: &Named, sight: &Sight) -> Option<Found> {
    let directory: &Directory = sight.directory();
    Some(match named.thing.as_ref()? {
        Thing::Registry(id) => {
            let registry = directory.registries.find(*id)?;
            Found {
                target: Target::Registry(*id),
                name: registry.name.clone(),
                workspaces: registry.workspace_id.into_iter().collect(),
                is_public: registry.workspace_id.is_none()
                    && directory
                        .spaces_of(*id)
                        .iter()
                        .any(|space| space.visibility == Visibility::Public && !space.missing),
                is_seen: sight.view_of(registry) != RegistryView::Hidden,
            }
        }
        Thing::Space(id) => {
            let space = directory.spaces.find(*id)?;
            let owner = directory.registries.find(space.registry_id).and_then(|registry| registry.workspace_id);
            let bound = directory.bindings_of_space(*id).iter().map(|binding| binding.workspace_id);
            Found {
                target: Target::Space(*id),
                name: space.name.clone(),
                workspaces: bound.chain(owner).collect(),
                is_public: owner.is_none() && space.visibility == Visibility::Public && !space.missing,
                is_seen: sight.sees_space(space),
            }
        }
        Thing::Workspace(id) => {
            let workspace = directory.workspaces.find(*id)?;
            Found {
                target: Target::Workspace(*id),
                name: workspace.name.clone(),
                workspaces: BTreeSet::from([*id]),
                is_public: false,
                is_seen: sight.sees_workspace(*id),
            }
        }
        Thing::Namespace(key) => {
            let namespace = directory.namespace_named(&key.cluster, &key.name)?;
            Found {
                target: Target::Namespace(namespace.id),
                name: format!("{}/{}", namespace.cluster, namespace.name),
                workspaces: namespace.workspace_id.into_iter().collect(),
                is_public: false,
                is_seen: sight.sees_namespace(namespace),
            }
        }
    })
}
