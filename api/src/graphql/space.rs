//! Registry spaces.

use std::cmp::Ordering;

use ::entity::registry::Kind;
use ::entity::space::Visibility;
use async_graphql::{Context, Enum, ID, InputObject, InputType, Object, SimpleObject, Value};

use uuid::Uuid;

use super::available_image::{ImageOrder, catalog_order, search_of};
use super::binding::{SpaceBinding, connect_bindings};
use super::error::Result;
use super::id::{self, NodeId};
use super::image::{ImageConnection, connect_images};
use super::page::{Connection, OrderDirection, Ordered, PageArgs, cut};
use super::plain::{self, Lean, Plain};
use super::registry::Registry;
use super::scalar::{ByteCount, DateTime, int};
use super::workspace::Workspace;
use super::{ContextExt, perform};
use crate::auth::policy::Action;
use crate::service::audit::{Attempt, Named};
use crate::service::selector::Window;
use crate::service::{self, Error, space};

/// Who may use the images of a space.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Visibility")]
pub(super) enum SpaceVisibility {
    /// Everybody; in a registry of WORKSPACE scope, everybody in that workspace.
    Public,
    /// The workspaces that it is bound to; in a registry of WORKSPACE scope, that workspace.
    Private,
}

pub(super) struct Space(pub(super) service::Space);

/// A part of a registry that is opened or closed as a whole: a Harbor project, or the one space `/` of a Docker
/// Registry.
#[Object]
impl Space {
    /// Its global id.
    pub(super) async fn id(&self) -> ID {
        NodeId::Space(self.0.id).encode()
    }

    /// The name of the Harbor project; `/` for the one space of a Docker Registry.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The registry that it is in.
    async fn registry(&self, ctx: &Context<'_>) -> Result<Registry> {
        Ok(Registry(space::registry_of(ctx.cx(), &self.0).await?))
    }

    /// Who may use its images.
    async fn visibility(&self) -> SpaceVisibility {
        self.0.visibility.into()
    }

    /// Whether it mirrors another registry as images are pulled.
    async fn is_proxy_cache(&self) -> bool {
        self.0.is_proxy_cache
    }

    /// Its bindings to workspaces that you may see, oldest first.
    #[graphql(complexity = "1 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 10")]
    async fn bindings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<Lean<Connection<SpaceBinding>>> {
        let page = PageArgs::parse(first, after, last, before)?;
        connect_bindings(ctx.cx().sight().await?.bindings_of(self.0.id), &page)
    }

    /// The workspaces that it is bound to, as far as you may see them, by name.
    async fn workspaces(&self, ctx: &Context<'_>) -> Result<Vec<Workspace>> {
        let sight = ctx.cx().sight().await?;
        let bound = sight.bindings_of(self.0.id);
        let mut workspaces: Vec<service::Workspace> = bound
            .iter()
            .filter_map(|binding| sight.directory().workspaces.find(binding.workspace_id).cloned())
            .collect();
        workspaces.sort_by(|a, b| a.name_key.cmp(&b.name_key));
        Ok(workspaces.into_iter().map(Workspace).collect())
    }

    /// Its images as they are now. Null with an error when the registry does not answer: the selector shows the last
    /// known ones, with their age.
    #[graphql(complexity = "10 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 2")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn images(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Words that must all occur in the reference, whatever their case.")] search: Option<String>,
        #[graphql(desc = "REFERENCE ASC unless given, or RELEVANCE when `search` is given.")] order_by: Option<
            ImageOrder,
        >,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Option<Result<ImageConnection>> {
        let connected = async {
            let page = PageArgs::parse(first, after, last, before)?;
            let search = search_of(search.as_deref())?;
            let order = catalog_order(order_by, search.is_some())?;
            let selection = Box::pin(service::image::of_space(ctx.cx(), &self.0, search)).await?;
            connect_images(selection, order, &page)
        };
        Some(connected.await)
    }

    /// How many images it holds, as far as is known.
    async fn image_count(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        let sight = ctx.cx().sight().await?;
        Ok(space::image_count(sight.directory(), &self.0).map(int))
    }

