//! Killed in the midst of it (SIGKILL): what was acknowledged is there, and what was known is shown at once, with or without
//! the registry.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{
    database::TemporaryDatabase,
    eventually::eventually,
    gateway::{Client, Token},
    harbor::{Fault, SimulatedHarbor},
    program::Program,
};
use tokio::task::JoinSet;

/// More than an unoptimised build on a busy machine needs, and less than the deadline of a registry that is asked.
const AT_ONCE: Duration = Duration::from_secs(3);

/// A lease outlives its holder by 20 seconds where replicas may share the database, and some databases take a while for each
/// commit.
const PATIENCE: Duration = Duration::from_secs(90);

const SETTINGS: [(&str, &str); 2] = [("FAIRWAY_SYNC_INTERVAL", "1h"), ("FAIRWAY_UPSTREAM_TIMEOUT", "10s")];

async fn serve(database: &TemporaryDatabase) -> Program {
    Program::serve_on(database, &SETTINGS).await
}

fn admin(program: &Program) -> Client {
    Client::at(program.origin(), Some(Token::new("ada").admin().mint()))
}

fn member(program: &Program, workspace: &str) -> Client {
    Client::at(program.origin(), Some(Token::new("mo").member(workspace, "viewer").mint()))
}

/// Every row of a selector, on all its pages.
async fn rows(client: &Client, namespace: &str) -> BTreeSet<String> {
    let (mut rows, mut after) = (BTreeSet::new(), Value::Null);
    loop {
        let page = client.select(namespace, json!({ "first": 100, "after": after })).await;
        rows.extend(page.rows());
        if page.page_info("hasNextPage") == false {
            return rows;
        }
        after = page.page_info("endCursor").clone();
    }
}

/// Synchronizes, however long another process' lease still runs.
async fn refresh(client: &Client, registry: &str) {
    eventually(PATIENCE, "the registry is looked at", async || {
        let refreshed = client.refresh(registry).await;
        (refreshed.code() != Some("TIMEOUT")).then(|| refreshed.succeeded().status)
    })
    .await;
}

/// What is shown while the registry is down: all that was known at once, and once it was looked at, that it is stale.
async fn shows_what_was_known(program: &Program, registry: &str, known: &BTreeSet<String>) {
    let client = admin(program);
    let begun = Instant::now();
    let first = client.select("prod", json!({ "first": 100 })).await;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert_eq!(first.total(), i64::try_from(known.len()).expect("a count fits"));
    assert_eq!(&rows(&client, "prod").await, known);

    refresh(&client, registry).await;
    let selector = client.select("prod", json!({ "first": 1 })).await;
    assert_eq!(selector.sources(), ["main STALE"]);
    let source = selector.reply.data("availableImages.sources.0");
    assert!(source["asOf"].is_string() && source["error"].is_string(), "{source}");
    assert_eq!(&rows(&client, "prod").await, known);
}

