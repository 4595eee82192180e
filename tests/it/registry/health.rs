//! What is wrong with a registry, in a sentence that a person can act on.

use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use tests::{
    gateway::{TestGateway, World},
    harbor::{ErrorPage, Fault, SimulatedHarbor},
};

use super::harbor_input;

const HEALTH: &str = "query ($id: ID!) { registry(id: $id) {
    health { state cause version latencyMs checkedAt since privilege } } }";

async fn health(gateway: &TestGateway, id: &str) -> Value {
    gateway.as_admin().query(HEALTH, json!({ "id": id })).await.data("registry.health").clone()
}

/// Asserts the state, and that its cause has all these words.
#[track_caller]
fn assert_health(name: &str, health: &Value, state: &str, words: &[&str]) {
    assert_eq!(health["state"], state, "{name}: {health}");
    let cause = health["cause"].as_str().unwrap_or_default();
    for word in words {
        assert!(cause.contains(word), "{name}: `{cause}` does not say `{word}`");
    }
    assert_eq!(health["cause"].is_null(), words.is_empty(), "{name}: {health}");
    // A clause for the middle of a page, without what stands in the registry's own pages.
    assert!(!cause.ends_with('.') && !cause.contains('<') && cause.len() < 250, "{name}: {cause}");
}

#[tokio::test]
async fn every_failure_has_a_state_and_a_cause() {
    let gateway = TestGateway::builder().upstream_timeout(Duration::from_millis(500)).start().await;
    let table: [(Fault, &str, &[&str]); 12] = [
        (Fault::Bom, "HEALTHY", &[]),
        (Fault::Unhealthy("trivy"), "DEGRADED", &["unhealthy", "trivy"]),
        (Fault::ReadOnly, "DEGRADED", &["read-only"]),
        (Fault::Status(503, ErrorPage::Html), "UNREACHABLE", &["503", "look at its logs"]),
        (Fault::Status(502, ErrorPage::Empty), "UNREACHABLE", &["502", "proxy"]),
        (Fault::TooManyRequests { retry_after: 1 }, "UNREACHABLE", &["fewer requests", "limit"]),
        (Fault::Hang, "UNREACHABLE", &["in time", "overloaded"]),
        (Fault::HtmlPage, "UNREACHABLE", &["the address leads to", "HTML", "check it"]),
        (Fault::LoginRedirect, "UNREACHABLE", &["login", "check it"]),
        (Fault::NotHarborVersionString("v2.2.1"), "UNREACHABLE", &["2.2.1", "2.4", "upgrade"]),
        (Fault::DatabaseDown, "UNREACHABLE", &["cannot check the account", "database"]),
        (Fault::Truncated, "UNREACHABLE", &["broke", "proxies"]),
    ];
    for (fault, state, words) in table {
        let harbor = SimulatedHarbor::start().await;
        let name = format!("{fault:?}");
        let id = gateway.as_admin().integrate_harbor(&name, &harbor).await;
        let before = health(&gateway, &id).await;
        harbor.fault(fault);
        gateway.as_admin().refresh(&id).await.succeeded();
        let found = health(&gateway, &id).await;
        assert_health(&name, &found, state, words);
        // It is in this state since it came into it, and what it was is still known.
        assert_eq!(found["since"] == before["since"], state == "HEALTHY", "{name}: {before} {found}");
        assert_eq!(found["privilege"], "SYSTEM_ADMIN", "{name}");
        assert!(found["version"].is_string(), "{name}: {found}");
        assert!(found["checkedAt"].is_string(), "{name}: {found}");
        harbor.stop().await;
    }
}

#[tokio::test]
async fn a_registry_that_is_gone_or_refuses_the_account_says_so_and_recovers() {
    let world = World::start().await;
    let since = health(&world.gateway, &world.main).await["since"].clone();
    assert!(since.is_string());

    world.harbor.set_password(SimulatedHarbor::ADMIN, "Changed12345");
    world.admin.refresh(&world.main).await.succeeded();
    let refused = health(&world.gateway, &world.main).await;
    assert_health("a changed password", &refused, "UNAUTHORIZED", &["refuses the account", "password"]);

    world.harbor.set_password(SimulatedHarbor::ADMIN, SimulatedHarbor::ADMIN_PASSWORD);
    world.admin.refresh(&world.main).await.succeeded();
    let well = health(&world.gateway, &world.main).await;
    assert_health("the old password", &well, "HEALTHY", &[]);
    assert!(well["latencyMs"].is_number(), "{well}");
    assert_ne!(well["since"], since, "it is well again, and not still");

    world.harbor.stop().await;
    world.admin.refresh(&world.main).await.succeeded();
    let silent = health(&world.gateway, &world.main).await;
    assert_health("a stopped Harbor", &silent, "UNREACHABLE", &["nothing listens", "port"]);
    world.admin.refresh(&world.main).await.succeeded();
    assert_eq!(health(&world.gateway, &world.main).await["since"], silent["since"], "the state is the same");
}

