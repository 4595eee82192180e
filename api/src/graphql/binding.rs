//! Bindings of spaces to workspaces.

use async_graphql::{Context, ID, InputObject, Object, ScalarType, SimpleObject, Value};

use super::error::Result;
use super::id::{self, NodeId};
use super::page::{Connection, Ordered, cut};
use super::plain::{self, Lean, Plain};
use super::scalar::{DateTime, int};
use super::space::Space;
use super::workspace::Workspace;
use super::{ContextExt, perform};
use crate::service::audit::Attempt;
use crate::service::selector::Window;
use crate::service::{self, Error, binding};

pub(super) struct SpaceBinding(pub(super) service::Binding);

/// A registry space opened to a workspace.
#[Object]
impl SpaceBinding {
    /// Its global id.
    pub(super) async fn id(&self) -> ID {
        NodeId::Binding(self.0.id).encode()
    }

    /// The space that is opened.
    async fn space(&self, ctx: &Context<'_>) -> Result<Lean<Space>> {
        let space = service::space::find(ctx.cx(), self.0.space_id).await?;
        Ok(Lean(Space(space.ok_or(Error::not_found("registry space"))?)))
    }

    /// The workspace that it is opened to.
    async fn workspace(&self, ctx: &Context<'_>) -> Result<Lean<Workspace>> {
        let workspace = service::workspace::find(ctx.cx(), self.0.workspace_id).await?;
        Ok(Lean(Workspace(workspace.ok_or(Error::not_found("workspace"))?)))
    }

    /// Since when.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// The subject of who bound it.
    async fn created_by(&self) -> &str {
        &self.0.created_by
    }
}

impl Plain for SpaceBinding {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        Some(match ctx.item.node.name.node.as_str() {
            "id" => NodeId::Binding(self.0.id).encode().0.into(),
            "createdAt" => DateTime(self.0.created_at).to_value(),
            "createdBy" => self.0.created_by.clone().into(),
            "workspace" => {
                let workspace = ctx.cx().sight_at_hand()?.workspace(self.0.workspace_id)?.clone();
                return plain::object(&Workspace(workspace), ctx);
            }
            _ => return None,
        })
    }
}

pub(super) fn connect_bindings(rows: Vec<service::Binding>, page: &Window) -> Result<Lean<Connection<SpaceBinding>>> {
    // Ids are UUIDs of version 7: they grow with time.
    let order = Ordered { name: "binding", key: &|row: &service::Binding| row.id, compare: Ord::cmp };
    Ok(cut(rows, &order, page)?.connect(SpaceBinding))
}

/// Spaces and the workspaces to bind them to.
#[derive(InputObject)]
pub(super) struct BindSpacesInput {
    /// Spaces of PLATFORM registries.
    space_ids: Vec<ID>,
    /// Each space is bound to each of these; at most 1,000 pairs.
    workspace_ids: Vec<ID>,
}

/// Spaces and the workspaces to unbind them from.
#[derive(InputObject)]
pub(super) struct UnbindSpacesInput {
    /// Spaces of PLATFORM registries.
    space_ids: Vec<ID>,
    /// Each space is unbound from each of these; at most 1,000 pairs.
    workspace_ids: Vec<ID>,
}

/// A space and all the workspaces that it shall be bound to.
#[derive(InputObject)]
pub(super) struct SetSpaceWorkspacesInput {
    /// A space of a PLATFORM registry.
    space_id: ID,
    /// The whole set; empty unbinds it from all. At most 1,000.
    workspace_ids: Vec<ID>,
}

/// What binding did.
#[derive(SimpleObject)]
pub(super) struct BindSpacesPayload {
    /// Every binding of a given space to a given workspace, those that stood before included.
    bindings: Vec<SpaceBinding>,
    /// How many are new.
    created: i32,
    /// The spaces as they are now, in the order given.
    spaces: Vec<Space>,
}

/// What unbinding did.
#[derive(SimpleObject)]
pub(super) struct UnbindSpacesPayload {
    /// How many bindings went.
    removed: i32,
    /// The spaces as they are now, in the order given.
    spaces: Vec<Space>,
}

/// What changed of a space's bindings.
#[derive(SimpleObject)]
pub(super) struct SetSpaceWorkspacesPayload {
    /// The space as it is now.
    space: Space,
    /// How many bindings are new.
    added: i32,
    /// How many bindings went.
    removed: i32,
}

#[derive(Default)]
pub(super) struct BindingMutation;

#[Object]
impl BindingMutation {
    /// Binds every given space to every given workspace: all of them, or none when one is refused. For Admins.
    async fn bind_spaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The spaces and the workspaces.")] input: BindSpacesInput,
    ) -> Result<BindSpacesPayload> {
        let attempt = Attempt::to("bindSpaces")
            .on(input.space_ids.iter().map(id::named))
            .with(input.workspace_ids.iter().map(id::named));
        let bound = perform(ctx, attempt, move |cx| async move {
            let spaces = id::all(&input.space_ids, "spaceIds", id::space)?;
            let workspaces = id::all(&input.workspace_ids, "workspaceIds", id::workspace)?;
            binding::bind(&cx, spaces, workspaces).await
        })
        .await?;
        Ok(BindSpacesPayload {
            bindings: bound.bindings.into_iter().map(SpaceBinding).collect(),
            created: int(bound.created),
            spaces: bound.spaces.into_iter().map(Space).collect(),
        })
    }

    /// Unbinds every given space from every given workspace. For Admins.
    async fn unbind_spaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The spaces and the workspaces.")] input: UnbindSpacesInput,
    ) -> Result<UnbindSpacesPayload> {
        let attempt = Attempt::to("unbindSpaces")
            .on(input.space_ids.iter().map(id::named))
            .with(input.workspace_ids.iter().map(id::named));
        let (removed, spaces) = perform(ctx, attempt, move |cx| async move {
            let spaces = id::all(&input.space_ids, "spaceIds", id::space)?;
            let workspaces = id::all(&input.workspace_ids, "workspaceIds", id::workspace)?;
            binding::unbind(&cx, spaces, workspaces).await
        })
        .await?;
        Ok(UnbindSpacesPayload { removed: int(removed), spaces: spaces.into_iter().map(Space).collect() })
    }

    /// Makes the given workspaces the whole set that a space is bound to. For Admins.
    async fn set_space_workspaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The space and the workspaces.")] input: SetSpaceWorkspacesInput,
    ) -> Result<SetSpaceWorkspacesPayload> {
        // Concerns the workspaces that it is bound to as well: they may lose it.
        let attempt = Attempt::to("setSpaceWorkspaces")
            .on([id::named(&input.space_id)])
            .with([id::named(&input.space_id)])
            .with(input.workspace_ids.iter().map(id::named));
        let reset = perform(ctx, attempt, move |cx| async move {
            let space = id::space(&input.space_id, "spaceId")?;
            let workspaces = id::all(&input.workspace_ids, "workspaceIds", id::workspace)?;
            binding::set_workspaces(&cx, space, workspaces).await
        })
        .await?;
        Ok(SetSpaceWorkspacesPayload {
            space: Space(reset.space),
            added: int(reset.added),
            removed: int(reset.removed),
        })
    }
}
