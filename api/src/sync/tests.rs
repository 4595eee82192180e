//! The sync on a database of its own, with a Harbor that answers what a test says.

mod hint;
mod keep;
mod sealed;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use ::entity::registry::{HealthState, Kind, Privilege};
use ::entity::space::Visibility;
use ::entity::{image, registry, space};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::*;
use sea_orm::{IntoActiveModel, QueryOrder};
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::mirror::Directory;
use crate::storage::Raises;
use crate::upstream::{Guards, Networks};
use crate::vault::Key;

/// A private space of no registry, as it was at version 1.
pub(super) fn space(id: u128, name: &str) -> space::Model {
    space::Model {
        id: Uuid::from_u128(id),
        registry_id: Uuid::nil(),
        upstream_id: id.to_string(),
        name: name.to_owned(),
        visibility: Visibility::Private,
        is_proxy_cache: false,
        image_count: None,
        missing: false,
        unseen_since: None,
        images_as_of: None,
        images_failure: None,
        images_error: None,
        webhook: None,
        created_at: None,
        version: 1,
    }
}

/// One Harbor with the project `team` (id 1), of which nothing is known yet.
struct Scene {
    harbor: MockServer,
    sync: Sync,
    storage: Storage,
    registry: Uuid,
    space: Uuid,
    file: std::path::PathBuf,
}

impl Scene {
    async fn new() -> Self {
        Self::with(None).await
    }

    async fn with(public_url: Option<&str>) -> Self {
        let harbor = MockServer::start().await;
        let file = std::env::temp_dir().join(format!("fairway-sync-{}.db", Uuid::new_v4()));
        let url = SecretString::from(format!("sqlite://{}", file.display()));
        let storage = Storage::connect(&url).await.unwrap();
        storage.migrate().await.unwrap();
        let mirror = Mirror::new(storage.clone());
        let settings = Settings {
            patience: Duration::from_secs(1),
            interval: Duration::from_secs(3600),
            public_url: public_url.map(str::to_owned),
            webhook_path: |id| format!("/webhooks/harbor/{id}"),
        };
        let vault = Arc::new(Vault::new(&[Key::generate()]));
        let none = Networks::default;
        let guards = Guards::new(Networks::loopback(), none(), none());
        let upstream = Upstream::new(upstream::Settings::default(), guards);
        let sync = Sync::new(storage.clone(), mirror, upstream, vault, Metrics::builder().build(), settings);
        let (registry, space) = (Uuid::now_v7(), Uuid::now_v7());
        let write = storage.write(Raises::Access).await.unwrap();
        let row = registry::Model {
            id: registry,
            kind: Kind::Harbor,
            workspace_id: None,
            scope_key: "platform".to_owned(),
            name: "main".to_owned(),
            name_key: "main".to_owned(),
            description: None,
            address: Address::parse(&harbor.uri()).unwrap().as_str().to_owned(),
            host: "harbor.example".to_owned(),
            host_given: true,
            username: None,
            password: None,
            tls_verify: true,
            ca_certificate: None,
            health_state: HealthState::Healthy,
            health_cause: None,
            health_failure: None,
            health_since: None,
            health_version: None,
            privilege: Some(Privilege::SystemAdmin),
            webhook_secret: None,
            created_at: clock::now(),
            created_by: "ada".to_owned(),
            updated_at: clock::now(),
            version: write.version(),
        };
        registry::Entity::insert(row.into_active_model()).exec_without_returning(write.tx()).await.unwrap();
        ::entity::registry_sync::Entity::insert(sync_row(registry, None))
            .exec_without_returning(write.tx())
            .await
            .unwrap();
        let row = space::Model { id: space, registry_id: registry, version: write.version(), ..self::space(1, "team") };
        space::Entity::insert(row.into_active_model()).exec_without_returning(write.tx()).await.unwrap();
        write.commit().await.unwrap();
        Self { harbor, sync, storage, registry, space, file }
    }

    /// The list of the project's repositories from now on, until it is said anew.
    async fn holds(&self, repositories: &[(&str, i64)]) {
        let rows: Vec<Value> = repositories.iter().enumerate().map(|(n, (name, count))| row(n, name, *count)).collect();
        let total = rows.len().to_string();
        Mock::given(method("GET"))
            .and(path("/api/v2.0/projects/team/repositories"))
            .respond_with(ResponseTemplate::new(200).insert_header("X-Total-Count", &*total).set_body_json(rows))
            .with_priority(2)
            .mount(&self.harbor)
            .await;
    }

