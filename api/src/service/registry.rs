//! Registries: found, integrated, changed and forgotten.
//!
//! An account is proven before it is stored, and nothing is stored unless the whole is good.

mod connection;
mod integrate;
mod update;

use std::collections::{BTreeSet, HashMap};

use ::entity::{image, registry, registry_sync, space, space_binding, tombstone, workspace};
use sea_orm::Condition;
use sea_orm::prelude::*;
use serde_json::json;

pub use self::connection::{Connection, Tested, address_to_show, test};
pub use self::integrate::{Integration, integrate};
pub use self::update::{Change, update};
use super::audit::{Act, Entry, Target};
use super::{Cx, Error, Registry, RegistryView, Service, Sight};
use crate::auth::policy::{Action, Scope};
use crate::storage::{Raises, Write};
use crate::upstream::SpaceKey;

/// What a list of registries is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Occurs in the name or the host, whatever its case.
    pub search: Option<String>,
    pub kind: Option<registry::Kind>,
    /// `Some(true)`: PLATFORM scope alone; `Some(false)`: WORKSPACE scope alone.
    pub is_platform: Option<bool>,
    pub workspace: Option<Uuid>,
    pub health: Option<Vec<registry::HealthState>>,
}

pub async fn find(cx: &Cx, id: Uuid) -> Result<Option<Registry>, Error> {
    let sight = cx.sight().await?;
    let found = sight.directory().registries.find(id);
    Ok(found.filter(|registry| sight.view_of(registry) != RegistryView::Hidden).cloned())
}

/// Those that the viewer may see, by name.
pub async fn list(cx: &Cx, filter: &Filter) -> Result<Vec<Registry>, Error> {
    let sight = cx.sight().await?;
    let needle = filter.search.as_deref().map(str::to_lowercase);
    Ok(sight
        .directory()
        .registries
        .iter()
        .filter(|row| filter.kind.is_none_or(|kind| row.kind == kind))
        .filter(|row| filter.is_platform.is_none_or(|is_platform| row.workspace_id.is_none() == is_platform))
        .filter(|row| filter.workspace.is_none_or(|id| row.workspace_id == Some(id)))
        .filter(|row| filter.health.as_ref().is_none_or(|states| states.contains(&row.health_state)))
        .filter(|row| needle.as_ref().is_none_or(|needle| row.name_key.contains(needle) || row.host.contains(needle)))
        .filter(|row| sight.view_of(row) != RegistryView::Hidden)
        .cloned()
        .collect())
}

/// The registry as it is now, for a viewer who sees it and may do `action` with it.
pub(super) async fn get_to(cx: &Cx, action: Action, id: Uuid) -> Result<Registry, Error> {
    let sight = cx.fresh_sight().await?;
    let registry = find(cx, id).await?.ok_or(Error::not_found("registry"))?;
    authorize(cx, &sight, action, &registry)?;
    Ok(registry)
}

/// R2 for a registry that the viewer sees.
pub(super) fn authorize(cx: &Cx, sight: &Sight, action: Action, registry: &Registry) -> Result<(), Error> {
    match registry.workspace_id {
        None => cx.authorize(action, Scope::Platform),
        Some(id) => {
            let owner = sight.directory().workspaces.find(id).ok_or(Error::not_found("workspace"))?;
            cx.authorize(action, Scope::Workspace(&owner.name))
        }
    }
}

/// Forgets the registry: with `force` also while its spaces are bound. Nothing in the registry itself is touched.
/// Answers how many bindings went.
pub async fn remove(cx: &Act, id: Uuid, force: bool) -> Result<u64, Error> {
    let registry = get_to(cx, Action::RemoveRegistry, id).await.map_err(|error| error.on("id"))?;

    let write = cx.service.storage.write(Raises::Access).await?;
    let tx = write.tx();
    let spaces = space::Entity::find().filter(space::Column::RegistryId.eq(id)).all(tx).await?;
    let bindings =
        space_binding::Entity::find().filter(space_binding::Column::SpaceId.in_subquery(space_ids(id))).all(tx).await?;
    if !bindings.is_empty() && !force {
        let bound = spaces.iter().filter(|space| bindings.iter().any(|binding| binding.space_id == space.id));
        let tenants = workspace::Entity::find()
            .filter(
                workspace::Column::Id
                    .is_in(bindings.iter().map(|binding| binding.workspace_id).collect::<BTreeSet<_>>()),
            )
            .all(tx)
            .await?;
        return Err(Error::conflict(format!(
            "registry `{}` has spaces that are bound: {}, to the workspaces {}; `force` removes the bindings too",
            registry.name,
            super::workspace::named(bound.map(|space| space.name.clone())).unwrap_or_default(),
            super::workspace::named(tenants.into_iter().map(|tenant| tenant.name)).unwrap_or_default(),
        )));
    }
    let webhooks = webhooks(&spaces);
    let removed = delete_rows(&write, id).await?;
    cx.record(&write, removed_entries(&registry, &bindings)).await?;
    write.commit().await?;
    remove_webhooks(&cx.service, &registry, webhooks);
    cx.service.sync.forget(id);
    cx.fresh_sight().await?;
    Ok(removed)
}

