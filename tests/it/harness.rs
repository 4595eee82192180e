//! The harness itself: what it starts is what it says.

use tests::docker_registry::DockerRegistry;

#[tokio::test]
async fn a_docker_registry_runs_and_takes_images() {
    if !DockerRegistry::is_installed("a_docker_registry_runs_and_takes_images") {
        return;
    }
    for registry in [DockerRegistry::start().await, DockerRegistry::start_with_password().await] {
        let digest = registry.push("team/app", "1.0").await;
        assert_eq!(registry.raw_tags("team/app").await["tags"], serde_json::json!(["1.0"]));
        registry.delete_manifest("team/app", &digest).await;
        assert_eq!(registry.raw_tags("team/app").await["tags"], serde_json::Value::Null);
    }
}
