//! The program: it starts, says what is wrong with its configuration, ends in good order, and keeps what it was told.

use serde_json::json;
use tempfile::TempDir;
use tests::{
    gateway::{Client, JWT_SECRET, Reply, Token},
    harbor::SimulatedHarbor,
    program::{self, Program},
};

const OTHER_KEY: &str = "b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyISE=";
const KEY: &str = "ZmFpcndheS1mYWlyd2F5LWZhaXJ3YXktZmFpcndheSE=";

/// A folder and the address of a database in it.
fn database() -> (TempDir, String) {
    let folder = TempDir::with_prefix("fairway-serve-").expect("a temporary folder can be made");
    let url = format!("sqlite://{}/fairway.db", folder.path().display());
    (folder, url)
}

fn environment(database: &str) -> Vec<(&str, &str)> {
    vec![("FAIRWAY_DATABASE_URL", database), ("FAIRWAY_JWT_SECRET", JWT_SECRET), ("FAIRWAY_ENCRYPTION_KEY", KEY)]
}

fn admin(program: &Program) -> Client {
    Client::at(program.origin(), Some(Token::new("ada").admin().mint()))
}

#[tokio::test]
async fn it_starts_on_an_empty_folder_and_ends_when_told() {
    let (_folder, database) = database();
    let program = Program::serve(&environment(&database)).await;
    for path in ["/healthz", "/readyz"] {
        let request = Client::at(program.origin(), None).request(reqwest::Method::GET, path);
        assert_eq!(Reply::of(request).await.status, 200, "{path}");
    }
    admin(&program).create_workspace("shop").await;
    program.terminate();
    let (is_well, log) = program.ended().await;
    assert!(is_well, "{log}");
    for secret in [JWT_SECRET, KEY] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn what_it_was_told_outlives_a_restart_and_a_kill() {
    let (_folder, database) = database();
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "nginx", "1.27");
    let program = Program::serve(&environment(&database)).await;
    let registry = admin(&program).integrate_harbor("main", &harbor).await;
    assert_eq!(admin(&program).selector("stray").await.total(), 1);
    program.terminate();
    assert!(program.ended().await.0);

    let program = Program::serve(&environment(&database)).await;
    // The stored password opens the registry again.
    admin(&program).refresh(&registry).await.succeeded();
    let reply = admin(&program)
        .query("query ($id: ID!) { registry(id: $id) { health { state } } }", json!({ "id": registry }))
        .await;
    assert_eq!(reply.data("registry.health.state"), "HEALTHY");
    admin(&program).create_workspace("last-words").await;
    // Killed, not told.
    drop(program);

    let program = Program::serve(&environment(&database)).await;
    let reply = admin(&program).ask("{ workspace(name: \"last-words\") { name } }").await;
    assert_eq!(reply.data("workspace.name"), "last-words");
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_it_ends() {
    let (_folder, database) = database();
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "nginx", "1.27");
    let program = Program::serve(&environment(&database)).await;
    let client = admin(&program);
    client.integrate_harbor("main", &harbor).await;
    harbor.clear_requests();
    harbor.pause();
    let ending = async {
        harbor.wait_for_requests(1).await;
        program.terminate();
        harbor.resume();
        program.ended().await
    };
    // Tags are the registry's to tell, so this one waits for it.
    let document = "{ availableImages(namespace: { name: \"stray\" }) { nodes { repository tags { totalCount } } } }";
    let (reply, (is_well, log)) = tokio::join!(client.ask(document), ending);
    assert_eq!(reply.data("availableImages.nodes.0.tags.totalCount"), 1);
    assert!(is_well, "{log}");
}

#[test]
fn all_that_is_wrong_with_the_configuration_is_said_at_once() {
    let wrong = [
        ("FAIRWAY_LISTEN", "nowhere"),
        ("FAIRWAY_METRICS_LISTEN", "nowhere"),
        ("FAIRWAY_PUBLIC_URL", "fairway.example"),
        ("FAIRWAY_DATABASE_URL", "oracle://x"),
        ("FAIRWAY_JWT_SECRET", "short-secret-31337"),
        ("FAIRWAY_ENCRYPTION_KEY", "no-key-31337"),
        ("FAIRWAY_SYNC_INTERVAL", "soon"),
        ("FAIRWAY_INTROSPECTION", "perhaps"),
        ("FAIRWAY_MAX_DEPTH", "-1"),
        ("FAIRWAY_BODY_LIMIT", "much"),
    ];
    let output = program::run(&["serve"], &wrong);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    for (variable, _) in wrong {
        assert!(said.contains(variable), "{variable} is not named:\n{said}");
    }
    assert!(!said.contains("31337"), "a secret is shown:\n{said}");
}

