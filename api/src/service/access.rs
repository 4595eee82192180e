//! R1: who sees what. Pure: a view of the directory through one viewer's eyes, and no I/O.
//!
//! Every way to reach a thing asks here: lists, lookups by id, counts, and mutations, for which a thing that the
//! viewer may not see does not exist.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::entity::space::Visibility;
use uuid::Uuid;

use super::present::{Present, Visible};
use crate::auth::policy::{Action, Scope, may};
use crate::auth::{Role, Viewer};
use crate::mirror::{Binding, Directory, Namespace, Registry, Space, Workspace};

/// How an image reached a namespace, in the order of precedence when one reference is reached twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Availability {
    Public,
    Bound,
    WorkspaceRegistry,
}

/// A space whose images a namespace may use, and why.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    pub registry: Registry,
    pub space: Space,
    pub via: Availability,
}

/// What a viewer may read of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryView {
    Hidden,
    /// Name, host, kind and health state: what whoever may use its images needs.
    Outline,
    /// All but the password.
    Settings,
}

/// A [`Directory`] through the eyes of a [`Viewer`].
#[derive(Clone)]
pub struct Sight {
    present: Arc<Present>,
    viewer: Viewer,
    /// The workspaces of the token that Fairway knows.
    roles: BTreeMap<Uuid, Role>,
}

impl Sight {
    pub fn new(present: Arc<Present>, viewer: &Viewer) -> Self {
        let roles = viewer
            .memberships
            .iter()
            .filter_map(|(name, role)| Some((present.directory.workspace_named(name)?.id, *role)))
            .collect();
        Self { present, viewer: viewer.clone(), roles }
    }

    pub fn directory(&self) -> &Arc<Directory> {
        &self.present.directory
    }

    pub(super) fn present(&self) -> &Arc<Present> {
        &self.present
    }

    /// The viewer's own role, whether or not they are an Admin as well.
    pub fn role(&self, workspace: Uuid) -> Option<Role> {
        self.roles.get(&workspace).copied()
    }

    pub fn memberships(&self) -> impl Iterator<Item = (&Workspace, Role)> {
        self.roles.iter().filter_map(|(id, role)| Some((self.directory().workspaces.find(*id)?, *role)))
    }

    /// R2 for what belongs to a workspace, or to the platform.
    pub fn may(&self, action: Action, owner: Option<Uuid>) -> bool {
        match owner {
            None => may(&self.viewer, action, Scope::Platform),
            Some(id) => self
                .directory()
                .workspaces
                .find(id)
                .is_some_and(|owner| may(&self.viewer, action, Scope::Workspace(&owner.name))),
        }
    }

    /// Whether the viewer may see what only members of the workspace may.
    fn is_inside(&self, workspace: Uuid) -> bool {
        self.may(Action::ReadSelector, Some(workspace))
    }

    fn is_any_workspace_admin(&self) -> bool {
        self.roles.values().any(|role| *role == Role::Admin)
    }

    pub fn sees_workspace(&self, workspace: Uuid) -> bool {
        self.is_inside(workspace)
    }

    /// The workspace of this id, if the viewer may see it.
    pub fn workspace(&self, id: Uuid) -> Option<&Workspace> {
        self.directory().workspaces.find(id).filter(|_| self.sees_workspace(id))
    }

    /// A free namespace is seen by those who may bind it.
    pub fn sees_namespace(&self, namespace: &Namespace) -> bool {
        match namespace.workspace_id {
            Some(workspace) => self.is_inside(workspace),
            None => self.viewer.is_admin || self.is_any_workspace_admin(),
        }
    }

    pub fn sees_space(&self, space: &Space) -> bool {
        let Some(registry) = self.directory().registries.find(space.registry_id) else { return false };
        match registry.workspace_id {
            _ if self.viewer.is_admin => true,
            Some(owner) => self.is_inside(owner),
            None => {
                (space.visibility == Visibility::Public && !space.missing)
                    || self
                        .directory()
                        .bindings_of_space(space.id)
                        .iter()
                        .any(|binding| self.is_inside(binding.workspace_id))
            }
        }
    }

    pub fn sees_binding(&self, binding: &Binding) -> bool {
        self.is_inside(binding.workspace_id)
    }

    pub fn view_of(&self, registry: &Registry) -> RegistryView {
        match registry.workspace_id {
            owner if self.may(Action::ReadRegistrySettings, owner) => RegistryView::Settings,
            Some(_) => RegistryView::Hidden,
            None if self.directory().spaces_of(registry.id).iter().any(|space| self.sees_space(space)) => {
                RegistryView::Outline
            }
            None => RegistryView::Hidden,
        }
    }

    /// The bindings of a space that the viewer may see, oldest first.
    pub fn bindings_of(&self, space: Uuid) -> Vec<Binding> {
        let bindings = self.directory().bindings_of_space(space).iter();
        bindings.filter(|binding| self.sees_binding(binding)).cloned().collect()
    }

    /// R1: what may be used in the namespace, as far as the viewer may know.
    pub(super) fn visible(&self, cluster: &str, name: &str) -> Arc<Visible> {
        let workspace = self.directory().namespace_named(cluster, name).and_then(|found| found.workspace_id);
        match workspace.filter(|workspace| self.is_inside(*workspace)) {
            Some(workspace) => self.present.of_workspace(workspace),
            None => self.present.public(),
        }
    }
}

/// R1, the part that is everybody's: the PUBLIC spaces of PLATFORM registries.
pub(super) fn public_reach(directory: &Directory) -> Vec<Reach> {
    let reach = |(registry, space): &(Registry, Space)| Reach {
        registry: registry.clone(),
        space: space.clone(),
        via: Availability::Public,
    };
    directory.open_spaces().iter().map(reach).collect()
}

/// R1, the part that is one workspace's, in the order of precedence.
pub(super) fn own_reach(directory: &Directory, workspace: Uuid) -> Vec<Reach> {
    let mut reach = Vec::new();
    let mut add = |space: &Space, via| {
        if let Some(registry) = directory.registries.find(space.registry_id)
            && !space.missing
        {
            reach.push(Reach { registry: registry.clone(), space: space.clone(), via });
        }
    };
    for binding in directory.bindings_of_workspace(workspace) {
        // A PUBLIC space may be bound: the binding counts once it turns private.
        if let Some(space) = directory.spaces.find(binding.space_id)
            && space.visibility == Visibility::Private
        {
            add(space, Availability::Bound);
        }
    }
    for registry in directory.registries_of(workspace) {
        for space in directory.spaces_of(registry.id) {
            add(space, Availability::WorkspaceRegistry);
        }
    }
    reach
}
