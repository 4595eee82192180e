//! Images, as the directory has them.

use std::sync::Arc;

use ::entity::space::Visibility;
use uuid::Uuid;

use super::name::{ImageReference, NamespaceKey};
use super::selector::{self, Filter, Reachable, Selection};
use super::{Availability, Cx, Error, Registry, Space};
use crate::catalog::{self, Snapshot};
use crate::mirror::reference_prefix;
use crate::upstream::{self, SpaceKey};

/// A repository in a space that the viewer may see.
#[derive(Clone)]
pub struct Image {
    pub registry: Registry,
    pub space: Space,
    snapshot: Arc<Snapshot>,
    index: usize,
}

impl Image {
    pub(super) fn new(registry: Registry, space: Space, snapshot: Arc<Snapshot>, index: usize) -> Self {
        Self { registry, space, snapshot, index }
    }

    pub fn data(&self) -> catalog::Image<'_> {
        self.snapshot.image(self.index)
    }

    /// `host/space/repository`, without tag.
    pub fn reference(&self) -> String {
        reference_prefix(&self.registry, &self.space) + self.data().repository
    }

    /// What its registry calls it by.
    pub(super) fn address(&self) -> (SpaceKey, String) {
        let key = SpaceKey { id: self.space.upstream_id.clone(), name: self.space.name.clone() };
        (key, self.data().repository.to_owned())
    }
}

/// The image at this path of a space, if the viewer may see the space and the image is known there.
pub async fn find(cx: &Cx, space: Uuid, repository: &str) -> Result<Option<Image>, Error> {
    let Some(space) = super::space::find(cx, space).await?.filter(|space| !space.missing) else { return Ok(None) };
    let registry = super::space::registry_of(cx, &space).await?;
    let snapshot = images_of(cx, &registry, &space).await?;
    let found = snapshot.get(repository);
    Ok(found.map(|index| Image::new(registry, space, snapshot, index)))
}

/// The image of this reference, without tag and digest, wherever the viewer may see it. Where it stands twice, it is the
/// one that a selector shows.
///
/// # Errors
/// When it is not known, and may be in a space that could not be read: "no" would be a guess.
pub async fn find_by_reference(cx: &Cx, reference: &str) -> Result<Option<Image>, Error> {
    let Some((host, _)) = reference.split_once('/') else { return Ok(None) };
    let sight = cx.sight().await?;
    let directory = sight.directory();
    let mut places = Vec::new();
    for registry in directory.registries.iter().filter(|registry| registry.host == host) {
        let owner = registry.workspace_id.and_then(|id| directory.workspaces.find(id));
        for space in directory.spaces_of(registry.id).iter().filter(|space| !space.missing && sight.sees_space(space)) {
            if let Some(repository) = reference.strip_prefix(&reference_prefix(registry, space)) {
                let via = match (owner, space.visibility) {
                    (Some(_), _) => Availability::WorkspaceRegistry,
                    (None, Visibility::Public) => Availability::Public,
                    (None, Visibility::Private) => Availability::Bound,
                };
                places.push(((via, owner.map(|owner| &owner.name)), registry, space, repository));
            }
        }
    }
    // Stable: what is equal otherwise stays in the order of the registries' names, as in a selector.
    places.sort_by_key(|(rank, ..)| *rank);
    let mut blind = None;
    for (_, registry, space, repository) in places {
        match images_of(cx, registry, space).await {
            Ok(snapshot) => {
                if let Some(index) = snapshot.get(repository) {
                    return Ok(Some(Image::new(registry.clone(), space.clone(), snapshot, index)));
                }
            }
            Err(error) => blind = blind.or(Some(error)),
        }
    }
    blind.map_or(Ok(None), Err)
}

async fn images_of(cx: &Cx, registry: &Registry, space: &Space) -> Result<Arc<Snapshot>, Error> {
    let sight = cx.sight().await?;
    selector::images_of(cx, registry, space).await.map_err(|failure| selector::unread(&sight, registry, Some(&failure)))
}

/// The image of this reference as the namespace would see it, with its cursor in the order by reference.
pub async fn find_available(
    cx: &Cx,
    namespace: &NamespaceKey,
    reference: &ImageReference,
) -> Result<Option<(Image, Availability, String)>, Error> {
    let namespaces = std::slice::from_ref(namespace);
    let is_wanted = |prefix: &str| reference.name.starts_with(prefix);
    let found = selector::reachable_where(cx, namespaces, is_wanted).await?.remove(namespace);
    found.map_or(Ok(None), |reachable| reachable.find(&reference.name))
}

/// The images of one space, ready to be paged.
pub async fn of_space(cx: &Cx, space: &Space, search: Option<catalog::Search>) -> Result<Selection, Error> {
    let sight = cx.sight().await?;
    let registry = super::space::registry_of(cx, space).await?;
    let snapshot = match space.missing {
        true => None,
        false => {
            let snapshot = images_of(cx, &registry, space).await?;
            // Unlike the selector's, this list has nothing to tell its age by: old images would pass for those of now.
            if let Some(message) = selector::trouble(&sight, &registry, space) {
                let source = upstream::Error::Unavailable { status: 503, retry_after: None };
                return Err(Error::Upstream { message, registry: Some(registry.name.clone()), field: None, source });
            }
            Some(snapshot)
        }
    };
    Ok(Selection::new(Reachable::of_space(sight, &registry, space, snapshot), &Filter::default(), search))
}
