//! Bindings: which spaces are opened to which workspaces. Each mutation is idempotent, and done wholly or not at all.

use std::collections::HashSet;

use ::entity::{space, space_binding, tombstone, workspace};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::*;
use sea_orm::{Condition, QuerySelect};
use serde_json::json;

use super::audit::{Act, Entry, Target, names};
use super::name::MAX_PAIRS;
use super::{Binding, Cx, Error, Sight, Space};
use crate::auth::policy::{Action, Scope};
use crate::clock;
use crate::storage::{Raises, Write};

pub async fn find(cx: &Cx, id: Uuid) -> Result<Option<Binding>, Error> {
    let sight = cx.sight().await?;
    Ok(sight.directory().bindings.find(id).filter(|binding| sight.sees_binding(binding)).cloned())
}

/// What [`bind`] did.
pub struct Bound {
    /// Every binding of a space given to a workspace given, those that stood before included.
    pub bindings: Vec<Binding>,
    pub created: usize,
    pub spaces: Vec<Space>,
}

/// Binds every given space to every given workspace.
pub async fn bind(cx: &Act, space_ids: Vec<Uuid>, workspace_ids: Vec<Uuid>) -> Result<Bound, Error> {
    let (space_ids, workspace_ids) = pairs(space_ids, workspace_ids)?;
    let sight = authorize(cx, &space_ids, &workspace_ids).await?;
    let wanted = product(&space_ids, &workspace_ids);

    let write = cx.service.storage.write(Raises::Access).await?;
    still_there(&write, &space_ids, &workspace_ids).await?;
    let standing = standing(&write, &space_ids, &workspace_ids).await?;
    let new: Vec<(Uuid, Uuid)> = wanted.iter().filter(|pair| !standing.contains(pair)).copied().collect();
    insert(cx, &write, &new).await?;
    cx.record(&write, entries(cx, &sight, &workspace_ids, &new, &[])).await?;
    write.commit().await?;

    let sight = cx.fresh_sight().await?;
    let wanted: HashSet<(Uuid, Uuid)> = wanted.into_iter().collect();
    let bindings = space_ids
        .iter()
        .flat_map(|space| sight.directory().bindings_of_space(*space))
        .filter(|binding| wanted.contains(&(binding.space_id, binding.workspace_id)))
        .cloned()
        .collect();
    Ok(Bound { bindings, created: new.len(), spaces: spaces(&sight, &space_ids) })
}

/// Unbinds every given space from every given workspace; answers how many bindings went.
pub async fn unbind(cx: &Act, space_ids: Vec<Uuid>, workspace_ids: Vec<Uuid>) -> Result<(usize, Vec<Space>), Error> {
    let (space_ids, workspace_ids) = pairs(space_ids, workspace_ids)?;
    let sight = authorize(cx, &space_ids, &workspace_ids).await?;

    let write = cx.service.storage.write(Raises::Access).await?;
    let gone: Vec<(Uuid, Uuid)> = standing(&write, &space_ids, &workspace_ids).await?.into_iter().collect();
    delete(
        &write,
        Condition::all()
            .add(space_binding::Column::SpaceId.is_in(space_ids.iter().copied()))
            .add(space_binding::Column::WorkspaceId.is_in(workspace_ids.iter().copied())),
    )
    .await?;
    cx.record(&write, entries(cx, &sight, &workspace_ids, &[], &gone)).await?;
    write.commit().await?;

    let sight = cx.fresh_sight().await?;
    Ok((gone.len(), spaces(&sight, &space_ids)))
}

/// What [`set_workspaces`] did.
pub struct Reset {
    pub space: Space,
    pub added: usize,
    pub removed: usize,
}

