//! Images and their tags.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, ScalarType, Value};

use super::ContextExt;
use super::artifact::Artifact;
use super::available_image::Places;
use super::error::Result;
use super::id::NodeId;
use super::page::{Connection, Cursors, Ordered, PageArgs, cut};
use super::plain::{self, Lean, Plain};
use super::registry::Registry;
use super::scalar::{DateTime, Long, int};
use super::space::Space;
use crate::catalog::{Order, Page};
use crate::service::selector::Selection;
use crate::service::selector::Window;
use crate::service::{Error, image};
use crate::upstream;

pub(super) struct Image(pub(super) image::Image);

/// A page of images.
pub(super) type ImageConnection = Lean<Connection<Image>>;

impl Image {
    fn node_id(&self) -> NodeId {
        NodeId::Image { space: self.0.space.id, repository: self.0.data().repository.to_owned() }
    }
}

/// A repository in a registry space: what a reference without a tag names.
#[Object]
impl Image {
    /// Its global id.
    pub(super) async fn id(&self) -> ID {
        self.node_id().encode()
    }

    /// `host/space/repository`, without a tag; `host/repository` in a Docker Registry.
    async fn reference(&self) -> String {
        self.0.reference()
    }

    /// The path inside the space, such as `team/app`.
    async fn repository(&self) -> &str {
        self.0.data().repository
    }

    /// The space that it is in.
    async fn space(&self) -> Space {
        Space(self.0.space.clone())
    }

    /// The registry that it is in.
    async fn registry(&self) -> Registry {
        Registry(self.0.registry.clone())
    }

    /// What the registry says of it, as the registry gives it: Harbor escapes HTML.
    async fn description(&self) -> Option<&str> {
        self.0.data().description
    }

    /// How many artifacts it holds; null where the registry does not tell.
    async fn artifact_count(&self) -> Option<i32> {
        self.0.data().artifact_count.map(int)
    }

    /// How often it was pulled; null where the registry does not tell.
    async fn pull_count(&self) -> Option<Long> {
        self.0.data().pull_count.map(Long)
    }

    /// When the registry says that it last changed: a Harbor before 2.15.2 counts pulls, and not pushes, as changes.
    /// Null in a Docker Registry.
    async fn updated_at(&self) -> Option<DateTime> {
        self.0.data().updated_at.map(DateTime)
    }

    /// Its tags, which may all have been deleted; newest push first, or in a Docker Registry, which tells no push times, by version, descending. Null
    /// with an error when the registry does not answer.
    #[graphql(complexity = "100 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 2")]
    async fn tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Occurs in the tag, whatever its case.")] search: Option<String>,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Option<Result<Lean<Connection<Tag>>>> {
        let listed = async {
            let page = PageArgs::parse(first, after, last, before)?;
            let needle = search.as_deref().map(str::to_lowercase);
            let tags = Box::pin(image::tags(ctx.cx(), &self.0)).await?;
            let tags = tags
                .into_iter()
                .filter(|tag| needle.as_ref().is_none_or(|needle| tag.name.to_lowercase().contains(needle)));
            let order = Ordered { name: "tag", key: &upstream::Tag::key, compare: upstream::TagKey::cmp };
            let page = cut(tags.collect(), &order, &page)?;
            Ok::<_, Error>(page.connect(|tag| Tag { image: self.0.clone(), tag }))
        };
        Some(listed.await.map_err(Into::into))
    }

    /// The artifact that a tag or a digest names: null when there is none. Null with an error when the registry
    /// does not answer.
    #[graphql(complexity = "20 + child_complexity")]
    async fn artifact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A tag, or a digest.")] reference: String,
    ) -> Option<Result<Artifact>> {
        let found = Box::pin(image::artifact(ctx.cx(), &self.0, &reference)).await;
        found.map(|found| found.map(Artifact)).map_err(Into::into).transpose()
    }
}

impl Plain for Image {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        Some(match ctx.item.node.name.node.as_str() {
            "id" => self.node_id().encode().0.into(),
            "reference" => self.0.reference().into(),
            "repository" => self.0.data().repository.into(),
            "space" => return plain::object(&Space(self.0.space.clone()), ctx),
            "registry" => return plain::object(&Registry(self.0.registry.clone()), ctx),
            "updatedAt" => self.0.data().updated_at.map_or(Value::Null, |at| DateTime(at).to_value()),
            _ => return None,
        })
    }
}

/// A page of a selection's images, without the way in which each came.
pub(super) fn connect_images(selection: Selection, order: Order, page: &Window) -> Result<ImageConnection> {
    let Page { rows, has_previous, has_next } = selection.page(order, page)?;
    let (total, selection) = (selection.total(), Arc::new(selection));
    let cursors: Arc<dyn Cursors> = Arc::new(Places { selection: selection.clone(), order, rows: rows.clone() });
    let images = rows.into_iter().map(|row| Image(selection.image(row).0));
    Ok(Lean(Connection::new(images, &cursors, has_previous, has_next, total)))
}

pub(super) struct Tag {
    image: image::Image,
    tag: upstream::Tag,
}

impl Tag {
    async fn digest(&self, ctx: &Context<'_>) -> std::result::Result<Option<String>, Error> {
        match &self.tag.digest {
            Some(digest) => Ok(Some(digest.clone())),
            None => image::digest(ctx.cx(), &self.image, &self.tag.name).await,
        }
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
        let digest = self.digest(ctx).await;
        let pinned = |digest| format!("{}@{digest}", self.image.reference());
        digest.map(|digest| digest.map(pinned)).map_err(Into::into).transpose()
    }

    /// What it points to now.
    #[graphql(complexity = "20 + child_complexity")]
    async fn artifact(&self, ctx: &Context<'_>) -> Option<Result<Artifact>> {
        let reference = self.tag.digest.as_deref().unwrap_or(&self.tag.name);
        let found = image::artifact(ctx.cx(), &self.image, reference).await;
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