#[tokio::test]
async fn killed_during_a_sweep_it_shows_what_it_knew_and_catches_up() {
    const PROJECTS: usize = 40;
    let database = TemporaryDatabase::create().await;
    let harbor = SimulatedHarbor::start().await;
    for project in 0..PROJECTS {
        let project = format!("project-{project}");
        harbor.create_project(&project, true);
        for repository in 0..12 {
            harbor.push(&project, &format!("app-{repository}"), "1.0");
        }
    }
    let program = serve(&database).await;
    let registry = admin(&program).integrate_harbor("main", &harbor).await;
    let mut known = rows(&admin(&program), "prod").await;
    assert_eq!(known.len(), PROJECTS * 12);

    // Deletions show in the counts alone, so that each of these projects has to be read anew; and two never answer.
    let deleted = |project: usize| format!("project-{project}");
    for project in 0..4 {
        harbor.delete_repository(&deleted(project), "app-3");
    }
    for project in [1, 2] {
        harbor.fault(Fault::Hang.on(&format!("/api/v2.0/projects/{}/repositories", deleted(project))));
    }
    let sweep = tokio::spawn({
        let (client, registry) = (admin(&program), registry.clone());
        let document = "mutation ($id: ID!) { refreshRegistry(input: { id: $id }) { registry { id } } }";
        async move { client.try_query(document, json!({ "id": registry })).await.is_ok() }
    });
    known.retain(|row| !["project-0/app-3 PUBLIC", "project-3/app-3 PUBLIC"].contains(&row.as_str()));
    let half_way = i64::try_from(known.len()).expect("a count fits");
    eventually(PATIENCE, "the sweep has come half way", async || {
        let total = admin(&program).select("prod", json!({ "first": 1 })).await.total();
        (total == half_way).then_some(())
    })
    .await;
    program.kill().await;
    assert!(!sweep.await.expect("asking does not panic"), "the sweep was to be cut short");
    harbor.stop().await;
    harbor.clear_faults();

    let program = serve(&database).await;
    shows_what_was_known(&program, &registry, &known).await;

    harbor.restart().await;
    harbor.push("project-7", "late", "1.0");
    refresh(&admin(&program), &registry).await;
    known.retain(|row| !["project-1/app-3 PUBLIC", "project-2/app-3 PUBLIC"].contains(&row.as_str()));
    known.insert("project-7/late PUBLIC".to_owned());
    assert_eq!(known.len(), PROJECTS * 12 - 3);
    assert_eq!(rows(&admin(&program), "prod").await, known);
    assert_eq!(admin(&program).selector("prod").await.sources(), ["main CURRENT"]);
}

/// What the gateway has said that it did, and what it was asked for last without saying so.
#[derive(Default)]
struct Promises {
    workspaces: Vec<String>,
    /// By project, whether it is bound: as acknowledged, and as asked for.
    bindings: BTreeMap<usize, (bool, bool)>,
    visibilities: BTreeMap<usize, (bool, bool)>,
}

const PAIRS: usize = 3;

/// Acts until the gateway is gone: each acknowledged act is counted.
struct Actor {
    client: Client,
    promises: Arc<Mutex<Promises>>,
    acknowledged: Arc<AtomicUsize>,
}

impl Actor {
    /// False when the gateway is gone.
    async fn act(&self, document: &str, input: Value) -> bool {
        let Ok(reply) = self.client.try_query(document, json!({ "input": input })).await else { return false };
        reply.succeeded();
        true
    }

    fn note(&self, change: impl FnOnce(&mut Promises)) {
        change(&mut self.promises.lock().expect("no panic happens under this lock"));
    }

    fn count(&self) {
        self.acknowledged.fetch_add(1, Ordering::SeqCst);
    }

    async fn make_workspaces(self) {
        let document =
            "mutation ($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { workspace { id } } }";
        for number in 0.. {
            let name = format!("made-{number}");
            if !self.act(document, json!({ "name": name })).await {
                return;
            }
            self.note(|promises| promises.workspaces.push(name));
            self.count();
        }
    }

    async fn bind_and_unbind(self, at: usize, space: String, workspace: String) {
        let bind = "mutation ($input: BindSpacesInput!) { bindSpaces(input: $input) { created } }";
        let unbind = "mutation ($input: UnbindSpacesInput!) { unbindSpaces(input: $input) { removed } }";
        let input = json!({ "spaceIds": [space], "workspaceIds": [workspace] });
        for is_bound in [true, false].into_iter().cycle() {
            self.note(|promises| promises.bindings.entry(at).or_default().1 = is_bound);
            if !self.act(if is_bound { bind } else { unbind }, input.clone()).await {
                return;
            }
            self.note(|promises| promises.bindings.insert(at, (is_bound, is_bound)).map_or((), drop));
            self.count();
        }
    }

    async fn open_and_close(self, at: usize, space: String) {
        let document = "mutation ($input: SetSpacePublicInput!) { setSpacePublic(input: $input) { space { id } } }";
        for is_public in [true, false].into_iter().cycle() {
            self.note(|promises| promises.visibilities.entry(at).or_default().1 = is_public);
            if !self.act(document, json!({ "spaceId": space, "public": is_public })).await {
                return;
            }
            self.note(|promises| promises.visibilities.insert(at, (is_public, is_public)).map_or((), drop));
            self.count();
        }
    }
}