/// Makes the given workspaces the whole set that the space is bound to.
pub async fn set_workspaces(cx: &Act, space_id: Uuid, workspace_ids: Vec<Uuid>) -> Result<Reset, Error> {
    let (space_ids, workspace_ids) = pairs(vec![space_id], workspace_ids)?;
    let sight = authorize(cx, &space_ids, &workspace_ids).await.map_err(|error| match error {
        Error::NotFound { what: "registry space", .. } => error.on("spaceId"),
        other => other,
    })?;

    let write = cx.service.storage.write(Raises::Access).await?;
    still_there(&write, &space_ids, &workspace_ids).await?;
    let standing: Vec<Uuid> = space_binding::Entity::find()
        .filter(space_binding::Column::SpaceId.eq(space_id))
        .all(write.tx())
        .await?
        .into_iter()
        .map(|row| row.workspace_id)
        .collect();
    let pair = |workspace: &Uuid| (space_id, *workspace);
    let new: Vec<_> = workspace_ids.iter().filter(|id| !standing.contains(id)).map(pair).collect();
    let gone: Vec<_> = standing.iter().filter(|id| !workspace_ids.contains(id)).map(pair).collect();
    delete(
        &write,
        Condition::all()
            .add(space_binding::Column::SpaceId.eq(space_id))
            .add(space_binding::Column::WorkspaceId.is_in(gone.iter().map(|(_, workspace)| *workspace))),
    )
    .await?;
    insert(cx, &write, &new).await?;
    let changed: Vec<Uuid> = new.iter().chain(&gone).map(|(_, workspace)| *workspace).collect();
    let concerned = if changed.is_empty() { &workspace_ids } else { &changed };
    cx.record(&write, entries(cx, &sight, concerned, &new, &gone)).await?;
    write.commit().await?;

    let sight = cx.fresh_sight().await?;
    let space = sight.directory().spaces.find(space_id).cloned();
    let space = space.ok_or(Error::not_found("registry space").on("spaceId"))?;
    Ok(Reset { space, added: new.len(), removed: gone.len() })
}

/// Deletes the bindings that `which` holds for, and leaves word of each; answers how many there were.
pub(super) async fn delete(write: &Write, which: Condition) -> Result<u64, DbErr> {
    let ids: Vec<Uuid> = space_binding::Entity::find()
        .select_only()
        .column(space_binding::Column::Id)
        .filter(which.clone())
        .into_tuple()
        .all(write.tx())
        .await?;
    let removed = ids.len() as u64;
    write.bury(tombstone::Kind::Binding, ids).await?;
    space_binding::Entity::delete_many().filter(which).exec(write.tx()).await?;
    Ok(removed)
}

/// Each id once, in the order given; at most [`MAX_PAIRS`] pairs of them.
fn pairs(space_ids: Vec<Uuid>, workspace_ids: Vec<Uuid>) -> Result<(Vec<Uuid>, Vec<Uuid>), Error> {
    let (n_spaces, n_workspaces) = (space_ids.len(), workspace_ids.len());
    let n_pairs = n_spaces.saturating_mul(n_workspaces);
    if n_pairs.max(n_spaces).max(n_workspaces) > MAX_PAIRS {
        let field = if n_spaces > n_workspaces { "spaceIds" } else { "workspaceIds" };
        let message = format!("{n_pairs} pairs of space and workspace are too many: at most {MAX_PAIRS} at a time");
        return Err(Error::invalid(field, message));
    }
    Ok((distinct(space_ids), distinct(workspace_ids)))
}

fn distinct(ids: Vec<Uuid>) -> Vec<Uuid> {
    let mut seen = HashSet::new();
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}

fn product(spaces: &[Uuid], workspaces: &[Uuid]) -> Vec<(Uuid, Uuid)> {
    spaces.iter().flat_map(|space| workspaces.iter().map(|workspace| (*space, *workspace))).collect()
}

/// What is hidden is not found, before anything is forbidden or unsupported.
async fn authorize(cx: &Cx, space_ids: &[Uuid], workspace_ids: &[Uuid]) -> Result<std::sync::Arc<Sight>, Error> {
    let sight = cx.fresh_sight().await?;
    let directory = sight.directory();
    let mut spaces = Vec::with_capacity(space_ids.len());
    for id in space_ids {
        let space = directory.spaces.find(*id).filter(|space| sight.sees_space(space));
        spaces.push(space.ok_or(Error::not_found("registry space").on("spaceIds"))?);
    }
    for id in workspace_ids {
        if directory.workspaces.find(*id).is_none() || !sight.sees_workspace(*id) {
            return Err(Error::not_found("workspace").on("workspaceIds"));
        }
    }
    let owned = spaces.iter().find(|space| {
        directory.registries.find(space.registry_id).is_none_or(|registry| registry.workspace_id.is_some())
    });
    if let Some(space) = owned {
        return Err(Error::unsupported(format!(
            "space `{}` is in a registry of one workspace, which alone uses it: it cannot be bound",
            space.name
        ))
        .on("spaceIds"));
    }
    cx.authorize(Action::BindSpace, Scope::Platform)?;
    Ok(sight)
}

