//! What registries tell by themselves: hints, each proven to come from where it says, and none believed. What it speaks of is
//! read again.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;

use std::collections::BTreeSet;

use ::entity::registry::{self, Kind};
use getrandom::fill;
use sea_orm::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::audit::{self, Act, Entry};
use super::{Directory, Error, Registry, Service, Space};
use crate::auth::policy::Action;
use crate::storage::Raises;
use crate::sync::{webhook_authorization, webhook_context};

/// What comes of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// What it speaks of is being read again.
    Accepted,
    /// It does not prove where it comes from, or the registry is not known: nothing tells which.
    Unauthorized,
    /// It proves where it comes from, and makes no sense.
    Malformed(&'static str),
}

/// Takes a notification from the registry of this id.
pub async fn receive(
    service: &Service,
    kind: Kind,
    id: Uuid,
    authorization: &str,
    body: &[u8],
) -> Result<Received, Error> {
    let directory = service.mirror.current().await?;
    let found = directory.registries.find(id).filter(|registry| registry.kind == kind);
    let Some((registry, secret)) = found.and_then(|registry| Some((registry, secret_of(service, registry)?))) else {
        return Ok(Received::Unauthorized);
    };
    let presented = authorization.as_bytes();
    let hints = match kind {
        Kind::Harbor => {
            let event = serde_json::from_slice::<HarborEvent>(body).ok().and_then(HarborEvent::repository);
            let Some(space) = sender(&directory, registry, &secret, presented, event.as_ref()) else {
                return Ok(Received::Unauthorized);
            };
            match event {
                // Its secret opens one project, and it speaks of another.
                Some(event) if event.namespace != space.name => return Ok(Received::Unauthorized),
                Some(event) => vec![(space.id, Some(event.name))],
                None if serde_json::from_slice::<serde_json::Value>(body).is_ok() => vec![(space.id, None)],
                None => return Ok(Received::Malformed("the body is not JSON")),
            }
        }
        Kind::DockerRegistry => {
            let expected = format!("Bearer {}", secret.expose_secret());
            if !bool::from(expected.as_bytes().ct_eq(presented)) {
                return Ok(Received::Unauthorized);
            }
            let Ok(notification) = serde_json::from_slice::<Notification>(body) else {
                return Ok(Received::Malformed("the body is not a notification: `{\"events\": […]}`"));
            };
            let space = directory.spaces_of(id).iter().find(|space| !space.missing);
            space.map_or_else(Vec::new, |space| notification.hints(space.id))
        }
    };
    for (space, repository) in hints {
        service.sync.hint(id, space, repository);
    }
    Ok(Received::Accepted)
}

/// The project whose secret this is. Harbor shows a policy's secret to the admins of its project, so each project has its
/// own, and an event speaks for that project alone.
fn sender<'a>(
    directory: &'a Directory,
    registry: &Registry,
    secret: &SecretString,
    presented: &[u8],
    event: Option<&Repository>,
) -> Option<&'a Space> {
    let is_candidate = |space: &&Space| event.is_none_or(|event| event.namespace == space.name);
    directory.spaces_of(registry.id).iter().filter(is_candidate).filter(|space| !space.missing).find(|space| {
        let expected = webhook_authorization(secret, &space.upstream_id);
        bool::from(expected.expose_secret().as_bytes().ct_eq(presented))
    })
}

fn secret_of(service: &Service, registry: &registry::Model) -> Option<SecretString> {
    let opened = service.vault.open(registry.webhook_secret.as_deref()?, &webhook_context(registry.id));
    opened
        .inspect_err(|error| {
            let error: &dyn std::error::Error = error;
            tracing::error!(registry.id = %registry.id, error, "The secret of a registry's webhooks cannot be opened");
        })
        .ok()
}

/// Harbor's own format, and `CloudEvents`, which hold the same under another name.
#[derive(Deserialize)]
struct HarborEvent {
    #[serde(alias = "data")]
    event_data: EventData,
}

#[derive(Deserialize)]
struct EventData {
    repository: Repository,
}

#[derive(Deserialize)]
struct Repository {
    /// The project.
    namespace: String,
    /// The path in it.
    name: String,
}

impl HarborEvent {
    fn repository(self) -> Option<Repository> {
        Some(self.event_data.repository).filter(|repository| !repository.name.is_empty())
    }
}

