//! Manifests: what a tag or digest stands for.

use reqwest::{Method, StatusCode, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{DIGEST, Distribution, MANIFESTS, Reply, Scope, catalog::not_a_registry, is_genuine};
use crate::upstream::{Artifact, Error, Platform, name};

/// Manifest, index and, of schema 1, what still can be told: one shape, as every part may be absent.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Manifest {
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    /// Schema 1.
    architecture: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Descriptor {
    media_type: Option<String>,
    digest: Option<String>,
    size: Option<i64>,
    platform: Option<Map<String, Value>>,
}

impl Distribution {
    pub(in crate::upstream) async fn get_artifact(
        &self,
        repository: &str,
        reference: &str,
    ) -> Result<Option<Artifact>, Error> {
        let Some(reply) = self.manifest(Method::GET, repository, reference).await? else {
            return Ok(None);
        };
        let digest = match reply.header(DIGEST) {
            Some(digest) => digest.to_owned(),
            None if reference.starts_with("sha256:") => reference.to_owned(),
            None => return Err(Error::malformed("a manifest came without its digest")),
        };
        let manifest: Manifest = reply.json()?;
        let size = manifest.size();
        let media_type = manifest.media_type.clone().or_else(|| reply.header(CONTENT_TYPE).map(str::to_owned));
        let platforms = match &manifest.manifests {
            Some(children) => children
                .iter()
                .filter_map(|child| Platform::read(child.platform.as_ref()?, child.digest.clone(), None))
                .collect(),
            None => {
                let found = self.own_platform(repository, &manifest).await;
                found
                    .and_then(|attributes| Platform::read(&attributes, Some(digest.clone()), size))
                    .into_iter()
                    .collect()
            }
        };
        let tags = if reference.contains(':') { Vec::new() } else { vec![reference.to_owned()] };
        Ok(Some(Artifact {
            kind: manifest.kind(),
            digest,
            media_type,
            size,
            pushed_at: None,
            pulled_at: None,
            tags,
            platforms,
            labels: Vec::new(),
        }))
    }

    pub(in crate::upstream) async fn get_digest(&self, repository: &str, tag: &str) -> Result<Option<String>, Error> {
        match self.manifest(Method::HEAD, repository, tag).await? {
            None => Ok(None),
            Some(reply) => match reply.header(DIGEST) {
                Some(digest) => Ok(Some(digest.to_owned())),
                None => Err(Error::malformed("a manifest came without its digest")),
            },
        }
    }

    async fn manifest(&self, method: Method, repository: &str, reference: &str) -> Result<Option<Reply>, Error> {
        if !name::is_sound(repository) || !name::is_sound_reference(reference) {
            return Ok(None);
        }
        let path = format!("/v2/{}/manifests/{}", name::escape_path(repository), name::escape_reference(reference));
        let reply = self.request(method, &path, MANIFESTS, Scope::Pull(repository)).await?;
        match reply.status() {
            StatusCode::NOT_FOUND if is_genuine(&reply) => Ok(None),
            StatusCode::NOT_FOUND => Err(not_a_registry()),
            _ => Ok(Some(reply)),
        }
    }

    /// What a single image runs on stands in its configuration. Not worth failing for: a registry may keep blobs
    /// elsewhere and redirect there, and no redirect is followed.
    async fn own_platform(&self, repository: &str, manifest: &Manifest) -> Option<Map<String, Value>> {
        if let Some(architecture) = &manifest.architecture {
            let attributes = [("os", "linux".to_owned()), ("architecture", architecture.clone())];
            return Some(attributes.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect());
        }
        if manifest.kind() != IMAGE {
            return None;
        }
        let digest = manifest.config.as_ref()?.digest.as_deref()?;
        if !name::is_sound_reference(digest) {
            return None;
        }
        let path = format!("/v2/{}/blobs/{}", name::escape_path(repository), name::escape_reference(digest));
        let reply = self.request(Method::GET, &path, "*/*", Scope::Pull(repository)).await.ok()?;
        // A blob is an octet stream, whatever is in it.
        (reply.status() == StatusCode::OK).then(|| reply.untyped_json().ok())?
    }
}

const IMAGE: &str = "IMAGE";

impl Manifest {
    /// Configuration and layers. `None` for an index: its children would each need a request.
    fn size(&self) -> Option<i64> {
        let layers = self.layers.as_ref()?;
        let parts = self.config.iter().chain(layers);
        parts.map(|part| part.size.unwrap_or(0)).try_fold(0_i64, i64::checked_add)
    }

    /// As Harbor tells kinds apart: by the media type of the configuration.
    fn kind(&self) -> String {
        let config = self.config.as_ref().and_then(|config| config.media_type.as_deref());
        let media_type = match (config, &self.artifact_type) {
            // What OCI prescribes for an artifact without a configuration.
            (Some("application/vnd.oci.empty.v1+json") | None, Some(artifact_type)) => artifact_type,
            (Some(config), _) => config,
            (None, None) if self.manifests.is_some() || self.architecture.is_some() => {
                return IMAGE.to_owned();
            }
            (None, None) => return "UNKNOWN".to_owned(),
        };
        match media_type {
            "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json" => {
                IMAGE.to_owned()
            }
            "application/vnd.cncf.helm.config.v1+json" => "CHART".to_owned(),
            other => from_vendor_type(other).unwrap_or_else(|| "UNKNOWN".to_owned()),
        }
    }
}

/// `application/vnd.<vendor>.<type>.config.<version>+json`
fn from_vendor_type(media_type: &str) -> Option<String> {
    let name = media_type.strip_prefix("application/vnd.")?;
    let (before, _) = name.split_once(".config.")?;
    let (_, kind) = before.rsplit_once('.')?;
    Some(kind.to_uppercase())
}
