//! Why an image can or cannot be selected in a namespace: each rule of R1 with its outcome, and what would mend it.
//!
//! Decided on nothing but what the viewer may see, so what is hidden from them reads exactly like what does not exist.

mod check;

use std::cmp::Reverse;
use std::sync::Arc;

use ::entity::registry::Kind;
use uuid::Uuid;

use super::image::Image;
use super::name::{ImageReference, NamespaceKey};
use super::{Availability, Cx, Error, Registry, RegistryView, Sight, Space, Workspace, artifact, selector};
use crate::mirror::reference_prefix;

/// Whether the image can be selected, and why.
pub struct Explanation {
    /// How it reaches the namespace, if it does.
    pub via: Option<Availability>,
    /// If it is there and the viewer may see it, whether or not it reaches the namespace.
    pub image: Option<Image>,
    /// Every rule once, in the order in which a person should look.
    pub checks: Vec<Check>,
}

pub struct Check {
    pub rule: Rule,
    pub outcome: Outcome,
    /// One sentence.
    pub detail: String,
    pub remedy: Option<Remedy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    RegistryIntegrated,
    RegistryHealthy,
    SpaceExists,
    ImageExists,
    SpacePublic,
    NamespaceBound,
    SpaceBound,
    ViewerIsMember,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    /// The image reaches the namespace another way, or could.
    NotNeeded,
    /// It cannot be told, or not to this viewer.
    Unknown,
}

pub struct Remedy {
    pub text: String,
    /// None where it takes more than one act in Fairway, or ids that the viewer may not see.
    pub act: Option<Act>,
    pub who: Who,
}

/// An act that makes a rule hold.
pub enum Act {
    CreateSpace { registry: Uuid, name: String },
    OpenSpace { space: Uuid },
    BindSpace { space: Uuid, workspace: Uuid },
    BindNamespace { namespace: NamespaceKey, workspace: Uuid },
}

/// Who can do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Admin,
    WorkspaceAdmin,
    /// Whoever runs the registry, or may push there.
    RegistryOperator,
}

/// What all checks are made on.
struct Case<'a> {
    sight: &'a Sight,
    is_admin: bool,
    key: &'a NamespaceKey,
    reference: &'a ImageReference,
    /// The reference as it was typed.
    typed: &'a str,
    standing: Standing,
    /// The best match among what the viewer may see.
    found: Option<Candidate>,
    via: Option<Availability>,
    version: Version,
}

/// Whether the image has the tag or the digest of the reference.
enum Version {
    /// The reference has none, or there is no image that could have it.
    Unnamed,
    There,
    Absent,
    /// Why its registry could not say.
    Unknown(String),
}

/// How the viewer stands to the namespace.
#[derive(Clone)]
enum Standing {
    /// It is in this workspace, and they may know.
    Inside(Workspace),
    /// It is in none, and they may know.
    Free,
    /// They may not know whether it is in one.
    Outside,
}

/// A registry with the host of the reference, and how far the rest of the reference leads there.
struct Candidate {
    registry: Registry,
    /// How the space would be called.
    space_name: String,
    space: Option<Space>,
    known: Known,
}

enum Known {
    There(Image),
    Absent,
    /// Why its space's images are not known.
    Unread(String),
}

/// Asks no registry, but for the images of a space that was never read, and for the tag or digest of the reference.
///
/// # Errors
/// `Invalid` for what is no reference.
pub async fn explain(cx: &Cx, key: &NamespaceKey, typed: &str) -> Result<Explanation, Error> {
    let reference = ImageReference::parse(typed)?;
    let sight = cx.sight().await?;
    let namespaces = std::slice::from_ref(key);
    let is_wanted = |prefix: &str| reference.name.starts_with(prefix);
    let reachable = Box::pin(selector::reachable_where(cx, namespaces, is_wanted)).await?.remove(key);
    // A space that cannot be read is told by its own check.
    let available = reachable.and_then(|reachable| reachable.find(&reference.name).ok().flatten());
    let available = available.map(|(image, via, _)| (image, via));
    let standing = standing(&sight, cx.viewer.is_admin, key);
    let mut candidates = Vec::new();
    for registry in with_host(&sight, &reference) {
        candidates.push(Box::pin(candidate(cx, &sight, registry, &reference)).await?);
    }
    let found = best(candidates, &standing, available.as_ref().map(|(image, _)| image));
    let image = match (&available, &found) {
        (Some((image, _)), _) => Some(image.clone()),
        (None, Some(Candidate { known: Known::There(image), .. })) => Some(image.clone()),
        (None, _) => None,
    };
    let version = Box::pin(version(cx, image.as_ref(), &reference)).await?;
    let (via, is_admin) = (available.map(|(_, via)| via), cx.viewer.is_admin);
    let case = Case { sight: &sight, is_admin, key, reference: &reference, typed, standing, found, via, version };
    let checks = case.checks();
    let via = via.filter(|_| !matches!(case.version, Version::Absent));
    Ok(Explanation { via, image, checks })
}