/// Another process may have removed one meanwhile; then nothing is done.
async fn still_there(write: &Write, space_ids: &[Uuid], workspace_ids: &[Uuid]) -> Result<(), Error> {
    let n_spaces =
        space::Entity::find().filter(space::Column::Id.is_in(space_ids.iter().copied())).count(write.tx()).await?;
    if n_spaces != space_ids.len() as u64 {
        return Err(Error::not_found("registry space").on("spaceIds"));
    }
    let n_workspaces = workspace::Entity::find()
        .filter(workspace::Column::Id.is_in(workspace_ids.iter().copied()))
        .count(write.tx())
        .await?;
    if n_workspaces != workspace_ids.len() as u64 {
        return Err(Error::not_found("workspace").on("workspaceIds"));
    }
    Ok(())
}

async fn standing(write: &Write, spaces: &[Uuid], workspaces: &[Uuid]) -> Result<HashSet<(Uuid, Uuid)>, DbErr> {
    let rows = space_binding::Entity::find()
        .filter(space_binding::Column::SpaceId.is_in(spaces.iter().copied()))
        .filter(space_binding::Column::WorkspaceId.is_in(workspaces.iter().copied()))
        .all(write.tx())
        .await?;
    Ok(rows.into_iter().map(|row| (row.space_id, row.workspace_id)).collect())
}

async fn insert(cx: &Cx, write: &Write, pairs: &[(Uuid, Uuid)]) -> Result<(), DbErr> {
    let now = clock::now();
    let rows = pairs.iter().map(|(space, workspace)| space_binding::ActiveModel {
        id: Set(Uuid::now_v7()),
        space_id: Set(*space),
        workspace_id: Set(*workspace),
        created_at: Set(now),
        created_by: Set(cx.viewer.subject.clone()),
        version: Set(write.version()),
    });
    space_binding::Entity::insert_many(rows).exec_without_returning(write.tx()).await?;
    Ok(())
}

/// For each workspace concerned the spaces that it gained or lost, and no other's.
fn entries(cx: &Act, sight: &Sight, workspaces: &[Uuid], gained: &[(Uuid, Uuid)], lost: &[(Uuid, Uuid)]) -> Vec<Entry> {
    let of = |pairs: &[(Uuid, Uuid)], workspace: Uuid| -> Vec<Space> {
        let spaces = pairs.iter().filter(|(_, of)| *of == workspace).map(|(space, _)| *space);
        let mut spaces: Vec<Space> = spaces.filter_map(|id| sight.directory().spaces.find(id).cloned()).collect();
        spaces.sort_by(|a, b| a.name.cmp(&b.name));
        spaces
    };
    let listed = |spaces: &[Space]| names(spaces.iter().map(|space| space.name.clone()));
    let entry = |workspace: &Uuid| {
        let (gained, lost) = (of(gained, *workspace), of(lost, *workspace));
        let (moved, changes) = match (gained.is_empty(), lost.is_empty()) {
            (true, true) => return cx.unchanged_for(*workspace, sight),
            (false, _) => (gained.as_slice(), json!({ "after": { "boundSpaces": listed(&gained) } })),
            (true, false) => (lost.as_slice(), json!({ "before": { "boundSpaces": listed(&lost) } })),
        };
        Entry {
            workspace: Some(*workspace),
            target: match moved {
                [only] => Some(Target::Space(only.id)),
                _ => None,
            },
            target_name: moved.iter().map(|space| space.name.as_str()).collect::<Vec<_>>().join(", "),
            changes,
        }
    };
    match workspaces.is_empty() {
        true => cx.unchanged(sight),
        false => workspaces.iter().map(entry).collect(),
    }
}

fn spaces(sight: &Sight, ids: &[Uuid]) -> Vec<Space> {
    ids.iter().filter_map(|id| sight.directory().spaces.find(*id).cloned()).collect()
}
