//! One consistent view of all that is stored.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ::entity::registry::Kind;
use ::entity::{namespace, registry, space, space_binding, workspace};
use uuid::Uuid;

use super::index::Index;
use crate::catalog::{Catalog, Snapshot};
use crate::storage::Epoch;

pub type Registry = Arc<registry::Model>;
pub type Space = Arc<space::Model>;
pub type Binding = Arc<space_binding::Model>;
pub type Workspace = Arc<workspace::Model>;
pub type Namespace = Arc<namespace::Model>;

/// One consistent view. What has not changed from one to the next is shared.
#[derive(Clone)]
pub struct Directory {
    pub epoch: Epoch,
    pub registries: Arc<Index<registry::Model>>,
    pub spaces: Arc<Index<space::Model>>,
    pub workspaces: Arc<Index<workspace::Model>>,
    pub namespaces: Arc<Index<namespace::Model>>,
    pub bindings: Arc<Index<space_binding::Model>>,
    /// The images of the spaces that were ever read.
    pub catalog: Catalog,
    workspace_by_name: Arc<HashMap<String, Workspace>>,
    namespace_by_key: Arc<HashMap<(String, String), Namespace>>,
    /// The PUBLIC spaces of PLATFORM registries, with their registries: what every namespace may use. By what their
    /// references begin with.
    open_spaces: Arc<Vec<(Registry, Space)>>,
}

/// The tables that a directory is made of.
pub(super) struct Tables {
    pub(super) registries: Arc<Index<registry::Model>>,
    pub(super) spaces: Arc<Index<space::Model>>,
    pub(super) workspaces: Arc<Index<workspace::Model>>,
    pub(super) namespaces: Arc<Index<namespace::Model>>,
    pub(super) bindings: Arc<Index<space_binding::Model>>,
}

impl Directory {
    /// What follows from tables that are those of `before` is taken from there.
    pub(super) fn new(epoch: Epoch, tables: Tables, catalog: Catalog, before: Option<&Self>) -> Self {
        let Tables { registries, spaces, workspaces, namespaces, bindings } = tables;
        let workspace_by_name = match before.filter(|before| Arc::ptr_eq(&before.workspaces, &workspaces)) {
            Some(before) => before.workspace_by_name.clone(),
            None => Arc::new(workspaces.iter().map(|row| (row.name.clone(), row.clone())).collect()),
        };
        let namespace_by_key = match before.filter(|before| Arc::ptr_eq(&before.namespaces, &namespaces)) {
            Some(before) => before.namespace_by_key.clone(),
            None => {
                let key = |row: &Namespace| (row.cluster_key.clone(), row.name.clone());
                Arc::new(namespaces.iter().map(|row| (key(row), row.clone())).collect())
            }
        };
        let is_same =
            |before: &&Self| Arc::ptr_eq(&before.spaces, &spaces) && Arc::ptr_eq(&before.registries, &registries);
        let open_spaces = match before.filter(is_same) {
            Some(before) => before.open_spaces.clone(),
            None => Arc::new(open_spaces(&registries, &spaces)),
        };
        Self {
            epoch,
            registries,
            spaces,
            workspaces,
            namespaces,
            bindings,
            catalog,
            workspace_by_name,
            namespace_by_key,
            open_spaces,
        }
    }

    /// This directory as it would be with `spaces` in the place of those of their ids, with these bindings besides and
    /// without those that are `unbound`, and with these images. Nothing of it is kept.
    pub fn supposing(
        &self,
        spaces: Vec<space::Model>,
        bindings: Vec<space_binding::Model>,
        unbound: &HashSet<Uuid>,
        images: Vec<(Uuid, Arc<Snapshot>)>,
    ) -> Self {
        let tables = Tables {
            registries: self.registries.clone(),
            spaces: match spaces.is_empty() {
                true => self.spaces.clone(),
                false => Arc::new(self.spaces.advanced(spaces, &HashSet::new())),
            },
            workspaces: self.workspaces.clone(),
            namespaces: self.namespaces.clone(),
            bindings: Arc::new(self.bindings.advanced(bindings, unbound)),
        };
        let images = images.into_iter().map(|(space, snapshot)| (space, Some(snapshot)));
        Self::new(self.epoch, tables, self.catalog.with(images), Some(self))
    }

    pub fn spaces_of(&self, registry: Uuid) -> &[Space] {
        self.spaces.of(registry)
    }

    pub fn bindings_of_space(&self, space: Uuid) -> &[Binding] {
        self.bindings.of(space)
    }

    pub fn bindings_of_workspace(&self, workspace: Uuid) -> &[Binding] {
        self.bindings.of(workspace)
    }

    pub fn namespaces_of(&self, workspace: Uuid) -> &[Namespace] {
        self.namespaces.of(workspace)
    }

    /// The registries of WORKSPACE scope that `workspace` owns.
    pub fn registries_of(&self, workspace: Uuid) -> &[Registry] {
        self.registries.of(workspace)
    }

    pub fn workspace_named(&self, name: &str) -> Option<&Workspace> {
        self.workspace_by_name.get(name)
    }

    pub fn namespace_named(&self, cluster: &str, name: &str) -> Option<&Namespace> {
        self.namespace_by_key.get(&(cluster.to_lowercase(), name.to_owned()))
    }

    pub fn open_spaces(&self) -> &Arc<Vec<(Registry, Space)>> {
        &self.open_spaces
    }
}

/// What the references of a space's images begin with: `host/space/`, or `host/` for a Docker Registry.
pub fn reference_prefix(registry: &registry::Model, space: &space::Model) -> String {
    match registry.kind {
        Kind::Harbor => format!("{}/{}/", registry.host, space.name),
        Kind::DockerRegistry => format!("{}/", registry.host),
    }
}

fn open_spaces(registries: &Index<registry::Model>, spaces: &Index<space::Model>) -> Vec<(Registry, Space)> {
    let is_open = |space: &&Space| space.visibility == space::Visibility::Public && !space.missing;
    let mut open: Vec<(Registry, Space)> = spaces
        .iter()
        .filter(is_open)
        .filter_map(|space| {
            let registry = registries.find(space.registry_id).filter(|registry| registry.workspace_id.is_none())?;
            Some((registry.clone(), space.clone()))
        })
        .collect();
    open.sort_by_cached_key(|(registry, space)| reference_prefix(registry, space));
    open
}
