//! R1 as a property: random tenants, bindings and viewers, many thousands of questions, and a naive model's answers.
//!
//! A world follows from its seed, which is told when it fails. `FAIRWAY_TEST_CASES` says how many questions there are in all.

mod model;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::gateway::{Client, TestGateway, Token};
use tests::harbor::SimulatedHarbor;
use tokio::task::JoinSet;

use self::model::{Asker, Model, Namespace, Registry, Space};
use crate::random::Random;

const COUNT_VARIABLE: &str = "FAIRWAY_TEST_CASES";

/// Questions in all, when nothing else is said.
const COUNT: usize = 10_000;

/// Worlds, which share the questions; and questions between two changes.
const WORLDS: u64 = 4;
const CASES_A_CHANGE: usize = 20;

const WORKSPACES: [&str; 3] = ["teal", "ochre", "plum"];

/// What is searched for: in all references, in some, in none.
const SEARCHES: [&str; 5] = ["app", "p1", "127.0.0.1", "P2 app", "nowhere"];

const SELECTOR: &str = "query ($namespace: NamespaceKey!, $search: String, $via: [Availability!], $first: Int) {
    availableImages(namespace: $namespace, search: $search, filter: { via: $via }, first: $first,
                    orderBy: { field: REFERENCE }) {
        totalCount edges { via node { reference } } sources { registry { name } } } }";

const LISTS: &str =
    "{ registries(first: 100) { totalCount nodes { id } } spaces(first: 100) { totalCount nodes { id } }
    workspaces(first: 100) { totalCount nodes { id } } namespaces(first: 100) { totalCount nodes { id } } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_bound_to_whom_everybody_sees_what_r1_says() {
    let text = std::env::var(COUNT_VARIABLE).ok().filter(|text| !text.is_empty());
    let count = text.map_or(COUNT, |text| text.parse().unwrap_or_else(|_| panic!("{COUNT_VARIABLE}={text}")));
    let mut worlds = JoinSet::new();
    for seed in 0..WORLDS {
        worlds.spawn(async move {
            let mut world = World::start(seed).await;
            for case in 0..count / WORLDS as usize {
                if case % CASES_A_CHANGE == 0 {
                    world.change().await;
                }
                world.ask(case).await;
            }
            world.n_hidden
        });
    }
    let mut n_hidden = 0;
    while let Some(ended) = worlds.join_next().await {
        n_hidden += ended.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
    }
    // A model that hides nothing would agree with a gateway that hides nothing.
    assert!(n_hidden > count, "{n_hidden} things were hidden in {count} answers");
}

struct World {
    seed: u64,
    random: Random,
    gateway: TestGateway,
    admin: Client,
    // They end with the world.
    _harbors: Vec<SimulatedHarbor>,
    model: Model,
    /// What was hidden so far, all answers taken together.
    n_hidden: usize,
}

impl World {
    async fn start(seed: u64) -> Self {
        let gateway = TestGateway::start().await;
        let admin = gateway.as_admin();
        let mut random = Random::new(seed);
        let mut model = Model::default();
        for name in WORKSPACES {
            model.workspaces.push((name.to_owned(), admin.create_workspace(name).await));
        }
        let mut harbors = Vec::new();
        for (registry, n_projects) in [6, 2, 2].into_iter().enumerate() {
            let harbor = SimulatedHarbor::start().await;
            for project in 0..n_projects {
                let name = format!("p{project}");
                harbor.create_project(&name, random.percent(40));
                for repository in 0..random.below(4) {
                    harbor.push(&name, &format!("app{registry}/{repository}"), "1");
                }
            }
            harbors.push(harbor);
        }
        // The first workspace also has the platform's Harbor as a registry of its own.
        for (name, harbor, owner) in
            [("main", 0, None), ("own", 1, Some(0)), ("again", 0, Some(0)), ("other", 2, Some(1))]
        {
            let id = match owner {
                None => admin.integrate_harbor(name, &harbors[harbor]).await,
                Some(owner) => {
                    let workspace: &(String, String) = &model.workspaces[owner];
                    admin.integrate_harbor_for(&workspace.1, name, &harbors[harbor]).await
                }
            };
            let at = model.registries.len();
            model.spaces.extend(spaces(&admin, &id, at).await);
            model.registries.push(Registry { id, name: name.to_owned(), host: harbors[harbor].host(), owner });
        }
        let names = ["n0", "n1", "n2", "n3"];
        admin.bind_namespaces(&model.workspaces[0].1, &names).await.succeeded();
        for name in names {
            let document = "query ($name: String!) { namespace(name: $name) { id } }";
            let id = admin.query(document, json!({ "name": name })).await.string("namespace.id");
            model.namespaces.push(Namespace { id, name: name.to_owned(), owner: Some(0) });
        }
        Self { seed, random, gateway, admin, _harbors: harbors, model, n_hidden: 0 }
    }

