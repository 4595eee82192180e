//! The steps, and what each selector must list in the end.

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use super::{platform::Platform, transcript::Transcript};
use crate::{
    gateway::{Client, Reply},
    harbor::{ArtifactSpec, Scan, SimulatedHarbor},
};

pub(super) struct Walk<'a, 'out> {
    platform: &'a Platform,
    transcript: &'a mut Transcript<'out>,
    admin: Client,
}

/// One selector that the demo shows, and whether it is right.
struct Question<'a> {
    who: &'a str,
    asks: Client,
    namespace: &'a str,
    /// `via` and reference of each image that R1 allows, in the order of references.
    allowed: Vec<(&'a str, String)>,
}

impl<'a, 'out> Walk<'a, 'out> {
    pub(super) fn new(platform: &'a Platform, transcript: &'a mut Transcript<'out>) -> Self {
        Self { platform, transcript, admin: platform.admin() }
    }

    /// Walks all steps; returns how many there were.
    pub(super) async fn run(mut self) -> anyhow::Result<usize> {
        let (payments, shop) = self.tenants().await?;
        let (east, shop_registry) = self.registries(&shop).await?;
        let (pay, base) = self.spaces(&east).await?;
        self.push().await?;
        for registry in [&east, &shop_registry] {
            self.refresh(registry).await?;
        }
        self.open(&base).await?;
        self.bind(&pay, &payments).await?;
        self.select().await?;
        Ok(self.transcript.steps())
    }

    async fn tenants(&mut self) -> anyhow::Result<(String, String)> {
        let mut ids = Vec::new();
        for (name, namespaces) in [("payments", ["pay-dev", "pay-prod"].as_slice()), ("shop", &["shop-prod"])] {
            let document = r"
                mutation ($name: String!) {
                  createWorkspace(input: { name: $name }) { workspace { id name } }
                }";
            let reply = self.act(&format!("Create the workspace `{name}`"), document, json!({ "name": name })).await?;
            let id = reply.string("createWorkspace.workspace.id");
            self.transcript.outcome(&format!("workspace `{name}` is {id}"))?;

            let document = r"
                mutation ($input: BindNamespacesInput!) {
                  bindNamespaces(input: $input) { namespaces { cluster name workspace { name } } }
                }";
            let keys: Vec<Value> = namespaces.iter().map(|name| json!({ "name": name })).collect();
            let variables = json!({ "input": { "workspaceId": id, "namespaces": keys } });
            let reply = self.act(&format!("Give `{name}` its namespaces"), document, variables).await?;
            let bound = reply.strings("bindNamespaces.namespaces", "name");
            ensure!(bound.len() == namespaces.len(), "{} namespaces were bound", bound.len());
            self.transcript.outcome(&format!("{} in `{name}`", bound.join(", ")))?;
            ids.push(id);
        }
        let [payments, shop] = ids.try_into().map_err(|_| anyhow::anyhow!("two workspaces were expected"))?;
        Ok((payments, shop))
    }

    async fn registries(&mut self, shop: &str) -> anyhow::Result<(String, String)> {
        let document = r"
            mutation ($input: IntegrateRegistryInput!) {
              integrateRegistry(input: $input) {
                registry { id name scope health { state version privilege } }
              }
            }";
        let input = |name: &str, harbor: &SimulatedHarbor| {
            json!({ "name": name, "kind": "HARBOR", "address": harbor.url(),
                    "username": SimulatedHarbor::ADMIN, "password": SimulatedHarbor::ADMIN_PASSWORD })
        };
        let east = json!({ "input": input("harbor-east", &self.platform.east) });
        let reply = self.act("Integrate a Harbor for the whole platform", document, east).await?;
        let east = self.integrated(&reply)?;

        let mut own = input("harbor-shop", &self.platform.shop);
        own["workspaceId"] = json!(shop);
        let (who, client) = ("shop's Admin", self.platform.workspace_admin("shop"));
        let title = "Integrate a Harbor for the workspace `shop` alone";
        let reply = self.act_as(who, &client, title, document, json!({ "input": own })).await?;
        Ok((east, self.integrated(&reply)?))
    }

