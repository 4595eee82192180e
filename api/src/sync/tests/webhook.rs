//! Fairway's policies in Harbor: made once, and made anew when they would be others.

use super::super::reading::Reading;
use super::*;

async fn put(scene: &Scene) {
    let directory = scene.directory().await;
    let Ok(reading) = Reading::begin(&scene.storage, &directory, scene.registry, None) else {
        panic!("the registry is there")
    };
    let client = scene.sync.client(&reading.registry).unwrap();
    scene.sync.put_webhooks(&reading, &client, directory.spaces_of(scene.registry).to_vec()).await.unwrap();
}

async fn stored(scene: &Scene) -> Option<String> {
    space::Entity::find_by_id(scene.space).one(scene.storage.connection()).await.unwrap().unwrap().webhook
}

async fn mount(scene: &Scene, created: u16) {
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!([])))
        .mount(&scene.harbor)
        .await;
    let body = json!({ "errors": [{ "code": "FORBIDDEN", "message": "forbidden" }] });
    let reply = ResponseTemplate::new(created)
        .insert_header("Location", "/api/v2.0/projects/1/webhook/policies/17")
        .set_body_json(body);
    Mock::given(method("POST")).respond_with(reply).mount(&scene.harbor).await;
}

#[tokio::test]
async fn a_policy_is_made_once() {
    let scene = Scene::with(Some("https://fairway.example")).await;
    mount(&scene, 201).await;
    put(&scene).await;
    let policy = stored(&scene).await.unwrap();
    assert!(policy.starts_with("17 ") && policy.len() == "17 ".len() + 16, "{policy}");
    let posted: Vec<Value> = scene
        .harbor
        .received_requests()
        .await
        .unwrap_or_default()
        .iter()
        .filter(|request| request.method.as_str() == "POST")
        .map(|request| request.body_json().unwrap())
        .collect();
    assert_eq!(posted.len(), 1);
    let target = &posted[0]["targets"][0];
    assert_eq!(target["address"], format!("https://fairway.example/webhooks/harbor/{}", scene.registry));
    assert_eq!(posted[0]["name"], format!("fairway-{}", &scene.registry.simple().to_string()[..8]));
    // What a notification from there brings is what the door asks for.
    let row = registry::Entity::find_by_id(scene.registry).one(scene.storage.connection()).await.unwrap().unwrap();
    let sealed = row.webhook_secret.unwrap();
    let secret = scene.sync.inner.vault.open(&sealed, &webhook_context(scene.registry)).unwrap();
    let expected = webhook_authorization(&secret, "1");
    assert_eq!(target["auth_header"], secrecy::ExposeSecret::expose_secret(&expected));

    let before = scene.requests().await;
    put(&scene).await;
    assert_eq!((stored(&scene).await.unwrap(), scene.requests().await), (policy, before));
}

#[tokio::test]
async fn a_project_that_may_have_none_is_not_asked_again() {
    let scene = Scene::with(Some("https://fairway.example")).await;
    mount(&scene, 403).await;
    put(&scene).await;
    assert!(stored(&scene).await.unwrap().starts_with("- "));
    let before = scene.requests().await;
    put(&scene).await;
    assert_eq!(scene.requests().await, before);
}

#[tokio::test]
async fn without_an_address_of_its_own_fairway_makes_none() {
    let scene = Scene::new().await;
    put(&scene).await;
    assert_eq!((stored(&scene).await, scene.requests().await), (None, 0));
}
