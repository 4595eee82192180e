//! Webhook policies: made, kept, changed, removed.

use serde_json::{Value, json as value};

use super::*;
use crate::upstream::{Error, Webhook, testing::space};

const POLICIES: &str = "GET /api/v2.0/projects/3/webhook/policies?page=1&page_size=100&sort=id";
const MAKE: &str = "POST /api/v2.0/projects/3/webhook/policies";
const CHANGE: &str = "PUT /api/v2.0/projects/3/webhook/policies/5";
const OTHER: &str = r#"{"id":1,"name":"default-format","enabled":true,"event_types":["PUSH_ARTIFACT"],"targets":null}"#;
const OURS: &str = r#"{"creation_time":"2026-11-21T02:11:18.635Z","enabled":true,"event_types":["TAG_RETENTION","PUSH_ARTIFACT","DELETE_ARTIFACT","REPLICATION"],"id":5,"name":"fairway","project_id":3,"targets":[{"address":"https://fairway.example/webhooks/harbor/r","auth_header":"Bearer hook-secret","payload_format":"Default","skip_cert_verify":false,"type":"http"}]}"#;

fn hook() -> Webhook {
    Webhook {
        name: "fairway".to_owned(),
        address: "https://fairway.example/webhooks/harbor/r".to_owned(),
        authorization: "Bearer hook-secret".into(),
    }
}

fn listed(policies: &[&str]) -> ResponseTemplate {
    counted(policies.len(), &format!("[{}]", policies.join(",")))
}

fn made() -> ResponseTemplate {
    ResponseTemplate::new(201).insert_header("Location", "/api/v2.0/projects/3/webhook/policies/5")
}

async fn put(registry: &Registry) -> Result<String, Error> {
    registry.put_webhook(&space("3", "acme-private"), &hook()).await
}

/// The bodies sent, of those requests that had one.
async fn bodies(fake: &Fake) -> Vec<Value> {
    fake.requests().await.iter().filter_map(|sent| sent.body_json().ok()).collect()
}

#[tokio::test]
async fn a_policy_is_made_where_there_is_none() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(POLICIES, listed(&[OTHER])).await;
    fake.reply(MAKE, made()).await;
    assert_eq!(put(&registry).await.expect("an id"), "5");
    assert_eq!(fake.sent().await, [POLICIES, MAKE]);
    assert_eq!(
        bodies(&fake).await,
        [value!({
            "name": "fairway",
            "enabled": true,
            "event_types": ["PUSH_ARTIFACT", "DELETE_ARTIFACT", "REPLICATION", "TAG_RETENTION"],
            "targets": [{
                "type": "http",
                "address": "https://fairway.example/webhooks/harbor/r",
                "auth_header": "Bearer hook-secret",
                "skip_cert_verify": false,
            }],
        })]
    );
}

#[tokio::test]
async fn a_policy_that_is_right_is_left_as_it_is() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(POLICIES, listed(&[OTHER, OURS])).await;
    assert_eq!(put(&registry).await.expect("an id"), "5");
    assert_eq!(fake.sent().await, [POLICIES]);
}

#[tokio::test]
async fn a_policy_that_differs_is_changed() {
    let changes = [
        (r#""enabled":true"#, r#""enabled":false"#),
        ("hook-secret", "old-secret"),
        ("fairway.example", "old.example"),
        (r#""skip_cert_verify":false"#, r#""skip_cert_verify":true"#),
        (r#","REPLICATION""#, ""),
        (r#""Default""#, r#""CloudEvents""#),
        (r#""type":"http""#, r#""type":"slack""#),
    ];
    for (from, to) in changes {
        let (fake, registry) = harbor_of_admin().await;
        let differing = OURS.replace(from, to);
        assert_ne!(differing, OURS, "{from}");
        fake.reply(POLICIES, listed(&[&differing])).await;
        fake.reply(CHANGE, ResponseTemplate::new(200)).await;
        assert_eq!(put(&registry).await.expect("an id"), "5", "{to}");
        assert_eq!(fake.sent().await, [POLICIES, CHANGE], "{to}");
    }
}

#[tokio::test]
async fn a_harbor_without_some_events_gets_the_others() {
    let (fake, registry) = harbor_of_admin().await;
    fake.reply(POLICIES, listed(&[])).await;
    fake.once(MAKE, complaint(400, "BAD_REQUEST", "unsupported event type TAG_RETENTION")).await;
    fake.reply(MAKE, made()).await;
    assert_eq!(put(&registry).await.expect("an id"), "5");
    assert_eq!(fake.sent().await, [POLICIES, MAKE, MAKE]);
    assert_eq!(bodies(&fake).await[1]["event_types"], value!(["PUSH_ARTIFACT", "DELETE_ARTIFACT"]));

    let (fake, registry) = harbor_of_admin().await;
    fake.reply(POLICIES, listed(&[])).await;
    fake.reply(MAKE, complaint(400, "BAD_REQUEST", "invalid scheme: ftp")).await;
    let error = put(&registry).await.expect_err("a refusal");
    assert!(error.cause().contains("invalid scheme"), "{error:?}");
}

#[tokio::test]
async fn a_policy_made_meanwhile_or_made_silently_is_found_again() {
    for reply in [complaint(409, "CONFLICT", "already exists"), ResponseTemplate::new(201)] {
        let (fake, registry) = harbor_of_admin().await;
        fake.once(POLICIES, listed(&[])).await;
        fake.reply(MAKE, reply).await;
        fake.reply(POLICIES, listed(&[OURS])).await;
        assert_eq!(put(&registry).await.expect("an id"), "5");
        assert_eq!(fake.sent().await, [POLICIES, MAKE, POLICIES]);
    }
}

#[tokio::test]
async fn a_policy_is_removed_once_and_for_all() {
    let (fake, registry) = harbor_of_admin().await;
    let key = space("3", "acme-private");
    let at = |id: i64| format!("DELETE /api/v2.0/projects/3/webhook/policies/{id}");
    fake.reply(&at(5), ResponseTemplate::new(200)).await;
    fake.reply(&at(6), complaint(404, "NOT_FOUND", "notification policy 6 not found")).await;
    let busy = "failed to delete executions for webhook of policy 7: contains executions that aren't in final status";
    fake.reply(&at(7), complaint(412, "UNKNOWN", busy)).await;
    fake.reply(&at(8), complaint(403, "FORBIDDEN", "forbidden")).await;
    registry.delete_webhook(&key, "5").await.expect("removed");
    registry.delete_webhook(&key, "6").await.expect("gone already");
    assert!(matches!(registry.delete_webhook(&key, "7").await, Err(Error::Conflict { .. })));
    assert!(matches!(registry.delete_webhook(&key, "8").await, Err(Error::Forbidden { .. })));
    assert!(matches!(registry.delete_webhook(&key, "../1").await, Err(Error::Malformed { .. })));
    assert_eq!(fake.sent().await.len(), 4);
}

#[test]
fn no_secret_is_printed() {
    let printed = format!("{:?}", hook());
    assert!(printed.contains("fairway.example") && !printed.contains("hook-secret"), "{printed}");
}
