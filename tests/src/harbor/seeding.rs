//! The control API for contents: pushing, deleting, describing, pulling.

use std::collections::BTreeMap;

use super::SimulatedHarbor;
use super::artifact::{self, find, full_reference};
use super::content::{self, Artifact, ArtifactKind, ArtifactSpec, Child, Content, Platform, Subject};
use super::control::id_of;
use super::delivery::{Event, announce};
use super::repository::{self, repository_mut};
use super::state::{Label, Repository, State};
use super::tag;

impl SimulatedHarbor {
    /// Pushes a new linux/amd64 image under a tag, which moves here if it exists; the repository
    /// is made if missing. Returns the digest.
    pub fn push(&self, project: &str, repository: &str, tag: &str) -> String {
        let spec = ArtifactSpec { tags: vec![tag.to_owned()], ..ArtifactSpec::default() };
        self.push_artifact(project, repository, spec)
    }

    /// Pushes any kind of artifact. Returns its digest.
    pub fn push_artifact(&self, project: &str, repository: &str, spec: ArtifactSpec) -> String {
        let mut state = self.shared().lock();
        let project_id = id_of(&state, project);
        push(&mut state, project_id, repository, spec)
    }

    /// The digest that an index holds for a platform such as `linux/arm64/v8`.
    pub fn platform_digest(&self, project: &str, repository: &str, reference: &str, platform: &str) -> String {
        let state = self.shared().lock();
        let project_id = id_of(&state, project);
        let index = existing(&state, project_id, repository, reference);
        let wanted = Platform::parse(platform).to_json();
        let child = index.children.iter().find(|child| child.platform == wanted);
        let child = child.unwrap_or_else(|| panic!("no image for {platform} in {reference}"));
        child.digest.clone()
    }

    /// The artifact stays, untagged if this was its last tag. No webhook tells of it.
    pub fn delete_tag(&self, project: &str, repository: &str, tag: &str) {
        let mut state = self.shared().lock();
        let project_id = id_of(&state, project);
        tag::detach(&mut state, project_id, repository, tag);
    }

    /// By digest or tag.
    pub fn delete_artifact(&self, project: &str, repository: &str, reference: &str) {
        let mut state = self.shared().lock();
        let project_id = id_of(&state, project);
        let id = existing(&state, project_id, repository, reference).id;
        artifact::remove(&mut state, project_id, repository, id, Self::ADMIN);
    }

    pub fn delete_repository(&self, project: &str, repository: &str) {
        let mut state = self.shared().lock();
        let project_id = id_of(&state, project);
        repository::remove(&mut state, project_id, repository, Self::ADMIN);
    }

    /// Sets the description, which Harbor escapes for HTML.
    pub fn describe(&self, project: &str, repository: &str, text: &str) {
        let mut state = self.shared().lock();
        let project_id = id_of(&state, project);
        repository::describe(&mut state, project_id, repository, text);
    }

    /// Counts `n` pulls: pull counts and `update_time` move, in every version.
    pub fn pulled(&self, project: &str, repository: &str, n: i64) {
        let mut state = self.shared().lock();
        let (project_id, now) = (id_of(&state, project), state.now());
        let found = repository_mut(&mut state, project_id, repository);
        let found = found.unwrap_or_else(|| panic!("no repository {project}/{repository}"));
        found.pull_count += n;
        found.updated = now;
        if let Some(artifact) = found.artifacts.values_mut().next() {
            artifact.pulled = Some(now);
        }
    }
}

fn existing(state: &State, project_id: i64, repository: &str, reference: &str) -> Artifact {
    let found = state
        .projects
        .get(&project_id)
        .and_then(|project| project.repositories.get(repository))
        .and_then(|repository| find(repository, reference));
    found.unwrap_or_else(|| panic!("no artifact {reference} in {repository}")).clone()
}

