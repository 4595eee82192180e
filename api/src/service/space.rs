//! Registry spaces: found, made, opened and closed, and removed.

use ::entity::registry::{self, Kind};
use ::entity::space::{self, Visibility};
use ::entity::{image, space_binding, tombstone};
use sea_orm::ActiveValue::Set;
use sea_orm::Condition;
use sea_orm::prelude::*;
use serde_json::{Value, json};

use super::audit::{Act, Entry, Target, difference};
use super::name::project_name;
use super::{Cx, Directory, Error, Registry, Sight, Space};
use crate::auth::policy::Action;
use crate::clock;
use crate::storage::{Raises, Write};
use crate::sync::space_row;
use crate::upstream::{self, SpaceKey};

/// What a list of spaces is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Occurs in the name, whatever its case.
    pub search: Option<String>,
    pub visibility: Option<Visibility>,
    /// Whether it is bound to a workspace that the viewer may see.
    pub bound: Option<bool>,
    /// Bound to this workspace, or in a registry that it owns.
    pub workspace: Option<Uuid>,
    pub registry: Option<Uuid>,
}

pub async fn find(cx: &Cx, id: Uuid) -> Result<Option<Space>, Error> {
    let sight = cx.sight().await?;
    Ok(sight.directory().spaces.find(id).filter(|space| sight.sees_space(space)).cloned())
}

/// Those that the viewer may see, by name.
pub async fn list(cx: &Cx, filter: &Filter) -> Result<Vec<Space>, Error> {
    let sight = cx.sight().await?;
    let directory = sight.directory();
    let needle = filter.search.as_deref().map(str::to_lowercase);
    let serves = |space: &Space, workspace: Uuid| {
        let owner = directory.registries.find(space.registry_id).and_then(|registry| registry.workspace_id);
        owner == Some(workspace) || sight.bindings_of(space.id).iter().any(|binding| binding.workspace_id == workspace)
    };
    let candidates: Box<dyn Iterator<Item = &Space> + Send> = match filter.registry {
        Some(registry) => Box::new(directory.spaces_of(registry).iter()),
        None => Box::new(directory.spaces.iter()),
    };
    Ok(candidates
        .filter(|space| filter.visibility.is_none_or(|visibility| space.visibility == visibility))
        .filter(|space| needle.as_ref().is_none_or(|needle| space.name.to_lowercase().contains(needle)))
        .filter(|space| sight.sees_space(space))
        .filter(|space| filter.bound.is_none_or(|bound| sight.bindings_of(space.id).is_empty() != bound))
        .filter(|space| filter.workspace.is_none_or(|id| sight.sees_workspace(id) && serves(space, id)))
        .cloned()
        .collect())
}

/// The registry of a space: whoever sees the space sees it.
pub async fn registry_of(cx: &Cx, space: &Space) -> Result<Registry, Error> {
    let sight = cx.sight().await?;
    sight.directory().registries.find(space.registry_id).cloned().ok_or(Error::not_found("registry"))
}

/// How many images it holds, as far as is known: those that are shown of it, or what its registry counts while they were
/// never read.
pub fn image_count(directory: &Directory, space: &Space) -> Option<i64> {
    match directory.catalog.get(space.id) {
        _ if space.missing => Some(0),
        Some(snapshot) => i64::try_from(snapshot.len()).ok(),
        None => space.image_count,
    }
}

/// What a space's artifacts take, and may take, as its registry tells now: nothing for a Docker Registry.
pub async fn quota(cx: &Cx, space: &Space) -> Result<upstream::Quota, Error> {
    let registry = registry_of(cx, space).await?;
    if registry.kind == Kind::DockerRegistry || space.missing {
        return Ok(upstream::Quota::default());
    }
    let key = key_of(space);
    cx.depends_on_more();
    match cx.service.sync.ask(&registry, cx.deadline(), |client| async move { client.get_quota(&key).await }).await {
        Ok(quota) => Ok(quota),
        Err(error) => Err(Error::Upstream {
            message: super::selector::told(&*cx.sight().await?, &registry, &error),
            registry: Some(registry.name.clone()),
            field: None,
            source: error,
        }),
    }
}

