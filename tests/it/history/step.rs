//! What happens in a history: in the Harbors, through Fairway, and to what lies between them.

use std::collections::BTreeSet;

use serde_json::json;
use tests::harbor::{ArmedFault, ErrorPage, Fault, ProjectState};

use super::History;
use super::model::{PAGE, Told};
use super::scene::{ACCOUNT, ASKERS, Asker, MAIN, NAMESPACES, OWN, WORKSPACES, is_well};

const PROJECTS: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
const REPOSITORIES: [&str; 5] = ["api", "web", "team/app", "team/deep/tool", "db"];

/// The namespace that moves between tenants.
const MOVING: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    // In a Harbor, behind Fairway's back.
    Push,
    PushMany,
    DeleteArtifact,
    DeleteRepository,
    Touch,
    CreateProject,
    DeleteProject,
    RecreateProject,
    FlipProject,
    ChangePassword,
    // Between them.
    Outage,
    Fault,
    ClearFaults,
    // Through Fairway.
    SetPublic,
    Bind,
    Unbind,
    CreateSpace,
    DeleteSpace,
    MoveNamespace,
    UpdatePassword,
    Refresh,
    Ask,
}

/// By weight.
pub(super) const STEPS: [(usize, Step); 22] = [
    (14, Step::Push),
    (1, Step::PushMany),
    (4, Step::DeleteArtifact),
    (4, Step::DeleteRepository),
    (2, Step::Touch),
    (6, Step::CreateProject),
    (4, Step::DeleteProject),
    (5, Step::RecreateProject),
    (6, Step::FlipProject),
    (1, Step::ChangePassword),
    (3, Step::Outage),
    (6, Step::Fault),
    (3, Step::ClearFaults),
    (8, Step::SetPublic),
    (10, Step::Bind),
    (5, Step::Unbind),
    (5, Step::CreateSpace),
    (5, Step::DeleteSpace),
    (6, Step::MoveNamespace),
    (2, Step::UpdatePassword),
    (14, Step::Refresh),
    (6, Step::Ask),
];

