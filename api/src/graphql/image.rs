//! Images.

use std::sync::Arc;

use async_graphql::{Context, ID, Lookahead, Object, ScalarType, Value};

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
use super::tag::Tag;
use crate::catalog::{Order, Page};
use crate::service::artifact::ListedTag;
use crate::service::selector::{Selection, Window};
use crate::service::{Error, artifact, image};
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

    /// Its tags, which may all have been deleted; newest push first, or in a Docker Registry, which tells no push times,
    /// by version, descending. Tags under which tools keep signatures are left out. Null with an error when the registry
    /// does not answer.
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
            let detail = Tag::detail(nodes_of(ctx));
            let needle = search.as_deref().map(str::to_lowercase);
            let tags = artifact::tags(ctx.cx(), &self.0, detail).await?;
            let matches =
                |row: &ListedTag| needle.as_ref().is_none_or(|needle| row.tag.name.to_lowercase().contains(needle));
            let tags = tags.into_iter().filter(matches).collect();
            let order = Ordered { name: "tag", key: &|row: &ListedTag| row.tag.key(), compare: upstream::TagKey::cmp };
            let (rows, page) = cut(tags, &order, &page)?.split();
            let rows = artifact::describe_tags(ctx.cx(), &self.0, rows, detail).await?;
            Ok::<_, Error>(page.join(rows).connect(|row| Tag::new(self.0.clone(), row)))
        };
        Some(Box::pin(listed).await.map_err(Into::into))
    }

    /// What it holds, with and without tags; newest push first. Signatures and the like are no artifacts of their own, and
    /// neither are the builds of an index. A Docker Registry tells of none without a tag, keeps no times (they come by
    /// version), and is asked for each tag: of more than 200 it is not, which is `UNSUPPORTED`. Null with an error when
    /// the registry does not answer.
    #[graphql(complexity = "100 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 2")]
    async fn artifacts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Option<Result<Lean<Connection<Artifact>>>> {
        let listed = async {
            let page = PageArgs::parse(first, after, last, before)?;
            let detail = Artifact::detail(nodes_of(ctx));
            let artifacts = artifact::list(ctx.cx(), &self.0, detail).await?;
            let order = Ordered {
                name: "artifact",
                key: &|row: &Arc<upstream::Artifact>| row.key(),
                compare: upstream::ArtifactKey::cmp,
            };
            let (rows, page) = cut(artifacts, &order, &page)?.split();
            let rows = artifact::describe(ctx.cx(), &self.0, rows, detail).await?;
            Ok::<_, Error>(page.join(rows).connect(Artifact))
        };
        Some(Box::pin(listed).await.map_err(Into::into))
    }

    /// The artifact that a tag or a digest names: null when there is none. Null with an error when the registry
    /// does not answer.
    #[graphql(complexity = "20 + child_complexity")]
    async fn artifact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A tag, or a digest.")] reference: String,
    ) -> Option<Result<Artifact>> {
        let detail = Artifact::detail([ctx.look_ahead()]);
        let found = Box::pin(artifact::get(ctx.cx(), &self.0, &reference, detail)).await;
        found.map(|found| found.map(Artifact)).map_err(Into::into).transpose()
    }
}

/// Where the rows of the connection are selected that `ctx` stands at.
fn nodes_of<'a>(ctx: &'a Context<'_>) -> [Lookahead<'a>; 2] {
    [ctx.look_ahead().field("nodes"), ctx.look_ahead().field("edges").field("node")]
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
