//! Harbor's artifacts and their tags.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{
    Harbor,
    list::{PAGE_SIZE, Row, Source},
    scan,
};
use crate::upstream::{
    Artifact, Detail, Error, Findings, Platform, SpaceKey, Tag,
    distribution::{DIGEST, MANIFESTS},
    name, time,
};

/// Digests in one question: with more, it does not fit into the 8 KiB that a proxy takes for a line.
const DIGESTS_AT_A_TIME: usize = 50;

#[derive(Deserialize)]
struct Found {
    id: i64,
    digest: String,
    project_id: i64,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    manifest_media_type: Option<String>,
    #[serde(default)]
    size: Option<i64>,
    #[serde(default, deserialize_with = "time::deserialize")]
    push_time: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time::deserialize")]
    pull_time: Option<DateTime<Utc>>,
    #[serde(default)]
    tags: Option<Vec<FoundTag>>,
    #[serde(default)]
    labels: Option<Vec<Label>>,
    #[serde(default)]
    references: Option<Vec<Child>>,
    /// Absent before 2.5, which knows none.
    #[serde(default, deserialize_with = "present")]
    accessories: Option<Vec<Accessory>>,
    /// What a scanner wrote, which nobody promises the shape of.
    #[serde(default)]
    scan_overview: Option<Value>,
    #[serde(default)]
    addition_links: Option<Value>,
    /// Free-form: what the configuration of the artifact says.
    #[serde(default)]
    extra_attrs: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct FoundTag {
    name: String,
    #[serde(default)]
    id: Option<i64>,
    #[serde(default, deserialize_with = "time::deserialize")]
    push_time: Option<DateTime<Utc>>,
    #[serde(default)]
    immutable: Option<bool>,
}

#[derive(Deserialize)]
struct Label {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Child {
    #[serde(default)]
    child_digest: Option<String>,
    #[serde(default)]
    platform: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Accessory {
    /// `signature.cosign`, `signature.notation`, `sbom.harbor`, …
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

impl Row for Found {
    fn id(&self) -> i64 {
        self.id
    }
}

/// `null` is an empty list, and not what is absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Accessory>>, D::Error> {
    Option::deserialize(deserializer).map(|found: Option<Vec<Accessory>>| Some(found.unwrap_or_default()))
}

impl Harbor {
    /// All artifacts but accessories and the untagged builds of an index, in no order; if `is_tagged`, only those with a
    /// tag. The hundred newest bring what is asked for, and the rest nothing: for those, [`Harbor::describe`].
    pub(in crate::upstream) async fn list_artifacts(
        &self,
        space: &SpaceKey,
        repository: &str,
        is_tagged: bool,
        detail: Detail,
    ) -> Result<Vec<Artifact>, Error> {
        if !name::is_sound(&space.name) || !name::is_sound(repository) {
            return Ok(Vec::new());
        }
        let path = repositories(space);
        let filter = if is_tagged { "q=tags%3D%2A&" } else { "" };
        let plain = format!("{filter}sort=-push_time%2C-id&with_tag=true");
        let detailed = format!("{plain}{}", parameters(detail));
        let source = |query| Source {
            what: "the list of artifacts",
            path: &path,
            repository: Some((repository, "/artifacts")),
            query,
            trusts_count: false,
        };
        if !detail.costs_harbor() {
            return in_space(space, self.list(source(&plain)).await?, None);
        }
        let newest = self.page::<Found>(&source(&detailed), 1).await?;
        let is_all = newest.rows.len() < PAGE_SIZE && newest.total == Some(newest.rows.len());
        let newest = in_space(space, newest.rows, Some(detail))?;
        if is_all {
            return Ok(newest);
        }
        let mut newest: HashMap<String, Artifact> =
            newest.into_iter().map(|artifact| (artifact.digest.clone(), artifact)).collect();
        let all = in_space(space, self.list(source(&plain)).await?, None)?;
        // What was listed last is as it is now; the rest of it is what was asked for.
        let merged = all.into_iter().map(|artifact| match newest.remove(&artifact.digest) {
            Some(detailed) if !detail.immutable => Artifact { findings: detailed.findings, ..artifact },
            Some(detailed) => detailed,
            None => artifact,
        });
        Ok(merged.collect())
    }