    /// Bytes that its artifacts take. Null where the registry does not tell; with an error when it does not answer.
    #[graphql(complexity = 20)]
    async fn storage_used(&self, ctx: &Context<'_>) -> Option<Result<ByteCount>> {
        let quota = Box::pin(space::quota(ctx.cx(), &self.0)).await;
        quota.map(|quota| quota.used.map(ByteCount)).map_err(Into::into).transpose()
    }

    /// Bytes that its artifacts may take. Null without a limit, or where the registry does not tell.
    #[graphql(complexity = 20)]
    async fn storage_quota(&self, ctx: &Context<'_>) -> Option<Result<ByteCount>> {
        let quota = Box::pin(space::quota(ctx.cx(), &self.0)).await;
        quota.map(|quota| quota.limit.map(ByteCount)).map_err(Into::into).transpose()
    }

    /// Whether it vanished from the registry behind Fairway's back. It keeps its bindings and shows no images until
    /// it is deleted here too.
    async fn missing(&self) -> bool {
        self.0.missing
    }

    /// When it was made in its registry, where that tells.
    async fn created_at(&self) -> Option<DateTime> {
        self.0.created_at.map(DateTime)
    }

    /// What you may do with it.
    async fn viewer_can(&self, ctx: &Context<'_>) -> Result<SpacePermissions> {
        let cx = ctx.cx();
        let sight = cx.sight().await?;
        let registry = space::registry_of(cx, &self.0).await?;
        let is_harbor = registry.kind == Kind::Harbor;
        let may = |action| sight.may(action, registry.workspace_id);
        Ok(SpacePermissions {
            set_public: is_harbor && !self.0.missing && may(Action::SetSpacePublic),
            bind: may(Action::BindSpace),
            delete: is_harbor && may(Action::DeleteSpace),
        })
    }
}

impl Plain for Space {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        Some(match ctx.item.node.name.node.as_str() {
            "id" => NodeId::Space(self.0.id).encode().0.into(),
            "name" => self.0.name.clone().into(),
            "visibility" => InputType::to_value(&SpaceVisibility::from(self.0.visibility)),
            "isProxyCache" => self.0.is_proxy_cache.into(),
            "missing" => self.0.missing.into(),
            "bindings" => {
                let (page, sight) = (PageArgs::of(ctx)?, ctx.cx().sight_at_hand()?);
                return plain::object(&connect_bindings(sight.bindings_of(self.0.id), &page).ok()?.0, ctx);
            }
            _ => return None,
        })
    }
}

/// What you may do with a space.
#[derive(SimpleObject)]
pub(super) struct SpacePermissions {
    /// Open or close it.
    set_public: bool,
    /// Bind it to workspaces, and unbind it.
    bind: bool,
    /// Delete it.
    delete: bool,
}

/// What a list of spaces is narrowed to.
#[derive(InputObject, Default)]
pub(super) struct SpaceFilter {
    /// Occurs in the name, whatever its case.
    search: Option<String>,
    /// Only those of this visibility.
    visibility: Option<SpaceVisibility>,
    /// True: only those bound to a workspace that you may see. False: only the others.
    bound: Option<bool>,
    /// Only those bound to this workspace, or in a registry that it owns.
    workspace_id: Option<ID>,
    /// Only those of this registry.
    registry_id: Option<ID>,
}

impl SpaceFilter {
    pub(super) fn parse(self) -> std::result::Result<space::Filter, Error> {
        Ok(space::Filter {
            search: self.search,
            visibility: self.visibility.map(Visibility::from),
            bound: self.bound,
            workspace: self.workspace_id.map(|id| id::workspace(&id, "workspaceId")).transpose()?,
            registry: self.registry_id.map(|id| id::registry(&id, "registryId")).transpose()?,
        })
    }
}