/// Asks until the gateway is gone. What never changes is in every answer.
async fn ask(client: Client) {
    let document = "{ availableImages(namespace: { name: \"prod\" }, first: 100, search: \"steady\") { totalCount } }";
    while let Ok(reply) = client.try_query(document, json!({})).await {
        assert_eq!(reply.data("availableImages.totalCount"), 3, "{}", reply.text);
    }
}

#[tokio::test]
async fn killed_under_load_it_has_lost_nothing_that_it_acknowledged() {
    let database = TemporaryDatabase::create().await;
    let harbor = SimulatedHarbor::start().await;
    let projects: Vec<String> =
        ["bound", "open"].iter().flat_map(|kind| (0..PAIRS).map(move |at| format!("{kind}-{at}"))).collect();
    for project in &projects {
        harbor.create_project(project, false);
        harbor.push(project, "app", "1.0");
    }
    for repository in ["steady-a", "steady-b", "steady-c"] {
        harbor.push("library", repository, "1.0");
    }
    let program = serve(&database).await;
    let client = admin(&program);
    let registry = client.integrate_harbor("main", &harbor).await;
    let workspace = client.create_workspace("tenant").await;
    client.bind_namespaces(&workspace, &["prod"]).await.succeeded();

    let promises = Arc::new(Mutex::new(Promises::default()));
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let actor = || Actor { client: admin(&program), promises: promises.clone(), acknowledged: acknowledged.clone() };
    let mut load = JoinSet::new();
    load.spawn(actor().make_workspaces());
    for at in 0..PAIRS {
        let space = client.space(&registry, &format!("bound-{at}")).await;
        load.spawn(actor().bind_and_unbind(at, space, workspace.clone()));
        let space = client.space(&registry, &format!("open-{at}")).await;
        load.spawn(actor().open_and_close(at, space));
        load.spawn(ask(member(&program, "tenant")));
    }
    eventually(PATIENCE, "thirty acts are acknowledged", async || {
        (acknowledged.load(Ordering::SeqCst) >= 30).then_some(())
    })
    .await;
    program.kill().await;
    while let Some(ended) = load.join_next().await {
        ended.expect("nobody was answered wrongly");
    }
    harbor.stop().await;

    let program = serve(&database).await;
    let promises = std::mem::take(&mut *promises.lock().expect("no panic happens under this lock"));
    for name in &promises.workspaces {
        let document = "query ($name: String!) { workspace(name: $name) { name } }";
        let reply = admin(&program).query(document, json!({ "name": name })).await;
        assert_eq!(reply.data("workspace.name"), name.as_str());
    }
    let shown = rows(&member(&program, "tenant"), "prod").await;
    // An act that was under way has happened or not.
    let is_kept = |is_there: bool, (acknowledged, asked): (bool, bool)| is_there == acknowledged || is_there == asked;
    for (at, promise) in promises.bindings {
        let is_bound = shown.contains(&format!("bound-{at}/app BOUND"));
        assert!(is_kept(is_bound, promise), "bound-{at} is bound: {is_bound}; {promise:?}");
    }
    for (at, promise) in promises.visibilities {
        let is_public = shown.contains(&format!("open-{at}/app PUBLIC"));
        assert!(is_kept(is_public, promise), "open-{at} is public: {is_public}; {promise:?}");
    }
    let known = rows(&admin(&program), "prod").await;
    shows_what_was_known(&program, &registry, &known).await;

    // What Harbor has done already, and Fairway could not write down, is seen now.
    harbor.restart().await;
    refresh(&admin(&program), &registry).await;
    let outsider = Client::at(program.origin(), Some(Token::new("otto").mint()));
    let open = harbor.projects().into_iter().filter(|(_, is_public)| *is_public);
    let open = open.flat_map(|(project, _)| match project.as_str() {
        "library" => vec!["library/steady-a PUBLIC", "library/steady-b PUBLIC", "library/steady-c PUBLIC"]
            .into_iter()
            .map(str::to_owned)
            .collect(),
        _ => vec![format!("{project}/app PUBLIC")],
    });
    assert_eq!(rows(&outsider, "prod").await, open.collect::<BTreeSet<_>>());
    assert_eq!(outsider.selector("prod").await.sources(), ["main CURRENT"]);
}
