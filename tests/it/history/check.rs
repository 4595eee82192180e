//! What must hold: at any moment for what was done through Fairway, and for everything once the Harbors are well and have
//! been looked at.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::gateway::Reply;

use super::History;
use super::model::{Row, Told};
use super::scene::{ASKERS, Asker, NAMESPACES, WORKSPACES};

const SPACE: &str = "fragment space on Space {
    id name visibility missing imageCount createdAt registry { name } workspaces { name } }";

const IMAGES: &str = "fragment images on AvailableImageConnection {
    totalCount pageInfo { hasNextPage endCursor }
    edges { via node { reference artifactCount space { id } } }
    sources { state spaces images registry { name } } }";

impl History<'_> {
    /// What one asker is told of one namespace at one moment agrees with itself, with what was done through Fairway, and
    /// with R1; whatever state the Harbors are in. Answers the spaces that they are told of.
    pub(super) async fn check(&mut self, asker: Asker, namespace: usize) -> Vec<Told> {
        let document = format!(
            "query ($namespace: NamespaceKey!) {{ spaces(first: 100) {{ nodes {{ ...space }} }}
               availableImages(namespace: $namespace, first: 100) {{ ...images }} }} {SPACE} {IMAGES}"
        );
        let replica = self.replica();
        let variables = json!({ "namespace": { "name": NAMESPACES[namespace] } });
        let reply = self.scene.client(replica, asker).query(&document, variables).await;
        let spaces = told(&reply);
        self.check_spaces(asker, &spaces, &reply);

        let inside = self.model.inside(asker, namespace);
        let reach: BTreeMap<&str, &str> =
            spaces.iter().filter_map(|space| Some((space.id.as_str(), self.model.via(space, inside)?))).collect();
        let mut n_rows: BTreeMap<&str, usize> = BTreeMap::new();
        for edge in reply.list("availableImages.edges") {
            let space = edge["node"]["space"]["id"].as_str().expect("an id is a string");
            let via = edge["via"].as_str().expect("a way is a string");
            assert_eq!(reach.get(space), Some(&via), "R1 for {asker:?} in {}: {}", NAMESPACES[namespace], reply.text);
            *n_rows.entry(space).or_default() += 1;
        }
        let total = reply.data("availableImages.totalCount").as_u64().expect("a count is a whole number");
        if total <= 100 {
            for space in spaces.iter().filter(|space| reach.contains_key(space.id.as_str())) {
                let n_rows = n_rows.get(space.id.as_str()).copied().unwrap_or_default();
                let is_settled = self.model.settled.contains(&space.id);
                assert!(!is_settled || n_rows == space.n_images, "{n_rows} images of {space:?}: {}", reply.text);
            }
        }
        let sources: Vec<_> =
            sources(&reply, "availableImages").into_iter().map(|(name, spaces, ..)| (name, spaces)).collect();
        let expected = self.model.sources(self.scene, &spaces, inside);
        assert_eq!(
            sources,
            expected.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>(),
            "{}",
            reply.text
        );
        spaces
    }

    /// The spaces that an asker is told of: none that is not for them, and each as it was made and bound.
    fn check_spaces(&mut self, asker: Asker, spaces: &[Told], reply: &Reply) {
        for space in spaces {
            assert!(self.model.is_visible(space, asker), "{asker:?} may not know of {space:?}: {}", reply.text);
            let first = self.model.spaces.entry(space.id.clone()).or_insert_with(|| space.clone());
            assert_eq!(
                (&first.name, &first.created_at),
                (&space.name, &space.created_at),
                "a space became another one"
            );
            if let Some(is_public) = self.model.visibilities.get(&space.id) {
                assert_eq!(space.is_public, *is_public, "as it was set through Fairway: {space:?}");
            }
            let exists = || self.scene.registries[space.registry].harbor.inventory();
            let is_there = space.missing && exists().iter().any(|project| space.is(space.registry, project));
            assert!(!is_there, "a project that is there is called missing: {space:?}");
            let bound = self.model.bindings.get(&space.id).cloned().unwrap_or_default();
            let visible: BTreeSet<usize> = match asker {
                Asker::Admin => bound,
                Asker::Member(workspace) => bound.intersection(&BTreeSet::from([workspace])).copied().collect(),
                Asker::Outsider => BTreeSet::new(),
            };
            assert_eq!(space.workspaces, visible, "the workspaces of {space:?}, for {asker:?}");
        }
        if asker == Asker::Admin {
            let told: BTreeSet<&String> = spaces.iter().map(|space| &space.id).collect();
            let lost: Vec<_> = self.model.spaces.values().filter(|space| !told.contains(&space.id)).collect();
            assert!(lost.is_empty(), "Fairway has forgotten {lost:?}");
        }
    }

    /// Everything agrees with the Harbors: spaces, and the selectors of all namespaces for everybody.
    pub(super) async fn agree(&mut self) -> Vec<Told> {
        let mut of_admin = Vec::new();
        for asker in ASKERS {
            let selectors: String = (0..NAMESPACES.len())
                .map(|at| {
                    format!(
                        " n{at}: availableImages(namespace: {{ name: \"{}\" }}, first: 100) {{ ...images }}",
                        NAMESPACES[at]
                    )
                })
                .collect();
            let document = format!("{{ spaces(first: 100) {{ nodes {{ ...space }} }} {selectors} }} {SPACE} {IMAGES}");
            let replica = self.replica();
            let reply = self.scene.client(replica, asker).ask(&document).await;
            let spaces = told(&reply);
            self.check_spaces(asker, &spaces, &reply);
            if asker == Asker::Admin {
                self.agree_on_spaces(&spaces);
                of_admin.clone_from(&spaces);
            }
            for namespace in 0..NAMESPACES.len() {
                self.agree_on_images(asker, replica, namespace, &of_admin, &reply).await;
            }
        }
        of_admin
    }

    /// Fairway has each project once, as it is, and what is left over is missing and closed.
    fn agree_on_spaces(&self, spaces: &[Told]) {
        let mut left: Vec<&Told> = spaces.iter().collect();
        for (at, registry) in self.scene.registries.iter().enumerate() {
            for project in registry.harbor.inventory() {
                let place = left.iter().position(|space| space.is(at, &project));
                let Some(place) = place else { panic!("{project:?} of `{}` is not among {spaces:?}", registry.name) };
                let space = left.swap_remove(place);
                let seen = (space.missing, space.is_public, space.n_images);
                assert_eq!(seen, (false, project.is_public, project.repositories.len()), "{space:?} is {project:?}");
            }
        }
        for space in left {
            assert_eq!((space.missing, space.is_public, space.n_images), (true, false, 0), "gone: {space:?}");
        }
    }

    async fn agree_on_images(
        &mut self,
        asker: Asker,
        replica: usize,
        namespace: usize,
        spaces: &[Told],
        first: &Reply,
    ) {
        let inside = self.model.inside(asker, namespace);
        let field = format!("n{namespace}");
        let whose = format!("for {asker:?} in {}, of {:?}", NAMESPACES[namespace], inside.map(|at| WORKSPACES[at]));
        let mut rows = self.rows(first, &field);
        let mut page = first.data(&format!("{field}.pageInfo")).clone();
        while page["hasNextPage"] == true {
            let document = format!(
                "query ($namespace: NamespaceKey!, $after: String) {{
                   availableImages(namespace: $namespace, first: 100, after: $after) {{ ...images }} }} {IMAGES}"
            );
            let variables = json!({ "namespace": { "name": NAMESPACES[namespace] }, "after": page["endCursor"] });
            let reply = self.scene.client(replica, asker).query(&document, variables).await;
            rows.extend(self.rows(&reply, "availableImages"));
            page = reply.data("availableImages.pageInfo").clone();
        }
        let expected = self.model.selector(self.scene, spaces, inside);
        let shown: Vec<Row> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| {
                let is_quiet = expected.get(at).is_some_and(|row| row.n_artifacts.is_none());
                Row { n_artifacts: row.n_artifacts.filter(|_| !is_quiet), ..row.clone() }
            })
            .collect();
        assert_eq!(shown, expected, "{whose}");
        assert_eq!(first.data(&format!("{field}.totalCount")), expected.len(), "{whose}");
        let sources = sources(first, &field);
        let n_images: usize = sources.iter().map(|(_, _, images, _)| images).sum();
        assert_eq!(n_images, expected.len(), "{whose}: {sources:?}");
        for (_, _, _, state) in &sources {
            assert_eq!(state, "CURRENT", "{whose}: {}", first.text);
        }
        let named: Vec<_> = sources.iter().map(|(name, spaces, ..)| (name.as_str(), *spaces)).collect();
        assert_eq!(named, self.model.sources(self.scene, spaces, inside), "{whose}");
    }

    fn rows(&self, reply: &Reply, field: &str) -> Vec<Row> {
        let row = |edge: &Value| Row {
            reference: edge["node"]["reference"].as_str().unwrap_or_default().to_owned(),
            via: ["PUBLIC", "BOUND", "WORKSPACE_REGISTRY"]
                .into_iter()
                .find(|via| edge["via"] == **via)
                .expect("there are three ways"),
            n_artifacts: edge["node"]["artifactCount"].as_u64().and_then(|count| usize::try_from(count).ok()),
        };
        reply.list(&format!("{field}.edges")).iter().map(row).collect()
    }
}

fn told(reply: &Reply) -> Vec<Told> {
    reply.list("spaces.nodes").iter().map(Told::of).collect()
}

/// Each source's registry, spaces, images and state, in the order given.
fn sources(reply: &Reply, field: &str) -> Vec<(String, usize, usize, String)> {
    let count = |value: &Value| value.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let source = |row: &Value| {
        (text(&row["registry"]["name"]), count(&row["spaces"]), count(&row["images"]), text(&row["state"]))
    };
    reply.list(&format!("{field}.sources")).iter().map(source).collect()
}
