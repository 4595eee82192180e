//! Kubernetes namespaces, and the workspace that each belongs to.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ::entity::{namespace, workspace};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::*;
use serde_json::json;

use super::audit::{Act, Entry, Target, names};
use super::name::{MAX_PAIRS, NamespaceKey};
use super::{Cx, Error, Namespace};
use crate::auth::Role;
use crate::auth::policy::{Action, Scope};
use crate::storage::Raises;

/// What a list of namespaces is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Occurs in the name, whatever its case.
    pub search: Option<String>,
    pub cluster: Option<String>,
    pub workspace: Option<Uuid>,
    /// Whether it belongs to a workspace.
    pub bound: Option<bool>,
}

pub async fn find(cx: &Cx, id: Uuid) -> Result<Option<Namespace>, Error> {
    let sight = cx.sight().await?;
    Ok(sight.directory().namespaces.find(id).filter(|found| sight.sees_namespace(found)).cloned())
}

pub async fn find_by_key(cx: &Cx, key: &NamespaceKey) -> Result<Option<Namespace>, Error> {
    let sight = cx.sight().await?;
    let found = sight.directory().namespace_named(&key.cluster, &key.name);
    Ok(found.filter(|found| sight.sees_namespace(found)).cloned())
}

/// Those that the viewer may see, by cluster and name.
pub async fn list(cx: &Cx, filter: &Filter) -> Result<Vec<Namespace>, Error> {
    let sight = cx.sight().await?;
    let search = filter.search.as_deref().map(str::to_lowercase);
    let cluster = filter.cluster.as_deref().map(str::to_lowercase);
    Ok(sight
        .directory()
        .namespaces
        .iter()
        .filter(|namespace| sight.sees_namespace(namespace))
        .filter(|namespace| search.as_ref().is_none_or(|needle| namespace.name.contains(needle)))
        .filter(|namespace| cluster.as_ref().is_none_or(|cluster| namespace.cluster_key == *cluster))
        .filter(|namespace| filter.workspace.is_none_or(|id| namespace.workspace_id == Some(id)))
        .filter(|namespace| filter.bound.is_none_or(|bound| namespace.workspace_id.is_some() == bound))
        .cloned()
        .collect())
}

/// Gives the namespaces to a workspace; those that Fairway does not know yet become known. Taking one from another
/// workspace needs `to_move` and an Admin. Answers them in the order given.
pub async fn bind(
    cx: &Act,
    workspace_id: Uuid,
    keys: Vec<NamespaceKey>,
    to_move: bool,
) -> Result<Vec<Namespace>, Error> {
    let keys = distinct(keys)?;
    let workspace = super::workspace::get_fresh(cx, workspace_id).await.map_err(|error| error.on("workspaceId"))?;
    cx.authorize(Action::BindNamespace, Scope::Workspace(&workspace.name))?;
    if to_move {
        cx.authorize(Action::MoveNamespace, Scope::Platform)?;
    }

    let write = cx.service.storage.write(Raises::Access).await?;
    let tx = write.tx();
    if workspace::Entity::find_by_id(workspace_id).one(tx).await?.is_none() {
        return Err(Error::not_found("workspace").on("workspaceId"));
    }
    let known = rows(tx, &keys).await?;
    let taken: Vec<String> = known
        .iter()
        .filter(|row| row.workspace_id.is_some_and(|owner| owner != workspace_id))
        .map(|row| format!("{}/{}", row.cluster, row.name))
        .collect();
    if !taken.is_empty() && !to_move {
        // The other workspace is not named: the actor may not see it.
        let taken = super::workspace::named(taken.into_iter()).unwrap_or_default();
        return Err(Error::conflict_on(
            "namespaces",
            format!("{taken} belongs to another workspace; an Admin can move it with `move: true`"),
        ));
    }
    namespace::Entity::update_many()
        .col_expr(namespace::Column::WorkspaceId, Expr::value(Some(workspace_id)))
        .col_expr(namespace::Column::Version, Expr::value(write.version()))
        .filter(namespace::Column::Id.is_in(known.iter().map(|row| row.id)))
        .exec(tx)
        .await?;
    let new = keys.iter().filter(|key| !known.iter().any(|row| is(row, key))).map(|key| namespace::ActiveModel {
        id: Set(Uuid::now_v7()),
        cluster: Set(key.cluster.clone()),
        cluster_key: Set(key.cluster.to_lowercase()),
        name: Set(key.name.clone()),
        workspace_id: Set(Some(workspace_id)),
        version: Set(write.version()),
    });
    namespace::Entity::insert_many(new).exec_without_returning(tx).await?;
    let is_new = |key: &&NamespaceKey| !known.iter().any(|row| is(row, key) && row.workspace_id == Some(workspace_id));
    let gained: Vec<String> = keys.iter().filter(is_new).map(|key| format!("{}/{}", key.cluster, key.name)).collect();
    let changes = match gained.is_empty() {
        true => json!({}),
        false => json!({ "after": { "namespaces": names(gained.into_iter()) } }),
    };
    let mut entries = Entry::alike([workspace_id], Target::Workspace(workspace_id), &workspace.name, &changes);
    // Who lost them reads what they lost, and not to whom.
    entries.extend(losses(known.iter().filter(|row| row.workspace_id.is_some_and(|owner| owner != workspace_id))));
    cx.record(&write, entries).await?;
    write.commit().await?;

    let sight = cx.fresh_sight().await?;
    let found = keys.iter().filter_map(|key| sight.directory().namespace_named(&key.cluster, &key.name).cloned());
    Ok(found.collect())
}

