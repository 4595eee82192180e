//! Artifacts as the API shows them: lists, one by reference, deletion, accessories.

use serde_json::{Value, json};

use super::accessory::accessories;
use super::call::Call;
use super::content::{Artifact, OCI_INDEX, Scan};
use super::delivery::{Event, announce};
use super::paging::ListQuery;
use super::permission;
use super::query::{Cell, Row, Test};
use super::reply::{Refusal, Reply};
use super::repository::repository_mut;
use super::state::{Project, Repository, State, timestamp, timestamp_or_never};
use super::system::Answer;
use super::tag::tag_json;

const SCAN_REPORT: &str = "application/vnd.security.vulnerability.report; version=1.1";
const OLD_SCAN_REPORT: &str = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0";

pub(super) struct ArtifactRow<'a> {
    pub(super) project: &'a Project,
    pub(super) repository: &'a Repository,
    pub(super) name: &'a str,
    pub(super) artifact: &'a Artifact,
}

impl Row for ArtifactRow<'_> {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        let artifact = self.artifact;
        Some(match column {
            "id" => Cell::Number(artifact.id),
            "digest" => Cell::Text(&artifact.digest),
            "type" => Cell::Text(artifact.kind),
            "media_type" | "artifact_type" => Cell::Text(artifact.media_type),
            "manifest_media_type" => Cell::Text(artifact.manifest_media_type),
            "size" => Cell::Number(i64::try_from(artifact.size).unwrap_or(i64::MAX)),
            "push_time" => Cell::Time(artifact.pushed),
            "pull_time" => Cell::Time(artifact.pulled.unwrap_or_default()),
            _ => return None,
        })
    }
}

/// Lists leave out accessories, and children of indexes unless tagged.
pub(super) fn is_listed(repository: &Repository, artifact: &Artifact) -> bool {
    artifact.subject.is_none() && (!artifact.tags.is_empty() || !is_child(repository, &artifact.digest))
}

fn is_child(repository: &Repository, digest: &str) -> bool {
    repository.artifacts.values().flat_map(|artifact| &artifact.children).any(|child| child.digest == digest)
}

/// A digest or a tag.
pub(super) fn find<'a>(repository: &'a Repository, reference: &str) -> Option<&'a Artifact> {
    repository
        .artifacts
        .values()
        .find(|artifact| artifact.digest == reference || artifact.tags.iter().any(|tag| tag.name == reference))
}

pub(super) fn missing(project: &str, repository: &str, reference: &str) -> Refusal {
    let is_digest = reference
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()));
    let separator = if is_digest { '@' } else { ':' };
    Refusal::not_found(format!("artifact {project}/{repository}{separator}{reference} not found"))
}

/// The artifact that a path names, under this right.
pub(super) fn named<'a>(
    state: &'a State,
    call: &'a Call,
    name: &'a str,
    (resource, action): (&str, &str),
) -> Result<ArtifactRow<'a>, Refusal> {
    let project = permission::project(state, call, resource, action)?;
    let reference = call.segment(5);
    project
        .repositories
        .get(name)
        .and_then(|repository| {
            find(repository, reference).map(|artifact| ArtifactRow { project, repository, name, artifact })
        })
        .ok_or_else(|| missing(&project.name, name, reference))
}

/// 200 with no rows for a repository that does not exist.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    let project = permission::project(state, call, "artifact", "list")?;
    let name = call.repository(3);
    let repository = project.repositories.get(&name);
    let rows = repository.into_iter().flat_map(|repository| rows(project, repository, &name)).collect();
    page(state, call, query, rows)
}

/// All artifacts of a project, since 2.12; never without credentials.
pub(super) fn list_of_project(state: &mut State, call: &Call) -> Answer {
    let query = ListQuery::parse(call, &state.version)?;
    if call.identity.is_anonymous() {
        return Err(Refusal::unauthorized());
    }
    let project = permission::project(state, call, "artifact", "list")?;
    let rows = project.repositories.iter().flat_map(|(name, repository)| rows(project, repository, name)).collect();
    page(state, call, query, rows)
}

fn rows<'a>(project: &'a Project, repository: &'a Repository, name: &'a str) -> impl Iterator<Item = ArtifactRow<'a>> {
    repository.artifacts.values().map(move |artifact| ArtifactRow { project, repository, name, artifact })
}