#[test]
fn it_does_not_start_without_secrets() {
    let (_folder, database) = database();
    let output = program::run(&["serve"], &[("FAIRWAY_DATABASE_URL", &database)]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    for variable in ["FAIRWAY_JWT_SECRET", "FAIRWAY_ENCRYPTION_KEY"] {
        assert!(said.contains(variable), "{variable} is not named:\n{said}");
    }
}

#[tokio::test]
async fn it_makes_tokens_that_it_takes() {
    let (_folder, database) = database();
    let arguments = ["token", "--subject", "ada", "--name", "Ada", "--admin", "--workspace", "shop=viewer"];
    let output = program::run(&arguments, &[("FAIRWAY_JWT_SECRET", JWT_SECRET)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let program = Program::serve(&environment(&database)).await;
    let client = Client::at(program.origin(), Some(token));
    client.create_workspace("shop").await;
    let reply = client.ask("{ viewer { subject name isAdmin memberships { role } } }").await;
    let expected = json!({ "subject": "ada", "name": "Ada", "isAdmin": true, "memberships": [{ "role": "VIEWER" }] });
    assert_eq!(reply.data("viewer"), &expected);
}

#[test]
fn migrations_go_up_and_down_and_tell_how_they_stand() {
    let (_folder, database) = database();
    let migrate = |direction: &str| {
        let output = program::run(&["migrate", direction], &[("FAIRWAY_DATABASE_URL", &database)]);
        assert!(output.status.success(), "{direction}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).to_lowercase()
    };
    assert!(migrate("status").contains("pending"));
    migrate("up");
    assert!(!migrate("status").contains("pending"));
    migrate("down");
    assert!(migrate("status").contains("pending"));
}

#[tokio::test]
async fn a_password_that_it_cannot_open_is_said_to_be_that() {
    let (_folder, database) = database();
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "nginx", "1.27");
    let program = Program::serve(&environment(&database)).await;
    let registry = admin(&program).integrate_harbor("main", &harbor).await;
    program.terminate();
    assert!(program.ended().await.0);

    let mut environment = environment(&database);
    environment[2].1 = OTHER_KEY;
    environment.push(("FAIRWAY_ALLOW_MISSING_KEYS", "true"));
    let program = Program::serve(&environment).await;
    harbor.clear_requests();
    admin(&program).refresh(&registry).await.succeeded();
    let document = "query ($id: ID!) { registry(id: $id) { health { state cause } } }";
    let reply = admin(&program).query(document, json!({ "id": registry })).await;
    assert_eq!(reply.data("registry.health.state"), "UNREACHABLE");
    let cause = reply.string("registry.health.cause");
    assert!(cause.contains("encryption key"), "{cause}");
    // What everybody may know is looked at all the same: it may have turned private.
    assert!(harbor.credentials_seen().iter().all(Option::is_none), "{:?}", harbor.requests());
}

#[tokio::test]
async fn it_does_not_start_without_a_key_that_is_needed() {
    let (_folder, database) = database();
    let harbor = SimulatedHarbor::start().await;
    let program = Program::serve(&environment(&database)).await;
    let registry = admin(&program).integrate_harbor("main", &harbor).await;

    // Also beside others that serve: what it sealed, they could not open.
    let mut wrong = environment(&database);
    wrong[2].1 = OTHER_KEY;
    let output = program::run(&["serve", "--listen", "127.0.0.1:0"], &wrong);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    for what in ["password of registry `main`", "FAIRWAY_ENCRYPTION_KEY", "--allow-missing-keys"] {
        assert!(said.contains(what), "{what} is not named:\n{said}");
    }
    for secret in [SimulatedHarbor::ADMIN_PASSWORD, OTHER_KEY, KEY] {
        assert!(!said.contains(secret), "a secret is shown:\n{said}");
    }
    let missing = said.split_once("\n  key ").and_then(|(_, rest)| rest.get(..8)).expect("the key is named");
    let configured = said.split_once("It has ").and_then(|(_, rest)| rest.get(..8)).expect("the key is named");
    assert!(missing != configured && said.matches(missing).count() == 1, "{said}");

    admin(&program).refresh(&registry).await.succeeded();
    program.terminate();
    assert!(program.ended().await.0);
    // The key that is needed may stand anywhere.
    let both = format!("{OTHER_KEY},{KEY}");
    wrong[2].1 = &both;
    let program = Program::serve(&wrong).await;
    admin(&program).refresh(&registry).await.succeeded();
}

#[test]
fn pending_migrations_keep_it_from_starting_where_it_may_not_apply_them() {
    let (_folder, database) = database();
    let output = program::run(&["serve", "--no-migrate", "--listen", "127.0.0.1:0"], &environment(&database));
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("fairway migrate up"), "{said}");
}
