//! Artifacts: what tags and digests name.

use async_graphql::{Object, SimpleObject};

use super::scalar::{ByteCount, DateTime, Digest};
use crate::upstream;

pub(super) struct Artifact(pub(super) upstream::Artifact);

/// One thing that can be pulled: an image, an index of images for several platforms, a chart, or another OCI kind.
#[Object]
impl Artifact {
    /// The digest of its manifest.
    async fn digest(&self) -> Digest {
        Digest(self.0.digest.clone())
    }

    /// The media type of its manifest.
    async fn media_type(&self) -> Option<&str> {
        self.0.media_type.as_deref()
    }

    /// What it is, as the registry calls it, in upper case: `IMAGE`, `CHART`, …
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The bytes that a pull transfers at most.
    async fn size(&self) -> Option<ByteCount> {
        self.0.size.map(ByteCount)
    }

    /// When it was first pushed; null where the registry does not tell.
    async fn pushed_at(&self) -> Option<DateTime> {
        self.0.pushed_at.map(DateTime)
    }

    /// When it was last pulled; null when never, or where the registry does not tell.
    async fn pulled_at(&self) -> Option<DateTime> {
        self.0.pulled_at.map(DateTime)
    }

    /// The tags that point to it; an artifact may have none.
    async fn tags(&self) -> &[String] {
        &self.0.tags
    }

    /// The platforms that it runs on: one for an image, several for an index, none for a chart.
    async fn platforms(&self) -> Vec<Platform> {
        self.0.platforms.iter().cloned().map(Platform::from).collect()
    }

    /// The labels that people gave it in the registry.
    async fn labels(&self) -> &[String] {
        &self.0.labels
    }
}

/// A platform that an image runs on.
#[derive(SimpleObject)]
pub(super) struct Platform {
    /// Such as `linux`.
    os: String,
    /// Such as `amd64`.
    architecture: String,
    /// Such as `v8`.
    variant: Option<String>,
    /// The digest of the manifest for this platform alone.
    digest: Option<Digest>,
    /// The bytes of that manifest and what it names.
    size: Option<ByteCount>,
}

impl From<upstream::Platform> for Platform {
    fn from(platform: upstream::Platform) -> Self {
        Self {
            os: platform.os,
            architecture: platform.architecture,
            variant: platform.variant,
            digest: platform.digest.map(Digest),
            size: platform.size.map(ByteCount),
        }
    }
}