    fn integrated(&mut self, reply: &Reply) -> anyhow::Result<String> {
        let registry = |field: &str| reply.string(&format!("integrateRegistry.registry.{field}"));
        let (state, version) = (registry("health.state"), registry("health.version"));
        ensure!(state == "HEALTHY", "the registry is {state}");
        let (name, privilege) = (registry("name"), registry("health.privilege"));
        self.transcript.outcome(&format!("`{name}` is {state}: Harbor {version}, the account is a {privilege}"))?;
        Ok(registry("id"))
    }

    async fn spaces(&mut self, registry: &str) -> anyhow::Result<(String, String)> {
        let mut ids = Vec::new();
        for name in ["team-pay", "base"] {
            let document = r"
                mutation ($input: CreateSpaceInput!) {
                  createSpace(input: $input) { space { id name visibility } }
                }";
            let variables = json!({ "input": { "registryId": registry, "name": name } });
            let reply = self.act(&format!("Create the space `{name}` in harbor-east"), document, variables).await?;
            let harbor_has_it =
                self.platform.east.projects().iter().any(|(project, public)| project == name && !public);
            ensure!(harbor_has_it, "Harbor has no private project `{name}`");
            let visibility = reply.string("createSpace.space.visibility");
            self.transcript.outcome(&format!("`{name}` is {visibility}; Harbor has the project"))?;
            ids.push(reply.string("createSpace.space.id"));
        }
        let [pay, base] = ids.try_into().map_err(|_| anyhow::anyhow!("two spaces were expected"))?;
        Ok((pay, base))
    }

    async fn push(&mut self) -> anyhow::Result<()> {
        let Platform { east, shop, .. } = self.platform;
        shop.create_project("storefront", false);
        east.create_project("vault", false);
        self.transcript.step("developers", "Push images, past Fairway, straight into the registries")?;
        for (harbor, project, repository, tag) in [
            (east, "base", "debian", "12.11"),
            (east, "base", "postgres", "17.5"),
            (east, "team-pay", "ledger/api", "1.4.0"),
            (east, "team-pay", "ledger/worker", "1.4.0"),
            (east, "vault", "keys", "0.9"),
            (shop, "storefront", "web", "2025.11"),
        ] {
            // Signed and scanned, as those who run the registries want it.
            let counts = [("High".to_owned(), 1), ("Low".to_owned(), 4)].into();
            let scan = Some(Scan { severity: "High".to_owned(), counts, fixable: 3, ..Scan::default() });
            let spec = ArtifactSpec { tags: vec![tag.to_owned()], signed: true, scan, ..ArtifactSpec::default() };
            harbor.push_artifact(project, repository, spec);
            self.transcript.command(&format!("docker push {}/{project}/{repository}:{tag}", harbor.host()))?;
        }
        self.transcript.outcome("6 images; `vault` and `storefront` are projects that Fairway was never told of")?;
        Ok(())
    }

    async fn refresh(&mut self, registry: &str) -> anyhow::Result<()> {
        let document = r"
            mutation ($id: ID!) {
              refreshRegistry(input: { id: $id }) {
                registry { name health { state } spaces { totalCount } }
              }
            }";
        let reply =
            self.act("Synchronize now, rather than within a minute", document, json!({ "id": registry })).await?;
        let value = |path: &str| reply.data(&format!("refreshRegistry.registry.{path}")).to_string().replace('"', "");
        let (name, state, spaces) = (value("name"), value("health.state"), value("spaces.totalCount"));
        self.transcript.outcome(&format!("`{name}` is {state} and has {spaces} spaces"))?;
        Ok(())
    }

    async fn open(&mut self, space: &str) -> anyhow::Result<()> {
        let document = r"
            mutation ($input: SetSpacePublicInput!) {
              setSpacePublic(input: $input) { space { name visibility } }
            }";
        let variables = json!({ "input": { "spaceId": space, "public": true } });
        let reply = self.act("Open `base` to every namespace", document, variables).await?;
        let is_public_in_harbor = self.platform.east.projects().contains(&("base".to_owned(), true));
        ensure!(is_public_in_harbor, "Harbor's project `base` is still private");
        let visibility = reply.string("setSpacePublic.space.visibility");
        self.transcript.outcome(&format!("`base` is {visibility}, in Harbor too"))?;
        Ok(())
    }

