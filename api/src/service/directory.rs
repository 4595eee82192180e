//! Everything stored but images, as one immutable view in memory, kept by epoch.
//!
//! A request pins one directory: what it reads is of one moment. Holding it makes a nested query cost one SQL
//! statement (the epoch), however deep it goes. Knows no viewer: [`super::access`] decides who sees what of it.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use ::entity::{namespace, registry, space, space_binding, workspace};
use sea_orm::{DbErr, EntityTrait, QueryOrder};
use uuid::Uuid;

use crate::storage::{Epoch, Storage};

pub type Registry = Arc<registry::Model>;
pub type Space = Arc<space::Model>;
pub type Binding = Arc<space_binding::Model>;
pub type Workspace = Arc<workspace::Model>;
pub type Namespace = Arc<namespace::Model>;

/// One consistent view. Lists are in their default order: registries, spaces and workspaces by name, namespaces by
/// cluster and name, bindings by time of making.
pub struct Directory {
    pub epoch: Epoch,
    pub registries: Index<registry::Model>,
    pub spaces: Index<space::Model>,
    pub workspaces: Index<workspace::Model>,
    pub namespaces: Index<namespace::Model>,
    pub bindings: Index<space_binding::Model>,
    spaces_of_registry: HashMap<Uuid, Vec<Space>>,
    bindings_of_space: HashMap<Uuid, Vec<Binding>>,
    bindings_of_workspace: HashMap<Uuid, Vec<Binding>>,
    namespaces_of_workspace: HashMap<Uuid, Vec<Namespace>>,
    registries_of_workspace: HashMap<Uuid, Vec<Registry>>,
    workspace_by_name: HashMap<String, Workspace>,
    namespace_by_key: HashMap<(String, String), Namespace>,
    /// The PUBLIC spaces of PLATFORM registries: what every namespace may use.
    open_spaces: Vec<Space>,
}

/// Rows by id, and in order.
pub struct Index<T> {
    by_id: HashMap<Uuid, Arc<T>>,
    ordered: Vec<Arc<T>>,
}

impl<T> Index<T> {
    fn new(rows: Vec<T>, id: impl Fn(&T) -> Uuid) -> Self {
        let ordered: Vec<Arc<T>> = rows.into_iter().map(Arc::new).collect();
        let by_id = ordered.iter().map(|row| (id(row), row.clone())).collect();
        Self { by_id, ordered }
    }

    pub fn find(&self, id: Uuid) -> Option<&Arc<T>> {
        self.by_id.get(&id)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Arc<T>> {
        self.ordered.iter()
    }
}

impl Directory {
    async fn load(storage: &Storage) -> Result<Self, DbErr> {
        let snapshot = storage.snapshot().await?;
        let epoch = ::entity::epoch::Entity::find_by_id(::entity::epoch::ID)
            .one(&snapshot)
            .await?
            .ok_or_else(|| DbErr::RecordNotFound("the epoch row is missing".into()))?;
        let registries = registry::Entity::find().all(&snapshot).await?;
        let spaces = space::Entity::find().all(&snapshot).await?;
        let workspaces = workspace::Entity::find().all(&snapshot).await?;
        let namespaces = namespace::Entity::find().all(&snapshot).await?;
        let bindings = space_binding::Entity::find().order_by_asc(space_binding::Column::Id).all(&snapshot).await?;
        snapshot.rollback().await?;
        Ok(Self::new(epoch.into(), registries, spaces, workspaces, namespaces, bindings))
    }

