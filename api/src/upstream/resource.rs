//! What a registry holds, in words that fit both products.
//!
//! Plain data without behaviour: what may be shown to whom is for others to say.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::version;

/// Names one space for calls about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpaceKey {
    /// Harbor's `project_id` as text; `/` at a Docker Registry. Never given to another space.
    pub id: String,
    /// The name, which another space may take over once this one is gone.
    pub name: String,
}

/// A registry space: a Harbor project, or the whole of a Docker Registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    /// See [`SpaceKey::id`].
    pub id: String,
    /// The name in image references; `/` at a Docker Registry.
    pub name: String,
    /// Whether everybody may pull.
    pub visibility: Visibility,
    /// Harbor fills the space from another registry. Asking `/v2` about its tags reaches through to that registry.
    pub is_proxy_cache: bool,
    /// Repositories in the space, where the registry tells.
    pub image_count: Option<i64>,
    /// When the space was made, where the registry tells.
    pub created_at: Option<DateTime<Utc>>,
}

/// Who may pull from a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Members alone; also whenever the registry does not say.
    Private,
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The path inside the space: `app`, `team/app`.
    pub repository: String,
    /// As written by its owners; Harbor escapes HTML when it stores it.
    pub description: Option<String>,
    /// Artifacts, untagged ones included.
    pub artifact_count: Option<i64>,
    /// Pulls so far; Harbor counts them up to 10 s late.
    pub pull_count: Option<i64>,
    /// What Harbor calls the update time: before 2.15.2 it moves with pulls and not with pushes.
    pub updated_at: Option<DateTime<Utc>>,
}

/// One page of the images that changed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    /// Each with the [`SpaceKey::id`] of its space, the last changed first.
    pub images: Vec<(String, Image)>,
    /// How many there are on all pages, where the registry tells.
    pub total: Option<usize>,
}

/// A tag of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The tag.
    pub name: String,
    /// What it points to, where the list tells.
    pub digest: Option<String>,
    /// When the tag was last moved.
    pub pushed_at: Option<DateTime<Utc>>,
    /// Whether a rule forbids moving it.
    pub immutable: Option<bool>,
}

impl Tag {
    /// Where the tag stands among those of its repository.
    pub fn key(&self) -> TagKey {
        TagKey { pushed_at: self.pushed_at, name: self.name.clone() }
    }
}

/// The order of a repository's tags: the last pushed first; where no push times are told, the highest version first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagKey {
    pushed_at: Option<DateTime<Utc>>,
    name: String,
}

impl Ord for TagKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.pushed_at, other.pushed_at) {
            (None, None) => version::newest_first(&self.name, &other.name),
            (mine, theirs) => theirs.cmp(&mine).then_with(|| self.name.cmp(&other.name)),
        }
    }
}

impl PartialOrd for TagKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What a space's artifacts take, and may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Bytes; `None` where the registry does not tell this account.
    pub used: Option<i64>,
    /// Bytes; `None` without a limit too.
    pub limit: Option<i64>,
}

/// What a tag or a digest stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The digest of its manifest.
    pub digest: String,
    /// The media type of its manifest.
    pub media_type: Option<String>,
    /// `IMAGE`, `CHART`, … in upper case; `UNKNOWN` if the registry cannot tell.
    pub kind: String,
    /// Bytes, layers and configuration together.
    pub size: Option<i64>,
    /// When this digest first came.
    pub pushed_at: Option<DateTime<Utc>>,
    /// When it was last pulled.
    pub pulled_at: Option<DateTime<Utc>>,
    /// Its tags as far as the registry tells, by name.
    pub tags: Vec<String>,
    /// What it runs on; empty if that is not known.
    pub platforms: Vec<Platform>,
    /// Names of its labels.
    pub labels: Vec<String>,
}

/// An operating system and architecture that an image has a build for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `linux`
    pub os: String,
    /// `amd64`
    pub architecture: String,
    /// `v8`
    pub variant: Option<String>,
    /// The digest of the build for this platform.
    pub digest: Option<String>,
    /// Its size in bytes, where that is known without another request.
    pub size: Option<i64>,
}

impl Platform {
    /// Reads `os`, `architecture` and `variant` from free-form attributes, where the first two are known. Attestations
    /// stand in an index with the platform `unknown/unknown`.
    pub(super) fn read(attributes: &Map<String, Value>, digest: Option<String>, size: Option<i64>) -> Option<Self> {
        let text = |key: &str| attributes.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (os, architecture) = (text("os")?, text("architecture")?);
        (os != "unknown").then(|| Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: text("variant").map(str::to_owned),
            digest,
            size,
        })
    }
}
