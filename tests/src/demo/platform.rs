//! What the demo runs on: a gateway on a temporary SQLite file, and two simulated Harbors.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use anyhow::Context;
use uuid::Uuid;

use crate::{
    database::TemporaryDatabase,
    gateway::{Client, Token, configuration},
    harbor::SimulatedHarbor,
};

/// Twelve hours: longer than anybody looks at a demo.
const TOKEN_SECS: i64 = 12 * 3600;

pub(super) struct Platform {
    pub(super) east: SimulatedHarbor,
    pub(super) shop: SimulatedHarbor,
    gateway: api::Running,
    jwt_secret: String,
    _database: TemporaryDatabase,
}

impl Platform {
    pub(super) async fn start(port: u16) -> anyhow::Result<Self> {
        let database = TemporaryDatabase::in_folder();
        // New at each start, so that a token of yesterday's demo opens nothing.
        let jwt_secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let mut config = configuration(database.url(), &jwt_secret);
        config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port(port)));
        config.sync_interval = Duration::from_secs(10);
        let gateway = api::start(config).await.context("the gateway does not start")?;
        let (east, shop) = (SimulatedHarbor::start().await, SimulatedHarbor::start().await);
        Ok(Self { east, shop, gateway, jwt_secret, _database: database })
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.gateway.address())
    }

    pub(super) fn admin_token(&self) -> String {
        self.mint(Token::new("ada").name("Ada").admin())
    }

    pub(super) fn workspace_admin_token(&self, workspace: &str) -> String {
        self.mint(Token::new(&format!("{workspace}-lead")).member(workspace, "admin"))
    }

    pub(super) fn admin(&self) -> Client {
        Client::at(&self.origin(), Some(self.admin_token()))
    }

    pub(super) fn workspace_admin(&self, workspace: &str) -> Client {
        Client::at(&self.origin(), Some(self.workspace_admin_token(workspace)))
    }

    /// Somebody who deploys: may look, and change nothing. Without a workspace, somebody with a token and no more.
    pub(super) fn deployer_token(&self, workspace: Option<&str>) -> String {
        self.mint(match workspace {
            Some(workspace) => Token::new(&format!("{workspace}-dev")).member(workspace, "viewer"),
            None => Token::new("guest"),
        })
    }

    pub(super) fn deployer(&self, workspace: Option<&str>) -> Client {
        Client::at(&self.origin(), Some(self.deployer_token(workspace)))
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.gateway.stop().await.context("the gateway does not end in good order")
    }

    fn mint(&self, token: Token) -> String {
        token.expires_in(TOKEN_SECS).signed_with(&self.jwt_secret).mint()
    }
}

/// The wanted port, or 0 (the system chooses) when somebody else listens there.
fn free_port(wanted: u16) -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).map_or(0, |_| wanted)
}
