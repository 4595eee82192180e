//! A registry at a glance: what it holds, who uses it, and how far somebody has come who begins with it.
//!
//! Counted from memory: no registry is asked, but for the bytes, which Fairway does not keep.

use std::collections::HashSet;

use ::entity::registry::{Kind, Privilege};
use ::entity::registry_sync;
use ::entity::space::Visibility;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::space::image_count;
use super::{Cx, Directory, Error, Namespace, Registry, Space, Workspace, selector};
use crate::catalog::Snapshot;
use crate::mirror::reference_prefix;

/// All counts include the spaces that are missing in the registry, which hold no images.
pub struct Overview {
    pub n_spaces: usize,
    pub n_public_spaces: usize,
    pub n_bound_spaces: usize,
    pub n_images: i64,
    pub n_public_images: i64,
    /// Distinct ones: the owner, or those that a space is bound to.
    pub n_workspaces: usize,
    pub quick_start: QuickStart,
}

/// How far somebody has come who begins with a registry, and what the next steps are best tried with.
pub struct QuickStart {
    pub registry: Registry,
    pub has_space: bool,
    /// Whether some workspace reaches a space of it; needs no binding where all workspaces do, or the owner does.
    pub reaches_workspace: bool,
    pub has_image: bool,
    /// Whether an image of it was ever pulled, as far as it tells.
    pub was_pulled: bool,
    /// The owner of a registry of WORKSPACE scope.
    pub owner: Option<Workspace>,
    /// A name that no space of it has.
    pub free_name: String,
    /// A space that would gain by a binding, and a workspace to bind it to.
    pub to_bind: Option<Space>,
    pub workspace: Option<Workspace>,
    /// A space that can be pushed into; one that somebody reaches where there is such.
    pub to_push: Option<Space>,
    /// The reference of an image, without tag, and a namespace that may use it.
    pub image: Option<String>,
    pub namespace: Option<Namespace>,
}

/// For a viewer who may read the registry's settings.
pub async fn overview(cx: &Cx, registry: &Registry) -> Result<Overview, Error> {
    let sight = cx.sight().await?;
    let directory = sight.directory();
    let spaces = directory.spaces_of(registry.id);
    let is_public = |space: &&Space| space.visibility == Visibility::Public;
    let is_bound = |space: &&Space| !directory.bindings_of_space(space.id).is_empty();
    let n_images = |space: &Space| image_count(directory, space).unwrap_or(0);
    let users: HashSet<Uuid> = spaces
        .iter()
        .flat_map(|space| directory.bindings_of_space(space.id))
        .map(|binding| binding.workspace_id)
        .chain(registry.workspace_id)
        .collect();
    Ok(Overview {
        n_spaces: spaces.len(),
        n_public_spaces: spaces.iter().filter(is_public).count(),
        n_bound_spaces: spaces.iter().filter(is_bound).count(),
        n_images: spaces.iter().map(n_images).sum(),
        n_public_images: spaces.iter().filter(is_public).map(n_images).sum(),
        n_workspaces: users.len(),
        quick_start: quick_start(directory, registry),
    })
}

/// As of when its counts are known to be true; none while nothing of it was read.
pub async fn as_of(
    cx: &Cx,
    registry: &Registry,
    turn: Option<&registry_sync::Model>,
) -> Result<Option<DateTime<Utc>>, Error> {
    let sight = cx.sight().await?;
    let present = sight.directory().spaces_of(registry.id).iter().filter(|space| !space.missing);
    let oldest = present.filter_map(|space| selector::as_of(space, turn)).min();
    Ok(oldest.or_else(|| turn.and_then(|turn| turn.confirmed_at)))
}

/// Bytes that all its artifacts take, as it tells now. A Docker Registry does not, and Harbor tells its system
/// administrators alone.
pub async fn storage_used(cx: &Cx, registry: &Registry) -> Result<Option<i64>, Error> {
    if registry.kind == Kind::DockerRegistry || registry.privilege != Some(Privilege::SystemAdmin) {
        return Ok(None);
    }
    cx.depends_on_more();
    let asked = cx.service.sync.ask(registry, cx.deadline(), |client| async move { client.get_storage_used().await });
    match asked.await {
        Ok(used) => Ok(used),
        Err(source) => Err(Error::Upstream {
            message: selector::told(&*cx.sight().await?, registry, &source),
            registry: Some(registry.name.clone()),
            field: None,
            source,
        }),
    }
}

fn quick_start(directory: &Directory, registry: &Registry) -> QuickStart {
    let spaces: Vec<&Space> = directory.spaces_of(registry.id).iter().filter(|space| !space.missing).collect();
    let owner = registry.workspace_id.and_then(|id| directory.workspaces.find(id)).cloned();
    let workspace_of = |space: &Space| match &owner {
        Some(owner) => Some(owner.clone()),
        None => {
            let bound = directory.bindings_of_space(space.id).first()?;
            directory.workspaces.find(bound.workspace_id).cloned()
        }
    };
    let is_public = |space: &Space| space.visibility == Visibility::Public;
    // What somebody reaches is better to begin with than what nobody does.
    let rank = |space: &&Space| match (workspace_of(space).is_some(), is_public(space)) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    };
    let mut by_use = spaces.clone();
    by_use.sort_by_key(rank);
    let snapshot = |space: &Space| directory.catalog.get(space.id).filter(|snapshot| !snapshot.is_empty());
    let first_image = by_use.iter().find_map(|space| Some((*space, snapshot(space)?)));
    let to_push = by_use.iter().find(|space| !space.is_proxy_cache).map(|space| (*space).clone());
    let deployed = first_image.map(|(space, _)| space).or(to_push.as_ref());
    let namespace = deployed.and_then(|space| match workspace_of(space) {
        Some(workspace) => directory.namespaces_of(workspace.id).first().cloned(),
        None if is_public(space) => directory.namespaces.iter().next().cloned(),
        None => None,
    });
    let was_pulled = |snapshot: &&std::sync::Arc<Snapshot>| {
        (0..snapshot.len()).any(|index| snapshot.image(index).pull_count.is_some_and(|count| count > 0))
    };
    let is_open_to_all = registry.kind == Kind::DockerRegistry;
    QuickStart {
        registry: registry.clone(),
        has_space: !spaces.is_empty(),
        reaches_workspace: is_open_to_all
            || spaces.iter().any(|space| workspace_of(space).is_some())
            || owner.is_some(),
        has_image: spaces.iter().any(|space| image_count(directory, space).is_some_and(|count| count > 0)),
        was_pulled: spaces.iter().filter_map(|space| snapshot(space)).any(|snapshot| was_pulled(&snapshot)),
        free_name: free_name(&spaces),
        to_bind: spaces
            .iter()
            .find(|space| !is_public(space) && workspace_of(space).is_none())
            .or(spaces.first())
            .map(|space| (*space).clone()),
        workspace: directory.workspaces.iter().next().cloned(),
        image: first_image.map(|(space, snapshot)| reference_prefix(registry, space) + snapshot.image(0).repository),
        owner,
        to_push,
        namespace,
    }
}

fn free_name(spaces: &[&Space]) -> String {
    let names = (1..).map(|number| if number == 1 { "team-a".to_owned() } else { format!("team-a-{number}") });
    let mut free = names.filter(|name| spaces.iter().all(|space| space.name != *name));
    free.next().unwrap_or_default()
}
