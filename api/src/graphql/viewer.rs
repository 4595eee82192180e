//! Who is asking.

use async_graphql::{Context, Enum, Object, SimpleObject};

use super::ContextExt;
use super::error::Result;
use super::workspace::Workspace;
use crate::auth::Role;

/// What a member may do in a workspace; each role includes the lesser ones.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Role")]
pub(super) enum WorkspaceRole {
    /// Integrates the workspace's own registries and binds its namespaces.
    Admin,
    /// Deploys into its namespaces.
    Editor,
    /// Looks.
    Viewer,
}

pub(super) struct Viewer;

/// You, as your token tells.
#[Object]
impl Viewer {
    /// The token's subject.
    async fn subject<'a>(&self, ctx: &Context<'a>) -> &'a str {
        &ctx.cx().viewer.subject
    }

    /// What to call you, where the token says it.
    async fn name<'a>(&self, ctx: &Context<'a>) -> Option<&'a str> {
        ctx.cx().viewer.name.as_deref()
    }

    /// Whether you are an Admin of the whole platform.
    async fn is_admin(&self, ctx: &Context<'_>) -> bool {
        ctx.cx().viewer.is_admin
    }

    /// The workspaces that the token names and Fairway knows.
    async fn memberships(&self, ctx: &Context<'_>) -> Result<Vec<Membership>> {
        let sight = ctx.cx().sight().await?;
        let mut memberships: Vec<Membership> = sight
            .memberships()
            .map(|(workspace, role)| Membership { workspace: Workspace(workspace.clone()), role: role.into() })
            .collect();
        memberships.sort_by(|a, b| a.workspace.0.name_key.cmp(&b.workspace.0.name_key));
        Ok(memberships)
    }
}

/// Your role in one workspace.
#[derive(SimpleObject)]
pub(super) struct Membership {
    /// The workspace.
    workspace: Workspace,
    /// Your role in it.
    role: WorkspaceRole,
}

#[derive(Default)]
pub(super) struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// You, as your token tells.
    async fn viewer(&self) -> Viewer {
        Viewer
    }
}
