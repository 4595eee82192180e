//! What must be, as naively as it can be said: R1 over the bindings that were made, and what is in the Harbors.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tests::harbor::ProjectState;

use super::scene::{Asker, MAIN, NAMESPACES, OWN, Scene};

/// A Harbor with more repositories than this shows them on several pages.
pub(super) const PAGE: usize = 100;

/// A space as Fairway tells of it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) id: String,
    pub(super) registry: usize,
    pub(super) name: String,
    pub(super) is_public: bool,
    pub(super) missing: bool,
    pub(super) n_images: usize,
    pub(super) created_at: String,
    pub(super) workspaces: BTreeSet<usize>,
}

impl Told {
    pub(super) fn of(space: &Value) -> Self {
        let text = |field: &str| space[field].as_str().unwrap_or_default().to_owned();
        let workspaces = space["workspaces"].as_array().map_or(&[][..], Vec::as_slice);
        Self {
            id: text("id"),
            registry: if space["registry"]["name"] == "main" { MAIN } else { OWN },
            name: text("name"),
            is_public: space["visibility"] == "PUBLIC",
            missing: space["missing"] == true,
            n_images: space["imageCount"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or_default(),
            created_at: text("createdAt"),
            workspaces: workspaces.iter().filter_map(|workspace| place_of(workspace["name"].as_str()?)).collect(),
        }
    }

    /// Whether it is this project, and not another one of its name.
    pub(super) fn is(&self, registry: usize, project: &ProjectState) -> bool {
        self.registry == registry && self.name == project.name && self.created_at == project.created_at
    }
}

fn place_of(workspace: &str) -> Option<usize> {
    super::scene::WORKSPACES.iter().position(|name| *name == workspace)
}

/// A row of a selector.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) reference: String,
    pub(super) via: &'static str,
    /// None where it may be of an earlier time.
    pub(super) n_artifacts: Option<usize>,
}

/// What was done through Fairway, and what follows from it.
#[derive(Default)]
pub(super) struct Model {
    /// By the space's id, the workspaces that it is bound to.
    pub(super) bindings: BTreeMap<String, BTreeSet<usize>>,
    /// The workspace of each of [`NAMESPACES`].
    pub(super) owners: [Option<usize>; NAMESPACES.len()],
    /// All spaces that Fairway ever told of and was not told to forget, as it told of them first.
    pub(super) spaces: BTreeMap<String, Told>,
    /// Spaces that were opened or closed through Fairway, with nothing since that could have changed them.
    pub(super) visibilities: BTreeMap<String, bool>,
    /// Spaces whose images Fairway has read once, so that it knows of some ever after.
    pub(super) settled: BTreeSet<String>,
    /// Repositories (registry, project's id, name) whose number of artifacts changed, and nothing else of them. In a
    /// Harbor that shows its repositories on several pages only a reading of everything, or a webhook, tells of that.
    pub(super) quiet: BTreeSet<(usize, i64, String)>,
}

impl Model {
    pub(super) fn new(owners: [Option<usize>; NAMESPACES.len()]) -> Self {
        Self { owners, ..Self::default() }
    }

    /// Whether this asker may know what the namespace's workspace may use; and which workspace that is.
    pub(super) fn inside(&self, asker: Asker, namespace: usize) -> Option<usize> {
        self.owners[namespace].filter(|owner| match asker {
            Asker::Admin => true,
            Asker::Member(workspace) => workspace == *owner,
            Asker::Outsider => false,
        })
    }

    /// R1: how the images of a space reach a namespace of `inside`, or of nobody that the asker knows of.
    pub(super) fn via(&self, space: &Told, inside: Option<usize>) -> Option<&'static str> {
        let is_bound = |workspace| self.bindings.get(&space.id).is_some_and(|bound| bound.contains(&workspace));
        match (space.registry, inside) {
            _ if space.missing => None,
            (MAIN, _) if space.is_public => Some("PUBLIC"),
            (MAIN, Some(workspace)) if is_bound(workspace) => Some("BOUND"),
            (OWN, Some(1)) => Some("WORKSPACE_REGISTRY"),
            _ => None,
        }
    }

    /// Whether this asker may know of a space at all.
    pub(super) fn is_visible(&self, space: &Told, asker: Asker) -> bool {
        let is_bound = |workspace: usize| self.bindings.get(&space.id).is_some_and(|bound| bound.contains(&workspace));
        match asker {
            Asker::Admin => true,
            Asker::Member(1) if space.registry == OWN => true,
            _ if space.registry == MAIN && space.is_public && !space.missing => true,
            Asker::Member(workspace) => space.registry == MAIN && is_bound(workspace),
            Asker::Outsider => false,
        }
    }

    /// The selector as it must be, in its order, with all that is in the Harbors known to Fairway.
    pub(super) fn selector(&self, scene: &Scene, spaces: &[Told], inside: Option<usize>) -> Vec<Row> {
        let mut rows = Vec::new();
        for (at, registry) in scene.registries.iter().enumerate() {
            let projects = registry.harbor.inventory();
            let is_large = projects.iter().map(|project| project.repositories.len()).sum::<usize>() > PAGE;
            for project in projects {
                let Some(space) = spaces.iter().find(|space| space.is(at, &project)) else { continue };
                let Some(via) = self.via(space, inside) else { continue };
                for (repository, state) in project.repositories {
                    let is_quiet = is_large && self.quiet.contains(&(at, project.id, repository.clone()));
                    rows.push(Row {
                        reference: format!("{}/{}/{repository}", registry.harbor.host(), project.name),
                        via,
                        n_artifacts: (!is_quiet).then_some(state.artifacts.len()),
                    });
                }
            }
        }
        rows.sort();
        rows
    }

    /// The sources of a selector: each registry of which something reaches the namespace, with so many spaces.
    pub(super) fn sources(&self, scene: &Scene, spaces: &[Told], inside: Option<usize>) -> Vec<(&'static str, usize)> {
        let mut sources = Vec::new();
        for (at, registry) in scene.registries.iter().enumerate() {
            let reaching = spaces.iter().filter(|space| space.registry == at && self.via(space, inside).is_some());
            match reaching.count() {
                0 => {}
                n_spaces => sources.push((registry.name, n_spaces)),
            }
        }
        sources
    }

    pub(super) fn forget(&mut self, space: &str) {
        self.bindings.remove(space);
        self.spaces.remove(space);
        self.visibilities.remove(space);
        self.settled.remove(space);
    }
}
