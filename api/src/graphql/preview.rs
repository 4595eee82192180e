//! What a change of access would do, before it is done.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::ContextExt;
use super::error::Result;
use super::id;
use super::namespace::Namespace;
use super::scalar::int;
use crate::service::preview::{self, Change};
use crate::service::{self, Error};

/// A change of access to try: the same for every space named. What is absent stays as it is.
#[derive(InputObject)]
pub(super) struct PreviewSpaceAccessInput {
    /// The spaces; with the workspaces at most 1,000 pairs.
    space_ids: Vec<ID>,
    /// Workspaces that they would be bound to.
    bind_workspace_ids: Option<Vec<ID>>,
    /// Workspaces that they would be unbound from.
    unbind_workspace_ids: Option<Vec<ID>>,
    /// Whether they would be public.
    public: Option<bool>,
}

impl PreviewSpaceAccessInput {
    fn parse(self) -> std::result::Result<Change, Error> {
        let (bind, unbind) =
            (self.bind_workspace_ids.unwrap_or_default(), self.unbind_workspace_ids.unwrap_or_default());
        Ok(Change {
            spaces: id::all(&self.space_ids, "spaceIds", id::space)?,
            bind: id::all(&bind, "bindWorkspaceIds", id::workspace)?,
            unbind: id::all(&unbind, "unbindWorkspaceIds", id::workspace)?,
            public: self.public,
        })
    }
}

/// What a change of access would do to the namespaces' selectors.
#[derive(SimpleObject)]
pub(super) struct SpaceAccessPreview {
    /// The namespaces that Fairway knows and whose selectors would have more images, by cluster and name.
    gains: Vec<NamespaceAccessChange>,
    /// The namespaces that Fairway knows and whose selectors would have fewer images, by cluster and name.
    losses: Vec<NamespaceAccessChange>,
    /// What every namespace would gain or lose that is in no workspace, known to Fairway or not.
    every_namespace: AccessDelta,
}

/// How many images a namespace would gain, or lose.
#[derive(SimpleObject)]
pub(super) struct NamespaceAccessChange {
    /// The namespace.
    namespace: Namespace,
    /// How many images, each reference counted once, as its selector shows them.
    images: i32,
}

/// How many images would come and go.
#[derive(SimpleObject)]
pub(super) struct AccessDelta {
    /// How many would come.
    gained: i32,
    /// How many would go.
    lost: i32,
}

#[derive(Default)]
pub(super) struct PreviewQuery;

#[Object]
impl PreviewQuery {
    /// What binding, unbinding, opening or closing these spaces would change, before it is done. For Admins.
    #[graphql(complexity = "200 + child_complexity")]
    async fn preview_space_access(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change to try.")] input: PreviewSpaceAccessInput,
    ) -> Result<SpaceAccessPreview> {
        let found = Box::pin(preview::preview(ctx.cx(), input.parse()?)).await?;
        let change = |(namespace, n_images): (service::Namespace, usize)| NamespaceAccessChange {
            namespace: Namespace(namespace),
            images: int(n_images),
        };
        Ok(SpaceAccessPreview {
            gains: found.gains.into_iter().map(change).collect(),
            losses: found.losses.into_iter().map(change).collect(),
            every_namespace: AccessDelta { gained: int(found.everywhere.gained), lost: int(found.everywhere.lost) },
        })
    }
}
