//! What binding, unbinding, opening or closing spaces would change, before it is done: the same rules, applied to the
//! directory as it would be.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use ::entity::registry::Kind;
use ::entity::space::{self, Visibility};
use ::entity::space_binding;
use uuid::Uuid;

use super::name::MAX_PAIRS;
use super::present::{Present, Visible};
use super::{Cx, Directory, Error, Namespace, Space, selector};
use crate::auth::policy::{Action, Scope};
use crate::catalog::Snapshot;
use crate::mirror::reference_prefix;

/// A change that is the same for every space named.
pub struct Change {
    pub spaces: Vec<Uuid>,
    pub bind: Vec<Uuid>,
    pub unbind: Vec<Uuid>,
    /// None: as it is.
    pub public: Option<bool>,
}

pub struct Preview {
    /// Namespaces that Fairway knows, by cluster and name, each with how many images its selector would gain.
    pub gains: Vec<(Namespace, usize)>,
    pub losses: Vec<(Namespace, usize)>,
    /// What a namespace without a workspace would gain and lose, known to Fairway or not.
    pub everywhere: Delta,
}

/// How many references a selector gains and loses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    pub gained: usize,
    pub lost: usize,
}

/// For Admins. Nothing is done, and no registry is asked, but for the images of a space that was never read.
///
/// # Errors
/// What the mutations would say of the same input.
pub async fn preview(cx: &Cx, change: Change) -> Result<Preview, Error> {
    cx.authorize(Action::PreviewAccess, Scope::Platform)?;
    let sight = cx.sight().await?;
    let directory = sight.directory();
    let spaces = change.check(directory)?;
    let mut read = Vec::new();
    for space in &spaces {
        let registry = super::space::registry_of(cx, space).await?;
        if directory.catalog.get(space.id).is_none() && !space.missing {
            let images = selector::images_of(cx, &registry, space).await;
            read.push((space.id, images.map_err(|failure| selector::unread(&sight, &registry, Some(&failure)))?));
        }
    }
    // Millions of references may have to be merged anew, for which no other request should wait.
    let (before, present) = (directory.clone(), sight.present().clone());
    let counted = tokio::task::spawn_blocking(move || change.count(&before, present, &spaces, read));
    counted.await.map_err(Error::internal)
}

impl Change {
    /// The spaces, each once.
    fn check(&self, directory: &Directory) -> Result<Vec<Space>, Error> {
        let n_pairs = self.spaces.len().saturating_mul((self.bind.len() + self.unbind.len()).max(1));
        if n_pairs > MAX_PAIRS {
            let message = format!("{n_pairs} pairs of space and workspace are too many: at most {MAX_PAIRS} at a time");
            return Err(Error::invalid("spaceIds", message));
        }
        let mut seen = HashSet::new();
        let mut spaces = Vec::new();
        for id in self.spaces.iter().filter(|id| seen.insert(**id)) {
            let space = directory.spaces.find(*id).ok_or(Error::not_found("registry space").on("spaceIds"))?;
            spaces.push(space.clone());
        }
        for (ids, field) in [(&self.bind, "bindWorkspaceIds"), (&self.unbind, "unbindWorkspaceIds")] {
            if ids.iter().any(|id| directory.workspaces.find(*id).is_none()) {
                return Err(Error::not_found("workspace").on(field));
            }
        }
        if self.bind.iter().any(|id| self.unbind.contains(id)) {
            return Err(Error::invalid("unbindWorkspaceIds", "a workspace is either bound or unbound, not both"));
        }
        for space in &spaces {
            let registry = directory.registries.find(space.registry_id).ok_or(Error::not_found("registry"))?;
            let name = &space.name;
            if registry.workspace_id.is_some() && !(self.bind.is_empty() && self.unbind.is_empty()) {
                let message = format!("space `{name}` is in a registry of one workspace, which alone uses it");
                return Err(Error::unsupported(message + ": it cannot be bound").on("spaceIds"));
            }
            if registry.kind == Kind::DockerRegistry && self.public == Some(false) {
                return Err(Error::unsupported("a Docker Registry has no private space").on("public"));
            }
            if space.missing && self.public.is_some() {
                let message = format!("space `{name}` is missing in its registry: it can be neither opened nor closed");
                return Err(Error::conflict_on("spaceIds", message));
            }
        }
        Ok(spaces)
    }