    /// Binds, unbinds, opens, closes or moves something.
    async fn change(&mut self) {
        let platform: Vec<usize> = (0..self.model.spaces.len())
            .filter(|at| self.model.registries[self.model.spaces[*at].registry].owner.is_none())
            .collect();
        let space = *self.random.choose(&platform).expect("the platform has spaces");
        let id = self.model.spaces[space].id.clone();
        let workspace = self.random.below(WORKSPACES.len());
        let workspace_id = self.model.workspaces[workspace].1.clone();
        match self.random.below(10) {
            0..4 => {
                self.admin.bind(&[&id], &[&workspace_id]).await.succeeded();
                self.model.spaces[space].bound.insert(workspace);
            }
            4..6 => {
                self.admin.unbind(&[&id], &[&workspace_id]).await.succeeded();
                self.model.spaces[space].bound.remove(&workspace);
            }
            6..8 => {
                let is_public = self.random.percent(50);
                self.admin.set_public(&id, is_public).await.succeeded();
                self.model.spaces[space].is_public = is_public;
            }
            _ => {
                let namespace = self.random.below(self.model.namespaces.len());
                let owner = self.random.percent(70).then_some(workspace);
                self.move_namespace(namespace, owner).await;
            }
        }
    }

    async fn move_namespace(&mut self, namespace: usize, owner: Option<usize>) {
        let names = json!([{ "name": self.model.namespaces[namespace].name }]);
        let (document, input) = match owner {
            Some(owner) => (
                "mutation ($input: BindNamespacesInput!) { bindNamespaces(input: $input) { __typename } }",
                json!({ "workspaceId": self.model.workspaces[owner].1, "namespaces": names, "move": true }),
            ),
            None => (
                "mutation ($input: UnbindNamespacesInput!) { unbindNamespaces(input: $input) { __typename } }",
                json!({ "namespaces": names }),
            ),
        };
        self.admin.query(document, json!({ "input": input })).await.succeeded();
        self.model.namespaces[namespace].owner = owner;
    }

    /// One question of somebody.
    async fn ask(&mut self, case: usize) {
        let asker = self.asker();
        let client = self.client(&asker);
        let told = format!("world {}, case {case}: {asker:?}", self.seed);
        match self.random.below(10) {
            0..7 => self.select(&asker, &client, &told).await,
            7..9 => self.look_up(&asker, &client, &told).await,
            _ => self.list(&asker, &client, &told).await,
        }
    }

    fn asker(&mut self) -> Asker {
        if self.random.percent(10) {
            return Asker { is_admin: true, ..Asker::default() };
        }
        let mut asker = Asker::default();
        for workspace in 0..WORKSPACES.len() {
            if self.random.percent(35) {
                let role = *self.random.choose(&["admin", "editor", "viewer"]).expect("there are roles");
                asker.roles.insert(workspace, role);
            }
        }
        asker
    }

    fn client(&mut self, asker: &Asker) -> Client {
        let mut token = Token::new("somebody");
        if asker.is_admin {
            token = token.admin();
        }
        for (workspace, role) in &asker.roles {
            token = token.member(WORKSPACES[*workspace], role);
        }
        if self.random.percent(10) {
            token = token.member("nobody-knows", "admin");
        }
        self.gateway.with_token(token.mint())
    }