    async fn bind(&mut self, space: &str, workspace: &str) -> anyhow::Result<()> {
        let document = r"
            mutation ($input: BindSpacesInput!) {
              bindSpaces(input: $input) { created bindings { space { name } workspace { name } } }
            }";
        let variables = json!({ "input": { "spaceIds": [space], "workspaceIds": [workspace] } });
        let reply = self.act("Bind `team-pay` to `payments`", document, variables).await?;
        let created = reply.data("bindSpaces.created").as_i64();
        ensure!(created == Some(1), "{created:?} bindings were created");
        self.transcript.outcome("1 binding; what it allows is true for the next query")?;
        Ok(())
    }

    async fn select(&mut self) -> anyhow::Result<()> {
        let (east, shop) = (self.platform.east.host(), self.platform.shop.host());
        let public = || vec![("PUBLIC", format!("{east}/base/debian")), ("PUBLIC", format!("{east}/base/postgres"))];
        let mut payments = public();
        payments.push(("BOUND", format!("{east}/team-pay/ledger/api")));
        payments.push(("BOUND", format!("{east}/team-pay/ledger/worker")));
        let mut shop_images = public();
        shop_images.push(("WORKSPACE_REGISTRY", format!("{shop}/storefront/web")));

        let platform = self.platform;
        let question = |who, workspace, namespace, allowed| Question {
            who,
            asks: platform.deployer(workspace),
            namespace,
            allowed,
        };
        for question in [
            question("a member of payments", Some("payments"), "pay-prod", payments.clone()),
            question("a member of payments", Some("payments"), "pay-dev", payments),
            question("a member of shop", Some("shop"), "shop-prod", shop_images),
            question("anybody", None, "sandbox", public()),
            question("an outsider", None, "pay-prod", public()),
        ] {
            self.answer(question).await?;
        }
        Ok(())
    }

    async fn answer(&mut self, question: Question<'_>) -> anyhow::Result<()> {
        let document = r"
            query ($namespace: NamespaceKey!) {
              availableImages(namespace: $namespace, first: 100) {
                totalCount
                edges { via node { reference updatedAt registry { name } } }
              }
            }";
        let Question { who, asks, namespace, mut allowed } = question;
        let title = format!("Which images may be used in `{namespace}`?");
        let variables = json!({ "namespace": { "name": namespace } });
        let reply = self.act_as(who, &asks, &title, document, variables).await?;
        let edges = reply.list("availableImages.edges");
        let cell =
            |edge: &Value, pointer: &str| edge.pointer(pointer).and_then(Value::as_str).unwrap_or("–").to_owned();
        let columns = ["/node/reference", "/via", "/node/updatedAt", "/node/registry/name"];
        let rows: Vec<Vec<String>> =
            edges.iter().map(|edge| columns.iter().map(|column| cell(edge, column)).collect()).collect();
        self.transcript.table(&["reference", "via", "updated", "registry"], &rows)?;

        allowed.sort_by(|left, right| left.1.cmp(&right.1));
        let listed: Vec<(&str, String)> = rows.iter().map(|row| (row[1].as_str(), row[0].clone())).collect();
        ensure!(listed == allowed, "`{namespace}` must list {allowed:?} for {who}");
        let total = reply.data("availableImages.totalCount").as_u64().context("a count is a whole number")?;
        ensure!(total == allowed.len() as u64, "`{namespace}` must count {} images, not {total}", allowed.len());
        self.transcript.outcome(&format!("{total} images, exactly those that the rules allow"))?;
        Ok(())
    }

    async fn act(&mut self, title: &str, document: &str, variables: Value) -> anyhow::Result<Reply> {
        let admin = self.admin.clone();
        self.act_as("Admin", &admin, title, document, variables).await
    }

    async fn act_as(
        &mut self,
        who: &str,
        client: &Client,
        title: &str,
        document: &str,
        variables: Value,
    ) -> anyhow::Result<Reply> {
        self.transcript.step(who, title)?;
        self.transcript.document(document, &variables)?;
        let reply = client.query(document, variables).await;
        if reply.status != 200 || !reply.errors().is_empty() {
            bail!("step {} was refused: {}", self.transcript.steps(), reply.text);
        }
        Ok(reply)
    }
}
