//! Workspaces.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, ScalarType, SimpleObject, Value};

use super::binding::{SpaceBinding, connect_bindings};
use super::error::Result;
use super::id::{self, NodeId};
use super::namespace::{Namespace, connect_namespaces};
use super::page::{Connection, Ordered, PageArgs, cut};
use super::plain::{self, Lean, Plain};
use super::registry::{Registry, connect_registries};
use super::scalar::{DateTime, int};
use super::viewer::WorkspaceRole;
use super::{ContextExt, perform};
use crate::service::audit::{Attempt, Named};
use crate::service::{self, workspace};

pub(super) struct Workspace(pub(super) service::Workspace);

/// A tenant of the platform: namespaces, the people who work in them, and the registry spaces that they may use.
#[Object]
impl Workspace {
    /// Its global id.
    pub(super) async fn id(&self) -> ID {
        NodeId::Workspace(self.0.id).encode()
    }

    /// A DNS label, unique and immutable.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What people call it.
    async fn display_name(&self) -> Option<&str> {
        self.0.display_name.as_deref()
    }

    /// The Kubernetes namespaces that belong to it, by cluster and name.
    #[graphql(complexity = "1 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 10")]
    async fn namespaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<Lean<Connection<Namespace>>> {
        let page = PageArgs::parse(first, after, last, before)?;
        let sight = ctx.cx().sight().await?;
        connect_namespaces(sight.directory().namespaces_of(self.0.id).to_vec(), &page)
    }

    /// The spaces of PLATFORM registries that are bound to it, oldest binding first.
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
        let sight = ctx.cx().sight().await?;
        connect_bindings(sight.directory().bindings_of_workspace(self.0.id).to_vec(), &page)
    }

    /// The registries of its own, by name.
    #[graphql(complexity = "1 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 10")]
    async fn registries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<Lean<Connection<Registry>>> {
        let page = PageArgs::parse(first, after, last, before)?;
        let sight = ctx.cx().sight().await?;
        connect_registries(sight.directory().registries_of(self.0.id).to_vec(), None, &page)
    }

    /// Your role in it; null where you are an Admin without one.
    async fn viewer_role(&self, ctx: &Context<'_>) -> Option<Result<WorkspaceRole>> {
        let role = ctx.cx().sight().await.map(|sight| sight.role(self.0.id).map(WorkspaceRole::from));
        role.map_err(Into::into).transpose()
    }

    /// When it was made in Fairway.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

impl Plain for Workspace {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        Some(match ctx.item.node.name.node.as_str() {
            "id" => NodeId::Workspace(self.0.id).encode().0.into(),
            "name" => self.0.name.clone().into(),
            "displayName" => self.0.display_name.clone().map_or(Value::Null, Value::from),
            "createdAt" => DateTime(self.0.created_at).to_value(),
            "namespaces" => {
                let (page, sight) = (PageArgs::of(ctx)?, ctx.cx().sight_at_hand()?);
                let namespaces = sight.directory().namespaces_of(self.0.id).to_vec();
                return plain::object(&connect_namespaces(namespaces, &page).ok()?.0, ctx);
            }
            _ => return None,
        })
    }
}

/// What a list of workspaces is narrowed to.
#[derive(InputObject, Default)]
pub(super) struct WorkspaceFilter {
    /// Occurs in the name or the display name, whatever its case.
    search: Option<String>,
}

/// A new workspace.
#[derive(InputObject)]
pub(super) struct CreateWorkspaceInput {
    /// A DNS label: 1 to 63 lower-case letters, digits or `-`. It cannot be changed.
    name: String,
    /// What people call it; at most 255 characters.
    display_name: Option<String>,
}

/// What to change of a workspace.
#[derive(InputObject)]
pub(super) struct UpdateWorkspaceInput {
    /// The workspace.
    id: ID,
    /// Absent: unchanged. Null: cleared.
    display_name: MaybeUndefined<String>,
}