/// Frees the namespaces. One that is free or unknown stays so; one that belongs to a workspace which the viewer may
/// not see does not exist for them. Answers those that the viewer may see, in the order given.
pub async fn unbind(cx: &Act, keys: Vec<NamespaceKey>) -> Result<Vec<Namespace>, Error> {
    let keys = distinct(keys)?;
    let sight = cx.fresh_sight().await?;
    let may_free_any = cx.viewer.is_admin || sight.memberships().any(|(_, role)| role == Role::Admin);
    for key in &keys {
        let owner = sight.directory().namespace_named(&key.cluster, &key.name).and_then(|row| row.workspace_id);
        match owner.and_then(|owner| sight.directory().workspaces.find(owner)) {
            Some(owner) if sight.sees_workspace(owner.id) => {
                cx.authorize(Action::UnbindNamespace, Scope::Workspace(&owner.name))?;
            }
            Some(_) => return Err(Error::not_found("namespace").on("namespaces")),
            // To those who may free nothing, what is free reads like what is hidden.
            None if !may_free_any => return Err(Error::not_found("namespace").on("namespaces")),
            None => {}
        }
    }

    let write = cx.service.storage.write(Raises::Access).await?;
    let tx = write.tx();
    let bound: Vec<namespace::Model> =
        rows(tx, &keys).await?.into_iter().filter(|row| row.workspace_id.is_some()).collect();
    let owners = workspace::Entity::find()
        .filter(workspace::Column::Id.is_in(bound.iter().filter_map(|row| row.workspace_id).collect::<BTreeSet<_>>()))
        .all(tx)
        .await?;
    // One may have moved since the viewer's rights were looked at.
    if owners.iter().any(|owner| !cx.may(Action::UnbindNamespace, Scope::Workspace(&owner.name))) {
        return Err(Error::not_found("namespace").on("namespaces"));
    }
    namespace::Entity::update_many()
        .col_expr(namespace::Column::WorkspaceId, Expr::value(Option::<Uuid>::None))
        .col_expr(namespace::Column::Version, Expr::value(write.version()))
        .filter(namespace::Column::Id.is_in(bound.iter().map(|row| row.id)))
        .exec(tx)
        .await?;
    let losses = losses(bound.iter());
    cx.record(&write, if losses.is_empty() { cx.unchanged(&sight) } else { losses }).await?;
    write.commit().await?;

    let sight = cx.fresh_sight().await?;
    let found = keys.iter().filter_map(|key| sight.directory().namespace_named(&key.cluster, &key.name));
    Ok(found.filter(|found| sight.sees_namespace(found)).cloned().collect())
}

/// One entry for each workspace that loses namespaces, naming its own.
fn losses<'a>(lost: impl Iterator<Item = &'a namespace::Model>) -> Vec<Entry> {
    let mut by_owner: BTreeMap<Option<Uuid>, Vec<&namespace::Model>> = BTreeMap::new();
    for row in lost {
        by_owner.entry(row.workspace_id).or_default().push(row);
    }
    let entry = |(workspace, rows): (Option<Uuid>, Vec<&namespace::Model>)| {
        let lost: Vec<String> = rows.iter().map(|row| format!("{}/{}", row.cluster, row.name)).collect();
        Entry {
            workspace,
            target: match rows.as_slice() {
                [only] => Some(Target::Namespace(only.id)),
                _ => None,
            },
            target_name: lost.join(", "),
            changes: json!({ "before": { "namespaces": names(lost.into_iter()) } }),
        }
    };
    by_owner.into_iter().map(entry).collect()
}

fn distinct(keys: Vec<NamespaceKey>) -> Result<Vec<NamespaceKey>, Error> {
    if keys.len() > MAX_PAIRS {
        return Err(Error::invalid("namespaces", format!("at most {MAX_PAIRS} namespaces at a time")));
    }
    let mut seen = HashSet::new();
    Ok(keys.into_iter().filter(|key| seen.insert((key.cluster.to_lowercase(), key.name.clone()))).collect())
}

async fn rows(db: &impl ConnectionTrait, keys: &[NamespaceKey]) -> Result<Vec<namespace::Model>, DbErr> {
    let rows = namespace::Entity::find()
        .filter(namespace::Column::Name.is_in(keys.iter().map(|key| key.name.clone())))
        .all(db)
        .await?;
    Ok(rows.into_iter().filter(|row| keys.iter().any(|key| is(row, key))).collect())
}

fn is(row: &namespace::Model, key: &NamespaceKey) -> bool {
    row.name == key.name && row.cluster_key == key.cluster.to_lowercase()
}

/// The key of a known namespace.
pub fn key_of(namespace: &Namespace) -> NamespaceKey {
    NamespaceKey { cluster: namespace.cluster.clone(), name: namespace.name.clone() }
}