/// How a list of spaces is ordered.
#[derive(InputObject)]
pub(super) struct SpaceOrder {
    /// By what.
    field: SpaceOrderField,
    /// Which way. Rows without a value come last both ways.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

/// What spaces can be ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpaceOrderField {
    /// The name.
    Name,
    /// When it was made in its registry.
    CreatedAt,
    /// How many images it holds.
    ImageCount,
}

/// Where a space stands in a list by a number.
type NumberKey = (Option<i64>, String, Uuid);

/// Rows without a number last both ways, ties by name.
fn nulls_last(is_descending: bool) -> fn(&NumberKey, &NumberKey) -> Ordering {
    fn ascending(a: &NumberKey, b: &NumberKey) -> Ordering {
        let none_last = a.0.is_none().cmp(&b.0.is_none());
        none_last.then_with(|| a.0.cmp(&b.0)).then_with(|| (&a.1, a.2).cmp(&(&b.1, b.2)))
    }
    fn descending(a: &NumberKey, b: &NumberKey) -> Ordering {
        let none_last = a.0.is_none().cmp(&b.0.is_none());
        none_last.then_with(|| b.0.cmp(&a.0)).then_with(|| (&a.1, a.2).cmp(&(&b.1, b.2)))
    }
    if is_descending { descending } else { ascending }
}

pub(super) async fn connect_spaces(
    ctx: &Context<'_>,
    rows: Vec<service::Space>,
    order_by: Option<SpaceOrder>,
    page: &Window,
) -> Result<Lean<Connection<Space>>> {
    let order_by = order_by.unwrap_or(SpaceOrder { field: SpaceOrderField::Name, direction: OrderDirection::Asc });
    let by_number = |name: &str, number: &(dyn Fn(&service::Space) -> Option<i64> + Send + Sync)| {
        let is_descending = order_by.direction == OrderDirection::Desc;
        let mut rows = rows.clone();
        let key = |row: &service::Space| (number(row), row.name.clone(), row.id);
        let compare = nulls_last(is_descending);
        rows.sort_by(|a, b| compare(&key(a), &key(b)));
        cut(rows, &Ordered { name, key: &key, compare }, page)
    };
    let sight = ctx.cx().sight().await?;
    let image_count = |row: &service::Space| space::image_count(sight.directory(), row);
    let slice = match (order_by.field, order_by.direction) {
        (SpaceOrderField::Name, direction) => {
            let key = |row: &service::Space| (row.name.clone(), row.id);
            match direction {
                OrderDirection::Asc => cut(rows, &Ordered { name: "space", key: &key, compare: Ord::cmp }, page),
                OrderDirection::Desc => {
                    let rows = rows.into_iter().rev().collect();
                    cut(rows, &Ordered { name: "space-", key: &key, compare: |a, b| b.cmp(a) }, page)
                }
            }
        }
        (SpaceOrderField::CreatedAt, OrderDirection::Asc) => {
            by_number("space.created", &|row| row.created_at.map(|at| at.timestamp_micros()))
        }
        (SpaceOrderField::CreatedAt, OrderDirection::Desc) => {
            by_number("space.created-", &|row| row.created_at.map(|at| at.timestamp_micros()))
        }
        (SpaceOrderField::ImageCount, OrderDirection::Asc) => by_number("space.images", &image_count),
        (SpaceOrderField::ImageCount, OrderDirection::Desc) => by_number("space.images-", &image_count),
    };
    Ok(slice?.connect(Space))
}

/// A new space.
#[derive(InputObject)]
pub(super) struct CreateSpaceInput {
    /// The Harbor to make it in.
    registry_id: ID,
    /// 1 to 255 lower-case letters and digits, with single `.`, `_` or `-` between them.
    name: String,
    /// Whether everybody may use its images.
    #[graphql(default)]
    public: bool,
}

/// A space to open or close.
#[derive(InputObject)]
pub(super) struct SetSpacePublicInput {
    /// The space.
    space_id: ID,
    /// True opens it to everybody; false closes it to all but the workspaces that it is bound to.
    public: bool,
}

