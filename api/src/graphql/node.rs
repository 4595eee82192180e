//! Object identification: anything of the graph by its global id.

use async_graphql::{Context, ID, Interface, Object};

use super::ContextExt;
use super::audit_event::AuditEvent;
use super::binding::SpaceBinding;
use super::error::Result;
use super::id::NodeId;
use super::image::Image;
use super::namespace::Namespace;
use super::registry::Registry;
use super::space::Space;
use super::workspace::Workspace;
use crate::service::{self, Cx, Error};

/// Anything with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Opaque, unique in the whole graph, and stable for ever."))]
pub(super) enum Node {
    Registry(Registry),
    Space(Space),
    SpaceBinding(SpaceBinding),
    Workspace(Workspace),
    Namespace(Namespace),
    Image(Image),
    AuditEvent(AuditEvent),
}

/// Ids in one `nodes` query.
const MAX_IDS: usize = 100;

#[derive(Default)]
pub(super) struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The object of this id: null when there is none, or when you may not see it.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As some `id` field gave it.")] id: ID,
    ) -> Option<Result<Node>> {
        find(ctx.cx(), NodeId::parse(&id)?).await.map_err(Into::into).transpose()
    }

    /// The objects of these ids, in the same order and number; null for each that there is not, or that you may not
    /// see.
    #[graphql(complexity = "1 + ids.len() * child_complexity / 2")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Result<Node>>>> {
        if ids.len() > MAX_IDS {
            return Err(Error::invalid("ids", format!("at most {MAX_IDS} ids at a time")).into());
        }
        let found = ids.iter().map(|id| async move {
            let id = NodeId::parse(id)?;
            find(ctx.cx(), id).await.map_err(Into::into).transpose()
        });
        Ok(futures_util::future::join_all(found).await)
    }
}

/// Anything there is of this id that the viewer may see.
pub(super) async fn find(cx: &Cx, id: NodeId) -> std::result::Result<Option<Node>, Error> {
    Ok(match id {
        NodeId::Registry(id) => service::registry::find(cx, id).await?.map(|found| Registry(found).into()),
        NodeId::Space(id) => service::space::find(cx, id).await?.map(|found| Space(found).into()),
        NodeId::Binding(id) => service::binding::find(cx, id).await?.map(|found| SpaceBinding(found).into()),
        NodeId::Workspace(id) => service::workspace::find(cx, id).await?.map(|found| Workspace(found).into()),
        NodeId::Namespace(id) => service::namespace::find(cx, id).await?.map(|found| Namespace(found).into()),
        NodeId::Image { space, repository } => {
            service::image::find(cx, space, &repository).await?.map(|found| Image(found).into())
        }
        // It alone is read from the database, which hardly anybody who comes here has to wait for.
        NodeId::AuditEvent(id) => Box::pin(service::audit::find(cx, id)).await?.map(|found| AuditEvent(found).into()),
    })
}