    /// The same artifacts, each with what it lacks of what is asked for.
    ///
    /// # Errors
    /// [`Error::Changed`] if one of them has gone meanwhile.
    pub(in crate::upstream) async fn describe(
        &self,
        space: &SpaceKey,
        repository: &str,
        mut artifacts: Vec<Artifact>,
        detail: Detail,
    ) -> Result<Vec<Artifact>, Error> {
        if detail.costs_harbor() {
            let lacking = artifacts.iter().filter(|artifact| artifact.findings.is_none());
            let lacking: Vec<String> = lacking.map(|artifact| artifact.digest.clone()).collect();
            let query = format!("sort=id&with_tag=true{}", parameters(detail));
            let found = self.artifacts_of(space, repository, &lacking, "", &query).await?;
            let mut found: HashMap<String, Artifact> = in_space(space, found, Some(detail))?
                .into_iter()
                .map(|artifact| (artifact.digest.clone(), artifact))
                .collect();
            for artifact in artifacts.iter_mut().filter(|artifact| artifact.findings.is_none()) {
                *artifact = match found.remove(&artifact.digest) {
                    Some(found) => found,
                    // A Harbor that cannot be asked for several can be asked for one.
                    None => self
                        .get_artifact(space, repository, &artifact.digest, detail)
                        .await?
                        .ok_or_else(|| Error::Changed { what: "an artifact".to_owned() })?,
                };
            }
        }
        if detail.builds {
            self.measure_builds(space, repository, &mut artifacts).await?;
        }
        Ok(artifacts)
    }

