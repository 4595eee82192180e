//! What a registry holds, in words that fit both products.
//!
//! Data, and the order that it stands in: what may be shown to whom is for others to say.

use std::{cmp::Ordering, collections::BTreeMap};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Kind, version};

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
    /// Grows with each tag that is made, where the registry numbers them.
    pub number: Option<i64>,
    /// When the tag was last moved.
    pub pushed_at: Option<DateTime<Utc>>,
    /// Whether a rule forbids moving it.
    pub immutable: Option<bool>,
}

impl Tag {
    /// Where the tag stands among those of its repository.
    pub fn key(&self) -> TagKey {
        TagKey { pushed_at: self.pushed_at, number: self.number, name: self.name.clone() }
    }
}

/// The order of a repository's tags: the last pushed first; where no push times are told, the highest version first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagKey {
    pushed_at: Option<DateTime<Utc>>,
    number: Option<i64>,
    name: String,
}

impl Ord for TagKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.pushed_at, other.pushed_at) {
            (None, None) => version::newest_first(&self.name, &other.name),
            (mine, theirs) => {
                let by_push = (theirs, other.number).cmp(&(mine, self.number));
                by_push.then_with(|| self.name.cmp(&other.name))
            }
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

/// What a registry is asked for about artifacts only because somebody wants to see it: each costs it work, or requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Detail {
    /// What the manifest says: its media type, what it is, its size, the platforms of an index. A Docker Registry gives
    /// the manifest for it.
    pub manifest: bool,
    /// What the configuration says: the platform of a single image, when it was built. A Docker Registry gives one more
    /// blob for it.
    pub configuration: bool,
    /// The sizes of an index's builds. A Docker Registry gives a manifest for each; Harbor tells the sum unasked.
    pub builds: bool,
    /// All tags. A Docker Registry is asked for each.
    pub tags: bool,
    /// Whether a rule forbids moving its tags.
    pub immutable: bool,
    /// Names of labels.
    pub labels: bool,
    /// Whether it is signed.
    pub signatures: bool,
    /// The vulnerability scan.
    pub scan: bool,
}

impl Detail {
    /// What of it such a registry is asked for: the rest it tells anyway, or never.
    pub fn at(self, kind: Kind) -> Self {
        match kind {
            Kind::Harbor => Self { manifest: false, configuration: false, tags: false, ..self },
            Kind::DockerRegistry => Self { immutable: false, ..self },
        }
    }

    /// What of it Harbor does not tell unasked.
    pub(super) fn costs_harbor(self) -> bool {
        self.immutable || self.labels || self.signatures || self.scan
    }
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
    /// Bytes: the manifest and all that it names; those of all platforms of an index.
    pub size: Option<i64>,
    /// Grows with each artifact that comes to the registry, where it numbers them.
    pub number: Option<i64>,
    /// When this digest first came; at a Docker Registry, which keeps no such time, when it was built.
    pub pushed_at: Option<DateTime<Utc>>,
    /// When it was last pulled.
    pub pulled_at: Option<DateTime<Utc>>,
    /// Its tags as far as they were asked for, by name.
    pub tags: Vec<Tag>,
    /// What it runs on; empty if that is not known.
    pub platforms: Vec<Platform>,
    /// What was asked for beside; `None` if nothing was.
    pub findings: Option<Findings>,
}

impl Artifact {
    /// An artifact of which nothing is known but what it is called.
    pub fn named(digest: String) -> Self {
        Self {
            digest,
            media_type: None,
            kind: "UNKNOWN".to_owned(),
            size: None,
            number: None,
            pushed_at: None,
            pulled_at: None,
            tags: Vec::new(),
            platforms: Vec::new(),
            findings: None,
        }
    }

    /// Whether such a registry could tell more of what is asked for.
    pub fn lacks(&self, kind: Kind, detail: Detail) -> bool {
        match kind {
            Kind::Harbor => {
                let is_unmeasured = |platform: &Platform| platform.size.is_none();
                detail.costs_harbor() && self.findings.is_none()
                    || detail.builds && self.platforms.iter().any(is_unmeasured)
            }
            Kind::DockerRegistry => {
                self.findings.is_none() && Detail { tags: false, ..detail.at(kind) } != Detail::default()
            }
        }
    }

    /// Where the artifact stands among those of its repository.
    pub fn key(&self) -> ArtifactKey {
        let first = self.tags.iter().map(|tag| tag.name.clone()).min_by(|a, b| version::newest_first(a, b));
        ArtifactKey { pushed_at: self.pushed_at, number: self.number, tag: first, digest: self.digest.clone() }
    }
}

/// What a registry tells of an artifact when it is asked: as much of it as was in the [`Detail`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Names of its labels.
    pub labels: Vec<String>,
    /// Whether it has a signature, where the registry tells.
    pub signed: Option<bool>,
    /// What the vulnerability scan found.
    pub scan: Scan,
}

/// The order of a repository's artifacts: the last pushed first; where no push times are told, by tag, the highest version
/// first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactKey {
    pushed_at: Option<DateTime<Utc>>,
    number: Option<i64>,
    tag: Option<String>,
    digest: String,
}

impl Ord for ArtifactKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_tag = match (&self.tag, &other.tag) {
            _ if self.pushed_at.is_some() || other.pushed_at.is_some() => Ordering::Equal,
            (Some(mine), Some(theirs)) => version::newest_first(mine, theirs),
            (mine, theirs) => theirs.is_some().cmp(&mine.is_some()),
        };
        let by_push = (other.pushed_at, other.number).cmp(&(self.pushed_at, self.number));
        by_push.then(by_tag).then_with(|| self.digest.cmp(&other.digest))
    }
}

impl PartialOrd for ArtifactKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The tags of these artifacts, the last pushed first.
pub fn tags_of<'a>(artifacts: impl IntoIterator<Item = &'a Artifact>) -> Vec<Tag> {
    let mut tags: BTreeMap<&str, &Tag> = BTreeMap::new();
    for tag in artifacts.into_iter().flat_map(|artifact| &artifact.tags) {
        // A tag that moved between two pages stands on both artifacts.
        let is_newer = tags.get(tag.name.as_str()).is_none_or(|known| known.pushed_at <= tag.pushed_at);
        if is_newer {
            tags.insert(&tag.name, tag);
        }
    }
    let mut tags: Vec<Tag> = tags.into_values().cloned().collect();
    tags.sort_by_cached_key(Tag::key);
    tags
}

/// How far the scan of an artifact for vulnerabilities is, and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scan {
    /// Nobody has asked for one.
    #[default]
    NotScanned,
    /// The registry scans no such artifacts.
    Unsupported,
    /// It waits for its turn.
    Queued,
    /// It is under way.
    Running,
    /// It broke off.
    Failed,
    /// It is done.
    Complete(Report),
}

/// What a scan found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The worst of it.
    pub severity: Option<Severity>,
    /// Vulnerabilities in all.
    pub total: i64,
    /// Those that a newer version mends.
    pub fixable: i64,
    /// Those of each severity. Harbor's `Negligible` counts as low.
    pub critical: i64,
    /// See `critical`.
    pub high: i64,
    /// See `critical`.
    pub medium: i64,
    /// See `critical`.
    pub low: i64,
    /// When the scan ended.
    pub scanned_at: Option<DateTime<Utc>>,
    /// By whom, with the version.
    pub scanner: Option<String>,
}

/// How bad a vulnerability is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// There is none.
    None,
    /// Not rated.
    Unknown,
    Low,
    Medium,
    High,
    Critical,
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
    /// Its size in bytes, where that is known or was asked for.
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