    async fn select(&mut self, asker: &Asker, client: &Client, told: &str) {
        // One more than there are: it is not registered.
        let namespace = self.random.below(self.model.namespaces.len() + 1);
        let search = self.random.percent(40).then(|| *self.random.choose(&SEARCHES).expect("there are searches"));
        let vias = ["PUBLIC", "BOUND", "WORKSPACE_REGISTRY"];
        let via = self.random.percent(30).then(|| *self.random.choose(&vias).expect("there are ways"));
        let name = self.model.namespaces.get(namespace).map_or("stray", |namespace| namespace.name.as_str());
        let variables = json!({
            "namespace": { "name": name }, "search": search, "via": via.map(|via| [via]), "first": 100,
        });
        let told = format!("{told} asks {variables}");
        let reply = client.query(SELECTOR, variables).await;
        let everything = self.model.selector(&Asker { is_admin: true, ..Asker::default() }, namespace);
        let may_see = self.model.selector(asker, namespace);
        self.n_hidden += everything.len() - may_see.len();
        let expected: Vec<(String, &str)> = may_see
            .iter()
            .filter(|row| via.is_none_or(|via| row.via == via))
            .filter(|row| search.is_none_or(|search| row.is_found_by(search)))
            .map(|row| (row.reference.clone(), row.via))
            .collect();
        let edges = reply.list("availableImages.edges");
        let rows: Vec<(String, &str)> =
            edges.iter().map(|edge| (text(&edge["node"]["reference"]).to_owned(), text(&edge["via"]))).collect();
        assert_eq!(rows, expected, "{told}");
        assert_eq!(reply.data("availableImages.totalCount"), &json!(expected.len()), "{told}");
        let sources = reply.strings("availableImages.sources", "registry.name");
        let unknown = sources.iter().find(|name| !self.model.sources(asker, namespace).contains(name.as_str()));
        assert_eq!(unknown, None, "{told}: a source that nothing can be drawn from");
    }

    /// Everything there is, by its id.
    async fn look_up(&mut self, asker: &Asker, client: &Client, told: &str) {
        for (ids, visible) in self.model.everything(asker).chunks(100).map(|chunk| {
            let (ids, visible): (Vec<&str>, Vec<bool>) = chunk.iter().map(|(id, seen)| (id.as_str(), *seen)).unzip();
            (json!(ids), visible)
        }) {
            let reply = client.query("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": ids })).await;
            let seen: Vec<bool> = reply.list("nodes").iter().map(Value::is_object).collect();
            assert_eq!(seen, visible, "{told} looks up {ids}");
            self.n_hidden += visible.iter().filter(|is_seen| !**is_seen).count();
        }
    }

    async fn list(&mut self, asker: &Asker, client: &Client, told: &str) {
        let reply = client.ask(LISTS).await;
        for (list, expected) in self.model.lists(asker) {
            let ids = reply.strings(&format!("{list}.nodes"), "id");
            let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
            assert_eq!(ids, expected, "{told} lists {list}");
            assert_eq!(reply.data(&format!("{list}.totalCount")), &json!(expected.len()), "{told} counts {list}");
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// All spaces of a registry, with their images, as an Admin is told of them.
async fn spaces(admin: &Client, registry: &str, at: usize) -> Vec<Space> {
    let document = "query ($id: ID!) { registry(id: $id) { spaces(first: 100) { nodes {
        id name visibility images(first: 100) { nodes { id repository } } } } } }";
    let reply = admin.query(document, json!({ "id": registry })).await;
    let images = |space: &Value| {
        let nodes = space["images"]["nodes"].as_array().cloned().unwrap_or_default();
        nodes.iter().map(|image| (text(&image["id"]).to_owned(), text(&image["repository"]).to_owned())).collect()
    };
    reply
        .list("registry.spaces.nodes")
        .iter()
        .map(|space| Space {
            id: text(&space["id"]).to_owned(),
            registry: at,
            name: text(&space["name"]).to_owned(),
            is_public: space["visibility"] == "PUBLIC",
            bound: BTreeSet::new(),
            images: images(space),
        })
        .collect()
}
