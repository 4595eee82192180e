//! `fairway rotate-keys`: what is stored sealed is sealed with the newest key, while others serve.

use std::sync::Arc;

use api::config::Key;
use entity::registry;
use sea_orm::{EntityTrait, QueryOrder};
use secrecy::ExposeSecret;
use serde_json::json;
use tests::{
    database::TemporaryDatabase,
    gateway::{ENCRYPTION_KEY, TestGateway},
    harbor::SimulatedHarbor,
    program,
};

/// 32 bytes, and not those of [`ENCRYPTION_KEY`].
const NEWER_KEY: &str = "bmV3ZXJuZXdlcm5ld2VybmV3ZXJuZXdlcm5ld2VyISE=";

/// What a run of the program came to.
struct Run {
    is_well: bool,
    said: String,
}

impl Run {
    /// A number that it tells.
    #[track_caller]
    fn count(&self, what: &str) -> usize {
        let line = self.said.lines().find_map(|line| line.strip_prefix(what));
        line.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("no `{what}` in:\n{}", self.said))
    }
}

async fn rotate(database: &TemporaryDatabase, keys: &str) -> Run {
    let (url, keys) = (database.url(), keys.to_owned());
    let run = move || {
        let environment = [("FAIRWAY_DATABASE_URL", url.expose_secret()), ("FAIRWAY_ENCRYPTION_KEY", keys.as_str())];
        program::run(&["rotate-keys"], &environment)
    };
    let output = tokio::task::spawn_blocking(run).await.expect("running it does not panic");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for secret in [ENCRYPTION_KEY, NEWER_KEY, SimulatedHarbor::ADMIN_PASSWORD] {
        assert!(!said.contains(secret), "a secret is shown:\n{said}");
    }
    Run { is_well: output.status.success(), said }
}

/// All registries as they are stored, by their ids.
async fn registries(database: &TemporaryDatabase) -> Vec<registry::Model> {
    let connection = database.connect().await;
    let rows = registry::Entity::find().order_by_asc(registry::Column::Id).all(&connection).await;
    connection.close().await.expect("a connection can be closed");
    rows.expect("the table can be read")
}

/// A gateway with these keys on what stands in this database.
async fn start_on(database: Arc<TemporaryDatabase>, keys: &[&str]) -> TestGateway {
    let keys: Vec<Key> = keys.iter().map(|key| Key::from_base64(key).expect("a key is 32 bytes in base64")).collect();
    TestGateway::builder().configure(move |config| config.encryption_keys.clone_from(&keys)).start_on(database).await
}

#[tokio::test]
async fn all_secrets_are_sealed_again_and_nothing_else_changes() {
    let harbors = [SimulatedHarbor::start().await, SimulatedHarbor::start().await];
    let gateway = TestGateway::builder().reachable_by_registries().start().await;
    let mut ids = Vec::new();
    for (number, harbor) in harbors.iter().enumerate() {
        harbor.push("library", "nginx", "1.27");
        ids.push(gateway.as_admin().integrate_harbor(&format!("harbor-{number}"), harbor).await);
    }
    let database = gateway.stop().await;

    let gateway = start_on(database.clone(), &[NEWER_KEY, ENCRYPTION_KEY]).await;
    let mut before = registries(&database).await;
    assert!(before.iter().all(|row| row.password.is_some() && row.webhook_secret.is_some()), "two secrets each");
    let total = gateway.as_admin().selector("stray").await.total();

    let run = rotate(&database, &format!("{NEWER_KEY},{ENCRYPTION_KEY}")).await;
    assert!(run.is_well, "{}", run.said);
    assert_eq!((run.count("sealed again"), run.count("sealed before")), (4, 0));
    let after = registries(&database).await;
    for (before, after) in before.iter_mut().zip(&after) {
        assert!(before.password != after.password && before.webhook_secret != after.webhook_secret);
        assert!(after.version > before.version, "replicas read it again");
        // Nothing else: a person who changes it meanwhile is not told that somebody else did.
        before.password.clone_from(&after.password);
        before.webhook_secret.clone_from(&after.webhook_secret);
        before.version = after.version;
        assert_eq!(before, after);
    }
    for id in &ids {
        gateway.as_admin().refresh(id).await.succeeded();
    }

    // There is nothing left to do, and so nothing is done.
    let run = rotate(&database, &format!("{NEWER_KEY},{ENCRYPTION_KEY}")).await;
    assert_eq!((run.is_well, run.count("sealed again"), run.count("sealed before")), (true, 0, 4));
    assert_eq!(registries(&database).await, after);

    // The newer key alone is enough from now on.
    gateway.stop().await;
    let gateway = start_on(database, &[NEWER_KEY]).await;
    for id in &ids {
        let reply = gateway.as_admin().refresh(id).await;
        assert_eq!(reply.data("refreshRegistry.registry.health.state"), "HEALTHY");
    }
    assert_eq!(gateway.as_admin().selector("stray").await.total(), total);
}

#[tokio::test]
async fn a_key_that_is_not_given_is_named_and_nothing_is_lost() {
    let harbor = SimulatedHarbor::start().await;
    let gateway = TestGateway::start().await;
    gateway.as_admin().integrate_harbor("main", &harbor).await;
    let database = gateway.stop().await;
    let before = registries(&database).await;
    let run = rotate(&database, NEWER_KEY).await;
    assert!(!run.is_well && run.said.contains("password of registry `main`"), "{}", run.said);
    assert_eq!((run.count("sealed again"), run.count("not opened")), (0, 1));
    assert_eq!(registries(&database).await, before);
}

#[tokio::test]
async fn a_password_that_changes_meanwhile_is_not_put_back() {
    let harbor = SimulatedHarbor::start().await;
    let gateway = TestGateway::start().await;
    let id = gateway.as_admin().integrate_harbor("main", &harbor).await;
    let database = gateway.stop().await;
    // One that has not heard of the newer key yet goes on sealing with the older one.
    let gateway = start_on(database.clone(), &[ENCRYPTION_KEY, NEWER_KEY]).await;
    let admin = gateway.as_admin();
    let document = "mutation ($input: UpdateRegistryInput!) { updateRegistry(input: $input) { registry { id } } }";
    let both = format!("{NEWER_KEY},{ENCRYPTION_KEY}");
    let mut password = SimulatedHarbor::ADMIN_PASSWORD.to_owned();
    for round in 0..4 {
        password = format!("Changed12345-{round}");
        harbor.set_password(SimulatedHarbor::ADMIN, &password);
        let input = json!({ "id": id, "password": password });
        let variables = json!({ "input": input });
        let (updated, rotated) = tokio::join!(admin.query(document, variables), rotate(&database, &both));
        updated.succeeded();
        assert!(rotated.is_well, "{}", rotated.said);
        harbor.clear_requests();
        let reply = admin.refresh(&id).await;
        assert_eq!(reply.data("refreshRegistry.registry.health.state"), "HEALTHY", "round {round}");
    }
    gateway.stop().await;
    assert!(rotate(&database, &both).await.is_well);
    let gateway = start_on(database, &[NEWER_KEY]).await;
    let reply = gateway.as_admin().refresh(&id).await;
    assert_eq!(reply.data("refreshRegistry.registry.health.state"), "HEALTHY", "{password}");
}
