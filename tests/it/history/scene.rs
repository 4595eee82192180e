//! What histories happen on: gateways on one database, and two Harbors. One scene serves many histories, one after the
//! other, as starting it takes longer than a history.

use serde_json::{Value, json};
use tests::{
    gateway::{Client, Reply, TestGateway},
    harbor::SimulatedHarbor,
};

/// Fairway's own account in both Harbors.
pub(super) const ACCOUNT: &str = "fairway";

/// The tenants. `shop` owns the registry [`OWN`].
pub(super) const WORKSPACES: [&str; 2] = ["payments", "shop"];

/// Of these the last but one moves between tenants, and nobody has heard of the last.
pub(super) const NAMESPACES: [&str; 4] = ["pay-prod", "shop-prod", "moving", "stray"];

/// Where the registries stand in [`Scene::registries`].
pub(super) const MAIN: usize = 0;
pub(super) const OWN: usize = 1;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    Admin,
    /// Of the workspace at this place in [`WORKSPACES`].
    Member(usize),
    Outsider,
}

pub(super) const ASKERS: [Asker; 4] = [Asker::Admin, Asker::Member(0), Asker::Member(1), Asker::Outsider];

pub(super) struct Registry {
    pub(super) name: &'static str,
    pub(super) id: String,
    pub(super) harbor: SimulatedHarbor,
    /// The account's password there, and the one that Fairway was given.
    pub(super) password: String,
    pub(super) stored_password: String,
}

pub(super) struct Scene {
    pub(super) replicas: Vec<TestGateway>,
    /// For each replica, the clients of [`ASKERS`].
    clients: Vec<Vec<Client>>,
    pub(super) registries: Vec<Registry>,
    /// The ids of [`WORKSPACES`].
    pub(super) workspaces: Vec<String>,
    n_passwords: usize,
}

impl Scene {
    pub(super) async fn start(n_replicas: usize) -> Self {
        // The largest documents of these tests are selectors for four namespaces at once.
        let mut replicas =
            vec![TestGateway::builder().configure(|config| config.max_complexity = 100_000).start().await];
        while replicas.len() < n_replicas {
            replicas.push(replicas[0].replica().await);
        }
        let clients = replicas.iter().map(|gateway| ASKERS.map(|asker| client(gateway, asker)).to_vec()).collect();
        let admin = replicas[0].as_admin();
        let mut workspaces = Vec::new();
        for name in WORKSPACES {
            workspaces.push(admin.create_workspace(name).await);
        }
        for (workspace, namespace) in workspaces.iter().zip(NAMESPACES) {
            admin.bind_namespaces(workspace, &[namespace]).await.succeeded();
        }
        let mut scene = Self { replicas, clients, registries: Vec::new(), workspaces, n_passwords: 0 };
        // The one moves no time when something is pushed, the other does.
        for (name, version, owner) in [("main", "v2.9.5", None), ("own", "v2.15.2", Some(1))] {
            let harbor = SimulatedHarbor::builder().version(version).start().await;
            harbor.delete_project("library");
            let password = scene.next_password();
            harbor.create_sysadmin(ACCOUNT, &password);
            let mut input = json!({ "name": name, "kind": "HARBOR", "address": harbor.url(),
                "username": ACCOUNT, "password": password });
            if let Some(owner) = owner {
                input["workspaceId"] = json!(scene.workspaces[owner]);
            }
            let id = admin.integrate_and_refresh(input).await;
            scene.registries.push(Registry { name, id, harbor, stored_password: password.clone(), password });
        }
        scene
    }

    pub(super) fn next_password(&mut self) -> String {
        self.n_passwords += 1;
        format!("Fairway-{}", self.n_passwords)
    }

    pub(super) fn client(&self, replica: usize, asker: Asker) -> &Client {
        let at = ASKERS.iter().position(|one| *one == asker).expect("there is a client for each asker");
        &self.clients[replica][at]
    }

    /// Gives Fairway the password that the account has now.
    pub(super) async fn update_password(&mut self, replica: usize, registry: usize) -> bool {
        let document = "mutation ($input: UpdateRegistryInput!) { updateRegistry(input: $input) { registry { id } } }";
        let Registry { id, password, .. } = &self.registries[registry];
        let input = json!({ "id": id, "password": password });
        let reply = self.client(replica, Asker::Admin).query(document, json!({ "input": input })).await;
        let is_taken = reply.errors().is_empty();
        if is_taken {
            let registry = &mut self.registries[registry];
            registry.stored_password.clone_from(&registry.password);
        }
        is_taken
    }

    /// Puts a namespace into a workspace, wherever it was; none frees it.
    pub(super) async fn move_namespace(&self, replica: usize, namespace: &str, workspace: Option<usize>) {
        let namespaces = json!([{ "name": namespace }]);
        let (document, input) = match workspace {
            Some(workspace) => (
                "mutation ($input: BindNamespacesInput!) { bindNamespaces(input: $input) { namespaces { id } } }",
                json!({ "workspaceId": self.workspaces[workspace], "namespaces": namespaces, "move": true }),
            ),
            None => (
                "mutation ($input: UnbindNamespacesInput!) { unbindNamespaces(input: $input) { namespaces { id } } }",
                json!({ "namespaces": namespaces }),
            ),
        };
        self.client(replica, Asker::Admin).query(document, json!({ "input": input })).await.succeeded();
    }

    /// Deletes a space, or forgets a missing one, whatever comes of it.
    pub(super) async fn delete_space(&self, replica: usize, id: &str, force: bool) -> Reply {
        let document = "mutation ($input: DeleteSpaceInput!) { deleteSpace(input: $input) { removedBindings } }";
        let input = json!({ "spaceId": id, "force": force });
        self.client(replica, Asker::Admin).query(document, json!({ "input": input })).await
    }
}

/// Whether the sweep went well that this answer tells of.
pub(super) fn is_well(refreshed: &Reply) -> bool {
    refreshed.data("refreshRegistry.registry.health.state") == "HEALTHY"
        && refreshed.data("refreshRegistry.registry.sync.lastError") == &Value::Null
}

fn client(gateway: &TestGateway, asker: Asker) -> Client {
    match asker {
        Asker::Admin => gateway.as_admin(),
        Asker::Member(workspace) => gateway.as_member(WORKSPACES[workspace], "viewer"),
        Asker::Outsider => gateway.as_outsider(),
    }
}