/// A workspace to delete.
#[derive(InputObject)]
pub(super) struct DeleteWorkspaceInput {
    /// The workspace.
    id: ID,
    /// Also while it owns registries, bindings or namespaces: the first two are removed, the last become free.
    #[graphql(default)]
    force: bool,
}

/// The workspace that was made.
#[derive(SimpleObject)]
pub(super) struct CreateWorkspacePayload {
    /// The workspace that was made.
    workspace: Workspace,
}

/// The workspace as it is now.
#[derive(SimpleObject)]
pub(super) struct UpdateWorkspacePayload {
    /// The workspace as it is now.
    workspace: Workspace,
}

/// What was deleted.
#[derive(SimpleObject)]
pub(super) struct DeleteWorkspacePayload {
    /// The id that the workspace had.
    deleted_id: ID,
    /// How many bindings went with it.
    removed_bindings: i32,
}

#[derive(Default)]
pub(super) struct WorkspaceQuery;

#[Object]
impl WorkspaceQuery {
    /// The workspace of this name: null when there is none, or when you are not in it.
    async fn workspace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its exact name.")] name: String,
    ) -> Option<Result<Workspace>> {
        let found = workspace::find_by_name(ctx.cx(), &name).await;
        found.map(|found| found.map(Workspace)).map_err(Into::into).transpose()
    }

    /// The workspaces that you are in, or all of them for an Admin, by name.
    #[graphql(complexity = "1 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 10")]
    async fn workspaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Narrows the list.")] filter: Option<WorkspaceFilter>,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<Lean<Connection<Workspace>>> {
        let page = PageArgs::parse(first, after, last, before)?;
        let search = filter.unwrap_or_default().search;
        let rows = workspace::list(ctx.cx(), search.as_deref()).await?;
        let order =
            Ordered { name: "workspace", key: &|row: &service::Workspace| row.name_key.clone(), compare: Ord::cmp };
        Ok(cut(rows, &order, &page)?.connect(Workspace))
    }
}

#[derive(Default)]
pub(super) struct WorkspaceMutation;

#[Object]
impl WorkspaceMutation {
    /// Makes a workspace. For Admins.
    async fn create_workspace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new workspace.")] input: CreateWorkspaceInput,
    ) -> Result<CreateWorkspacePayload> {
        let attempt = Attempt::to("createWorkspace").on([Named::new(&input.name)]);
        let made = perform(ctx, attempt, move |cx| async move {
            workspace::create(&cx, &input.name, input.display_name.as_deref()).await
        })
        .await?;
        Ok(CreateWorkspacePayload { workspace: Workspace(made) })
    }

    /// Changes what people call a workspace. For Admins.
    async fn update_workspace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateWorkspaceInput,
    ) -> Result<UpdateWorkspacePayload> {
        let attempt = Attempt::to("updateWorkspace").on([id::named(&input.id)]);
        let updated = perform(ctx, attempt, move |cx| async move {
            let key = id::workspace(&input.id, "id")?;
            let display_name = match &input.display_name {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(name) => Some(Some(name.as_str())),
            };
            workspace::update(&cx, key, display_name).await
        })
        .await?;
        Ok(UpdateWorkspacePayload { workspace: Workspace(updated) })
    }

    /// Deletes a workspace. Refused (CONFLICT) while it owns registries, bindings or namespaces, each named in the
    /// error, unless `force`. For Admins.
    async fn delete_workspace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The workspace to delete.")] input: DeleteWorkspaceInput,
    ) -> Result<DeleteWorkspacePayload> {
        let (deleted_id, force) = (input.id.clone(), input.force);
        let attempt = Attempt::to("deleteWorkspace").on([id::named(&input.id)]);
        let removed = perform(ctx, attempt, move |cx| async move {
            workspace::delete(&cx, id::workspace(&input.id, "id")?, force).await
        })
        .await?;
        Ok(DeleteWorkspacePayload { deleted_id, removed_bindings: int(removed) })
    }
}
