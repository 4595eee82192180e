//! Kubernetes namespaces.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Value};

use super::available_image::{AvailableImageConnection, ImageFilter, ImageOrder, SelectorArgs, select};
use super::error::Result;
use super::id::{self, NodeId};
use super::page::{Connection, Ordered, PageArgs, Slice, cut};
use super::plain::{Lean, Plain};
use super::workspace::Workspace;
use super::{ContextExt, perform};
use crate::service::audit::{Attempt, Named, Thing};
use crate::service::selector::Window;
use crate::service::{self, namespace};

pub(super) struct Namespace(pub(super) service::Namespace);

/// A Kubernetes namespace that Fairway knows.
#[Object]
impl Namespace {
    /// Its global id.
    pub(super) async fn id(&self) -> ID {
        NodeId::Namespace(self.0.id).encode()
    }

    /// The cluster that it is in.
    async fn cluster(&self) -> &str {
        &self.0.cluster
    }

    /// Its name in the cluster.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The workspace that it belongs to; null while it is free.
    async fn workspace(&self, ctx: &Context<'_>) -> Option<Result<Workspace>> {
        let owner = service::workspace::find(ctx.cx(), self.0.workspace_id?).await;
        owner.map(|found| found.map(Workspace)).map_err(Into::into).transpose()
    }

    /// Every image that may be deployed into it, from every registry, in one list.
    #[graphql(complexity = "10 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 2")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn available_images(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Words that must all occur in the reference, whatever their case.")] search: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<ImageFilter>,
        #[graphql(desc = "REFERENCE ASC unless given, or RELEVANCE when `search` is given.")] order_by: Option<
            ImageOrder,
        >,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<AvailableImageConnection> {
        let page = PageArgs::parse(first, after, last, before)?;
        let key = namespace::key_of(&self.0);
        Box::pin(select(ctx, key, SelectorArgs { search, filter, order_by, page })).await
    }
}

impl Plain for Namespace {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        Some(match ctx.item.node.name.node.as_str() {
            "id" => NodeId::Namespace(self.0.id).encode().0.into(),
            "cluster" => self.0.cluster.clone().into(),
            "name" => self.0.name.clone().into(),
            _ => return None,
        })
    }
}

/// A namespace by its cluster and name. It need not be known to Fairway.
#[derive(InputObject)]
pub(super) struct NamespaceKey {
    /// The cluster that it is in.
    #[graphql(default = "default")]
    cluster: String,
    /// Its name in the cluster, a DNS label.
    name: String,
}

impl NamespaceKey {
    pub(super) fn parse(&self) -> std::result::Result<service::name::NamespaceKey, service::Error> {
        service::name::NamespaceKey::parse(&self.cluster, &self.name)
    }

    fn named(&self) -> Named {
        Named::thing(self.parse().ok().map(Thing::Namespace), &format!("{}/{}", self.cluster, self.name))
    }
}

/// What a list of namespaces is narrowed to.
#[derive(InputObject, Default)]
pub(super) struct NamespaceFilter {
    /// Occurs in the name, whatever its case.
    search: Option<String>,
    /// Only those of this cluster.
    cluster: Option<String>,
    /// Only those of this workspace.
    workspace_id: Option<ID>,
    /// True: only those that belong to a workspace. False: only those that are free.
    bound: Option<bool>,
}

/// Namespaces for a workspace.
#[derive(InputObject)]
pub(super) struct BindNamespacesInput {
    /// The workspace that they shall belong to.
    workspace_id: ID,
    /// The namespaces, at most 1,000; those that Fairway does not know become known.
    namespaces: Vec<NamespaceKey>,
    /// Take them also from another workspace. For Admins.
    #[graphql(default, name = "move")]
    to_move: bool,
}

/// Namespaces to free.
#[derive(InputObject)]
pub(super) struct UnbindNamespacesInput {
    /// The namespaces, at most 1,000. One that is free or unknown already stays so.
    namespaces: Vec<NamespaceKey>,
}

