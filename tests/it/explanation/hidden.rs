//! What a viewer may not see reads exactly like what does not exist.

use serde_json::Value;
use tests::{
    gateway::{Client, World},
    harbor::SimulatedHarbor,
};

use super::{explain, viewer};

/// The whole answer, with a name in the place of another.
async fn answer(viewer: &Client, namespace: &str, reference: &str, replace: (&str, &str)) -> Value {
    let found = explain(viewer, namespace, reference).await;
    serde_json::from_str(&found.to_string().replace(replace.0, replace.1)).expect("names are plain")
}

#[tokio::test]
async fn a_hidden_space_reads_like_none() {
    let world = World::start().await;
    let unbound = "mutation { unbindNamespaces(input: { namespaces: [{ name: \"free-prod\" }] }) { __typename } }";
    world.admin.bind_namespaces(&world.payments, &["free-prod"]).await.succeeded();
    world.admin.ask(unbound).await.succeeded();
    let host = world.harbor.host();
    for (name, hidden) in [
        ("outsider", ["pay/api", "vault/keys", "cart/web"].as_slice()),
        ("pay viewer", &["vault/keys", "cart/web"]),
        ("pay admin", &["vault/keys", "cart/web"]),
        ("shop admin", &["vault/keys", "pay/api", "pay/nope"]),
    ] {
        for namespace in ["pay-prod", "shop-prod", "free-prod", "stray"] {
            for path in hidden {
                let (space, image) = path.split_once('/').expect("a path of two parts");
                for suffix in ["", ":1.0", ":nope"] {
                    let viewer = viewer(&world.gateway, name);
                    let there = format!("{host}/{space}/{image}{suffix}");
                    let absent = format!("{host}/absent-space/{image}{suffix}");
                    let there = answer(&viewer, namespace, &there, (&format!("{space}/{image}"), "S/I")).await;
                    let there: Value =
                        serde_json::from_str(&there.to_string().replace(&format!("`{space}`"), "`S`")).expect("JSON");
                    let absent = answer(&viewer, namespace, &absent, (&format!("absent-space/{image}"), "S/I")).await;
                    let absent: Value =
                        serde_json::from_str(&absent.to_string().replace("`absent-space`", "`S`")).expect("JSON");
                    assert_eq!(there, absent, "{name} asks in {namespace} for {path}{suffix}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_hidden_registry_reads_like_none() {
    let world = World::start().await;
    let dark = SimulatedHarbor::start().await;
    dark.delete_project("library");
    dark.create_project("pay", false);
    dark.push("pay", "api", "1.0");
    world.admin.integrate_harbor("dark", &dark).await;
    for host in [dark.host(), world.own_harbor.host()] {
        for name in ["outsider", "pay viewer", "pay admin"] {
            for namespace in ["pay-prod", "shop-prod", "stray"] {
                let viewer = viewer(&world.gateway, name);
                let there = answer(&viewer, namespace, &format!("{host}/pay/api"), (&host, "HOST")).await;
                let absent = answer(&viewer, namespace, "nowhere.example/pay/api", ("nowhere.example", "HOST")).await;
                assert_eq!(there, absent, "{name} asks in {namespace} for {host}");
            }
        }
    }
}

#[tokio::test]
async fn outsiders_learn_nothing_of_a_namespace() {
    let world = World::start().await;
    let host = world.harbor.host();
    world.admin.bind_namespaces(&world.payments, &["free-prod"]).await.succeeded();
    let unbound = "mutation { unbindNamespaces(input: { namespaces: [{ name: \"free-prod\" }] }) { __typename } }";
    world.admin.ask(unbound).await.succeeded();
    // `cart` is seen by the shop's people: for them it is there, and whether it reaches the namespace is not theirs to know.
    for (name, namespaces) in
        [("outsider", ["pay-prod", "shop-prod", "free-prod"]), ("shop admin", ["pay-prod", "free-prod", "pay-prod"])]
    {
        for path in ["pay/api", "cart/web", "library/nginx", "library/nope", "nope/x", "vault/keys"] {
            let viewer = viewer(&world.gateway, name);
            let reference = format!("{host}/{path}");
            let unheard_of = answer(&viewer, "stray", &reference, ("stray", "N")).await;
            for namespace in namespaces {
                let found = answer(&viewer, namespace, &reference, (namespace, "N")).await;
                assert_eq!(found, unheard_of, "{name} asks in {namespace} for {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_remedy_without_ids_names_the_reference_as_it_was_typed() {
    let world = World::start().await;
    let typed = format!("{}/vault/keys:1.0", world.harbor.host());
    let found = explain(&viewer(&world.gateway, "pay viewer"), "pay-prod", &typed).await;
    for rule in ["SPACE_EXISTS", "SPACE_BOUND"] {
        let remedy = &super::check(&found, rule)["remedy"];
        assert_eq!(remedy["mutation"], Value::Null, "{rule}");
        assert!(remedy["text"].as_str().is_some_and(|text| text.contains(&typed)), "{rule}: {remedy}");
        assert_eq!(remedy["who"], "ADMIN", "{rule}");
    }
}