fn page(state: &State, call: &Call, mut query: ListQuery, mut rows: Vec<ArtifactRow<'_>>) -> Answer {
    let with_children = query.take("base") == Some(Test::Exact("*".to_owned()));
    rows.retain(|row| is_listed(row.repository, row.artifact) || with_children && row.artifact.subject.is_none());
    if let Some(test) = query.take("tags") {
        rows.retain(|row| has_tag(row.artifact, &test));
    }
    if let Some(Test::AllOf(ids) | Test::AnyOf(ids)) = query.take("labels") {
        rows.retain(|row| {
            let has = |id: &String| id.parse().is_ok_and(|id| row.artifact.label_ids.contains(&id));
            ids.iter().all(has)
        });
    }
    let listing = query.apply(call, rows, "-push_time,-id")?;
    let artifacts = listing.rows.iter().map(|row| artifact_json(state, call, row)).collect();
    Ok(Reply::list(&listing, artifacts))
}

/// `*` is tagged, `nil` untagged; the fuzzy form heeds case, unlike that of columns.
fn has_tag(artifact: &Artifact, test: &Test) -> bool {
    match test {
        Test::Exact(any) if any == "*" => !artifact.tags.is_empty(),
        Test::Exact(none) if none == "nil" => artifact.tags.is_empty(),
        Test::Exact(name) => artifact.tags.iter().any(|tag| tag.name == *name),
        Test::Fuzzy(part) => artifact.tags.iter().any(|tag| tag.name.contains(part)),
        Test::AnyOf(names) => artifact.tags.iter().any(|tag| names.contains(&tag.name)),
        Test::Range(..) | Test::AllOf(_) => true,
    }
}

pub(super) fn get(state: &mut State, call: &Call) -> Answer {
    let name = call.repository(3);
    let row = named(state, call, &name, ("artifact", "read"))?;
    Ok(Reply::json(&artifact_json(state, call, &row)))
}

fn artifact_json(state: &State, call: &Call, row: &ArtifactRow<'_>) -> Value {
    let artifact = row.artifact;
    let version = &state.version;
    let mut json = json!({
        "digest": artifact.digest,
        "icon": "sha256:0048162a053eef4d4ce3fe7518615bef084403614f8bca43b40ae2e762e11e06",
        "id": artifact.id,
        "labels": null,
        "manifest_media_type": artifact.manifest_media_type,
        "media_type": artifact.media_type,
        "project_id": row.project.id,
        "pull_time": timestamp_or_never(artifact.pulled),
        "push_time": timestamp(artifact.pushed),
        "references": references(artifact),
        "repository_id": row.repository.id,
        "size": artifact.size,
        "tags": null,
        "type": artifact.kind,
    });
    if version.has(5) {
        json["accessories"] = Value::Null;
        let accessories = accessories(row);
        if call.flag("with_accessory", false) && !accessories.is_empty() {
            json["accessories"] = Value::Array(accessories);
        }
    }
    if version.has(12) {
        json["artifact_type"] = json!(artifact.media_type);
        json["repository_name"] = json!(format!("{}/{}", row.project.name, row.name));
    }
    let non_empty = |value: &Value| value.as_object().is_some_and(|fields| !fields.is_empty());
    if non_empty(&artifact.extra_attrs) {
        json["extra_attrs"] = artifact.extra_attrs.clone();
    }
    if !artifact.annotations.is_empty() {
        json["annotations"] = json!(artifact.annotations);
    }
    if let links @ Value::Object(_) = addition_links(row) {
        json["addition_links"] = links;
    }
    if call.flag("with_tag", true) && !artifact.tags.is_empty() {
        let mut tags: Vec<_> = artifact.tags.iter().collect();
        tags.sort_by_key(|tag| std::cmp::Reverse((tag.pushed, tag.id)));
        json["tags"] = tags.into_iter().map(|tag| tag_json(version, row.repository.id, artifact.id, tag)).collect();
    }
    if call.flag("with_label", false) && !artifact.label_ids.is_empty() {
        json["labels"] = artifact
            .label_ids
            .iter()
            .filter_map(|id| state.labels.get(id))
            .map(|label| {
                json!({
                    "color": "#0065AB", "creation_time": timestamp(label.created), "id": label.id,
                    "name": label.name, "scope": "g", "update_time": timestamp(label.created),
                })
            })
            .collect();
    }
    if let Some(scan) = &artifact.scan
        && call.flag("with_scan_overview", false)
    {
        let key = if version.has(6) { SCAN_REPORT } else { OLD_SCAN_REPORT };
        json["scan_overview"] = json!({key: scan_json(artifact, scan)});
    }
    json
}