    pub(in crate::upstream) async fn get_artifact(
        &self,
        space: &SpaceKey,
        repository: &str,
        reference: &str,
        detail: Detail,
    ) -> Result<Option<Artifact>, Error> {
        if !name::is_sound(&space.name) || !name::is_sound(repository) || !name::is_sound_reference(reference) {
            return Ok(None);
        }
        let rest = format!("/artifacts/{}?with_tag=true{}", name::escape_reference(reference), parameters(detail));
        let reply = self.get_of_repository(&repositories(space), repository, &rest).await;
        let found: Found = match reply {
            Ok(reply) => reply.json()?,
            Err(Error::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        if found.project_id.to_string() != space.id {
            return Ok(None);
        }
        let mut artifacts = [found.describe(detail.costs_harbor().then_some(detail))];
        if detail.builds {
            self.measure_builds(space, repository, &mut artifacts).await?;
        }
        let [artifact] = artifacts;
        Ok(Some(artifact))
    }

    /// An index names its builds without their sizes.
    async fn measure_builds(
        &self,
        space: &SpaceKey,
        repository: &str,
        artifacts: &mut [Artifact],
    ) -> Result<(), Error> {
        let unmeasured = |platform: &&mut Platform| platform.size.is_none();
        let platforms = || artifacts.iter().flat_map(|artifact| &artifact.platforms);
        let digests =
            platforms().filter(|platform| platform.size.is_none()).filter_map(|platform| platform.digest.clone());
        let digests: Vec<String> = digests.collect::<HashSet<_>>().into_iter().collect();
        // Only so are they listed that have no tag of their own.
        let found = self.artifacts_of(space, repository, &digests, "base=*,", "sort=id&with_tag=false").await?;
        let sizes: HashMap<String, Option<i64>> = found.into_iter().map(|build| (build.digest, build.size)).collect();
        for platform in artifacts.iter_mut().flat_map(|artifact| &mut artifact.platforms).filter(unmeasured) {
            platform.size = platform.digest.as_ref().and_then(|digest| sizes.get(digest).copied().flatten());
        }
        Ok(())
    }

    /// Those of these digests that a Harbor lists when it is asked for them.
    async fn artifacts_of(
        &self,
        space: &SpaceKey,
        repository: &str,
        digests: &[String],
        filter: &str,
        query: &str,
    ) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        // What is no digest would be another question.
        let digests: Vec<&str> = digests.iter().map(String::as_str).filter(|digest| name::is_sha256(digest)).collect();
        for digests in digests.chunks(DIGESTS_AT_A_TIME) {
            let q = name::escape(&format!("{filter}digest={{{}}}", digests.join(" ")));
            let source = Source {
                what: "the list of artifacts",
                path: &repositories(space),
                repository: Some((repository, "/artifacts")),
                query: &format!("q={q}&{query}"),
                trusts_count: false,
            };
            // One page: a filter that Harbor does not know it ignores, and lists everything.
            let page = self.page::<Found>(&source, 1).await?;
            found.extend(page.rows.into_iter().filter(|row| digests.contains(&row.digest.as_str())));
        }
        Ok(found)
    }

    pub(in crate::upstream) async fn get_digest(
        &self,
        space: &SpaceKey,
        repository: &str,
        tag: &str,
    ) -> Result<Option<String>, Error> {
        if !name::is_sound(&space.name) || !name::is_sound(repository) || !name::is_sound_reference(tag) {
            return Ok(None);
        }
        let path = format!(
            "/v2/{}/{}/manifests/{}",
            name::escape_path(&space.name),
            name::escape_path(repository),
            name::escape_reference(tag)
        );
        // HEAD: a GET counts as a pull.
        let call = self.transport.call(Method::HEAD, &path)?.accept(MANIFESTS).authorized(self.authorization.clone());
        let reply = self.transport.send(call).await?;
        match reply.status() {
            // A HEAD has no body to tell one 404 from another.
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::UNAUTHORIZED => return Err(self.explain_refusal(&reply).await),
            _ => super::judge(&reply)?,
        }
        match reply.header(DIGEST) {
            Some(digest) => Ok(Some(digest.to_owned())),
            None => Err(Error::malformed("a manifest came without its digest")),
        }
    }
}

/// The path before the name of a repository.
fn repositories(space: &SpaceKey) -> String {
    format!("/projects/{}/repositories/", name::escape(&space.name))
}

/// What brings the details, and nothing else.
fn parameters(detail: Detail) -> String {
    let flags = [
        (detail.immutable, "with_immutable_status"),
        (detail.labels, "with_label"),
        (detail.signatures, "with_accessory"),
        (detail.scan, "with_scan_overview"),
    ];
    flags.iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, flag)| format!("&{flag}=true")).collect()
}

/// Rows of another project mean that the name is another's now.
fn in_space(space: &SpaceKey, rows: Vec<Found>, detail: Option<Detail>) -> Result<Vec<Artifact>, Error> {
    let row = |row: Found| match row.project_id.to_string() == space.id {
        true => Ok(row.describe(detail)),
        false => Err(Error::NotFound),
    };
    rows.into_iter().map(row).collect()
}

fn is_signature(kind: &str) -> bool {
    kind.starts_with("signature.")
}

impl Found {
    fn describe(self, detail: Option<Detail>) -> Artifact {
        let kind = self.kind.filter(|kind| !kind.is_empty()).unwrap_or_else(|| "UNKNOWN".to_owned()).to_uppercase();
        let findings = detail.map(|detail| Findings {
            labels: self.labels.into_iter().flatten().filter_map(|label| label.name).collect(),
            signed: self
                .accessories
                .filter(|_| detail.signatures)
                .map(|found| found.iter().filter_map(|found| found.kind.as_deref()).any(is_signature)),
            scan: scan::read(self.scan_overview.as_ref(), scan::is_scannable(&kind, self.addition_links.as_ref())),
        });
        let tag = |tag: FoundTag| Tag {
            digest: Some(self.digest.clone()),
            number: tag.id,
            pushed_at: tag.push_time,
            immutable: tag.immutable,
            name: tag.name,
        };
        let mut tags: Vec<Tag> =
            self.tags.into_iter().flatten().filter(|tag| name::is_tag(&tag.name)).map(tag).collect();
        tags.sort_by(|a, b| a.name.cmp(&b.name));
        let children = self.references.unwrap_or_default();
        let platforms = if children.is_empty() {
            let own = self.extra_attrs.unwrap_or_default();
            Platform::read(&own, Some(self.digest.clone()), self.size).into_iter().collect()
        } else {
            let read = |child: Child| Platform::read(&child.platform?, child.child_digest, None);
            children.into_iter().filter_map(read).collect()
        };
        Artifact {
            media_type: self.manifest_media_type.filter(|text| !text.is_empty()),
            kind,
            size: self.size,
            number: Some(self.id),
            pushed_at: self.push_time,
            pulled_at: self.pull_time,
            tags,
            platforms,
            findings,
            digest: self.digest,
        }
    }
}
