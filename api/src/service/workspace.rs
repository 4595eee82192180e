//! Workspaces: the tenants.

use ::entity::{namespace, registry, space, space_binding, tombstone, workspace};
use sea_orm::ActiveValue::Set;
use sea_orm::Condition;
use sea_orm::prelude::*;
use serde_json::json;

use super::audit::{Act, Entry, Target, difference, names};
use super::name::{dns_label, title};
use super::{Cx, Error, Workspace};
use crate::auth::policy::{Action, Scope};
use crate::clock;
use crate::storage::Raises;

/// The workspace of this id, if the viewer may see it.
pub async fn find(cx: &Cx, id: Uuid) -> Result<Option<Workspace>, Error> {
    let sight = cx.sight().await?;
    Ok(sight.workspace(id).cloned())
}

/// The workspace of this name, if the viewer may see it.
pub async fn find_by_name(cx: &Cx, name: &str) -> Result<Option<Workspace>, Error> {
    let sight = cx.sight().await?;
    let found = sight.directory().workspace_named(name);
    Ok(found.filter(|workspace| sight.sees_workspace(workspace.id)).cloned())
}

/// Those that the viewer may see, by name; `search` occurs in the name or the display name, whatever its case.
pub async fn list(cx: &Cx, search: Option<&str>) -> Result<Vec<Workspace>, Error> {
    let sight = cx.sight().await?;
    let needle = search.map(str::to_lowercase);
    Ok(sight
        .directory()
        .workspaces
        .iter()
        .filter(|workspace| sight.sees_workspace(workspace.id))
        .filter(|workspace| {
            needle.as_ref().is_none_or(|needle| {
                let display = workspace.display_name.as_deref().unwrap_or_default().to_lowercase();
                workspace.name_key.contains(needle) || display.contains(needle)
            })
        })
        .cloned()
        .collect())
}

pub async fn create(cx: &Act, name: &str, display_name: Option<&str>) -> Result<Workspace, Error> {
    cx.authorize(Action::ManageWorkspaces, Scope::Platform)?;
    dns_label("name", name)?;
    let display_name = display_name.map(|text| title("displayName", text, 255)).transpose()?;

    let write = cx.service.storage.write(Raises::Access).await?;
    let taken =
        workspace::Entity::find().filter(workspace::Column::NameKey.eq(name.to_lowercase())).one(write.tx()).await?;
    if taken.is_some() {
        return Err(Error::conflict_on("name", format!("there is a workspace `{name}` already")));
    }
    let id = Uuid::now_v7();
    workspace::Entity::insert(workspace::ActiveModel {
        id: Set(id),
        name: Set(name.to_owned()),
        name_key: Set(name.to_lowercase()),
        display_name: Set(display_name.clone()),
        created_at: Set(clock::now()),
        version: Set(write.version()),
    })
    .exec_without_returning(write.tx())
    .await?;
    let changes = json!({ "after": { "name": name, "displayName": display_name } });
    cx.record(&write, Entry::alike([id], Target::Workspace(id), name, &changes)).await?;
    write.commit().await?;
    get_fresh(cx, id).await
}

/// `display_name`: absent leaves it as it is, `Some(None)` clears it.
pub async fn update(cx: &Act, id: Uuid, display_name: Option<Option<&str>>) -> Result<Workspace, Error> {
    let before = get_fresh(cx, id).await.map_err(|error| error.on("id"))?;
    cx.authorize(Action::ManageWorkspaces, Scope::Platform)?;
    let Some(display_name) = display_name else { return Ok(before) };
    let display_name = display_name.map(|text| title("displayName", text, 255)).transpose()?;

    let write = cx.service.storage.write(Raises::Access).await?;
    let updated = workspace::Entity::update_many()
        .col_expr(workspace::Column::DisplayName, Expr::value(display_name.clone()))
        .col_expr(workspace::Column::Version, Expr::value(write.version()))
        .filter(workspace::Column::Id.eq(id))
        .exec(write.tx())
        .await?;
    if updated.rows_affected == 0 {
        return Err(Error::not_found("workspace").on("id"));
    }
    let changes = difference(json!({ "displayName": before.display_name }), json!({ "displayName": display_name }));
    cx.record(&write, Entry::alike([id], Target::Workspace(id), &before.name, &changes)).await?;
    write.commit().await?;
    get_fresh(cx, id).await
}

