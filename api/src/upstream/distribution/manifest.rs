//! Manifests and configurations: documents that are named by their digest, and so never change.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use quick_cache::{Weighter, sync::Cache};
use reqwest::{Method, StatusCode, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{DIGEST, Distribution, MANIFESTS, Reply, Scope, catalog::not_a_registry, is_genuine};
use crate::upstream::{Error, Platform, name, time};

/// What all documents that are kept came in, together: some ten thousand of the usual length.
const MAX_KEPT_BYTES: u64 = 16 << 20;
const LIKELY_KEPT: usize = 8192;

/// Builds of one index that are read of. The longest ones that people push have some twenty.
const MAX_BUILDS: usize = 100;

/// What was read of a document, without what it is not needed for.
#[derive(Clone)]
pub(super) enum Document {
    Manifest(Arc<Content>),
    Configuration(Arc<Built>),
}

/// What a manifest says.
pub(super) struct Content {
    pub(super) media_type: Option<String>,
    pub(super) kind: String,
    /// The manifest itself, configuration and layers; of an index itself alone, as its builds would each need a request.
    pub(super) size: Option<i64>,
    /// The platforms of an index.
    pub(super) builds: Option<Vec<Platform>>,
    /// What an index names: types of artifacts, as an index of referrers does.
    pub(super) artifact_types: Vec<String>,
    configuration: Option<String>,
    /// Schema 1 says it itself.
    own_platform: Option<Platform>,
}

/// What a configuration says.
#[derive(Default)]
pub(super) struct Built {
    pub(super) platform: Option<Platform>,
    pub(super) at: Option<DateTime<Utc>>,
}

/// The documents that were read lately, of all registries. Whoever uses one has asked the registry for its digest before,
/// with the account.
pub(in crate::upstream) struct Documents(Cache<Key, (Document, u64), Bytes>);

/// The address, the repository and the digest.
type Key = (String, String, String);

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, (Document, u64)> for Bytes {
    fn weight(&self, (address, repository, digest): &Key, (_, n_bytes): &(Document, u64)) -> u64 {
        (address.len() + repository.len() + digest.len()) as u64 + n_bytes
    }
}

impl Default for Documents {
    fn default() -> Self {
        Self(Cache::with_weighter(LIKELY_KEPT, MAX_KEPT_BYTES, Bytes))
    }
}

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
    artifact_type: Option<String>,
    digest: Option<String>,
    size: Option<i64>,
    platform: Option<Map<String, Value>>,
}

impl Distribution {
    /// What a digest names. None if it has gone.
    pub(super) async fn content(&self, repository: &str, digest: &str) -> Result<Option<Arc<Content>>, Error> {
        let key = self.key(repository, digest);
        if let Some((Document::Manifest(known), _)) = self.documents.0.get(&key) {
            return Ok(Some(known));
        }
        let Some(reply) = self.manifest(Method::GET, repository, digest).await? else { return Ok(None) };
        let content = Arc::new(Content::read(&reply)?);
        // Else it may change after all: what is kept is kept for every registry at this address.
        if reply.has_digest(digest) {
            self.documents.0.insert(key, (Document::Manifest(content.clone()), reply.length() as u64));
        }
        Ok(Some(content))
    }

    /// What a single image runs on stands in its configuration. Not worth failing for: a registry may keep blobs
    /// elsewhere and redirect there, and no redirect is followed.
    pub(super) async fn built(&self, repository: &str, content: &Content) -> Arc<Built> {
        if content.own_platform.is_some() {
            return Arc::new(Built { platform: content.own_platform.clone(), at: None });
        }
        let digest = content.configuration.as_deref().filter(|_| content.kind == IMAGE);
        let Some(digest) = digest.filter(|digest| name::is_sound_reference(digest)) else { return Arc::default() };
        let key = self.key(repository, digest);
        if let Some((Document::Configuration(known), _)) = self.documents.0.get(&key) {
            return known;
        }
        let path = format!("/v2/{}/blobs/{}", name::escape_path(repository), name::escape_reference(digest));
        let reply = self.request(Method::GET, &path, "*/*", Scope::Pull(repository)).await;
        // A blob is an octet stream, whatever is in it.
        let reply = reply.ok().filter(|reply| reply.status() == StatusCode::OK);
        let Some(found) = reply.as_ref().and_then(|reply| reply.untyped_json::<Map<String, Value>>().ok()) else {
            return Arc::default();
        };
        let built = Arc::new(Built {
            platform: Platform::read(&found, None, None),
            at: found.get("created").and_then(Value::as_str).and_then(time::parse).filter(|at| at.timestamp() > 0),
        });
        if let Some(reply) = reply.filter(|reply| reply.has_digest(digest)) {
            // Next to nothing of it is kept, however long it is.
            let n_bytes = reply.length().min(1 << 10) as u64;
            self.documents.0.insert(key, (Document::Configuration(built.clone()), n_bytes));
        }
        built
    }

    /// The digest of what a tag or a digest names now, asked for by HEAD.
    pub(in crate::upstream) async fn get_digest(
        &self,
        repository: &str,
        reference: &str,
    ) -> Result<Option<String>, Error> {
        match self.manifest(Method::HEAD, repository, reference).await? {
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

    fn key(&self, repository: &str, digest: &str) -> Key {
        (self.address().as_str().to_owned(), repository.to_owned(), digest.to_owned())
    }
}

impl Content {
    /// Reads a manifest, or an index of referrers.
    pub(super) fn read(reply: &Reply) -> Result<Self, Error> {
        let manifest: Manifest = reply.json()?;
        let kind = manifest.kind();
        let own = i64::try_from(reply.length()).ok();
        let size = own.and_then(|own| own.checked_add(manifest.parts()?));
        let own_platform = manifest.architecture.as_ref().and_then(|architecture| {
            let attributes = [("os", "linux".to_owned()), ("architecture", architecture.clone())];
            let attributes = attributes.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect();
            Platform::read(&attributes, None, None)
        });
        let builds = manifest.manifests.as_ref().map(|builds| {
            let read = |build: &Descriptor| Platform::read(build.platform.as_ref()?, build.digest.clone(), None);
            builds.iter().filter_map(read).take(MAX_BUILDS).collect()
        });
        let artifact_types = manifest.manifests.iter().flatten().filter_map(|part| part.artifact_type.clone());
        Ok(Self {
            kind,
            size,
            builds,
            artifact_types: artifact_types.take(MAX_BUILDS).collect(),
            configuration: manifest.config.and_then(|config| config.digest),
            own_platform,
            media_type: manifest.media_type.or_else(|| reply.header(CONTENT_TYPE).map(str::to_owned)),
        })
    }
}

const IMAGE: &str = "IMAGE";

impl Manifest {
    /// Configuration and layers, in bytes; none of an index. `None` for schema 1, which does not tell.
    fn parts(&self) -> Option<i64> {
        let none = Vec::new();
        let layers = self.layers.as_ref().or(self.manifests.as_ref().map(|_| &none))?;
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