impl History<'_> {
    pub(super) async fn take(&mut self, step: Step) {
        let at = if self.random.percent(65) { MAIN } else { OWN };
        match step {
            Step::Push
            | Step::PushMany
            | Step::DeleteArtifact
            | Step::DeleteRepository
            | Step::Touch
            | Step::CreateProject
            | Step::DeleteProject
            | Step::RecreateProject
            | Step::FlipProject => self.change_harbor(step, at),
            Step::ChangePassword => {
                let password = self.scene.next_password();
                let registry = &mut self.scene.registries[at];
                registry.harbor.set_password(ACCOUNT, &password);
                registry.password = password;
                self.story.tell(format!("the account's password changes in `{}`", registry.name));
                self.doubt(at);
            }
            Step::Outage => self.turn_off_or_on(at).await,
            Step::Fault => self.arm(at),
            Step::ClearFaults => {
                self.scene.registries[at].harbor.clear_faults();
                self.faulty[at] = false;
                self.story.tell(format!("`{}` has no faults any more", self.scene.registries[at].name));
            }
            Step::Refresh => self.refresh(at).await,
            Step::Ask => {}
            _ if self.random.percent(20) => self.act_meanwhile(step, at).await,
            _ => self.act(step, at).await,
        }
        let asker = *self.random.choose(&ASKERS).expect("there are some");
        let namespace = self.random.below(NAMESPACES.len());
        let is_through_fairway = matches!(
            step,
            Step::SetPublic | Step::Bind | Step::Unbind | Step::CreateSpace | Step::DeleteSpace | Step::MoveNamespace
        );
        if step == Step::Ask || is_through_fairway {
            self.check(asker, namespace).await;
        }
    }

    /// An act through Fairway while a sweep is under way, which has read what the act changes, or has not.
    async fn act_meanwhile(&mut self, step: Step, at: usize) {
        let replica = self.replica();
        let (client, id) = (self.scene.client(replica, Asker::Admin).clone(), self.scene.registries[at].id.clone());
        self.story.tell(format!("while `{}` is being refreshed by replica {replica}:", self.scene.registries[at].name));
        // Whatever comes of the refresh: the Harbor may be down.
        let (_, ()) = tokio::join!(client.refresh(&id), Box::pin(self.act(step, at)));
    }

    async fn act(&mut self, step: Step, at: usize) {
        match step {
            Step::SetPublic => self.set_public().await,
            Step::Bind | Step::Unbind => self.bind_or_unbind(step).await,
            Step::CreateSpace => self.create_space(at).await,
            Step::DeleteSpace => self.delete_space().await,
            Step::MoveNamespace => {
                let owner = *self.random.choose(&[None, Some(0), Some(1)]).expect("there are some");
                let replica = self.replica();
                let to = owner.map_or("nobody", |owner| WORKSPACES[owner]);
                self.story.tell(format!("namespace `moving` is given to {to} by replica {replica}"));
                self.scene.move_namespace(replica, NAMESPACES[MOVING], owner).await;
                self.model.owners[MOVING] = owner;
            }
            _ => {
                let replica = self.replica();
                let is_taken = self.scene.update_password(replica, at).await;
                let name = self.scene.registries[at].name;
                self.story.tell(format!("replica {replica} is given the password of `{name}`; taken: {is_taken}"));
            }
        }
    }

    fn change_harbor(&mut self, step: Step, at: usize) {
        let registry = &self.scene.registries[at];
        let (harbor, name) = (&registry.harbor, registry.name);
        let projects = harbor.inventory();
        let Some(project) = self.random.choose(&projects).cloned() else {
            return self.create_project(at, PROJECTS[0]);
        };
        let project_name = project.name.as_str();
        let repositories: Vec<&String> = project.repositories.keys().collect();
        let repository = self.random.choose(&repositories).map(|repository| (*repository).clone());
        match (step, repository) {
            (Step::CreateProject, _) => {
                let free: Vec<_> = PROJECTS.iter().filter(|name| !projects.iter().any(|p| p.name == **name)).collect();
                if let Some(free) = self.random.choose(&free) {
                    self.create_project(at, free);
                }
            }
            (Step::DeleteProject, _) => {
                harbor.delete_project(project_name);
                self.story.tell(format!("{name}/{project_name} is deleted"));
                self.doubt_project(at, &project);
            }
            (Step::RecreateProject, _) => {
                harbor.delete_project(project_name);
                self.story.tell(format!("{name}/{project_name} is deleted"));
                self.doubt_project(at, &project);
                self.create_project(at, project_name);
            }
            (Step::FlipProject, _) => {
                harbor.set_public(project_name, !project.is_public);
                let opens = !project.is_public;
                self.story.tell(format!("{name}/{project_name} becomes public: {opens}"));
                self.doubt_project(at, &project);
            }
            (Step::PushMany, _) => {
                for number in 0..=PAGE {
                    harbor.push(project_name, &format!("many/{number}"), "1");
                }
                self.story.tell(format!("{} repositories are pushed to {name}/{project_name}", PAGE + 1));
            }
            (Step::DeleteRepository, Some(repository)) => {
                harbor.delete_repository(project_name, &repository);
                self.model.quiet.remove(&(at, project.id, repository.clone()));
                self.story.tell(format!("{name}/{project_name}/{repository} is deleted"));
            }
            (Step::DeleteArtifact, Some(repository)) => {
                let artifacts = &project.repositories[&repository].artifacts;
                if let Some(digest) = self.random.choose(artifacts) {
                    harbor.delete_artifact(project_name, &repository, digest);
                    self.story.tell(format!("an artifact of {name}/{project_name}/{repository} is deleted"));
                    self.count_changed(at, &project, repository);
                }
            }
            (Step::Touch, Some(repository)) => {
                harbor.pulled(project_name, &repository, 3);
                harbor.describe(project_name, &repository, "what it is for");
                self.story.tell(format!("{name}/{project_name}/{repository} is pulled and described"));
                // The time moves, so that Fairway sees all of it.
                self.model.quiet.remove(&(at, project.id, repository));
            }
            _ => {
                let repository = *self.random.choose(&REPOSITORIES).expect("there are some");
                harbor.push(project_name, repository, &format!("{}", self.random.below(3)));
                self.story.tell(format!("{name}/{project_name}/{repository} is pushed to"));
                if project.repositories.contains_key(repository) {
                    self.count_changed(at, &project, repository.to_owned());
                }
            }
        }
    }

    fn create_project(&mut self, at: usize, name: &str) {
        let registry = &self.scene.registries[at];
        let is_public = self.random.percent(50);
        registry.harbor.create_project(name, is_public);
        self.story.tell(format!("{}/{name} is created; public: {is_public}", registry.name));
        for repository in &REPOSITORIES[..self.random.below(3)] {
            registry.harbor.push(name, repository, "0");
        }
    }

    /// The number of artifacts of a repository changed, and nothing else of it: not its time, in the older Harbor.
    fn count_changed(&mut self, at: usize, project: &ProjectState, repository: String) {
        self.model.quiet.insert((at, project.id, repository));
    }

    /// What was set through Fairway may look otherwise by the next sweep.
    fn doubt_project(&mut self, at: usize, project: &ProjectState) {
        let spaces = &self.model.spaces;
        self.model.visibilities.retain(|id, _| !spaces.get(id).is_some_and(|space| space.is(at, project)));
    }

    /// A registry that fails may make Fairway close what is open (R7), and nothing else.
    fn doubt(&mut self, at: usize) {
        let spaces = &self.model.spaces;
        let is_of = |id: &String| spaces.get(id).is_none_or(|space| space.registry == at);
        self.model.visibilities.retain(|id, is_public| !(*is_public && is_of(id)));
    }

    async fn turn_off_or_on(&mut self, at: usize) {
        self.doubt(at);
        let registry = &self.scene.registries[at];
        self.down[at] = !self.down[at];
        if self.down[at] {
            registry.harbor.stop().await;
        } else {
            registry.harbor.restart().await;
        }
        self.story.tell(format!("`{}` is down: {}", registry.name, self.down[at]));
    }

    fn arm(&mut self, at: usize) {
        let times = 1 + self.random.below(4);
        let faults: [(&str, Vec<ArmedFault>); 12] = [
            ("500", vec![Fault::Status(500, ErrorPage::Html).times(times)]),
            ("502 for repositories", vec![Fault::Status(502, ErrorPage::Empty).on("/api/v2.0/repositories")]),
            ("503 for projects", vec![Fault::Status(503, ErrorPage::Text).on("/api/v2.0/projects").times(times)]),
            ("403 for repositories", vec![Fault::Status(403, ErrorPage::Html).on("/api/v2.0/repositories")]),
            ("truncated bodies", vec![Fault::Truncated.times(times)]),
            ("half a body", vec![Fault::WrongContentLength.times(times)]),
            ("rows vanish while paging", vec![Fault::PageCap(2).into(), Fault::RowsVanishWhilePaging.into()]),
            ("rows twice while paging", vec![Fault::PageCap(2).into(), Fault::DuplicateRowsWhilePaging.into()]),
            ("as to anonymous callers", vec![Fault::AnonymousProjectsOnly.into()]),
            ("no metadata", vec![Fault::NoMetadata.into()]),
            ("no counts", vec![Fault::NoTotalCount.into(), Fault::NullArrays.into()]),
            ("database down", vec![Fault::DatabaseDown.times(times * 2)]),
        ];
        let (what, faults) = self.random.choose(&faults).expect("there are some").clone();
        let registry = &self.scene.registries[at];
        for fault in faults {
            registry.harbor.fault(fault);
        }
        self.faulty[at] = true;
        self.story.tell(format!("`{}` has a fault: {what}", registry.name));
        self.doubt(at);
    }

    async fn refresh(&mut self, at: usize) {
        let replica = self.replica();
        let registry = &self.scene.registries[at];
        let refreshed = self.scene.client(replica, Asker::Admin).refresh(&registry.id).await;
        // That it does not answer is no error of the mutation.
        let is_well = is_well(&refreshed);
        self.story.tell(format!("`{}` is refreshed by replica {replica}; well: {is_well}", registry.name));
        if !is_well {
            return;
        }
        let namespace = self.random.below(NAMESPACES.len());
        let spaces = self.check(Asker::Admin, namespace).await;
        let projects = self.scene.registries[at].harbor.inventory();
        for space in spaces.iter().filter(|space| space.registry == at) {
            let project = projects.iter().find(|project| space.is(at, project));
            assert!(
                !space.is_public || project.is_some_and(|project| project.is_public),
                "open after a sweep: {space:?}"
            );
            if !self.faulty[at] && !self.down[at] {
                self.model.settled.insert(space.id.clone());
            }
        }
    }

    /// Any space that Fairway has told of.
    fn any_space(&mut self, registry: Option<usize>) -> Option<Told> {
        let spaces = self.model.spaces.values().filter(|space| registry.is_none_or(|at| space.registry == at));
        let spaces: Vec<Told> = spaces.cloned().collect();
        self.random.choose(&spaces).cloned()
    }

    async fn set_public(&mut self) {
        let Some(space) = self.any_space(None) else { return };
        let (replica, is_public) = (self.replica(), self.random.percent(50));
        self.model.visibilities.remove(&space.id);
        let reply = self.scene.client(replica, Asker::Admin).set_public(&space.id, is_public).await;
        let is_done = reply.errors().is_empty();
        self.story.tell(format!("replica {replica} sets {} public: {is_public}; done: {is_done}", space.name));
        let registry = &self.scene.registries[space.registry];
        let project = registry.harbor.inventory().into_iter().find(|project| space.is(space.registry, project));
        if !is_done {
            return;
        }
        assert_eq!(reply.data("setSpacePublic.space.visibility"), if is_public { "PUBLIC" } else { "PRIVATE" });
        assert_eq!(project.map(|project| project.is_public), Some(is_public), "in Harbor too");
        let is_sure = !is_public || (!self.faulty[space.registry] && !self.down[space.registry]);
        if is_sure {
            self.model.visibilities.insert(space.id, is_public);
        }
    }

    async fn bind_or_unbind(&mut self, step: Step) {
        let Some(space) = self.any_space(Some(MAIN)) else { return };
        let (replica, workspace) = (self.replica(), self.random.below(WORKSPACES.len()));
        let client = self.scene.client(replica, Asker::Admin);
        let (spaces, workspaces) = ([space.id.as_str()], [self.scene.workspaces[workspace].as_str()]);
        let bound = self.model.bindings.entry(space.id.clone()).or_default();
        self.story.tell(format!("replica {replica}: {step:?} {} and {}", space.name, WORKSPACES[workspace]));
        if step == Step::Bind {
            let reply = client.bind(&spaces, &workspaces).await;
            assert_eq!(reply.data("bindSpaces.created"), usize::from(bound.insert(workspace)));
        } else {
            let reply = client.unbind(&spaces, &workspaces).await;
            assert_eq!(reply.data("unbindSpaces.removed"), usize::from(bound.remove(&workspace)));
        }
    }

    async fn create_space(&mut self, at: usize) {
        let (replica, is_public) = (self.replica(), self.random.percent(50));
        let name = *self.random.choose(&PROJECTS).expect("there are some");
        let registry = &self.scene.registries[at];
        let document = "mutation ($input: CreateSpaceInput!) { createSpace(input: $input) { space { id createdAt } } }";
        let input = json!({ "registryId": registry.id, "name": name, "public": is_public });
        let reply = self.scene.client(replica, Asker::Admin).query(document, json!({ "input": input })).await;
        let is_done = reply.errors().is_empty();
        self.story
            .tell(format!("replica {replica} makes {}/{name}, public: {is_public}; done: {is_done}", registry.name));
        if !is_done {
            return;
        }
        let id = reply.string("createSpace.space.id");
        assert!(!self.model.spaces.contains_key(&id), "another space has the id of {name}");
        let created_at = reply.string("createSpace.space.createdAt");
        let made = Told {
            id: id.clone(),
            registry: at,
            name: name.to_owned(),
            is_public,
            missing: false,
            n_images: 0,
            created_at,
            workspaces: BTreeSet::new(),
        };
        let projects = registry.harbor.inventory();
        assert!(projects.iter().any(|project| made.is(at, project)), "{made:?} is not in Harbor: {projects:?}");
        self.model.spaces.insert(id.clone(), made);
        if !is_public || (!self.faulty[at] && !self.down[at]) {
            self.model.visibilities.insert(id, is_public);
        }
    }

    async fn delete_space(&mut self) {
        let Some(space) = self.any_space(None) else { return };
        let (replica, force) = (self.replica(), self.random.percent(70));
        let n_bound = self.model.bindings.get(&space.id).map_or(0, BTreeSet::len);
        let reply = self.scene.delete_space(replica, &space.id, force).await;
        let is_done = reply.errors().is_empty();
        self.story.tell(format!("replica {replica} deletes {}, by force: {force}; done: {is_done}", space.name));
        if n_bound > 0 && !force {
            reply.refused("CONFLICT");
        }
        if is_done {
            assert_eq!(reply.data("deleteSpace.removedBindings"), n_bound);
            self.model.forget(&space.id);
        }
    }
}