/// Makes a Harbor project.
pub async fn create(cx: &Act, registry_id: Uuid, name: &str, public: bool) -> Result<Space, Error> {
    let registry =
        super::registry::get_to(cx, Action::CreateSpace, registry_id).await.map_err(|error| error.on("registryId"))?;
    if registry.kind == Kind::DockerRegistry {
        return Err(Error::unsupported("a Docker Registry has one space, and no more can be made").on("registryId"));
    }
    project_name("name", name)?;
    let taken =
        cx.sight().await?.directory().spaces_of(registry_id).iter().any(|space| space.name == name && !space.missing);
    if taken {
        return Err(Error::conflict_on("name", format!("there is a space `{name}` in `{}` already", registry.name)));
    }
    cx.begin().await?;
    let errand = Errand { act: cx, registry: &registry };
    let made = errand.client()?.create_space(name, public).await.map_err(|error| errand.failed(error, Some("name")))?;
    let write = cx.service.storage.write(Raises::Access).await?;
    if registry::Entity::find_by_id(registry_id).one(write.tx()).await?.is_none() {
        let message = format!("the registry was removed from Fairway meanwhile; it has the space `{name}` now");
        return Err(Error::conflict_on("registryId", message));
    }
    // A sweep may have seen it first.
    let seen = space::Entity::find()
        .filter(space::Column::RegistryId.eq(registry_id))
        .filter(space::Column::UpstreamId.eq(made.id.as_str()))
        .one(write.tx())
        .await?;
    let id = match seen {
        Some(row) => row.id,
        None => {
            let id = Uuid::now_v7();
            let mut row = space_row(id, registry_id, &made, write.version());
            // Made a moment ago, and nothing was pushed yet: its images are known to be none.
            row.images_as_of = Set(Some(clock::now()));
            space::Entity::insert(row).exec_without_returning(write.tx()).await?;
            id
        }
    };
    let changes = json!({ "after": { "name": made.name, "visibility": shown(is_public(&made)) } });
    cx.record(&write, Entry::alike(registry.workspace_id, Target::Space(id), &made.name, &changes)).await?;
    write.commit().await?;
    cx.fresh_sight().await?;
    find(cx, id).await?.ok_or(Error::not_found("registry space"))
}

/// Opens the space to every namespace, or closes it to all but those of bound workspaces.
pub async fn set_public(cx: &Act, id: Uuid, public: bool) -> Result<Space, Error> {
    let (space, registry) = get_to(cx, Action::SetSpacePublic, id).await.map_err(|error| error.on("spaceId"))?;
    if registry.kind == Kind::DockerRegistry {
        return match public {
            true => Ok(space),
            false => Err(Error::unsupported("a Docker Registry has no private space").on("spaceId")),
        };
    }
    not_missing(&space)?;
    cx.begin().await?;
    Errand { act: cx, registry: &registry }.set_public(&space, public).await?;
    cx.fresh_sight().await?;
    let space = find(cx, id).await?.ok_or(Error::not_found("registry space").on("spaceId"))?;
    match (space.visibility == Visibility::Public) == public {
        true => Ok(space),
        false => Err(Error::conflict_on("spaceId", "somebody else changed the space meanwhile: look at it again")),
    }
}

/// Removes an empty space from its registry, or forgets one that is missing there. Answers how many bindings went.
pub async fn delete(cx: &Act, id: Uuid, force: bool) -> Result<u64, Error> {
    let (space, registry) = get_to(cx, Action::DeleteSpace, id).await.map_err(|error| error.on("spaceId"))?;
    if registry.kind == Kind::DockerRegistry {
        return Err(Error::unsupported("the one space of a Docker Registry cannot be deleted").on("spaceId"));
    }
    let sight = cx.sight().await?;
    let tenants = bound_workspaces(&sight, id);
    if !tenants.is_empty() && !force {
        let names = tenants.iter().filter_map(|id| sight.directory().workspaces.find(*id));
        let names = super::workspace::named(names.map(|tenant| tenant.name.clone())).unwrap_or_default();
        return Err(Error::conflict_on(
            "spaceId",
            format!("space `{}` is bound to the workspaces {names}; `force` removes the bindings too", space.name),
        ));
    }
    let removed = Errand { act: cx, registry: &registry }.delete(&space, force).await?;
    cx.fresh_sight().await?;
    Ok(removed)
}