fn references(artifact: &Artifact) -> Option<Vec<Value>> {
    let reference = |child: &super::content::Child| {
        let mut platform = child.platform.clone();
        platform["OsFeatures"] = Value::Null;
        json!({
            "child_digest": child.digest, "child_id": child.id, "parent_id": artifact.id,
            "platform": platform, "urls": null,
        })
    };
    let references: Vec<Value> = artifact.children.iter().map(reference).collect();
    (!references.is_empty()).then_some(references)
}

fn addition_links(row: &ArtifactRow<'_>) -> Value {
    let artifact = row.artifact;
    let mut names = match artifact.kind {
        "IMAGE" if artifact.manifest_media_type != OCI_INDEX => vec!["build_history"],
        "CHART" => vec!["dependencies", "readme.md", "values.yaml"],
        _ => return Value::Null,
    };
    if artifact.scan.is_some() {
        names.push("vulnerabilities");
    }
    let repository = row.name.replace('/', "%252F");
    let link = |name: &str| {
        let href = format!(
            "/api/v2.0/projects/{}/repositories/{repository}/artifacts/{}/additions/{name}",
            row.project.name, artifact.digest
        );
        (name.to_owned(), json!({"absolute": false, "href": href}))
    };
    names.into_iter().map(link).collect()
}

/// States other than success carry neither severity nor summary.
fn scan_json(artifact: &Artifact, scan: &Scan) -> Value {
    let status = if scan.status.is_empty() { "Success" } else { &scan.status };
    let mut json = json!({
        "duration": 7, "end_time": timestamp(artifact.pushed), "report_id": artifact.digest,
        "scan_status": status, "start_time": timestamp(artifact.pushed),
    });
    if status == "Success" {
        let severity = if scan.severity.is_empty() { "None" } else { &scan.severity };
        json["complete_percent"] = json!(100);
        json["severity"] = json!(severity);
        json["scanner"] = json!({"name": "Trivy", "vendor": "Aqua Security", "version": "v0.50.1"});
        json["summary"] = json!({
            "fixable": scan.fixable, "summary": scan.counts,
            "total": scan.counts.values().sum::<u64>(),
        });
    }
    json
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let name = call.repository(3);
    let row = named(state, call, &name, ("artifact", "delete"))?;
    if is_child(row.repository, &row.artifact.digest) {
        return Err(Refusal::new(
            axum::http::StatusCode::PRECONDITION_FAILED,
            "VIOLATE_FOREIGN_KEY_CONSTRAINT",
            "the deleting artifact is referenced by others",
        ));
    }
    let (project_id, id) = (row.project.id, row.artifact.id);
    remove(state, project_id, &name, id, call.identity.name());
    Ok(Reply::done())
}

/// Takes an artifact away with its tags and accessories, and announces it.
pub(super) fn remove(state: &mut State, project_id: i64, name: &str, id: i64, operator: &str) {
    let now = state.now();
    let bumps = state.version.has_patch(15, 2);
    let Some(repository) = repository_mut(state, project_id, name) else {
        return;
    };
    let Some(artifact) = repository.artifacts.remove(&id) else {
        return;
    };
    repository
        .artifacts
        .retain(|_, other| other.subject.as_ref().is_none_or(|subject| subject.digest != artifact.digest));
    if bumps {
        repository.updated = now;
    }
    let tag = artifact.tags.first().map(|tag| tag.name.as_str());
    announce(state, project_id, name, Event::Deleted, &artifact, tag, operator);
    let resource = full_reference(state, project_id, name, &artifact.digest);
    state.record(project_id, "delete", "artifact", resource, operator);
}

pub(super) fn full_reference(state: &State, project_id: i64, name: &str, reference: &str) -> String {
    let project = state.projects.get(&project_id);
    let project = project.map_or("", |project| project.name.as_str());
    format!("{project}/{name}:{reference}")
}