/// The namespaces as they are now.
#[derive(SimpleObject)]
pub(super) struct BindNamespacesPayload {
    /// In the order given.
    namespaces: Vec<Namespace>,
}

/// The namespaces as they are now.
#[derive(SimpleObject)]
pub(super) struct UnbindNamespacesPayload {
    /// Those that Fairway knows, in the order given.
    namespaces: Vec<Namespace>,
}

pub(super) fn connect_namespaces(rows: Vec<service::Namespace>, page: &Window) -> Result<Lean<Connection<Namespace>>> {
    let order = Ordered {
        name: "namespace",
        key: &|row: &service::Namespace| (row.cluster_key.clone(), row.name.clone()),
        compare: Ord::cmp,
    };
    Ok(Slice::connect(cut(rows, &order, page)?, Namespace))
}

#[derive(Default)]
pub(super) struct NamespaceQuery;

#[Object]
impl NamespaceQuery {
    /// The namespace: null when Fairway does not know it, or when you may not see it.
    async fn namespace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cluster that it is in.", default = "default")] cluster: String,
        #[graphql(desc = "Its name in the cluster.")] name: String,
    ) -> Option<Result<Namespace>> {
        let key = match service::name::NamespaceKey::parse(&cluster, &name) {
            Ok(key) => key,
            Err(error) => return Some(Err(error.into())),
        };
        let found = namespace::find_by_key(ctx.cx(), &key).await;
        found.map(|found| found.map(Namespace)).map_err(Into::into).transpose()
    }

    /// The namespaces that you may see, by cluster and name: those of your workspaces, and the free ones for
    /// Workspace Admins.
    #[graphql(complexity = "1 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 10")]
    async fn namespaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Narrows the list.")] filter: Option<NamespaceFilter>,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<Lean<Connection<Namespace>>> {
        let page = PageArgs::parse(first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let workspace = filter.workspace_id.map(|id| id::workspace(&id, "workspaceId")).transpose()?;
        let filter =
            namespace::Filter { search: filter.search, cluster: filter.cluster, workspace, bound: filter.bound };
        connect_namespaces(namespace::list(ctx.cx(), &filter).await?, &page)
    }
}

#[derive(Default)]
pub(super) struct NamespaceMutation;

#[Object]
impl NamespaceMutation {
    /// Gives namespaces to a workspace. A namespace belongs to one workspace at most; taking it from another one
    /// needs `move: true` and an Admin.
    async fn bind_namespaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The namespaces and the workspace.")] input: BindNamespacesInput,
    ) -> Result<BindNamespacesPayload> {
        let attempt = Attempt::to("bindNamespaces").on([id::named(&input.workspace_id)]);
        let bound = perform(ctx, attempt, move |cx| async move {
            let workspace = id::workspace(&input.workspace_id, "workspaceId")?;
            namespace::bind(&cx, workspace, parse_all(&input.namespaces)?, input.to_move).await
        })
        .await?;
        Ok(BindNamespacesPayload { namespaces: bound.into_iter().map(Namespace).collect() })
    }

    /// Frees namespaces: they stay known, and see only public images.
    async fn unbind_namespaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The namespaces.")] input: UnbindNamespacesInput,
    ) -> Result<UnbindNamespacesPayload> {
        let attempt = Attempt::to("unbindNamespaces").on(input.namespaces.iter().map(NamespaceKey::named));
        let freed =
            perform(ctx, attempt, move |cx| async move { namespace::unbind(&cx, parse_all(&input.namespaces)?).await })
                .await?;
        Ok(UnbindNamespacesPayload { namespaces: freed.into_iter().map(Namespace).collect() })
    }
}

fn parse_all(keys: &[NamespaceKey]) -> std::result::Result<Vec<service::name::NamespaceKey>, service::Error> {
    keys.iter().map(NamespaceKey::parse).collect()
}