    fn new(
        epoch: Epoch,
        mut registries: Vec<registry::Model>,
        mut spaces: Vec<space::Model>,
        mut workspaces: Vec<workspace::Model>,
        mut namespaces: Vec<namespace::Model>,
        bindings: Vec<space_binding::Model>,
    ) -> Self {
        registries.sort_by(|a, b| (&a.name_key, a.id).cmp(&(&b.name_key, b.id)));
        spaces.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        workspaces.sort_by(|a, b| (&a.name_key, a.id).cmp(&(&b.name_key, b.id)));
        namespaces.sort_by(|a, b| (&a.cluster_key, &a.name).cmp(&(&b.cluster_key, &b.name)));
        let registries = Index::new(registries, |row| row.id);
        let spaces = Index::new(spaces, |row| row.id);
        let workspaces = Index::new(workspaces, |row| row.id);
        let namespaces = Index::new(namespaces, |row| row.id);
        let bindings = Index::new(bindings, |row| row.id);
        let open_spaces = spaces
            .iter()
            .filter(|space| {
                space.visibility == space::Visibility::Public
                    && !space.missing
                    && registries.find(space.registry_id).is_some_and(|owner| owner.workspace_id.is_none())
            })
            .cloned()
            .collect();
        Self {
            epoch,
            spaces_of_registry: group(&spaces, |row| Some(row.registry_id)),
            bindings_of_space: group(&bindings, |row| Some(row.space_id)),
            bindings_of_workspace: group(&bindings, |row| Some(row.workspace_id)),
            namespaces_of_workspace: group(&namespaces, |row| row.workspace_id),
            registries_of_workspace: group(&registries, |row| row.workspace_id),
            workspace_by_name: workspaces.iter().map(|row| (row.name.clone(), row.clone())).collect(),
            namespace_by_key: namespaces
                .iter()
                .map(|row| ((row.cluster_key.clone(), row.name.clone()), row.clone()))
                .collect(),
            open_spaces,
            registries,
            spaces,
            workspaces,
            namespaces,
            bindings,
        }
    }

    pub fn spaces_of(&self, registry: Uuid) -> &[Space] {
        self.spaces_of_registry.get(&registry).map_or(&[], Vec::as_slice)
    }

    pub fn bindings_of_space(&self, space: Uuid) -> &[Binding] {
        self.bindings_of_space.get(&space).map_or(&[], Vec::as_slice)
    }

    pub fn bindings_of_workspace(&self, workspace: Uuid) -> &[Binding] {
        self.bindings_of_workspace.get(&workspace).map_or(&[], Vec::as_slice)
    }

    pub fn namespaces_of(&self, workspace: Uuid) -> &[Namespace] {
        self.namespaces_of_workspace.get(&workspace).map_or(&[], Vec::as_slice)
    }

    /// The registries of WORKSPACE scope that `workspace` owns.
    pub fn registries_of(&self, workspace: Uuid) -> &[Registry] {
        self.registries_of_workspace.get(&workspace).map_or(&[], Vec::as_slice)
    }

    pub fn workspace_named(&self, name: &str) -> Option<&Workspace> {
        self.workspace_by_name.get(name)
    }

    pub fn namespace_named(&self, cluster: &str, name: &str) -> Option<&Namespace> {
        self.namespace_by_key.get(&(cluster.to_lowercase(), name.to_owned()))
    }

    pub fn open_spaces(&self) -> &[Space] {
        &self.open_spaces
    }
}

fn group<T>(rows: &Index<T>, key: impl Fn(&T) -> Option<Uuid>) -> HashMap<Uuid, Vec<Arc<T>>> {
    let mut groups: HashMap<Uuid, Vec<Arc<T>>> = HashMap::new();
    for row in rows.iter() {
        if let Some(key) = key(row) {
            groups.entry(key).or_default().push(row.clone());
        }
    }
    groups
}

/// The newest directory of this process.
#[derive(Default)]
pub(crate) struct Directories {
    newest: RwLock<Option<Arc<Directory>>>,
    loading: tokio::sync::Mutex<()>,
}

impl Directories {
    /// A directory that is exact for an epoch read after this call began. One statement while nothing has changed.
    /// `on_load` sees each one that is read anew.
    pub(crate) async fn current(
        &self,
        storage: &Storage,
        on_load: impl Fn(&Directory),
    ) -> Result<Arc<Directory>, DbErr> {
        if let Some(kept) = self.kept(storage.epoch().await?) {
            return Ok(kept);
        }
        let _one_at_a_time = self.loading.lock().await;
        if let Some(kept) = self.kept(storage.epoch().await?) {
            return Ok(kept);
        }
        let loaded = Arc::new(Directory::load(storage).await?);
        on_load(&loaded);
        *self.newest.write().expect("no panic happens under this lock") = Some(loaded.clone());
        Ok(loaded)
    }

    /// Equal, not at least as new: an epoch that went back is a database that was restored.
    fn kept(&self, epoch: Epoch) -> Option<Arc<Directory>> {
        let newest = self.newest.read().expect("no panic happens under this lock");
        newest.as_ref().filter(|kept| kept.epoch == epoch).cloned()
    }
}