fn push(state: &mut State, project_id: i64, repository: &str, spec: ArtifactSpec) -> String {
    ensure_repository(state, project_id, repository);
    let content = match &spec.content {
        Some(content) => content.clone(),
        None => format!("push {}", state.ids.salt.draw()),
    };
    let amd64 = Platform::parse("linux/amd64");
    let mut children = Vec::new();
    let top = if let ArtifactKind::Index { platforms } = &spec.kind {
        let none = BTreeMap::new();
        let mut images = Vec::new();
        for name in platforms {
            let platform = Platform::parse(name);
            let seed = format!("{content} {name}");
            let image = content::single(&ArtifactKind::Image, &seed, &platform, &none);
            images.push((image, platform));
        }
        let index = content::index(&images);
        // As clients do, the images go first, and each is announced.
        for (image, platform) in images {
            let digest = image.digest.clone();
            let id = store(state, project_id, repository, image, BTreeMap::new());
            publish(state, project_id, repository, id, None);
            children.push(Child { id, digest, platform: platform.to_json() });
        }
        index
    } else {
        content::single(&spec.kind, &content, &amd64, &spec.annotations)
    };
    let digest = top.digest.clone();
    let id = store(state, project_id, repository, top, spec.annotations);
    let label_ids = spec.labels.iter().map(|name| label(state, name)).collect();
    with_artifact(state, project_id, repository, id, |artifact| {
        artifact.children = children;
        artifact.label_ids = label_ids;
        artifact.scan = spec.scan;
    });
    // Each tag is a push of its own.
    for tag in &spec.tags {
        tag::attach(state, project_id, repository, id, tag);
        publish(state, project_id, repository, id, Some(tag));
    }
    if spec.tags.is_empty() {
        publish(state, project_id, repository, id, None);
    }
    for at in 0..spec.attachments + usize::from(spec.signed) {
        let signature = spec.signed && at == 0;
        let seed = format!("{content} accessory {at}");
        let attachment = content::attachment(&digest, signature, &seed);
        let subject = Subject {
            accessory_id: state.ids.accessory.draw(),
            digest: digest.clone(),
            kind: if signature { "signature.cosign" } else { "subject.accessory" },
        };
        let note = (!signature).then(|| ("org.acme.note".to_owned(), "demo".to_owned()));
        let id = store(state, project_id, repository, attachment, note.into_iter().collect());
        with_artifact(state, project_id, repository, id, |artifact| {
            artifact.subject = Some(subject);
        });
        publish(state, project_id, repository, id, None);
    }
    digest
}

fn ensure_repository(state: &mut State, project_id: i64, name: &str) {
    if repository_mut(state, project_id, name).is_some() {
        return;
    }
    let now = state.now();
    let repository = Repository {
        id: state.ids.repository.draw(),
        description: String::new(),
        pull_count: 0,
        created: now,
        updated: now,
        artifacts: BTreeMap::new(),
    };
    if let Some(project) = state.projects.get_mut(&project_id) {
        project.repositories.insert(name.to_owned(), repository);
    }
}

/// Stores a manifest and returns its id. One that is there already keeps its id and push time.
fn store(
    state: &mut State,
    project_id: i64,
    name: &str,
    content: Content,
    annotations: BTreeMap<String, String>,
) -> i64 {
    state.blobs.extend(content.blobs);
    let now = state.now();
    let bumps = state.version.has_patch(15, 2);
    let new_id = state.ids.artifact.draw();
    let repository = repository_mut(state, project_id, name).expect("made before its contents");
    if let Some(known) = find(repository, &content.digest) {
        return known.id;
    }
    // Up to 2.15.1 a push moves no time of the repository.
    if bumps {
        repository.updated = now;
    }
    let artifact = Artifact {
        id: new_id,
        digest: content.digest,
        kind: content.kind,
        media_type: content.media_type,
        manifest_media_type: content.manifest_media_type,
        size: content.size,
        pushed: now,
        pulled: None,
        extra_attrs: content.extra_attrs,
        annotations,
        manifest: content.manifest,
        children: Vec::new(),
        subject: None,
        label_ids: Vec::new(),
        scan: None,
        tags: Vec::new(),
    };
    repository.artifacts.insert(new_id, artifact);
    new_id
}

fn with_artifact(state: &mut State, project_id: i64, repository: &str, id: i64, change: impl FnOnce(&mut Artifact)) {
    let repository = repository_mut(state, project_id, repository);
    let artifact = repository.and_then(|repository| repository.artifacts.get_mut(&id));
    change(artifact.expect("stored a moment ago"));
}

/// Every push is announced and audited, that of a known digest too.
fn publish(state: &mut State, project_id: i64, name: &str, id: i64, tag: Option<&str>) {
    let operator = SimulatedHarbor::ADMIN;
    let mut pushed = None;
    with_artifact(state, project_id, name, id, |artifact| {
        pushed = Some(artifact.clone());
    });
    if let Some(artifact) = pushed {
        announce(state, project_id, name, Event::Pushed, &artifact, tag, operator);
        let resource = full_reference(state, project_id, name, tag.unwrap_or(&artifact.digest));
        state.record(project_id, "create", "artifact", resource, operator);
    }
}

fn label(state: &mut State, name: &str) -> i64 {
    if let Some(label) = state.labels.values().find(|label| label.name == name) {
        return label.id;
    }
    let id = state.ids.label.draw();
    let label = Label { id, name: name.to_owned(), created: state.now() };
    state.labels.insert(id, label);
    id
}
