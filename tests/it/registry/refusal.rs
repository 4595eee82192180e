//! Integrations that are refused: each says why, and leaves the database as it was.

use serde_json::{Value, json};
use tests::{
    gateway::{Client, Reply, TestGateway, Token},
    harbor::{Fault, SimulatedHarbor},
};

use super::{harbor_input, unaudited};

/// Tries to integrate as an Admin, and asserts that nothing of it is stored.
async fn attempt(gateway: &TestGateway, input: Value) -> Reply {
    let before = unaudited(gateway.database().row_counts().await);
    let reply = gateway.as_admin().integrate(input).await;
    assert!(reply.code().is_some(), "it was not refused: {}", reply.text);
    assert_eq!(unaudited(gateway.database().row_counts().await), before, "a refused integration left something behind");
    reply
}

fn with(mut input: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().expect("changes are an object") {
        input[name] = value.clone();
    }
    input
}

#[tokio::test]
async fn a_wrong_password_is_named_as_such() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    let reply =
        attempt(&gateway, with(harbor_input("main", &harbor), &json!({ "password": "wrong-secret-31337" }))).await;
    reply.refused("UPSTREAM_UNAUTHORIZED");
    assert!(!reply.text.contains("31337"), "{}", reply.text);
    assert_eq!(reply.extension("retryable"), false);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_for_it_locks_users_out() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    attempt(&gateway, with(harbor_input("main", &harbor), &json!({ "password": "wrong" }))).await;
    let logins = harbor.requests().iter().filter(|request| request.ends_with("/users/current")).count();
    assert_eq!(logins, 1, "{:?}", harbor.requests());
}

#[tokio::test]
async fn a_harbor_needs_username_and_password() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    for missing in ["username", "password"] {
        let reply = attempt(&gateway, with(harbor_input("main", &harbor), &json!({ missing: null }))).await;
        reply.refused("BAD_USER_INPUT");
        assert_eq!(reply.field(), Some(missing));
    }
    assert!(harbor.requests().is_empty(), "{:?}", harbor.requests());
}

#[tokio::test]
async fn an_ordinary_account_is_too_little_for_the_platform() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    harbor.create_user("bob", "Bob12345");
    let account = json!({ "username": "bob", "password": "Bob12345" });
    let reply = attempt(&gateway, with(harbor_input("main", &harbor), &account)).await;
    let code = reply.code().unwrap_or_default();
    assert!(["BAD_USER_INPUT", "UPSTREAM_UNAUTHORIZED"].contains(&code), "{}", reply.text);
    // What is missing is named: the account can log in, but does not see every project.
    assert!(reply.message().contains("project") || reply.message().contains("administrator"), "{}", reply.message());
}

#[tokio::test]
async fn what_is_no_harbor_is_said_to_be_none() {
    let gateway = TestGateway::start().await;
    for (fault, hint) in [(Fault::HtmlPage, "HTML"), (Fault::LoginRedirect, "login")] {
        let harbor = SimulatedHarbor::start().await;
        let name = format!("{fault:?}");
        harbor.fault(fault);
        let reply = attempt(&gateway, harbor_input("main", &harbor)).await;
        let code = reply.code().unwrap_or_default();
        assert!(["BAD_USER_INPUT", "UPSTREAM_REJECTED", "UNSUPPORTED"].contains(&code), "{name}: {}", reply.text);
        let message = reply.message().to_lowercase();
        assert!(message.contains(&hint.to_lowercase()) || message.contains("not a harbor"), "{name}: {message}");
        assert!(!reply.text.contains("<html"), "{name}: upstream text leaked: {}", reply.text);
    }
}

#[tokio::test]
async fn a_harbor_too_old_is_refused_with_its_version_named() {
    let gateway = TestGateway::start().await;
    for (version, named) in [("1.10", "1."), ("v2.3.0", "2.3")] {
        let harbor = SimulatedHarbor::builder().version(version).start().await;
        let reply = attempt(&gateway, harbor_input("main", &harbor)).await;
        reply.refused("UNSUPPORTED");
        assert!(reply.message().contains(named), "{}", reply.message());
        assert!(reply.message().contains("2.4"), "the oldest that is supported is named: {}", reply.message());
    }
}

#[tokio::test]
async fn every_supported_harbor_is_accepted() {
    let gateway = TestGateway::start().await;
    let mut harbors = Vec::new();
    for version in ["v2.4.0", "v2.8.4", "v2.13.0", "v2.15.2"] {
        let harbor = SimulatedHarbor::builder().version(version).start().await;
        harbor.push("library", "nginx", "1.0");
        let id = gateway.as_admin().integrate_harbor(version, &harbor).await;
        let document = "query ($id: ID!) { registry(id: $id) { health { state version } } }";
        let reply = gateway.as_admin().query(document, json!({ "id": id })).await;
        assert_eq!(reply.data("registry.health.state"), "HEALTHY", "{version}");
        assert!(reply.string("registry.health.version").starts_with(version), "{version}: {}", reply.text);
        harbors.push(harbor);
    }
    let selector = gateway.as_outsider().selector("stray").await;
    assert_eq!(selector.total(), 4, "{}", selector.reply.text);
}

#[tokio::test]
async fn nobody_at_the_address_is_unavailable_and_worth_another_try() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    let input = harbor_input("main", &harbor);
    harbor.stop().await;
    let reply = attempt(&gateway, input).await;
    reply.refused("UPSTREAM_UNAVAILABLE");
    assert_eq!(reply.extension("retryable"), true);
}

