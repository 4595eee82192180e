//! What a registry tells of an image when it is asked: tags, artifacts, and as much of each as somebody wants to see.

use std::collections::HashMap;
use std::sync::Arc;

use ::entity::registry::Kind;

use super::image::Image;
use super::name::{is_digest, is_tag};
use super::recent::{Artifacts, Place};
use super::{Cx, Error, selector};
use crate::upstream::{self, Artifact, Detail, Tag};

/// What the digests of all tags of a Docker Registry's image count as: it gives them one by one, two hundred at most.
const DIGESTS_OF_ALL_TAGS: usize = 20;

/// A tag, and what it names where the list tells.
pub struct ListedTag {
    pub tag: Tag,
    pub artifact: Option<Arc<Artifact>>,
}

/// All tags, newest push first; those of a Docker Registry, which tells no push times, by version, descending. In a Harbor
/// the artifacts come along, the newest with the details; in a Docker Registry [`get`] has to be asked for each.
pub async fn tags(cx: &Cx, image: &Image, detail: Detail) -> Result<Vec<ListedTag>, Error> {
    if image.registry.kind == Kind::DockerRegistry {
        let tags = docker_tags(cx, image).await?;
        return Ok(tags.iter().map(|tag| ListedTag { tag: tag.clone(), artifact: None }).collect());
    }
    let artifacts = listed(cx, image, true, detail).await?;
    let by_digest: HashMap<&str, &Arc<Artifact>> =
        artifacts.iter().map(|artifact| (artifact.digest.as_str(), artifact)).collect();
    let tags = upstream::tags_of(artifacts.iter().map(Arc::as_ref));
    let listed = |tag: Tag| {
        let artifact = tag.digest.as_deref().and_then(|digest| by_digest.get(digest).copied().cloned());
        ListedTag { tag, artifact }
    };
    Ok(tags.into_iter().map(listed).collect())
}

/// The same tags, with the details of what they name in a Harbor. Asks it for those alone that lack something.
pub async fn describe_tags(
    cx: &Cx,
    image: &Image,
    tags: Vec<ListedTag>,
    detail: Detail,
) -> Result<Vec<ListedTag>, Error> {
    let named: HashMap<&str, &Arc<Artifact>> = tags
        .iter()
        .filter_map(|tag| tag.artifact.as_ref())
        .map(|artifact| (artifact.digest.as_str(), artifact))
        .collect();
    let described = describe(cx, image, named.into_values().cloned().collect(), detail).await?;
    let described: HashMap<&str, &Arc<Artifact>> =
        described.iter().map(|artifact| (artifact.digest.as_str(), artifact)).collect();
    let listed = |ListedTag { tag, artifact }: ListedTag| {
        let artifact = artifact.and_then(|artifact| described.get(artifact.digest.as_str()).copied().cloned());
        // Whether it may be moved is such a detail.
        let known = artifact.as_ref().and_then(|artifact| artifact.tags.iter().find(|known| known.name == tag.name));
        ListedTag { tag: known.filter(|_| detail.immutable).cloned().unwrap_or(tag), artifact }
    };
    Ok(tags.into_iter().map(listed).collect())
}

/// All artifacts, newest push first; in a Docker Registry those with a tag, by version. How much is known of each is for
/// [`describe`].
pub async fn list(cx: &Cx, image: &Image, detail: Detail) -> Result<Vec<Arc<Artifact>>, Error> {
    let mut artifacts = Vec::clone(&*listed(cx, image, false, detail).await?);
    artifacts.sort_by_cached_key(|artifact| artifact.key());
    Ok(artifacts)
}

/// The same artifacts, in the same order, with the details. Asks the registry for those alone that lack something.
pub async fn describe(
    cx: &Cx,
    image: &Image,
    mut artifacts: Vec<Arc<Artifact>>,
    detail: Detail,
) -> Result<Vec<Arc<Artifact>>, Error> {
    let kind = image.registry.kind.into();
    let lacking = |artifact: &&Arc<Artifact>| artifact.lacks(kind, detail);
    let lacking: Vec<Artifact> = artifacts.iter().filter(lacking).map(|artifact| Artifact::clone(artifact)).collect();
    if lacking.is_empty() {
        return Ok(artifacts);
    }
    let n_questions = if image.registry.kind == Kind::DockerRegistry { lacking.len() } else { 1 };
    let (key, repository) = image.address();
    let question =
        |client: upstream::Registry| async move { client.describe(&key, &repository, lacking, detail).await };
    let mut described = ask(cx, image, n_questions, question).await?.into_iter();
    for artifact in artifacts.iter_mut().filter(|artifact| artifact.lacks(kind, detail)) {
        if let Some(described) = described.next() {
            *artifact = Arc::new(described);
        }
    }
    Ok(artifacts)
}

