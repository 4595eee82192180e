//! The mutations and questions that most tests begin with, one method each.
//!
//! Each asserts that the gateway did it: a test of a refusal writes its own document.

use serde_json::{Value, json};

use super::{Client, Reply};
use crate::harbor::SimulatedHarbor;

const INTEGRATE: &str = "mutation ($input: IntegrateRegistryInput!) { integrateRegistry(input: $input) {
    registry { id name kind scope host address username health { state cause version privilege } } } }";

const SELECTOR: &str = "query ($namespace: NamespaceKey!, $search: String, $filter: ImageFilter, $orderBy: ImageOrder,
                               $first: Int, $after: String, $last: Int, $before: String) {
    availableImages(namespace: $namespace, search: $search, filter: $filter, orderBy: $orderBy,
                    first: $first, after: $after, last: $last, before: $before) {
        totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        edges { cursor via node { id reference repository updatedAt pullCount space { name } registry { name } } }
        sources { state asOf spaces images error registry { name } } } }";

/// The key of a namespace in the default cluster.
#[must_use]
pub fn namespace(name: &str) -> Value {
    json!({ "name": name })
}

/// An answer of the selector.
#[derive(Debug)]
pub struct Selector {
    /// The whole answer.
    pub reply: Reply,
}

impl Selector {
    /// Each row as `space/repository VIA`, in the order given: references without their host, which differs from run to run.
    #[must_use]
    #[track_caller]
    pub fn rows(&self) -> Vec<String> {
        let without_host =
            |reference: &str| reference.split_once('/').map_or_else(String::new, |(_, rest)| rest.to_owned());
        let edges = self.reply.list("availableImages.edges");
        edges
            .iter()
            .map(|edge| {
                let reference = edge["node"]["reference"].as_str().unwrap_or_default();
                format!("{} {}", without_host(reference), edge["via"].as_str().unwrap_or_default())
            })
            .collect()
    }

    /// The full references, in the order given.
    #[must_use]
    #[track_caller]
    pub fn references(&self) -> Vec<String> {
        self.reply.strings("availableImages.edges", "node.reference")
    }

    /// How many images there are on all pages.
    #[must_use]
    #[track_caller]
    pub fn total(&self) -> i64 {
        self.reply.data("availableImages.totalCount").as_i64().expect("a count is a whole number")
    }

    /// Each source as `registry STATE`, in the order given.
    #[must_use]
    #[track_caller]
    pub fn sources(&self) -> Vec<String> {
        let rows = self.reply.list("availableImages.sources").iter();
        rows.map(|row| {
            format!("{} {}", row["registry"]["name"].as_str().unwrap_or("?"), row["state"].as_str().unwrap_or("?"))
        })
        .collect()
    }

    /// The whole answer without the moments at which registries were read, which differ from question to question.
    #[must_use]
    pub fn timeless(&self) -> Value {
        let mut body = self.reply.body().clone();
        if let Some(sources) = body.pointer_mut("/data/availableImages/sources").and_then(Value::as_array_mut) {
            for source in sources {
                source["asOf"] = Value::Null;
            }
        }
        body
    }

    /// A field of `pageInfo`.
    #[must_use]
    #[track_caller]
    pub fn page_info(&self, field: &str) -> &Value {
        self.reply.data(&format!("availableImages.pageInfo.{field}"))
    }
}

impl Client {
    /// Creates a workspace; returns its id.
    pub async fn create_workspace(&self, name: &str) -> String {
        let document = "mutation ($name: String!) { createWorkspace(input: { name: $name }) { workspace { id } } }";
        self.query(document, json!({ "name": name })).await.string("createWorkspace.workspace.id")
    }

    /// Integrates a registry as `input` says, whatever comes of it.
    pub async fn integrate(&self, input: Value) -> Reply {
        self.query(INTEGRATE, json!({ "input": input })).await
    }

    /// Integrates a Harbor for the platform, with its administrator's account, and synchronizes it; returns the registry's id.
    pub async fn integrate_harbor(&self, name: &str, harbor: &SimulatedHarbor) -> String {
        self.integrate_and_refresh(harbor_input(name, harbor)).await
    }