/// For the owner all that it was. Tenants of a PLATFORM registry may read its name and no settings, and each what it lost
/// alone.
fn removed_entries(registry: &Registry, bindings: &[space_binding::Model]) -> Vec<Entry> {
    let target = Target::Registry(registry.id);
    let tenants: BTreeSet<Uuid> = bindings.iter().map(|binding| binding.workspace_id).collect();
    if tenants.is_empty() {
        let changes = json!({ "before": { "name": registry.name, "address": registry.address } });
        return Entry::alike(registry.workspace_id, target, &registry.name, &changes);
    }
    let entry = |tenant: Uuid| {
        let removed = bindings.iter().filter(|binding| binding.workspace_id == tenant).count();
        let changes = json!({ "before": { "name": registry.name }, "removedBindings": removed });
        Entry::alike([tenant], target, &registry.name, &changes)
    };
    tenants.into_iter().flat_map(entry).collect()
}

/// The webhook policies that Fairway made in these spaces.
fn webhooks(spaces: &[space::Model]) -> Vec<(SpaceKey, String)> {
    let policy = |space: &space::Model| {
        let (policy, _fingerprint) = space.webhook.as_deref()?.split_once(' ')?;
        let key = SpaceKey { id: space.upstream_id.clone(), name: space.name.clone() };
        (policy != "-" && !space.missing).then(|| (key, policy.to_owned()))
    };
    spaces.iter().filter_map(policy).collect()
}

/// The one thing of Fairway's in a registry that is forgotten (R5). Nobody waits for it, and it is not tried twice.
fn remove_webhooks(service: &Service, registry: &Registry, webhooks: Vec<(SpaceKey, String)>) {
    if !webhooks.is_empty() {
        let (sync, registry) = (service.sync.clone(), registry.clone());
        service.acts.spawn(async move { sync.remove_webhooks(&registry, webhooks).await });
    }
}

/// Deletes the registry's rows and all that hangs on them; answers how many bindings there were. The order is that
/// of the foreign keys, so that no cascade is left to the database to do unseen.
pub(super) async fn delete_rows(write: &Write, id: Uuid) -> Result<u64, DbErr> {
    let tx = write.tx();
    let bindings = Condition::all().add(space_binding::Column::SpaceId.in_subquery(space_ids(id)));
    let removed = super::binding::delete(write, bindings).await?;
    let spaces: Vec<Uuid> = space::Entity::find()
        .filter(space::Column::RegistryId.eq(id))
        .all(tx)
        .await?
        .iter()
        .map(|row| row.id)
        .collect();
    write.bury(tombstone::Kind::Space, spaces).await?;
    write.bury(tombstone::Kind::Registry, [id]).await?;
    image::Entity::delete_many().filter(image::Column::SpaceId.in_subquery(space_ids(id))).exec(tx).await?;
    space::Entity::delete_many().filter(space::Column::RegistryId.eq(id)).exec(tx).await?;
    registry_sync::Entity::delete_by_id(id).exec(tx).await?;
    registry::Entity::delete_by_id(id).exec(tx).await?;
    Ok(removed)
}

fn space_ids(registry: Uuid) -> sea_orm::sea_query::SelectStatement {
    use sea_orm::{QuerySelect, QueryTrait};
    space::Entity::find()
        .select_only()
        .column(space::Column::Id)
        .filter(space::Column::RegistryId.eq(registry))
        .into_query()
}

/// How these registries are kept in step, as written down last. Each turn of a sync moves it without raising the epoch, so
/// it is read when somebody asks.
pub async fn turns(cx: &Cx, ids: Vec<Uuid>) -> Result<HashMap<Uuid, registry_sync::Model>, Error> {
    /// More than this many are read faster all at once.
    const MAX_NAMED: usize = 500;
    cx.depends_on_more();
    let mut query = registry_sync::Entity::find();
    if ids.len() <= MAX_NAMED {
        query = query.filter(registry_sync::Column::RegistryId.is_in(ids));
    }
    let rows = query.all(cx.service.storage.connection()).await?;
    Ok(rows.into_iter().map(|row| (row.registry_id, row)).collect())
}

/// Probes the registry and reads its spaces now. What it answered, a failure too, is in the registry's health.
pub async fn refresh(cx: &Act, id: Uuid) -> Result<Registry, Error> {
    let registry = get_to(cx, Action::RefreshRegistry, id).await.map_err(|error| error.on("id"))?;
    cx.begin().await?;
    cx.service.sync.refresh(registry.id).await.map_err(|error| match &*error {
        crate::sync::Error::Gone => Error::not_found("registry").on("id"),
        crate::sync::Error::Database(_) => Error::internal(error),
    })?;
    cx.fresh_sight().await?;
    find(cx, id).await?.ok_or(Error::not_found("registry").on("id"))
}