/// The artifact that a tag or a digest names, with the details.
pub async fn get(cx: &Cx, image: &Image, reference: &str, detail: Detail) -> Result<Option<Arc<Artifact>>, Error> {
    if !is_tag(reference) && !is_digest(reference) {
        return Err(Error::invalid("reference", "a reference inside an image is a tag, or a digest: `algorithm:hex`"));
    }
    if image.registry.kind == Kind::DockerRegistry {
        return get_from_docker(cx, image, reference, detail).await;
    }
    let detail = detail.at(image.registry.kind.into());
    let key = (place(cx, image).await?, reference.to_owned(), detail);
    let asked = async {
        let ((key, repository), reference) = (image.address(), reference.to_owned());
        let question = |client: upstream::Registry| async move {
            client.get_artifact(&key, &repository, &reference, detail).await
        };
        Ok(ask(cx, image, 1, question).await?.map(Arc::new))
    };
    cx.service.recent.artifacts.get(key, cx.deadline(), asked).await
}

async fn get_from_docker(
    cx: &Cx,
    image: &Image,
    reference: &str,
    detail: Detail,
) -> Result<Option<Arc<Artifact>>, Error> {
    let mut found = None;
    if detail.tags {
        let names_it = |artifact: &&Arc<Artifact>| {
            artifact.digest == reference || artifact.tags.iter().any(|tag| tag.name == reference)
        };
        found = listed(cx, image, false, detail).await?.iter().find(names_it).cloned();
    }
    // Without a tag, it is not in the list.
    if found.is_none() {
        let Some(digest) = digest(cx, image, reference).await? else { return Ok(None) };
        found = Some(Arc::new(Artifact::named(digest)));
    }
    let described = describe(cx, image, found.into_iter().collect(), detail).await;
    Ok(described?.pop())
}

/// The digest that a tag names now, or the digest itself if it names something.
pub async fn digest(cx: &Cx, image: &Image, reference: &str) -> Result<Option<String>, Error> {
    let key = (place(cx, image).await?, reference.to_owned());
    let asked = async {
        let ((key, repository), reference) = (image.address(), reference.to_owned());
        let question =
            |client: upstream::Registry| async move { client.get_digest(&key, &repository, &reference).await };
        ask(cx, image, 1, question).await
    };
    cx.service.recent.digests.get(key, cx.deadline(), asked).await
}

/// The tag that was pushed last, and what it points to. None without tags, and where push times are not told: then it is
/// only known of an image with one tag.
pub async fn last_push(cx: &Cx, image: &Image) -> Result<Option<(String, Option<String>)>, Error> {
    let mut tags = tags(cx, image, Detail::default()).await?.into_iter();
    let (first, is_only) = (tags.next(), tags.next().is_none());
    let Some(ListedTag { tag, .. }) = first.filter(|first| is_only || first.tag.pushed_at.is_some()) else {
        return Ok(None);
    };
    let digest = match tag.digest {
        Some(digest) => Some(digest),
        None => digest(cx, image, &tag.name).await?,
    };
    Ok(Some((tag.name, digest)))
}

async fn docker_tags(cx: &Cx, image: &Image) -> Result<Arc<Vec<Tag>>, Error> {
    let asked = async {
        let (key, repository) = image.address();
        let question = |client: upstream::Registry| async move { client.list_tags(&key, &repository).await };
        Ok(Arc::new(ask(cx, image, 1, question).await?))
    };
    cx.service.recent.tags.get(place(cx, image).await?, cx.deadline(), asked).await
}

async fn listed(cx: &Cx, image: &Image, is_tagged: bool, detail: Detail) -> Result<Artifacts, Error> {
    let (n_questions, is_tagged, detail) = match image.registry.kind {
        Kind::Harbor => (1, is_tagged, Detail { builds: false, ..detail.at(image.registry.kind.into()) }),
        // One list for all: it knows no untagged ones, and brings no details.
        Kind::DockerRegistry => (DIGESTS_OF_ALL_TAGS, true, Detail::default()),
    };
    let asked = async {
        let (key, repository) = image.address();
        let question = |client: upstream::Registry| async move {
            client.list_artifacts(&key, &repository, is_tagged, detail).await
        };
        let artifacts = ask(cx, image, n_questions, question).await?;
        Ok(Arc::new(artifacts.into_iter().map(Arc::new).collect()))
    };
    let key = (place(cx, image).await?, is_tagged, detail);
    cx.service.recent.lists.get(key, cx.deadline(), asked).await
}

async fn place(cx: &Cx, image: &Image) -> Result<Place, Error> {
    // Kept or not, the answer shows what the epoch says nothing of.
    cx.depends_on_more();
    let version = cx.sight().await?.directory().epoch.version();
    let (registry, settings) = (image.registry.id, image.registry.updated_at);
    Ok(Place { registry, settings, space: image.space.id, repository: image.data().repository.to_owned(), version })
}

async fn ask<T, F>(
    cx: &Cx,
    image: &Image,
    n_questions: usize,
    question: impl FnOnce(upstream::Registry) -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, upstream::Error>>,
{
    cx.depends_on_more();
    cx.count_questions(n_questions)?;
    match cx.service.sync.ask(&image.registry, cx.deadline(), question).await {
        Ok(answer) => Ok(answer),
        // Fairway's own words, about no registry in particular.
        Err(upstream::Error::Unsupported { what }) => Err(Error::unsupported(what)),
        Err(error) => Err(Error::Upstream {
            message: selector::told(&*cx.sight().await?, &image.registry, &error),
            registry: Some(image.registry.name.clone()),
            field: None,
            source: error,
        }),
    }
}
