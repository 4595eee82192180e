//! R1, as naively as it can be said.

use std::collections::{BTreeMap, BTreeSet};

/// Who asks. Workspaces by their place in the model.
#[derive(Clone, Debug, Default)]
pub(super) struct Asker {
    pub(super) is_admin: bool,
    pub(super) roles: BTreeMap<usize, &'static str>,
}

pub(super) struct Registry {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) host: String,
    /// None: of the platform.
    pub(super) owner: Option<usize>,
}

pub(super) struct Space {
    pub(super) id: String,
    pub(super) registry: usize,
    pub(super) name: String,
    pub(super) is_public: bool,
    pub(super) bound: BTreeSet<usize>,
    /// Id and repository.
    pub(super) images: Vec<(String, String)>,
}

pub(super) struct Namespace {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) owner: Option<usize>,
}

/// A row of a selector.
pub(super) struct Row {
    pub(super) reference: String,
    pub(super) via: &'static str,
}

#[derive(Default)]
pub(super) struct Model {
    /// Name and id.
    pub(super) workspaces: Vec<(String, String)>,
    pub(super) registries: Vec<Registry>,
    pub(super) spaces: Vec<Space>,
    pub(super) namespaces: Vec<Namespace>,
}

impl Asker {
    fn is_member(&self, workspace: usize) -> bool {
        self.is_admin || self.roles.contains_key(&workspace)
    }
}

impl Row {
    pub(super) fn is_found_by(&self, search: &str) -> bool {
        search.split_whitespace().all(|word| self.reference.to_lowercase().contains(&word.to_lowercase()))
    }
}

impl Model {
    /// How the images of a space reach this namespace, as far as the asker may know.
    fn via(&self, asker: &Asker, namespace: usize, space: &Space) -> Option<&'static str> {
        let owner = self.namespaces.get(namespace).and_then(|namespace| namespace.owner);
        let inside = owner.filter(|owner| asker.is_member(*owner));
        match (self.registries[space.registry].owner, inside) {
            (None, _) if space.is_public => Some("PUBLIC"),
            (None, Some(inside)) if space.bound.contains(&inside) => Some("BOUND"),
            (Some(owner), Some(inside)) if owner == inside => Some("WORKSPACE_REGISTRY"),
            _ => None,
        }
    }

    /// The selector in the order of its references, each once.
    pub(super) fn selector(&self, asker: &Asker, namespace: usize) -> Vec<Row> {
        let mut rows: BTreeMap<String, &'static str> = BTreeMap::new();
        for space in &self.spaces {
            let Some(via) = self.via(asker, namespace, space) else { continue };
            for (_, repository) in &space.images {
                let reference = format!("{}/{}/{repository}", self.registries[space.registry].host, space.name);
                let rank = |via: &str| ["PUBLIC", "BOUND", "WORKSPACE_REGISTRY"].iter().position(|one| *one == via);
                let kept = rows.entry(reference).or_insert(via);
                if rank(via) < rank(kept) {
                    *kept = via;
                }
            }
        }
        rows.into_iter().map(|(reference, via)| Row { reference, via }).collect()
    }

    /// The registries that something reaches the namespace from.
    pub(super) fn sources(&self, asker: &Asker, namespace: usize) -> BTreeSet<&str> {
        let reaching = self.spaces.iter().filter(|space| self.via(asker, namespace, space).is_some());
        reaching.map(|space| self.registries[space.registry].name.as_str()).collect()
    }

    fn sees_space(&self, asker: &Asker, space: &Space) -> bool {
        match self.registries[space.registry].owner {
            Some(owner) => asker.is_member(owner),
            None => asker.is_admin || space.is_public || space.bound.iter().any(|bound| asker.is_member(*bound)),
        }
    }

    fn sees_registry(&self, asker: &Asker, registry: usize) -> bool {
        match self.registries[registry].owner {
            Some(owner) => asker.is_member(owner),
            None => {
                let mut spaces = self.spaces.iter().filter(|space| space.registry == registry);
                asker.is_admin || spaces.any(|space| self.sees_space(asker, space))
            }
        }
    }

    fn sees_namespace(&self, asker: &Asker, namespace: &Namespace) -> bool {
        match namespace.owner {
            Some(owner) => asker.is_member(owner),
            None => asker.is_admin || asker.roles.values().any(|role| *role == "admin"),
        }
    }

    /// The ids of everything, and whether the asker sees it.
    pub(super) fn everything(&self, asker: &Asker) -> Vec<(String, bool)> {
        let mut all = Vec::new();
        for (at, registry) in self.registries.iter().enumerate() {
            all.push((registry.id.clone(), self.sees_registry(asker, at)));
        }
        for space in &self.spaces {
            let is_seen = self.sees_space(asker, space);
            all.push((space.id.clone(), is_seen));
            all.extend(space.images.iter().map(|(id, _)| (id.clone(), is_seen)));
        }
        for (at, (_, id)) in self.workspaces.iter().enumerate() {
            all.push((id.clone(), asker.is_member(at)));
        }
        for namespace in &self.namespaces {
            all.push((namespace.id.clone(), self.sees_namespace(asker, namespace)));
        }
        all
    }

    /// What each list of the graph shows.
    pub(super) fn lists(&self, asker: &Asker) -> [(&'static str, BTreeSet<&str>); 4] {
        let registries = (0..self.registries.len()).filter(|at| self.sees_registry(asker, *at));
        let spaces = self.spaces.iter().filter(|space| self.sees_space(asker, space));
        let workspaces = self.workspaces.iter().enumerate().filter(|(at, _)| asker.is_member(*at));
        let namespaces = self.namespaces.iter().filter(|namespace| self.sees_namespace(asker, namespace));
        [
            ("registries", registries.map(|at| self.registries[at].id.as_str()).collect()),
            ("spaces", spaces.map(|space| space.id.as_str()).collect()),
            ("workspaces", workspaces.map(|(_, (_, id))| id.as_str()).collect()),
            ("namespaces", namespaces.map(|namespace| namespace.id.as_str()).collect()),
        ]
    }
}