/// The space as it is now, and its registry, for a viewer who sees it and may do `action` with it.
async fn get_to(cx: &Cx, action: Action, id: Uuid) -> Result<(Space, Registry), Error> {
    let sight = cx.fresh_sight().await?;
    let space = find(cx, id).await?.ok_or(Error::not_found("registry space"))?;
    let registry = registry_of(cx, &space).await?;
    super::registry::authorize(cx, &sight, action, &registry)?;
    Ok((space, registry))
}

fn not_missing(space: &Space) -> Result<(), Error> {
    match space.missing {
        false => Ok(()),
        true => Err(Error::conflict_on(
            "spaceId",
            format!("space `{}` is missing in its registry; `deleteSpace` forgets it", space.name),
        )),
    }
}

fn bound_workspaces(sight: &Sight, space: Uuid) -> Vec<Uuid> {
    sight.directory().bindings_of_space(space).iter().map(|binding| binding.workspace_id).collect()
}

fn key_of(space: &space::Model) -> SpaceKey {
    SpaceKey { id: space.upstream_id.clone(), name: space.name.clone() }
}

fn is_public(space: &upstream::Space) -> bool {
    space.visibility == upstream::Visibility::Public
}

fn shown(public: bool) -> &'static str {
    if public { "PUBLIC" } else { "PRIVATE" }
}

/// An act on a registry, on its way there.
struct Errand<'a> {
    act: &'a Act,
    registry: &'a Registry,
}