    fn count(
        self,
        directory: &Directory,
        mut before: Arc<Present>,
        spaces: &[Space],
        read: Vec<(Uuid, Arc<Snapshot>)>,
    ) -> Preview {
        if !read.is_empty() {
            let known = directory.supposing(Vec::new(), Vec::new(), &HashSet::new(), read.clone());
            before = Arc::new(Present::new(Arc::new(known)));
        }
        let after = Arc::new(Present::new(Arc::new(self.supposed(directory, spaces, read))));
        let (references, hosts) = touched(&before.directory, spaces);
        let delta = |before: &Visible, after: &Visible| {
            let mut delta = Delta::default();
            for reference in &references {
                match (before.images.find(reference).is_some(), after.images.find(reference).is_some()) {
                    (false, true) => delta.gained += 1,
                    (true, false) => delta.lost += 1,
                    (true, true) | (false, false) => {}
                }
            }
            delta
        };
        let everywhere = delta(&before.public(), &after.public());
        let mut of_workspace: HashMap<Uuid, Delta> = HashMap::new();
        let mut preview = Preview { gains: Vec::new(), losses: Vec::new(), everywhere };
        for namespace in directory.namespaces.iter() {
            let delta = match namespace.workspace_id {
                None => everywhere,
                Some(id) => *of_workspace.entry(id).or_insert_with(|| {
                    let (before, after) = (before.of_workspace(id), after.of_workspace(id));
                    // What a workspace has to itself elsewhere makes no difference.
                    let is_concerned = |visible: &Visible| {
                        visible.own().iter().any(|reach| hosts.contains(reach.registry.host.as_str()))
                    };
                    if is_concerned(&before) || is_concerned(&after) { delta(&before, &after) } else { everywhere }
                }),
            };
            if delta.gained > 0 {
                preview.gains.push((namespace.clone(), delta.gained));
            }
            if delta.lost > 0 {
                preview.losses.push((namespace.clone(), delta.lost));
            }
        }
        preview
    }

    /// The directory as it would be.
    fn supposed(&self, directory: &Directory, spaces: &[Space], read: Vec<(Uuid, Arc<Snapshot>)>) -> Directory {
        let mut bound = Vec::new();
        let mut unbound = HashSet::new();
        for space in spaces {
            let standing = directory.bindings_of_space(space.id);
            unbound.extend(standing.iter().filter(|row| self.unbind.contains(&row.workspace_id)).map(|row| row.id));
            let is_new = |workspace: &&Uuid| standing.iter().all(|row| row.workspace_id != **workspace);
            let new: BTreeSet<&Uuid> = self.bind.iter().filter(is_new).collect();
            bound.extend(new.into_iter().map(|workspace| binding(space, *workspace)));
        }
        let visibility = |space: &Space| match self.public {
            Some(true) => Visibility::Public,
            Some(false) => Visibility::Private,
            None => space.visibility,
        };
        let changed = spaces.iter().filter(|space| visibility(space) != space.visibility);
        let changed = changed.map(|space| space::Model { visibility: visibility(space), ..(**space).clone() });
        directory.supposing(changed.collect(), bound, &unbound, read)
    }
}

/// Nobody will ever see its id and its time.
fn binding(space: &Space, workspace: Uuid) -> space_binding::Model {
    space_binding::Model {
        id: Uuid::now_v7(),
        space_id: space.id,
        workspace_id: workspace,
        created_at: crate::clock::now(),
        created_by: String::new(),
        version: 0,
    }
}

/// The references of all images in these spaces, each once, and the hosts that they begin with.
fn touched<'a>(directory: &'a Directory, spaces: &[Space]) -> (HashSet<String>, HashSet<&'a str>) {
    let (mut references, mut hosts) = (HashSet::new(), HashSet::new());
    for space in spaces {
        let Some(registry) = directory.registries.find(space.registry_id) else { continue };
        hosts.insert(registry.host.as_str());
        let prefix = reference_prefix(registry, space);
        let snapshot = directory.catalog.get(space.id).into_iter();
        references
            .extend(snapshot.flat_map(|images| images.images().map(|image| format!("{prefix}{}", image.repository))));
    }
    (references, hosts)
}
