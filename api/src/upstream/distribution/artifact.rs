//! Artifacts. A Docker Registry lists tags by name and knows nothing of artifacts but their manifests, so each is put together
//! of as many documents as it takes, and no more than is asked for.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{Method, StatusCode};

use super::{Distribution, MANIFESTS, Scope, manifest::Content};
use crate::upstream::{Artifact, Detail, Error, Findings, Platform, Scan, Tag, name};

/// Tags that are asked for one by one, to learn which artifacts there are.
const MAX_TAGS: usize = 200;

/// Questions under way for one artifact or list: as many as a registry is asked at a time at all.
const AT_A_TIME: usize = 4;

/// Types of artifacts that are signatures: Notary's, cosign's, and Sigstore's bundles.
const SIGNATURES: [&str; 3] = [
    "application/vnd.cncf.notary.signature",
    "application/vnd.dev.cosign.artifact.sig.",
    "application/vnd.dev.sigstore.bundle.",
];

impl Distribution {
    /// All artifacts that a tag names, each with its digest and tags alone.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if there are more tags than a registry is asked for one by one.
    pub(in crate::upstream) async fn list_artifacts(&self, repository: &str) -> Result<Vec<Artifact>, Error> {
        let tags = self.list_tags(repository).await?;
        if tags.len() > MAX_TAGS {
            let n_tags = tags.len();
            return Err(Error::unsupported(&format!(
                "a Docker Registry tells what tags name one by one, and this image has {n_tags}: ask for some of its tags"
            )));
        }
        let look_up = async |tag: Tag| Ok::<_, Error>((self.get_digest(repository, &tag.name).await?, tag));
        let mut found = stream::iter(tags).map(look_up).buffered(AT_A_TIME);
        let mut artifacts: BTreeMap<String, Vec<Tag>> = BTreeMap::new();
        while let Some((digest, tag)) = found.try_next().await? {
            // One that has gone since it was listed names nothing.
            if let Some(digest) = digest {
                artifacts.entry(digest.clone()).or_default().push(Tag { digest: Some(digest), ..tag });
            }
        }
        let artifact = |(digest, mut tags): (String, Vec<Tag>)| {
            tags.sort_by(|a, b| a.name.cmp(&b.name));
            Artifact { tags, ..Artifact::named(digest) }
        };
        Ok(artifacts.into_iter().map(artifact).collect())
    }

    /// The same artifacts, each with what it lacks of what is asked for.
    ///
    /// # Errors
    /// [`Error::Changed`] if one of them has gone meanwhile.
    pub(in crate::upstream) async fn describe(
        &self,
        repository: &str,
        artifacts: Vec<Artifact>,
        detail: Detail,
    ) -> Result<Vec<Artifact>, Error> {
        let describe = async |artifact| match self.describe_one(repository, artifact, detail).await? {
            Some(described) => Ok(described),
            None => Err(Error::Changed { what: "an artifact".to_owned() }),
        };
        stream::iter(artifacts).map(describe).buffered(AT_A_TIME).try_collect().await
    }

    async fn describe_one(
        &self,
        repository: &str,
        mut artifact: Artifact,
        detail: Detail,
    ) -> Result<Option<Artifact>, Error> {
        if detail.manifest || detail.configuration || detail.builds {
            let Some(content) = self.content(repository, &artifact.digest).await? else { return Ok(None) };
            artifact.media_type.clone_from(&content.media_type);
            artifact.kind.clone_from(&content.kind);
            match &content.builds {
                Some(builds) => {
                    artifact.platforms.clone_from(builds);
                    if detail.builds {
                        artifact.size = self.measure_builds(repository, &content, &mut artifact.platforms).await?;
                    }
                }
                None => {
                    artifact.size = content.size;
                    if detail.configuration {
                        let built = self.built(repository, &content).await;
                        artifact.pushed_at = built.at;
                        let own = built.platform.clone();
                        let own = own.map(|own| Platform {
                            digest: Some(artifact.digest.clone()),
                            size: content.size,
                            ..own
                        });
                        artifact.platforms = own.into_iter().collect();
                    }
                }
            }
        }
        let signed = match detail.signatures {
            true => Some(self.is_signed(repository, &artifact.digest).await?),
            false => None,
        };
        artifact.findings = Some(Findings { labels: Vec::new(), signed, scan: Scan::Unsupported });
        Ok(Some(artifact))
    }

    /// Fills in the sizes of an index's builds; returns that of the index with all of them, if it is known.
    async fn measure_builds(
        &self,
        repository: &str,
        index: &Content,
        builds: &mut [Platform],
    ) -> Result<Option<i64>, Error> {
        let measure = async |digest: Option<String>| match digest.filter(|digest| name::is_sound_reference(digest)) {
            Some(digest) => Ok(self.content(repository, &digest).await?.and_then(|build| build.size)),
            None => Ok::<_, Error>(None),
        };
        let digests: Vec<Option<String>> = builds.iter().map(|build| build.digest.clone()).collect();
        let sizes: Vec<Option<i64>> = stream::iter(digests).map(measure).buffered(AT_A_TIME).try_collect().await?;
        for (build, size) in builds.iter_mut().zip(&sizes) {
            build.size = *size;
        }
        Ok(sizes.into_iter().chain([index.size]).try_fold(0_i64, |sum, size| sum.checked_add(size?)))
    }

    /// Whether a signature refers to it: by the registry's own word, or, where it does not know referrers, by the index
    /// that stands in for them (OCI distribution spec 1.1), or by cosign's own tag.
    async fn is_signed(&self, repository: &str, digest: &str) -> Result<bool, Error> {
        if !name::is_sound_reference(digest) {
            return Ok(false);
        }
        let path = format!("/v2/{}/referrers/{}", name::escape_path(repository), name::escape_reference(digest));
        let reply = self.request(Method::GET, &path, MANIFESTS, Scope::Pull(repository)).await;
        // Unknown is a 404 of whatever shape, and other refusals say as little.
        let known = match reply {
            Ok(reply) if reply.status() == StatusCode::OK => Content::read(&reply).ok(),
            Ok(_) | Err(Error::Rejected { .. } | Error::Forbidden { .. }) => None,
            Err(error) => return Err(error),
        };
        if let Some(referrers) = known {
            return Ok(names_signature(&referrers));
        }
        let tag = digest.replacen(':', "-", 1);
        if self.get_digest(repository, &format!("{tag}.sig")).await?.is_some() {
            return Ok(true);
        }
        let Some(index) = self.get_digest(repository, &tag).await? else { return Ok(false) };
        Ok(self.content(repository, &index).await?.is_some_and(|index| names_signature(&index)))
    }
}

fn names_signature(index: &Content) -> bool {
    let is_signature = |kind: &String| SIGNATURES.iter().any(|signature| kind.starts_with(signature));
    index.artifact_types.iter().any(is_signature)
}