#[tokio::test]
async fn an_account_that_lost_its_rights_is_named_with_what_it_lacks() {
    let world = World::start().await;
    // Harbor's administrator becomes somebody with the same name and password, and without the rights.
    world.harbor.demote(SimulatedHarbor::ADMIN);
    // Every tenth look is a thorough one.
    for _ in 0..10 {
        world.admin.refresh(&world.main).await.succeeded();
    }
    let found = health(&world.gateway, &world.main).await;
    assert_health("a demoted account", &found, "DEGRADED", &["system administrator", "this one"]);
    assert_eq!(found["privilege"], "USER");
}

#[tokio::test]
async fn a_registry_that_nobody_looked_at_is_unknown() {
    let world = World::start().await;
    // Integration looks, so only what was brought in by other hands is in this state.
    let unseen = "UPDATE registry SET health_state = 'unknown', health_since = NULL, health_version = NULL";
    world.gateway.database().execute(&[unseen]).await;
    let gateway = world.gateway.restart().await;
    let found = health(&gateway, &world.main).await;
    assert_health("never looked at", &found, "UNKNOWN", &[]);
    assert_eq!(found["since"], Value::Null);
}

#[tokio::test]
async fn each_fault_of_a_certificate_has_its_own_cause() {
    let gateway = TestGateway::start().await;
    type Spoil = fn(&mut CertificateParams);
    let table: [(&str, Spoil, &[&str]); 4] = [
        ("127.0.0.1", |_| {}, &["signed by an authority that Fairway does not know", "tls.caCertificate"]),
        ("127.0.0.1", |params| params.not_after = date_time_ymd(2020, 1, 1), &["has expired", "renew"]),
        ("127.0.0.1", |params| params.not_before = date_time_ymd(2999, 1, 1), &["not valid yet", "clocks"]),
        ("harbor.example.com", |_| {}, &["another host name", "address"]),
    ];
    for (name, change, words) in table {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        change(&mut params);
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        let harbor = SimulatedHarbor::builder().tls(&certificate, &key.serialize_pem()).start().await;
        let is_trusted = !words[0].contains("authority");
        let found = test_connection(&gateway, &harbor.url(), is_trusted.then_some(&certificate)).await;
        assert_health(words[0], &found, "UNREACHABLE", words);
        if !is_trusted {
            let found = test_connection(&gateway, &harbor.url(), Some(&certificate)).await;
            assert_health("what the cause says was done", &found, "HEALTHY", &[]);
        }
        harbor.stop().await;
    }
    let plain = SimulatedHarbor::start().await;
    let found = test_connection(&gateway, &plain.url().replace("http:", "https:"), None).await;
    assert_health("plain HTTP", &found, "UNREACHABLE", &["TLS", "port"]);
}

async fn test_connection(gateway: &TestGateway, address: &str, authority: Option<&String>) -> Value {
    let document = "mutation ($input: TestRegistryConnectionInput!) { testRegistryConnection(input: $input) {
        health { state cause version latencyMs } } }";
    let input = json!({
        "kind": "HARBOR", "address": address, "tls": authority.map(|pem| json!({ "caCertificate": pem })),
        "username": SimulatedHarbor::ADMIN, "password": SimulatedHarbor::ADMIN_PASSWORD,
    });
    let reply = gateway.as_admin().query(document, json!({ "input": input })).await;
    reply.data("testRegistryConnection.health").clone()
}

#[tokio::test]
async fn a_cause_is_for_those_who_may_read_the_settings() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    let id = gateway.as_admin().integrate_and_refresh(harbor_input("main", &harbor)).await;
    harbor.fault(Fault::Unhealthy("trivy"));
    gateway.as_admin().refresh(&id).await.succeeded();
    let reply = gateway.as_outsider().query(HEALTH, json!({ "id": id })).await;
    assert_eq!(reply.data("registry.health.state"), "DEGRADED");
    for hidden in ["cause", "version", "latencyMs", "privilege"] {
        assert_eq!(reply.data(&format!("registry.health.{hidden}")), &Value::Null, "{hidden}");
    }
    assert!(reply.data("registry.health.since").is_string());
}