/// What distribution sends.
#[derive(Deserialize)]
struct Notification {
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    action: String,
    #[serde(default)]
    target: Target,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Target {
    #[serde(rename = "mediaType")]
    media_type: String,
    repository: String,
}

impl Notification {
    /// Blobs make events too, and pulls change nothing that is kept.
    fn hints(self, space: Uuid) -> Vec<(Uuid, Option<String>)> {
        let is_of_image = |event: &Event| match event.action.as_str() {
            "delete" => true,
            "push" | "mount" => event.target.media_type != "application/octet-stream",
            _ => false,
        };
        let repositories: BTreeSet<String> =
            self.events.into_iter().filter(is_of_image).map(|event| event.target.repository).collect();
        repositories.into_iter().filter(|name| !name.is_empty()).map(|name| (space, Some(name))).collect()
    }
}

/// Where a registry's notifications go, and what they must prove to know.
pub struct Door {
    pub url: String,
    pub secret: SecretString,
}

/// A new secret for a Docker Registry's notifications; the one before ends. `path` is where they come in.
pub async fn rotate(cx: &Act, id: Uuid, path: &str) -> Result<Door, Error> {
    let registry =
        super::registry::get_to(cx, Action::UpdateRegistry, id).await.map_err(|error| error.on("registryId"))?;
    if registry.kind == Kind::Harbor {
        let message = "Fairway makes the webhooks of a Harbor by itself, each with a secret that nobody has to carry";
        return Err(Error::unsupported(message).on("registryId"));
    }
    let Some(public_url) = cx.service.sync.public_url() else {
        let message = "Fairway does not know by which address registries reach it: FAIRWAY_PUBLIC_URL tells";
        return Err(Error::unsupported(message));
    };
    let secret = new_secret();
    let sealed = cx.service.vault.seal(&secret, &webhook_context(id));
    let write = cx.service.storage.write(Raises::Content).await?;
    let updated = registry::Entity::update_many()
        .col_expr(registry::Column::WebhookSecret, Expr::value(Some(sealed)))
        .col_expr(registry::Column::Version, Expr::value(write.version()))
        .filter(registry::Column::Id.eq(id))
        .exec(write.tx())
        .await?;
    if updated.rows_affected == 0 {
        return Err(Error::not_found("registry").on("registryId"));
    }
    let changes = json!({ "secretChanged": true });
    cx.record(&write, Entry::alike(registry.workspace_id, audit::Target::Registry(id), &registry.name, &changes))
        .await?;
    write.commit().await?;
    cx.fresh_sight().await?;
    Ok(Door { url: format!("{public_url}{path}"), secret })
}

fn new_secret() -> SecretString {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut bytes = [0; 32];
    fill(&mut bytes).expect("the operating system gives random bytes");
    URL_SAFE_NO_PAD.encode(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(body: &str) -> Option<(String, String)> {
        let event = serde_json::from_str::<HarborEvent>(body).ok()?.repository()?;
        Some((event.namespace, event.name))
    }

    #[test]
    fn both_of_harbors_formats_name_the_repository() {
        let data = r#"{"resources":[],"repository":{"name":"app/web","namespace":"team-a","repo_type":"private"}}"#;
        let expected = Some(("team-a".to_owned(), "app/web".to_owned()));
        assert_eq!(repository(&format!(r#"{{"type":"PUSH_ARTIFACT","event_data":{data}}}"#)), expected);
        let cloud = format!(r#"{{"specversion":"1.0","type":"harbor.artifact.pushed","data":{data}}}"#);
        assert_eq!(repository(&cloud), expected);
        assert_eq!(repository(r#"{"type":"REPLICATION","event_data":{"replication":{}}}"#), None);
        assert_eq!(repository("[]"), None);
    }

    #[test]
    fn a_notification_hints_at_each_image_once() {
        let body = r#"{"events":[
            {"action":"push","target":{"mediaType":"application/octet-stream","repository":"blob"}},
            {"action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","repository":"a/b"}},
            {"action":"push","target":{"mediaType":"application/vnd.oci.image.index.v1+json","repository":"a/b"}},
            {"action":"pull","target":{"mediaType":"application/vnd.oci.image.index.v1+json","repository":"pulled"}},
            {"action":"delete","target":{"repository":"c"}}, {"action":"delete"}]}"#;
        let hints = serde_json::from_str::<Notification>(body).unwrap().hints(Uuid::nil());
        let names: Vec<_> = hints.into_iter().filter_map(|(_, name)| name).collect();
        assert_eq!(names, ["a/b", "c"]);
    }
}
