//! Harbor's artifacts and their tags.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Harbor,
    list::{Row, Source},
};
use crate::upstream::{
    Artifact, Error, Platform, SpaceKey, Tag,
    distribution::{DIGEST, MANIFESTS},
    name, time,
};

#[derive(Deserialize)]
struct Found {
    id: i64,
    digest: String,
    project_id: i64,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    manifest_media_type: Option<String>,
    #[serde(default)]
    size: Option<i64>,
    #[serde(default, deserialize_with = "time::deserialize")]
    push_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time::deserialize")]
    pull_time: Option<DateTime<Utc>>,
    #[serde(default)]
    tags: Option<Vec<FoundTag>>,
    #[serde(default)]
    labels: Option<Vec<Label>>,
    #[serde(default)]
    references: Option<Vec<Child>>,
    /// Free-form: what the configuration of the artifact says.
    #[serde(default)]
    extra_attrs: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct FoundTag {
    name: String,
    #[serde(default, deserialize_with = "time::deserialize")]
    push_time: Option<DateTime<Utc>>,
    #[serde(default)]
    immutable: Option<bool>,
}

#[derive(Deserialize)]
struct Label {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Child {
    #[serde(default)]
    child_digest: Option<String>,
    #[serde(default)]
    platform: Option<Map<String, Value>>,
}

impl Row for Found {
    fn id(&self) -> i64 {
        self.id
    }
}

impl Harbor {
    /// There is no list of a repository's tags with their times, so they are read off its tagged artifacts.
    pub(in crate::upstream) async fn list_tags(&self, space: &SpaceKey, repository: &str) -> Result<Vec<Tag>, Error> {
        if !name::is_sound(&space.name) || !name::is_sound(repository) {
            return Ok(Vec::new());
        }
        let artifacts: Vec<Found> = self
            .list(Source {
                what: "the list of tags",
                path: &repositories(space),
                repository: Some((repository, "/artifacts")),
                query: "q=tags%3D%2A&sort=id&with_tag=true&with_immutable_status=true",
                trusts_count: false,
            })
            .await?;
        let mut tags: BTreeMap<String, Tag> = BTreeMap::new();
        for artifact in artifacts {
            if artifact.project_id.to_string() != space.id {
                return Err(Error::NotFound);
            }
            for tag in artifact.tags.into_iter().flatten().filter(|tag| name::is_tag(&tag.name)) {
                let tag = Tag {
                    digest: Some(artifact.digest.clone()),
                    pushed_at: tag.push_time,
                    immutable: tag.immutable,
                    name: tag.name,
                };
                // A tag that moved between two pages stands on both artifacts.
                let is_newer = tags.get(&tag.name).is_none_or(|known| known.pushed_at <= tag.pushed_at);
                if is_newer {
                    tags.insert(tag.name.clone(), tag);
                }
            }
        }
        let mut tags: Vec<Tag> = tags.into_values().collect();
        tags.sort_by_cached_key(Tag::key);
        Ok(tags)
    }

    pub(in crate::upstream) async fn get_artifact(
        &self,
        space: &SpaceKey,
        repository: &str,
        reference: &str,
    ) -> Result<Option<Artifact>, Error> {
        if !name::is_sound(&space.name) || !name::is_sound(repository) || !name::is_sound_reference(reference) {
            return Ok(None);
        }
        let rest = format!("/artifacts/{}?with_tag=true&with_label=true", name::escape_reference(reference));
        let reply = self.get_of_repository(&repositories(space), repository, &rest).await;
        let found: Found = match reply {
            Ok(reply) => reply.json()?,
            Err(Error::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok((found.project_id.to_string() == space.id).then(|| found.into()))
    }

    pub(in crate::upstream) async fn get_digest(
        &self,
        space: &SpaceKey,
        repository: &str,
        tag: &str,
    ) -> Result<Option<String>, Error> {
        if !name::is_sound(&space.name) || !name::is_sound(repository) || !name::is_sound_reference(tag) {
            return Ok(None);
        }
        let path = format!(
            "/v2/{}/{}/manifests/{}",
            name::escape_path(&space.name),
            name::escape_path(repository),
            name::escape_reference(tag)
        );
        // HEAD: a GET counts as a pull.
        let call = self.transport.call(Method::HEAD, &path)?.accept(MANIFESTS).authorized(self.authorization.clone());
        let reply = self.transport.send(call).await?;
        match reply.status() {
            // A HEAD has no body to tell one 404 from another.
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::UNAUTHORIZED => return Err(self.explain_refusal(&reply).await),
            _ => super::judge(&reply)?,
        }
        match reply.header(DIGEST) {
            Some(digest) => Ok(Some(digest.to_owned())),
            None => Err(Error::malformed("a manifest came without its digest")),
        }
    }
}

/// The path before the name of a repository.
fn repositories(space: &SpaceKey) -> String {
    format!("/projects/{}/repositories/", name::escape(&space.name))
}

impl From<Found> for Artifact {
    fn from(found: Found) -> Self {
        let mut tags: Vec<String> =
            found.tags.into_iter().flatten().map(|tag| tag.name).filter(|tag| name::is_tag(tag)).collect();
        tags.sort();
        let children = found.references.unwrap_or_default();
        let platforms = if children.is_empty() {
            let own = found.extra_attrs.unwrap_or_default();
            Platform::read(&own, Some(found.digest.clone()), found.size).into_iter().collect()
        } else {
            children
                .into_iter()
                .filter_map(|child| Platform::read(&child.platform?, child.child_digest, None))
                .collect()
        };
        Self {
            media_type: found.manifest_media_type.filter(|text| !text.is_empty()),
            kind: found.kind.filter(|kind| !kind.is_empty()).unwrap_or_else(|| "UNKNOWN".to_owned()).to_uppercase(),
            size: found.size,
            pushed_at: found.push_time,
            pulled_at: found.pull_time,
            tags,
            platforms,
            labels: found.labels.into_iter().flatten().map(|label| label.name).collect(),
            digest: found.digest,
        }
    }
}
