//! Tags: names that point to artifacts.

use std::sync::Arc;

use async_graphql::{Context, Lookahead, Object};

use super::ContextExt;
use super::artifact::Artifact;
use super::error::Result;
use super::plain::Plain;
use super::scalar::DateTime;
use crate::service::artifact::{self, ListedTag};
use crate::service::image::Image;
use crate::upstream::{self, Detail};

pub(super) struct Tag {
    image: Image,
    tag: upstream::Tag,
    /// What it names, where the list tells.
    artifact: Option<Arc<upstream::Artifact>>,
}

impl Tag {
    pub(super) fn new(image: Image, ListedTag { tag, artifact }: ListedTag) -> Self {
        Self { image, tag, artifact }
    }

    /// What has to be asked for to answer the selections of tags at these places.
    pub(super) fn detail<'a>(places: [Lookahead<'a>; 2]) -> Detail {
        let immutable = places.iter().any(|tag| tag.field("immutable").exists());
        Detail { immutable, ..Artifact::detail(places.iter().map(|tag| tag.field("artifact"))) }
    }
}

impl Plain for Tag {}

/// A name that points to an artifact.
#[Object]
impl Tag {
    /// The tag itself.
    async fn name(&self) -> &str {
        &self.tag.name
    }

    /// `host/space/repository:tag`: pulls whatever the tag points to then.
    async fn pull_reference(&self) -> String {
        format!("{}:{}", self.image.reference(), self.tag.name)
    }

    /// `host/space/repository@digest`: pulls just what the tag points to now.
    #[graphql(complexity = 5)]
    async fn pinned_reference(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let digest = match &self.tag.digest {
            Some(digest) => Ok(Some(digest.clone())),
            None => Box::pin(artifact::digest(ctx.cx(), &self.image, &self.tag.name)).await,
        };
        let pinned = |digest| format!("{}@{digest}", self.image.reference());
        digest.map(|digest| digest.map(pinned)).map_err(Into::into).transpose()
    }

    /// What it points to now.
    #[graphql(complexity = "20 + child_complexity")]
    async fn artifact(&self, ctx: &Context<'_>) -> Option<Result<Artifact>> {
        if let Some(artifact) = &self.artifact {
            return Some(Ok(Artifact(artifact.clone())));
        }
        let detail = Artifact::detail([ctx.look_ahead()]);
        let found = Box::pin(artifact::get(ctx.cx(), &self.image, &self.tag.name, detail)).await;
        found.map(|found| found.map(Artifact)).map_err(Into::into).transpose()
    }

    /// When it was last pushed; null where the registry does not tell.
    async fn pushed_at(&self) -> Option<DateTime> {
        self.tag.pushed_at.map(DateTime)
    }

    /// Whether the registry lets nobody move or delete it; null where it does not tell.
    async fn immutable(&self) -> Option<bool> {
        self.tag.immutable
    }
}