#[tokio::test]
async fn addresses_that_are_none_are_refused_before_anything_is_asked() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    let with_account = harbor.url().replace("http://", "http://admin:Harbor12345@");
    for address in ["", "harbor.example", "ftp://harbor.example", "https://", "file:///etc/passwd", &with_account] {
        let reply = attempt(&gateway, with(harbor_input("main", &harbor), &json!({ "address": address }))).await;
        assert_eq!(reply.code(), Some("BAD_USER_INPUT"), "`{address}`: {}", reply.text);
    }
    assert!(harbor.requests().is_empty(), "{:?}", harbor.requests());
}

#[tokio::test]
async fn a_name_stands_once_in_its_scope_whatever_its_case() {
    let gateway = TestGateway::start().await;
    let (first, second) = (SimulatedHarbor::start().await, SimulatedHarbor::start().await);
    gateway.as_admin().integrate(harbor_input("Main", &first)).await.succeeded();
    attempt(&gateway, harbor_input("main", &second)).await.refused("CONFLICT");

    // In a workspace it is another name.
    let shop = gateway.as_admin().create_workspace("shop").await;
    let own = with(harbor_input("main", &second), &json!({ "workspaceId": shop }));
    gateway.as_admin().integrate(own).await.succeeded();
}

#[tokio::test]
async fn an_address_stands_once_in_its_scope_however_it_is_written() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    gateway.as_admin().integrate(harbor_input("main", &harbor)).await.succeeded();
    for address in [harbor.url(), format!("{}/", harbor.url()), format!("{}/api/v2.0", harbor.url())] {
        let again = with(harbor_input("again", &harbor), &json!({ "address": address }));
        attempt(&gateway, again).await.refused("CONFLICT");
    }
    let shop = gateway.as_admin().create_workspace("shop").await;
    let own = with(harbor_input("own", &harbor), &json!({ "workspaceId": shop }));
    gateway.as_admin().integrate(own.clone()).await.succeeded();
    attempt(&gateway, with(own, &json!({ "name": "own-again" }))).await.refused("CONFLICT");
}

#[tokio::test]
async fn a_workspace_may_not_claim_a_host_of_the_platform() {
    let gateway = TestGateway::start().await;
    let (platform, other) = (SimulatedHarbor::start().await, SimulatedHarbor::start().await);
    let admin = gateway.as_admin();
    let claimed = json!({ "host": "registry.example" });
    admin.integrate(with(harbor_input("main", &platform), &claimed)).await.succeeded();
    let shop = admin.create_workspace("shop").await;
    let own = with(harbor_input("own", &other), &json!({ "workspaceId": shop, "host": "registry.example" }));
    attempt(&gateway, own).await.refused("CONFLICT");
    attempt(&gateway, with(harbor_input("second", &other), &claimed)).await.refused("CONFLICT");
}

#[tokio::test]
async fn names_and_hosts_that_cannot_be_are_refused() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    let long = "x".repeat(300);
    for (field, value) in [("name", ""), ("name", "   "), ("name", &long), ("host", "has space"), ("host", "https://x")]
    {
        let reply = attempt(&gateway, with(harbor_input("main", &harbor), &json!({ field: value }))).await;
        reply.refused("BAD_USER_INPUT");
        assert_eq!(reply.field(), Some(field), "{value}");
    }
}

#[tokio::test]
async fn connections_are_tried_five_times_a_minute() {
    let harbor = SimulatedHarbor::start().await;
    let gateway = TestGateway::start().await;
    let input = |address: &str, password: &str| json!({ "kind": "HARBOR", "address": address, "username": SimulatedHarbor::ADMIN, "password": password });
    let test = async |client: &Client, input: Value| {
        let document = "mutation ($input: TestRegistryConnectionInput!) {
            testRegistryConnection(input: $input) { health { state } } }";
        client.query(document, json!({ "input": input })).await
    };
    let integrate = async |client: &Client, mut input: Value| {
        input["name"] = json!("main");
        client.integrate(input).await
    };
    let refused = |reply: &Reply| {
        reply.refused("UPSTREAM_UNAVAILABLE");
        assert_eq!((reply.extension("retryable"), reply.field()), (&json!(true), Some("address")), "{}", reply.text);
        assert!(reply.message().contains("try again in "), "{}", reply.message());
    };
    let (admin, good) = (gateway.as_admin(), SimulatedHarbor::ADMIN_PASSWORD);

    // Tests and wrong passwords count alike, wherever below the address.
    test(&admin, input(&harbor.url(), good)).await.succeeded();
    test(&admin, input(&format!("{}/registry", harbor.url()), good)).await.succeeded();
    for _ in 0..2 {
        integrate(&admin, input(&harbor.url(), "wrong")).await.refused("UPSTREAM_UNAUTHORIZED");
    }
    test(&admin, input(&harbor.url(), "wrong")).await.succeeded();
    harbor.clear_requests();
    refused(&test(&admin, input(&harbor.url(), good)).await);
    refused(&integrate(&admin, input(&harbor.url(), good)).await);
    assert_eq!(harbor.requests(), [] as [&str; 0], "the registry hears nothing of it");

    // Of this viewer, and at this address.
    let other = gateway.with_token(Token::new("grace").admin().mint());
    test(&other, input(&harbor.url(), good)).await.succeeded();
    let second = SimulatedHarbor::start().await;
    test(&admin, input(&second.url(), good)).await.succeeded();

    // Whoever has it right may go on.
    let id = other.integrate_harbor("main", &harbor).await;
    let document = "mutation ($input: UpdateRegistryInput!) { updateRegistry(input: $input) { registry { id } } }";
    let update =
        async |password: &str| other.query(document, json!({ "input": { "id": id, "password": password } })).await;
    for _ in 0..10 {
        update(good).await.succeeded();
    }
    for _ in 0..4 {
        update("wrong").await.refused("UPSTREAM_UNAUTHORIZED");
    }
    refused(&update(good).await);
}
