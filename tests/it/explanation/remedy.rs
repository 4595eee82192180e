//! Every remedy, done by whom it names, mends what it is for.

use serde_json::{Value, json};
use tests::gateway::{Client, Token, World};

use super::{Question, check, explain, letters, table, viewer};

/// Who does it, with no more rights than that.
fn actor(world: &World, remedy: &Value, workspace: &str) -> Client {
    match remedy["who"].as_str() {
        Some("ADMIN") => world.gateway.as_admin(),
        Some("WORKSPACE_ADMIN") => world.gateway.as_member(workspace, "admin"),
        other => panic!("{other:?} has no act in Fairway: {remedy}"),
    }
}

#[tokio::test]
async fn every_mutation_mends_its_rule_as_it_is() {
    let n_questions = table(&World::start().await).len();
    let mut mended = Vec::new();
    for number in 0..n_questions {
        // A scene of its own for each, as one act may mend what another is for. Its rules are asked first.
        let mut scene = World::start().await;
        let (Question { viewer: name, namespace, reference }, ..) = table(&scene).swap_remove(number);
        let before = explain(&viewer(&scene.gateway, name), namespace, &reference).await;
        let checks = before["checks"].as_array().expect("checks are a list").clone();
        let with_mutation = checks.iter().filter(|check| check["remedy"]["mutation"].is_string());
        for (place, found) in with_mutation.enumerate() {
            let rule = found["rule"].as_str().unwrap_or_default();
            let (question, found) = if place == 0 {
                (reference.clone(), found.clone())
            } else {
                scene = World::start().await;
                let (Question { reference, .. }, ..) = table(&scene).swap_remove(number);
                let anew = explain(&viewer(&scene.gateway, name), namespace, &reference).await;
                (reference, check(&anew, rule).clone())
            };
            let remedy = &found["remedy"];
            let document = remedy["mutation"].as_str().expect("a mutation is a text");
            let workspace = if rule == "SPACE_EXISTS" || question.contains("/closed/") { "shop" } else { "payments" };
            let reply = actor(&scene, remedy, workspace).query(document, remedy["variables"].clone()).await;
            reply.succeeded();
            let after = explain(&viewer(&scene.gateway, name), namespace, &question).await;
            assert_eq!(check(&after, rule)["outcome"], "PASSED", "{name}, {namespace}, {question}: {after:#}");
            // Where it was the one thing that failed, or one of two that each suffice, the image is there now.
            let failed: String = letters(&before).chars().filter(|letter| *letter == 'F').collect();
            let is_enough = failed.len() == 1 || rule == "SPACE_PUBLIC" || rule == "SPACE_BOUND";
            if is_enough && rule != "SPACE_EXISTS" {
                assert_eq!(after["available"], true, "{name}, {namespace}, {question}: {after:#}");
            }
            mended.push(rule.to_owned());
        }
    }
    mended.sort();
    mended.dedup();
    assert_eq!(mended, ["NAMESPACE_BOUND", "SPACE_BOUND", "SPACE_EXISTS", "SPACE_PUBLIC"]);
}