/// Looks for what a pull would look for: with a digest, the tag beside it means nothing.
async fn version(cx: &Cx, image: Option<&Image>, reference: &ImageReference) -> Result<Version, Error> {
    let (Some(image), Some(named)) = (image, reference.digest.as_deref().or(reference.tag.as_deref())) else {
        return Ok(Version::Unnamed);
    };
    match artifact::digest(cx, image, named).await {
        Ok(Some(_)) => Ok(Version::There),
        Ok(None) => Ok(Version::Absent),
        Err(Error::Upstream { message, .. }) => Ok(Version::Unknown(message)),
        Err(error) => Err(error),
    }
}

fn standing(sight: &Sight, is_admin: bool, key: &NamespaceKey) -> Standing {
    let directory = sight.directory();
    let workspace = directory.namespace_named(&key.cluster, &key.name).and_then(|namespace| namespace.workspace_id);
    match workspace.and_then(|id| sight.workspace(id)) {
        Some(workspace) => Standing::Inside(workspace.clone()),
        None if is_admin => Standing::Free,
        None => Standing::Outside,
    }
}

/// The registries with the host of the reference that the viewer may see.
fn with_host(sight: &Sight, reference: &ImageReference) -> Vec<Registry> {
    let host = reference.name.split_once('/').map_or("", |(host, _)| host);
    let registries = sight.directory().registries.iter();
    registries
        .filter(|registry| registry.host.eq_ignore_ascii_case(host))
        .filter(|registry| sight.view_of(registry) != RegistryView::Hidden)
        .cloned()
        .collect()
}

async fn candidate(
    cx: &Cx,
    sight: &Arc<Sight>,
    registry: Registry,
    reference: &ImageReference,
) -> Result<Candidate, Error> {
    let path = reference.name.split_once('/').map_or("", |(_, path)| path);
    let space_name = match registry.kind {
        Kind::DockerRegistry => "/",
        Kind::Harbor => path.split_once('/').map_or(path, |(space, _)| space),
    };
    let spaces = sight.directory().spaces_of(registry.id).iter();
    let named = spaces.filter(|space| space.name == space_name && sight.sees_space(space));
    // One that vanished may have been made anew under its name.
    let space = named.min_by_key(|space| space.missing).cloned();
    let known = match &space {
        Some(space) if !space.missing => match selector::images_of(cx, &registry, space).await {
            Err(failure) => Known::Unread(selector::told(sight, &registry, &failure)),
            Ok(snapshot) => {
                let repository = reference.name.strip_prefix(&reference_prefix(&registry, space));
                match repository.and_then(|repository| snapshot.get(repository)) {
                    Some(index) => Known::There(Image::new(registry.clone(), space.clone(), snapshot, index)),
                    None => Known::Absent,
                }
            }
        },
        _ => Known::Absent,
    };
    Ok(Candidate { registry, space_name: space_name.to_owned(), space, known })
}

/// The one that the namespace gets it from; else the one that leads furthest, one that serves the namespace first.
fn best(candidates: Vec<Candidate>, standing: &Standing, available: Option<&Image>) -> Option<Candidate> {
    let rank = |candidate: &Candidate| {
        let is_source =
            available.is_some_and(|image| candidate.space.as_ref().is_some_and(|space| space.id == image.space.id));
        let is_there = matches!(candidate.known, Known::There(_));
        let has_space = candidate.space.as_ref().is_some_and(|space| !space.missing);
        (is_source, candidate.serves(standing), is_there, has_space)
    };
    // The first of equals: platform before workspaces is the order of precedence, and then by name.
    let by_rank = |candidate: &(usize, Candidate)| {
        (rank(&candidate.1), Reverse(candidate.1.registry.workspace_id.is_some()), Reverse(candidate.0))
    };
    candidates.into_iter().enumerate().max_by_key(by_rank).map(|(_, candidate)| candidate)
}

impl Candidate {
    /// Whether the scope of its registry has the namespace in it, as far as is known.
    fn serves(&self, standing: &Standing) -> bool {
        match (self.registry.workspace_id, standing) {
            (None, _) => true,
            (Some(owner), Standing::Inside(workspace)) => owner == workspace.id,
            // It would, once the namespace is in that workspace.
            (Some(_), Standing::Free) => true,
            // Members of the owner would be inside if the namespace were in it.
            (Some(_), Standing::Outside) => false,
        }
    }

    fn is_of_platform(&self) -> bool {
        self.registry.workspace_id.is_none()
    }

    /// The space, if it is there.
    fn present_space(&self) -> Option<&Space> {
        self.space.as_ref().filter(|space| !space.missing)
    }
}
