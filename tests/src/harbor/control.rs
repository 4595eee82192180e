//! The control API beside contents: accounts, projects, faults, and what was asked.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fault::{ArmedFault, FaultId};
use super::member;
use super::robot::{self, RobotSpec};
use super::state::{Project, State};
use super::{SimulatedHarbor, project, system};

impl SimulatedHarbor {
    /// An ordinary user, who can log in and has no role anywhere.
    pub fn create_user(&self, name: &str, password: &str) {
        system::insert_user(&mut self.shared().lock(), name, password, false);
    }

    /// A second administrator.
    pub fn create_sysadmin(&self, name: &str, password: &str) {
        system::insert_user(&mut self.shared().lock(), name, password, true);
    }

    /// The old password is wrong from now on.
    pub fn set_password(&self, user: &str, new: &str) {
        let mut state = self.shared().lock();
        let found = state.users.values_mut().find(|found| found.name == user);
        let found = found.unwrap_or_else(|| panic!("no user {user}"));
        new.clone_into(&mut found.password);
    }

    /// Takes an administrator's rights away; name and password stay.
    pub fn demote(&self, user: &str) {
        let mut state = self.shared().lock();
        let found = state.users.values_mut().find(|found| found.name == user);
        found.unwrap_or_else(|| panic!("no user {user}")).is_sysadmin = false;
    }

    /// Returns the full name to log in with, and the secret.
    pub fn create_robot(&self, spec: RobotSpec) -> (String, String) {
        let mut state = self.shared().lock();
        let robot = robot::from_spec(&mut state, spec);
        let (name, secret) = (robot.full_name.clone(), robot.secret.clone());
        robot::insert(&mut state, robot);
        (name, secret)
    }

    /// By full name. The robot is anonymous from now on.
    pub fn disable_robot(&self, name: &str) {
        self.with_robot(name, |robot| robot.disabled = true);
    }

    /// By full name. The robot is anonymous from now on.
    pub fn expire_robot(&self, name: &str) {
        self.with_robot(name, |robot| robot.expires_at = 1);
    }

    fn with_robot(&self, name: &str, change: impl FnOnce(&mut robot::Robot)) {
        let mut state = self.shared().lock();
        let mut robots = state.robots.values_mut();
        let found = robots.find(|robot| robot.full_name == name);
        change(found.unwrap_or_else(|| panic!("no robot {name}")));
    }

    /// 1 project admin, 2 developer, 3 guest, 4 maintainer, 5 limited guest.
    pub fn add_member(&self, project: &str, user: &str, role_id: i64) {
        let mut state = self.shared().lock();
        let project_id = id_of(&state, project);
        let found = state.user_named(user);
        let found = found.unwrap_or_else(|| panic!("no user {user}"));
        let (user_id, user_name) = (found.id, found.name.clone());
        member::insert(&mut state, project_id, user_id, user_name, role_id);
    }

    /// Returns the project's id.
    pub fn create_project(&self, name: &str, public: bool) -> i64 {
        let mut state = self.shared().lock();
        assert!(state.project_named(name).is_none(), "project {name} exists");
        let metadata = BTreeMap::from([("public".to_owned(), public.to_string())]);
        let owner = (1, Self::ADMIN.to_owned());
        project::insert(&mut state, name, metadata, owner)
    }

    /// A proxy cache of another registry. Returns the project's id.
    pub fn create_proxy_project(&self, name: &str, public: bool) -> i64 {
        let id = self.create_project(name, public);
        with_project(&mut self.shared().lock(), name, |project| {
            project.registry_id = 1;
        });
        id
    }

    /// Takes a project away with everything in it, which the API would refuse.
    pub fn delete_project(&self, name: &str) {
        let mut state = self.shared().lock();
        let id = id_of(&state, name);
        project::remove(&mut state, id);
    }

    /// Flips visibility. As in a real Harbor, no webhook and no `update_time` tells of it.
    pub fn set_public(&self, name: &str, public: bool) {
        with_project(&mut self.shared().lock(), name, |project| {
            let metadata = &mut project.metadata;
            metadata.insert("public".to_owned(), public.to_string());
        });
    }

    /// Names and whether public, ordered by name.
    pub fn projects(&self) -> Vec<(String, bool)> {
        let state = self.shared().lock();
        let row = |project: &Project| (project.name.clone(), project.is_public());
        let mut projects: Vec<_> = state.projects.values().map(row).collect();
        projects.sort();
        projects
    }

    /// Arms a fault, until it is cleared or used up.
    pub fn fault(&self, fault: impl Into<ArmedFault>) -> FaultId {
        self.shared().faults.arm(fault.into())
    }

    pub fn clear_fault(&self, id: FaultId) {
        self.shared().faults.clear(id);
    }

    pub fn clear_faults(&self) {
        self.shared().faults.clear_all();
    }

    /// What was asked, in order of arrival: `GET /api/v2.0/projects?page=1&page_size=100`, with
    /// path and query as they came.
    pub fn requests(&self) -> Vec<String> {
        self.shared().journal.requests()
    }

    /// The user name of each of [`Self::requests`], right or wrong; a bearer token's is its
    /// user's.
    pub fn credentials_seen(&self) -> Vec<Option<String>> {
        self.shared().journal.users()
    }

    /// How many requests were in flight at once, at most, since [`Self::clear_requests`].
    pub fn max_concurrent_requests(&self) -> usize {
        self.shared().journal.most_in_flight()
    }

    /// How many requests wait for an answer; those whose connections were closed do not.
    pub fn requests_in_flight(&self) -> usize {
        self.shared().journal.in_flight()
    }

    pub fn clear_requests(&self) {
        self.shared().journal.clear();
    }

    /// Returns once this many requests have arrived since [`Self::clear_requests`], answered or
    /// not.
    pub async fn wait_for_requests(&self, n: usize) {
        self.shared().journal.wait_for(n).await;
    }

    /// How long each request is held before Harbor looks at it: none at first. Requests wait beside each other.
    pub fn set_latency(&self, latency: Duration) {
        self.shared().set_latency(latency);
    }

    /// Requests are written down and held until [`Self::resume`].
    pub fn pause(&self) {
        self.shared().journal.set_paused(true);
    }

    pub fn resume(&self) {
        self.shared().journal.set_paused(false);
    }
}

pub(super) fn id_of(state: &State, project: &str) -> i64 {
    let found = state.project_named(project);
    found.unwrap_or_else(|| panic!("no project {project}")).id
}

fn with_project(state: &mut State, name: &str, change: impl FnOnce(&mut Project)) {
    let id = id_of(state, name);
    let project = state.projects.get_mut(&id);
    change(project.expect("the id was just looked up"));
}
