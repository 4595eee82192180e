//! Registries that mean harm, beside one that is honest: after each, the honest one's images are all there at once, the
//! hostile one is named with a cause or shown truly, it was asked few things, and the process has stayed small.
//!
//! The program runs in a process of its own, so that its memory can be read, and nobody else's counts.

mod connection;
mod docker;
mod harbor;

use std::any::Any;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tests::{
    database::TemporaryDatabase,
    gateway::{Client, Token},
    harbor::SimulatedHarbor,
    program::Program,
};

/// What the honest registry has.
const N_HONEST: usize = 30;

/// What two questions about the honest registry take at most, with all the others about. Each waits a second at most for what
/// was never read; the rest is for an unoptimised build on a busy machine. Whoever waited for one registry after the
/// other would take longer.
const PROMPT: Duration = Duration::from_secs(15);

/// A program with an honest registry, and whatever is set on it.
struct Scene {
    program: Program,
    admin: Client,
    honest: SimulatedHarbor,
    database: TemporaryDatabase,
}

/// What became of one hostile registry.
struct Outcome {
    name: &'static str,
    /// What an Admin is told is wrong, if anything.
    cause: Option<String>,
    /// The references that are shown of it.
    shown: Vec<String>,
    n_requests: usize,
    /// It stays up, or another would be given its address.
    _registry: Box<dyn Any>,
}

impl Scene {
    async fn start() -> Self {
        let database = TemporaryDatabase::create().await;
        let settings =
            [("FAIRWAY_UPSTREAM_TIMEOUT", "1s"), ("FAIRWAY_SYNC_INTERVAL", "1h"), ("FAIRWAY_REQUEST_TIMEOUT", "30s")];
        let program = Program::serve_on(&database, &settings).await;
        let token = Token::new("ada").admin().mint();
        let admin = Client::at(program.origin(), Some(token));
        let honest = SimulatedHarbor::start().await;
        for number in 0..N_HONEST {
            honest.push("library", &format!("honest-{number:02}"), "1.0");
        }
        admin.integrate_harbor("honest", &honest).await;
        Self { program, admin, honest, database }
    }

    /// Integrates a hostile registry: its id, or why it is none.
    async fn integrate(&self, name: &'static str, kind: &str, address: &str) -> Result<String, String> {
        let mut input = json!({ "name": name, "kind": kind, "address": address,
            "username": SimulatedHarbor::ADMIN, "password": SimulatedHarbor::ADMIN_PASSWORD });
        if address.starts_with("https") {
            input["tls"] = json!({ "verify": false });
        }
        let reply = self.admin.integrate(input).await;
        if let Some(code) = reply.code() {
            assert_ne!(code, "INTERNAL_SERVER_ERROR", "{name}: {}", reply.text);
            assert!(!reply.message().is_empty(), "{name}");
            return Err(reply.message().to_owned());
        }
        Ok(reply.string("integrateRegistry.registry.id"))
    }

    /// Reads a registry anew; what is told of it then.
    async fn refresh(&self, name: &str, id: &str) -> Option<String> {
        let refreshed = self.admin.refresh(id).await;
        let document = "query ($id: ID!) { registry(id: $id) { health { state cause } sync { lastError } } }";
        let reply = self.admin.query(document, json!({ "id": id })).await;
        let state = reply.string("registry.health.state");
        let told = [reply.data("registry.health.cause"), reply.data("registry.sync.lastError")];
        let told = told.into_iter().find_map(Value::as_str).or(refreshed.errors().first().map(|_| refreshed.message()));
        assert!(state == "HEALTHY" || told.is_some(), "{name}: {state} without a cause");
        told.map(str::to_owned)
    }

    /// What everybody sees of a registry, or the first hundred of it, and what is said to be wrong with that.
    async fn shown(&self, id: &str) -> (Vec<String>, Option<String>) {
        let document = "query ($id: ID!) { availableImages(namespace: { name: \"stray\" }, first: 100,
            filter: { registryId: $id }) { nodes { reference } sources { state error } } }";
        let reply = self.admin.query(document, json!({ "id": id })).await;
        let sources = reply.list("availableImages.sources").iter();
        let error = sources.filter_map(|source| source["error"].as_str()).next().map(str::to_owned);
        (reply.strings("availableImages.nodes", "reference"), error)
    }

    /// That nobody else suffers.
    async fn honest_is_whole(&self, name: &str) {
        let begun = Instant::now();
        let document = "query { availableImages(namespace: { name: \"stray\" }, first: 100, search: \"honest\") {
            nodes { repository registry { name } } } }";
        let reply = self.admin.ask(document).await;
        let nodes = reply.list("availableImages.nodes").iter();
        let n_honest = nodes.filter(|node| node["registry"]["name"] == "honest").count();
        assert_eq!(n_honest, N_HONEST, "beside {name}: {}", reply.text);
        let tags = format!(
            "{{ availableImage(namespace: {{ name: \"stray\" }}, reference: \"{}/library/honest-07\") {{ node {{ tags {{ totalCount }} }} }} }}",
            self.honest.host()
        );
        assert_eq!(self.admin.ask(&tags).await.data("availableImage.node.tags.totalCount"), 1, "beside {name}");
        assert!(begun.elapsed() < PROMPT, "beside {name}: {:?}", begun.elapsed());
    }

    /// The most memory that the process has had, in MB. Nothing where the system does not tell.
    fn peak_mb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.program.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
    }
}

/// Meets all cases, a few at a time: they come in company.
async fn meet_all<C>(cases: Vec<C>, meet: impl AsyncFn(C) -> Outcome) -> Vec<Outcome> {
    stream::iter(cases).map(|case| meet(case)).buffer_unordered(4).collect().await
}

/// On threads of their own, so that hostile ones that never end hold up Fairway if they can, and not the test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_registry_harms_another_or_the_gateway() {
    let scene = Scene::start().await;
    let mut outcomes = harbor::meet(&scene).await;
    outcomes.extend(docker::meet(&scene).await);
    outcomes.extend(connection::meet(&scene).await);
    scene.honest_is_whole("all of them").await;
    let peak = scene.peak_mb();
    let notice: String = outcomes
        .iter()
        .map(|Outcome { name, cause, shown, n_requests, .. }| {
            format!("{name}: {n_requests} requests, {} images, {}\n", shown.len(), cause.as_deref().unwrap_or("well"))
        })
        .collect();
    eprintln!("{notice}{} hostile registries, at most {} MB", outcomes.len(), peak.unwrap_or_default());
    assert!(peak.is_none_or(|peak| peak < 150), "the process has had {peak:?} MB");
    scene.program.terminate();
    let (is_well, log) = scene.program.ended().await;
    assert!(is_well, "{log}");
    assert!(!log.contains("panicked"), "{log}");
    drop(scene.database);
}