    /// The same for one workspace.
    pub async fn integrate_harbor_for(&self, workspace_id: &str, name: &str, harbor: &SimulatedHarbor) -> String {
        let mut input = harbor_input(name, harbor);
        input["workspaceId"] = json!(workspace_id);
        self.integrate_and_refresh(input).await
    }

    /// Integrates, synchronizes, and returns the registry's id.
    pub async fn integrate_and_refresh(&self, input: Value) -> String {
        let id = self.integrate(input).await.string("integrateRegistry.registry.id");
        self.refresh(&id).await.succeeded();
        id
    }

    /// Synchronizes a registry now.
    pub async fn refresh(&self, registry_id: &str) -> Reply {
        let document = "mutation ($id: ID!) { refreshRegistry(input: { id: $id }) { registry {
            id health { state cause } sync { lastError inProgress } } } }";
        self.query(document, json!({ "id": registry_id })).await
    }

    /// The id of a space by its registry and name.
    pub async fn space(&self, registry_id: &str, name: &str) -> String {
        let document = "query ($id: ID!) { registry(id: $id) { spaces(first: 100) { nodes { id name } } } }";
        let reply = self.query(document, json!({ "id": registry_id })).await;
        let spaces = reply.list("registry.spaces.nodes");
        let Some(space) = spaces.iter().find(|space| space["name"] == name) else {
            panic!("no space is called `{name}`: {}", reply.text)
        };
        space["id"].as_str().expect("an id is a string").to_owned()
    }

    /// Binds every space to every workspace.
    pub async fn bind(&self, space_ids: &[&str], workspace_ids: &[&str]) -> Reply {
        let document = "mutation ($input: BindSpacesInput!) { bindSpaces(input: $input) {
            created bindings { id space { id name } workspace { name } createdBy } spaces { id name } } }";
        self.query(document, json!({ "input": { "spaceIds": space_ids, "workspaceIds": workspace_ids } })).await
    }

    /// Unbinds every space from every workspace.
    pub async fn unbind(&self, space_ids: &[&str], workspace_ids: &[&str]) -> Reply {
        let document =
            "mutation ($input: UnbindSpacesInput!) { unbindSpaces(input: $input) { removed spaces { id } } }";
        self.query(document, json!({ "input": { "spaceIds": space_ids, "workspaceIds": workspace_ids } })).await
    }

    /// Opens or closes a space.
    pub async fn set_public(&self, space_id: &str, public: bool) -> Reply {
        let document = "mutation ($input: SetSpacePublicInput!) { setSpacePublic(input: $input) {
            space { id name visibility } } }";
        self.query(document, json!({ "input": { "spaceId": space_id, "public": public } })).await
    }

    /// Puts namespaces of the default cluster into a workspace.
    pub async fn bind_namespaces(&self, workspace_id: &str, names: &[&str]) -> Reply {
        let namespaces: Vec<Value> = names.iter().map(|name| namespace(name)).collect();
        let document = "mutation ($input: BindNamespacesInput!) { bindNamespaces(input: $input) {
            namespaces { id cluster name workspace { name } } } }";
        self.query(document, json!({ "input": { "workspaceId": workspace_id, "namespaces": namespaces } })).await
    }

    /// What may be deployed into a namespace: the first page in the default order.
    pub async fn selector(&self, namespace_name: &str) -> Selector {
        self.select(namespace_name, json!({})).await
    }

    /// What may be deployed into a namespace, with arguments: `{"search": "api", "first": 10}`.
    pub async fn select(&self, namespace_name: &str, arguments: Value) -> Selector {
        let mut variables = arguments;
        variables["namespace"] = namespace(namespace_name);
        Selector { reply: self.query(SELECTOR, variables).await }
    }
}

fn harbor_input(name: &str, harbor: &SimulatedHarbor) -> Value {
    json!({
        "name": name,
        "kind": "HARBOR",
        "address": harbor.url(),
        "username": SimulatedHarbor::ADMIN,
        "password": SimulatedHarbor::ADMIN_PASSWORD,
    })
}