/// A space to delete.
#[derive(InputObject)]
pub(super) struct DeleteSpaceInput {
    /// The space. It must hold no images.
    space_id: ID,
    /// Also while it is bound: the bindings go with it.
    #[graphql(default)]
    force: bool,
}

/// The space that was made.
#[derive(SimpleObject)]
pub(super) struct CreateSpacePayload {
    /// The space that was made.
    space: Space,
}

/// The space as it is now.
#[derive(SimpleObject)]
pub(super) struct SetSpacePublicPayload {
    /// The space as it is now.
    space: Space,
}

/// What was deleted.
#[derive(SimpleObject)]
pub(super) struct DeleteSpacePayload {
    /// The id that the space had.
    deleted_id: ID,
    /// How many bindings went with it.
    removed_bindings: i32,
}

#[derive(Default)]
pub(super) struct SpaceQuery;

#[Object]
impl SpaceQuery {
    /// The space of this id: null when there is none, or when you may not see it.
    async fn space(&self, ctx: &Context<'_>, #[graphql(desc = "The id of a space.")] id: ID) -> Option<Result<Space>> {
        let Some(NodeId::Space(key)) = NodeId::parse(&id) else { return None };
        let found = space::find(ctx.cx(), key).await;
        found.map(|found| found.map(Space)).map_err(Into::into).transpose()
    }

    /// The spaces that you may see: public ones, those bound to your workspaces, and those of your workspaces' own
    /// registries.
    #[graphql(complexity = "1 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 10")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn spaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Narrows the list.")] filter: Option<SpaceFilter>,
        #[graphql(desc = "NAME ASC unless given.")] order_by: Option<SpaceOrder>,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<Lean<Connection<Space>>> {
        let page = PageArgs::parse(first, after, last, before)?;
        let filter = filter.unwrap_or_default().parse()?;
        connect_spaces(ctx, space::list(ctx.cx(), &filter).await?, order_by, &page).await
    }
}

#[derive(Default)]
pub(super) struct SpaceMutation;

#[Object]
impl SpaceMutation {
    /// Makes a space: a project in a Harbor. For Admins; in a workspace's own registry also for its Admins.
    async fn create_space(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new space.")] input: CreateSpaceInput,
    ) -> Result<CreateSpacePayload> {
        let attempt = Attempt::to("createSpace").on([Named::new(&input.name)]).with([id::named(&input.registry_id)]);
        let made = perform(ctx, attempt, move |cx| async move {
            let registry = id::registry(&input.registry_id, "registryId")?;
            space::create(&cx, registry, &input.name, input.public).await
        })
        .await?;
        Ok(CreateSpacePayload { space: Space(made) })
    }

    /// Opens a space to every namespace, or closes it to all but those of the workspaces that it is bound to. True
    /// for the next query, whoever asks. For Admins; in a workspace's own registry also for its Admins.
    async fn set_space_public(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The space, and what it shall be.")] input: SetSpacePublicInput,
    ) -> Result<SetSpacePublicPayload> {
        let attempt = Attempt::to("setSpacePublic").on([id::named(&input.space_id)]);
        let space = perform(ctx, attempt, move |cx| async move {
            space::set_public(&cx, id::space(&input.space_id, "spaceId")?, input.public).await
        })
        .await?;
        Ok(SetSpacePublicPayload { space: Space(space) })
    }

    /// Deletes an empty space from its registry, or forgets one that is missing there. Refused (CONFLICT) while it
    /// holds images, or is bound and `force` is not set.
    async fn delete_space(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The space to delete.")] input: DeleteSpaceInput,
    ) -> Result<DeleteSpacePayload> {
        let (deleted_id, force) = (input.space_id.clone(), input.force);
        let attempt = Attempt::to("deleteSpace").on([id::named(&input.space_id)]);
        let removed = perform(ctx, attempt, move |cx| async move {
            space::delete(&cx, id::space(&input.space_id, "spaceId")?, force).await
        })
        .await?;
        Ok(DeleteSpacePayload { deleted_id, removed_bindings: int(removed) })
    }
}