#[tokio::test]
async fn what_takes_more_than_a_mutation_mends_it_too() {
    let world = World::start().await;
    let host = world.harbor.host();
    let member = viewer(&world.gateway, "pay viewer");
    let outcome = async |viewer: &Client, reference: &str, rule: &str| {
        let found = explain(viewer, "pay-prod", reference).await;
        let check = check(&found, rule);
        (check["outcome"].as_str().unwrap_or_default().to_owned(), check["remedy"]["who"].clone())
    };

    // IMAGE_EXISTS: whoever may push, pushes.
    let reference = format!("{host}/pay/new:1.0");
    let failed = ("FAILED".to_owned(), json!("REGISTRY_OPERATOR"));
    assert_eq!(outcome(&member, &reference, "IMAGE_EXISTS").await, failed);
    world.harbor.push("pay", "new", "1.0");
    world.admin.refresh(&world.main).await.succeeded();
    assert_eq!(outcome(&member, &reference, "IMAGE_EXISTS").await.0, "PASSED");

    // REGISTRY_HEALTHY: a part is mended, the account is given anew, the registry comes back.
    world.harbor.fault(tests::harbor::Fault::Unhealthy("trivy"));
    world.admin.refresh(&world.main).await.succeeded();
    assert_eq!(outcome(&member, &reference, "REGISTRY_HEALTHY").await, failed);
    world.harbor.clear_faults();
    world.admin.refresh(&world.main).await.succeeded();
    assert_eq!(outcome(&member, &reference, "REGISTRY_HEALTHY").await.0, "PASSED");
    world.harbor.set_password(tests::harbor::SimulatedHarbor::ADMIN, "Changed12345");
    world.admin.refresh(&world.main).await.succeeded();
    assert_eq!(outcome(&member, &reference, "REGISTRY_HEALTHY").await, ("FAILED".to_owned(), json!("ADMIN")));
    let document = "mutation ($input: UpdateRegistryInput!) { updateRegistry(input: $input) { registry { id } } }";
    let input = json!({ "id": world.main, "password": "Changed12345" });
    world.admin.query(document, json!({ "input": input })).await.succeeded();
    assert_eq!(outcome(&member, &reference, "REGISTRY_HEALTHY").await.0, "PASSED");
    world.harbor.stop().await;
    world.admin.refresh(&world.main).await.succeeded();
    assert_eq!(outcome(&member, &reference, "REGISTRY_HEALTHY").await, failed);
    world.harbor.restart().await;
    world.admin.refresh(&world.main).await.succeeded();
    assert_eq!(outcome(&member, &reference, "REGISTRY_HEALTHY").await.0, "PASSED");

    // REGISTRY_INTEGRATED: for the tenant as well.
    let reference = format!("{}/closed/tool", world.own_harbor.host());
    assert_eq!(outcome(&member, &reference, "REGISTRY_INTEGRATED").await, ("FAILED".to_owned(), json!("ADMIN")));
    world.admin.integrate_harbor_for(&world.payments, "theirs", &world.own_harbor).await;
    let found = explain(&member, "pay-prod", &reference).await;
    assert_eq!((letters(&found).as_str(), &found["available"]), ("PPPPNPNP", &json!(true)), "{found:#}");

    // VIEWER_IS_MEMBER: the same person with a token that says so.
    let reference = format!("{host}/pay/api");
    let outsider = world.gateway.as_outsider();
    let failed = ("FAILED".to_owned(), json!("WORKSPACE_ADMIN"));
    assert_eq!(outcome(&outsider, &reference, "VIEWER_IS_MEMBER").await, failed);
    let member = world.gateway.with_token(Token::new("otto").member("payments", "viewer").mint());
    let found = explain(&member, "pay-prod", &reference).await;
    assert_eq!((letters(&found).as_str(), &found["available"]), ("PPPPNPPP", &json!(true)), "{found:#}");
}

#[tokio::test]
async fn a_space_that_vanished_can_be_made_anew() {
    let world = World::start().await;
    world.harbor.delete_project("pay");
    for _ in 0..2 {
        world.admin.refresh(&world.main).await.succeeded();
    }
    let reference = format!("{}/pay/api", world.harbor.host());
    let found = explain(&world.admin, "pay-prod", &reference).await;
    assert_eq!(letters(&found), "PPFUUPFP", "{found:#}");
    let exists = check(&found, "SPACE_EXISTS");
    assert!(exists["detail"].as_str().is_some_and(|detail| detail.contains("vanished")), "{exists}");
    let document = exists["remedy"]["mutation"].as_str().expect("an Admin may see the ids");
    world.admin.query(document, exists["remedy"]["variables"].clone()).await.succeeded();
    let found = explain(&world.admin, "pay-prod", &reference).await;
    // It is a new space, and bound to nobody.
    assert_eq!(letters(&found), "PPPFFPFP", "{found:#}");
}