/// Removes the workspace, and with `force` what depends on it: its bindings and the registries it owns; its
/// namespaces become free. Answers how many bindings went.
pub async fn delete(cx: &Act, id: Uuid, force: bool) -> Result<u64, Error> {
    let workspace = get_fresh(cx, id).await.map_err(|error| error.on("id"))?;
    cx.authorize(Action::ManageWorkspaces, Scope::Platform)?;

    let write = cx.service.storage.write(Raises::Access).await?;
    let tx = write.tx();
    let registries = registry::Entity::find().filter(registry::Column::WorkspaceId.eq(id)).all(tx).await?;
    let bindings = space_binding::Entity::find().filter(space_binding::Column::WorkspaceId.eq(id)).all(tx).await?;
    let namespaces = namespace::Entity::find().filter(namespace::Column::WorkspaceId.eq(id)).all(tx).await?;
    let is_used = !registries.is_empty() || !bindings.is_empty() || !namespaces.is_empty();
    if is_used && !force {
        let spaces = space::Entity::find()
            .filter(space::Column::Id.is_in(bindings.iter().map(|binding| binding.space_id)))
            .all(tx)
            .await?;
        let dependants = [
            ("registries", named(registries.iter().map(|row| row.name.clone()))),
            ("spaces bound to it", named(spaces.iter().map(|row| row.name.clone()))),
            ("namespaces", named(namespaces.iter().map(|row| format!("{}/{}", row.cluster, row.name)))),
        ];
        let dependants: Vec<String> =
            dependants.into_iter().filter_map(|(what, names)| Some(format!("{what} {}", names?))).collect();
        return Err(Error::conflict(format!(
            "workspace `{}` still has {}; `force` removes the bindings and registries and frees the namespaces",
            workspace.name,
            dependants.join(", "),
        )));
    }
    namespace::Entity::update_many()
        .col_expr(namespace::Column::WorkspaceId, Expr::value(Option::<Uuid>::None))
        .col_expr(namespace::Column::Version, Expr::value(write.version()))
        .filter(namespace::Column::WorkspaceId.eq(id))
        .exec(tx)
        .await?;
    let of_workspace = Condition::all().add(space_binding::Column::WorkspaceId.eq(id));
    let mut removed = super::binding::delete(&write, of_workspace).await?;
    for registry in &registries {
        removed += super::registry::delete_rows(&write, registry.id).await?;
    }
    write.bury(tombstone::Kind::Workspace, [id]).await?;
    workspace::Entity::delete_by_id(id).exec(tx).await?;
    let changes = json!({
        "before": { "name": workspace.name, "displayName": workspace.display_name },
        "removedBindings": removed,
        "removedRegistries": names(registries.iter().map(|row| row.name.clone())),
        "freedNamespaces": names(namespaces.iter().map(|row| format!("{}/{}", row.cluster, row.name))),
    });
    cx.record(&write, Entry::alike([id], Target::Workspace(id), &workspace.name, &changes)).await?;
    write.commit().await?;
    cx.fresh_sight().await?;
    Ok(removed)
}

/// The workspace as it is now, for those who may see it.
pub(super) async fn get_fresh(cx: &Cx, id: Uuid) -> Result<Workspace, Error> {
    cx.fresh_sight().await?;
    find(cx, id).await?.ok_or(Error::not_found("workspace"))
}

/// At most a hundred names in a sentence; none for none.
pub(super) fn named(names: impl Iterator<Item = String>) -> Option<String> {
    const SHOWN: usize = 100;
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.sort();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let listed = names.join(", ");
    match (names.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(listed),
        (false, more) => Some(format!("{listed} and {more} more")),
    }
}