    /// What a question for one repository is answered from now on: its artifacts, or that it is not there.
    async fn tells(&self, repository: &str, artifacts: Option<i64>) {
        let rows: Vec<Value> = artifacts.into_iter().map(|count| row(0, repository, count)).collect();
        let total = rows.len().to_string();
        Mock::given(method("GET"))
            .and(path("/api/v2.0/projects/team/repositories"))
            .and(query_param("q", format!("name=team/{repository}")))
            .respond_with(ResponseTemplate::new(200).insert_header("X-Total-Count", &*total).set_body_json(rows))
            .with_priority(1)
            .mount(&self.harbor)
            .await;
    }

    async fn directory(&self) -> Arc<Directory> {
        self.sync.inner.mirror.current().await.unwrap()
    }

    /// The images in memory, as `name artifacts`; none when they were never read.
    async fn images(&self) -> Option<Vec<String>> {
        let directory = self.directory().await;
        let snapshot = directory.catalog.get(self.space)?;
        let tell = |image: crate::catalog::Image<'_>| {
            format!("{} {}", image.repository, image.artifact_count.unwrap_or_default())
        };
        Some(snapshot.images().map(tell).collect())
    }

    /// The rows of images, by name, each with its version.
    async fn rows(&self) -> Vec<(String, i64)> {
        let rows = image::Entity::find().order_by_asc(image::Column::Repository).all(self.storage.connection()).await;
        rows.unwrap().into_iter().map(|row| (row.repository, row.version)).collect()
    }

    async fn first_images(&self) -> usize {
        let directory = self.directory().await;
        let registry = directory.registries.find(self.registry).unwrap().clone();
        let space = directory.spaces.find(self.space).unwrap().clone();
        let deadline = Instant::now() + Duration::from_secs(10);
        self.sync.first_images(registry, space, deadline).await.unwrap().len()
    }

    /// Waits until the images are these.
    async fn becomes(&self, images: &[&str]) {
        let wait = async {
            while self.images().await.is_none_or(|now| now != images) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(10), wait).await.is_err() {
            panic!("the images are {:?}, and not {images:?}", self.images().await);
        }
    }

    async fn requests(&self) -> usize {
        self.harbor.received_requests().await.unwrap_or_default().len()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", self.file.display()));
        }
    }
}

#[tokio::test]
async fn what_a_docker_registry_has_said_of_its_tokens_is_kept_for_the_next_question() {
    let scene = Scene::new().await;
    let tags = ResponseTemplate::new(200).set_body_json(json!({ "name": "app", "tags": ["1.0"] }));
    let token = ResponseTemplate::new(200).set_body_json(json!({ "token": "good", "expires_in": 300 }));
    let challenge = ResponseTemplate::new(401).insert_header("WWW-Authenticate", r#"Bearer realm="/token""#);
    let list = || Mock::given(method("GET")).and(path("/v2/app/tags/list"));
    list().and(header("authorization", "Bearer good")).respond_with(tags).with_priority(1).mount(&scene.harbor).await;
    list().respond_with(challenge).with_priority(2).mount(&scene.harbor).await;
    Mock::given(method("GET")).and(path("/token")).respond_with(token).mount(&scene.harbor).await;

    let directory = scene.directory().await;
    let harbor = registry::Model::clone(directory.registries.find(scene.registry).unwrap());
    let mut row = registry::Model { kind: Kind::DockerRegistry, ..harbor };
    let ask = async |row: &registry::Model| {
        let key = upstream::SpaceKey { id: "/".to_owned(), name: "/".to_owned() };
        assert_eq!(scene.sync.client(row).unwrap().list_tags(&key, "app").await.unwrap().len(), 1);
        scene.requests().await
    };
    assert_eq!(ask(&row).await, 3);
    assert_eq!(ask(&row).await, 4);
    // Other settings may mean another account.
    row.updated_at += TimeDelta::milliseconds(1);
    assert_eq!(ask(&row).await, 7);
}

fn row(id: usize, name: &str, artifacts: i64) -> Value {
    json!({ "id": id, "name": format!("team/{name}"), "project_id": 1, "artifact_count": artifacts })
}