impl Errand<'_> {
    fn client(&self) -> Result<upstream::Registry, Error> {
        self.act.service.sync.client(self.registry).map_err(|error| self.failed(error, None))
    }

    fn failed(&self, error: upstream::Error, field: Option<&'static str>) -> Error {
        let message = error.cause();
        match error {
            upstream::Error::Conflict { .. } => Error::Conflict { message, field },
            upstream::Error::NotFound => {
                let message = "the space is not in its registry any more: `refreshRegistry` looks again".to_owned();
                Error::Conflict { message, field }
            }
            // The input is at fault only where the registry says so.
            source => {
                let field = field.filter(|_| matches!(source, upstream::Error::Rejected { .. }));
                Error::Upstream { message, registry: Some(self.registry.name.clone()), field, source }
            }
        }
    }

    async fn set_public(&self, before: &space::Model, public: bool) -> Result<(), Error> {
        let tenants = bound_workspaces(&*self.act.sight().await?, before.id);
        let client = self.client()?;
        let (id, key) = (before.id, key_of(before));
        // Closed here before Harbor is asked: nobody sees it a moment longer than they may.
        let expected = match public {
            true => before.version,
            false => self.write_visibility(id, Visibility::Private, None).await?,
        };
        if let Err(error) = client.set_space_public(&key, public).await {
            // Opened again on Harbor's word alone, and unless somebody else has changed it since.
            if before.visibility == Visibility::Public
                && !public
                && error.is_about_request()
                && matches!(client.get_space(&key.id).await, Ok(Some(now)) if is_public(&now))
            {
                self.write_visibility(id, Visibility::Public, Some(expected)).await?;
            }
            return Err(self.failed(error, Some("spaceId")));
        }
        let write = self.act.service.storage.write(Raises::Access).await?;
        let now = if public { Visibility::Public } else { Visibility::Private };
        // Who opens late must not undo that somebody else has closed it; closing twice does no harm.
        let is_written = stamp_visibility(&write, id, now, public.then_some(expected)).await?;
        if is_written {
            let visibility = |public| json!({ "visibility": shown(public) });
            let changes = difference(visibility(before.visibility == Visibility::Public), visibility(public));
            self.act.record(&write, self.alike(before, tenants, &changes)).await?;
        }
        write.commit().await?;
        if !is_written {
            // Whatever came between: the registry decides.
            self.act.service.sync.refresh(self.registry.id).await.map_err(Error::internal)?;
        }
        Ok(())
    }

    async fn delete(&self, before: &space::Model, force: bool) -> Result<u64, Error> {
        let id = before.id;
        let bound_meanwhile =
            || Error::conflict_on("spaceId", format!("space `{}` has been bound meanwhile", before.name));
        if !before.missing {
            if !force && !bindings_of(self.act.service.storage.connection(), id).await?.is_empty() {
                return Err(bound_meanwhile());
            }
            self.act.begin().await?;
            self.delete_upstream(&key_of(before)).await?;
        }
        let write = self.act.service.storage.write(Raises::Access).await?;
        let tx = write.tx();
        let bound = bindings_of(tx, id).await?;
        if !force && !bound.is_empty() {
            // It is gone there all the same: what was bound to it a moment ago waits for an Admin.
            let changed = space::ActiveModel {
                id: Set(id),
                visibility: Set(Visibility::Private),
                missing: Set(true),
                image_count: Set(Some(0)),
                version: Set(write.version()),
                ..Default::default()
            };
            space::Entity::update(changed).exec(tx).await?;
            write.commit().await?;
            return Err(bound_meanwhile());
        }
        let of_space = Condition::all().add(space_binding::Column::SpaceId.eq(id));
        super::binding::delete(&write, of_space).await?;
        write.bury(tombstone::Kind::Space, [id]).await?;
        image::Entity::delete_many().filter(image::Column::SpaceId.eq(id)).exec(tx).await?;
        space::Entity::delete_by_id(id).exec(tx).await?;
        let tenants: Vec<Uuid> = bound.iter().map(|row| row.workspace_id).collect();
        // How many others lose it is nothing to each of them.
        let changes = match tenants.is_empty() {
            true => json!({ "before": { "name": before.name } }),
            false => json!({ "before": { "name": before.name }, "removedBindings": 1 }),
        };
        self.act.record(&write, self.alike(before, tenants, &changes)).await?;
        write.commit().await?;
        Ok(bound.len() as u64)
    }

    /// Answers the version that the row has now.
    async fn write_visibility(&self, id: Uuid, visibility: Visibility, expected: Option<i64>) -> Result<i64, Error> {
        let write = self.act.service.storage.write(Raises::Access).await?;
        stamp_visibility(&write, id, visibility, expected).await?;
        let version = write.version();
        write.commit().await?;
        Ok(version)
    }

    /// Harbor refuses to delete a project that holds repositories; asked first, to say so before anything is tried.
    async fn delete_upstream(&self, key: &SpaceKey) -> Result<(), Error> {
        let client = self.client()?;
        let failed = |error| self.failed(error, Some("spaceId"));
        let Some(now) = client.get_space(&key.id).await.map_err(failed)? else { return Ok(()) };
        if now.name != key.name {
            return Ok(());
        }
        if let Some(n_images) = now.image_count.filter(|count| *count > 0) {
            return Err(Error::conflict_on(
                "spaceId",
                format!("space `{}` still holds {n_images} images: delete them in the registry first", key.name),
            ));
        }
        match client.delete_space(key).await {
            Ok(()) | Err(upstream::Error::NotFound) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    /// An entry for each workspace that uses the space or owns its registry.
    fn alike(&self, space: &space::Model, tenants: Vec<Uuid>, changes: &Value) -> Vec<Entry> {
        let concerned = tenants.into_iter().chain(self.registry.workspace_id);
        Entry::alike(concerned, Target::Space(space.id), &space.name, changes)
    }
}

async fn bindings_of(db: &impl ConnectionTrait, space: Uuid) -> Result<Vec<space_binding::Model>, DbErr> {
    space_binding::Entity::find().filter(space_binding::Column::SpaceId.eq(space)).all(db).await
}

/// Whether it was written: not where the row is no longer of the version expected.
async fn stamp_visibility(
    write: &Write,
    id: Uuid,
    visibility: Visibility,
    expected: Option<i64>,
) -> Result<bool, DbErr> {
    let mut update = space::Entity::update_many()
        .col_expr(space::Column::Visibility, Expr::value(visibility))
        .col_expr(space::Column::Version, Expr::value(write.version()))
        .filter(space::Column::Id.eq(id));
    if let Some(expected) = expected {
        update = update.filter(space::Column::Version.eq(expected));
    }
    Ok(update.exec(write.tx()).await?.rows_affected > 0)
}
