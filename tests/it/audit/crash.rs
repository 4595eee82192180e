//! Acts that reach a registry: the trail says FAILED until it is known to be otherwise.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    database::TemporaryDatabase,
    eventually::eventually,
    gateway::{Client, Token, World},
    harbor::{Fault, SimulatedHarbor},
    program::Program,
};

use super::{mutate, trail};

const PATIENCE: Duration = Duration::from_secs(60);

const SETTINGS: [(&str, &str); 2] = [("FAIRWAY_SYNC_INTERVAL", "1h"), ("FAIRWAY_UPSTREAM_TIMEOUT", "10s")];

fn admin(program: &Program) -> Client {
    Client::at(program.origin(), Some(Token::new("ada").admin().mint()))
}

/// The outcomes of an action, newest first.
async fn outcomes(viewer: &Client, action: &str) -> Vec<(Value, Value)> {
    let events = trail(viewer, json!({ "action": action })).await;
    events.into_iter().map(|event| (event["outcome"].clone(), event["changes"].clone())).collect()
}

#[tokio::test]
async fn an_act_that_a_crash_cut_short_has_failed() {
    let database = TemporaryDatabase::create().await;
    let harbor = SimulatedHarbor::start().await;
    harbor.create_project("team", false);
    let program = Program::serve_on(&database, &SETTINGS).await;
    let registry = admin(&program).integrate_harbor("main", &harbor).await;
    let space = admin(&program).space(&registry, "team").await;

    harbor.fault(Fault::Hang.on("/api/v2.0/projects/"));
    let act = tokio::spawn({
        let (client, input) = (admin(&program), json!({ "spaceId": space, "public": true }));
        let document = "mutation ($input: SetSpacePublicInput!) { setSpacePublic(input: $input) { space { id } } }";
        async move { client.try_query(document, json!({ "input": input })).await.is_ok() }
    });
    eventually(PATIENCE, "Harbor is asked", async || {
        harbor.requests().iter().any(|request| request.starts_with("PUT /api/v2.0/projects/")).then_some(())
    })
    .await;
    let failed = [(json!("FAILED"), Value::Null)];
    assert_eq!(outcomes(&admin(&program), "setSpacePublic").await, failed);
    program.kill().await;
    assert!(!act.await.expect("asking does not panic"), "the act was to be cut short");

    let program = Program::serve_on(&database, &SETTINGS).await;
    assert_eq!(outcomes(&admin(&program), "setSpacePublic").await, failed);
    let event = trail(&admin(&program), json!({ "action": "setSpacePublic" })).await.remove(0);
    assert_eq!((&event["targetName"], &event["actor"]), (&json!("team"), &json!("ada")));
    assert_eq!(outcomes(&admin(&program), "integrateRegistry").await[0].0, "SUCCEEDED");
}

#[tokio::test]
async fn an_act_whose_client_hung_up_is_completed() {
    let world = World::start().await;
    let vault = world.space("vault").await;
    world.harbor.clear_requests();
    world.harbor.pause();
    let act = tokio::spawn({
        let (client, input) = (world.admin.clone(), json!({ "spaceId": vault, "public": true }));
        async move { mutate(&client, "SetSpacePublic", &input).await.status }
    });
    eventually(PATIENCE, "the act has begun", async || {
        (outcomes(&world.admin, "setSpacePublic").await == [(json!("FAILED"), Value::Null)]).then_some(())
    })
    .await;
    act.abort();
    assert!(act.await.expect_err("nobody waits any more").is_cancelled());
    world.harbor.resume();
    let changes = json!({ "before": { "visibility": "PRIVATE" }, "after": { "visibility": "PUBLIC" } });
    eventually(PATIENCE, "the act is completed", async || {
        (outcomes(&world.admin, "setSpacePublic").await == [(json!("SUCCEEDED"), changes.clone())]).then_some(())
    })
    .await;
}
