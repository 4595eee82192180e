//! One way to make Fairway connect, tried and judged.

use std::io::Write;

use anyhow::ensure;
use serde_json::{Value, json};

use super::{Canaries, client, listener::Trap};
use crate::{
    gateway::{Client, Reply, Token},
    harbor::SimulatedHarbor,
    program::Program,
};

/// All that was tried so far, and who tries it.
pub(super) struct Attempts<'a, W> {
    pub(super) canaries: &'a Canaries,
    pub(super) program: &'a Program,
    /// How many viewers there were: each tries a few things, as nobody may try connections without end.
    pub(super) viewers: usize,
    pub(super) shop: &'a str,
    pub(super) count: usize,
    pub(super) out: &'a mut W,
}

pub(super) fn harbor(name: &str, address: &str) -> Value {
    json!({ "name": name, "kind": "HARBOR", "address": address,
            "username": SimulatedHarbor::ADMIN, "password": SimulatedHarbor::ADMIN_PASSWORD })
}

fn docker(name: &str, address: &str) -> Value {
    json!({ "name": name, "kind": "DOCKER_REGISTRY", "address": address, "username": "ann", "password": "canary" })
}

/// Tests a connection, whatever comes of it.
pub(super) async fn test(viewer: &Client, address: &str, workspace: Option<&str>) -> Reply {
    let mut input = docker("", address);
    input["workspaceId"] = json!(workspace);
    input.as_object_mut().expect("an input is an object").remove("name");
    let document = "mutation ($input: TestRegistryConnectionInput!) {
        testRegistryConnection(input: $input) { health { state cause } spaces images } }";
    viewer.query(document, json!({ "input": input })).await
}

impl<W: Write> Attempts<'_, W> {
    /// An Admin who has tried nothing yet.
    pub(super) fn admin(&mut self) -> Client {
        self.viewers += 1;
        client(self.program, Token::new(&format!("ada-{}", self.viewers)).admin())
    }

    /// A Workspace Admin who has tried nothing yet.
    fn lead(&mut self) -> Client {
        self.viewers += 1;
        client(self.program, Token::new(&format!("lead-{}", self.viewers)).member("shop", "admin"))
    }

    pub(super) fn say(&mut self, what: &str) -> anyhow::Result<()> {
        Ok(writeln!(self.out, "{what}")?)
    }

    pub(super) fn unhit(&mut self, way: &str) -> anyhow::Result<()> {
        let hits = self.canaries.hits();
        ensure!(hits == 0, "{way}: a canary was hit {hits} times");
        self.count += 1;
        Ok(())
    }

    /// Tests and integrates as both kinds of registry and both kinds of admin: each is the fault of `address`.
    pub(super) async fn all_refused(&mut self, address: &str) -> anyhow::Result<()> {
        let mut replies = Vec::new();
        let viewers = [(self.admin(), None), (self.admin(), Some(self.shop)), (self.lead(), Some(self.shop))];
        for (viewer, workspace) in &viewers {
            replies.push(test(viewer, address, *workspace).await);
            for mut input in [harbor("evil", address), docker("evil", address)] {
                input["workspaceId"] = json!(workspace);
                replies.push(viewer.integrate(input).await);
            }
        }
        for reply in &replies {
            let is_refused = (reply.code(), reply.field()) == (Some("BAD_USER_INPUT"), Some("address"));
            ensure!(is_refused, "{address}: {}", reply.text);
            self.unhit(address)?;
        }
        writeln!(self.out, "  {address}: {}", replies[0].message())?;
        Ok(())
    }

    /// Tests and integrates a registry that sends its clients away: it is asked, and nobody else.
    pub(super) async fn all_lured(&mut self, what: &str, trap: &Trap) -> anyhow::Result<()> {
        let address = format!("http://{}", trap.address);
        let mut said = String::new();
        for (viewer, workspace) in &[(self.admin(), None), (self.lead(), Some(self.shop))] {
            trap.take_hits();
            let reply = test(viewer, &address, *workspace).await;
            ensure!(trap.take_hits() > 0, "{what}: the trap itself was not asked: {}", reply.text);
            self.unhit(what)?;
            for mut input in [docker("trap", &address), harbor("trap", &address)] {
                input["workspaceId"] = json!(workspace);
                let reply = viewer.integrate(input).await;
                // One that lists well is integrated, and forgotten again.
                let id = reply.partial_or_null("integrateRegistry.registry.id").clone();
                if id.is_string() {
                    viewer.refresh(id.as_str().unwrap_or_default()).await;
                    let document =
                        "mutation ($id: ID!) { removeRegistry(input: { id: $id, force: true }) { removedBindings } }";
                    viewer.query(document, json!({ "id": id })).await.succeeded();
                }
                self.unhit(what)?;
            }
            said = match reply.errors() {
                [] => reply.partial_or_null("testRegistryConnection.health.cause").to_string(),
                _ => reply.message().to_owned(),
            };
        }
        writeln!(self.out, "  {what}: {said}")?;
        Ok(())
    }

    /// Reads a stored registry again, and what is only read when somebody asks.
    pub(super) async fn swept(&mut self, what: &str, id: &str) -> anyhow::Result<()> {
        let admin = self.admin();
        admin.refresh(id).await;
        let document = "query ($id: ID!) { registry(id: $id) { name health { state cause }
            spaces(first: 5) { nodes { images(first: 5) { nodes { tags { totalCount } } } } } } }";
        let reply = admin.query(document, json!({ "id": id })).await;
        let space = "mutation ($id: ID!) { createSpace(input: { registryId: $id, name: \"nest\", public: true }) { space { id } } }";
        admin.query(space, json!({ "id": id })).await;
        self.unhit(what)?;
        writeln!(self.out, "  {what}: {}", reply.partial_or_null("registry.health.cause"))?;
        Ok(())
    }
}
