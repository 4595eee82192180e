//! The scene that most tests begin with: two tenants, a Harbor of the platform, and a Harbor that one tenant brought along.

use super::{Client, TestGateway};
use crate::harbor::SimulatedHarbor;

/// A gateway with content.
///
/// | registry | scope | space | images | reaches |
/// |---|---|---|---|---|
/// | `main` | PLATFORM | `library`, public | `nginx`, `redis` | everybody |
/// | `main` | PLATFORM | `pay`, private | `api`, `worker` | `payments`, by binding |
/// | `main` | PLATFORM | `cart`, private | `web` | `shop`, by binding |
/// | `main` | PLATFORM | `vault`, private | `keys` | nobody |
/// | `own` | WORKSPACE of `shop` | `open`, public | `widget` | `shop` |
/// | `own` | WORKSPACE of `shop` | `closed`, private | `tool` | `shop` |
///
/// Namespace `pay-prod` is in `payments`, `shop-prod` in `shop`; nobody has heard of `stray`.
pub struct World {
    /// The gateway.
    pub gateway: TestGateway,
    /// A platform admin.
    pub admin: Client,
    /// The platform's Harbor.
    pub harbor: SimulatedHarbor,
    /// The tenant's own Harbor.
    pub own_harbor: SimulatedHarbor,
    /// Id of the registry `main`.
    pub main: String,
    /// Id of the registry `own`.
    pub own: String,
    /// Id of the workspace `payments`.
    pub payments: String,
    /// Id of the workspace `shop`.
    pub shop: String,
}

impl World {
    /// Sets the scene on a gateway of its own.
    ///
    /// # Panics
    /// When the gateway refuses any part of it.
    pub async fn start() -> Self {
        Self::on(TestGateway::start().await).await
    }

    /// Sets the scene on this gateway.
    ///
    /// # Panics
    /// When the gateway refuses any part of it.
    pub async fn on(gateway: TestGateway) -> Self {
        let harbor = SimulatedHarbor::start().await;
        for (project, repositories) in [("pay", ["api", "worker"].as_slice()), ("cart", &["web"]), ("vault", &["keys"])]
        {
            harbor.create_project(project, false);
            for repository in repositories {
                harbor.push(project, repository, "1.0");
            }
        }
        harbor.push("library", "nginx", "1.27");
        harbor.push("library", "redis", "7.4");

        let own_harbor = SimulatedHarbor::start().await;
        own_harbor.create_project("open", true);
        own_harbor.push("open", "widget", "2.0");
        own_harbor.create_project("closed", false);
        own_harbor.push("closed", "tool", "2.0");

        let admin = gateway.as_admin();
        let payments = admin.create_workspace("payments").await;
        let shop = admin.create_workspace("shop").await;
        let main = admin.integrate_harbor("main", &harbor).await;
        let own = admin.integrate_harbor_for(&shop, "own", &own_harbor).await;
        for (space, workspace, namespace) in [("pay", &payments, "pay-prod"), ("cart", &shop, "shop-prod")] {
            let space = admin.space(&main, space).await;
            admin.bind(&[&space], &[workspace]).await.succeeded();
            admin.bind_namespaces(workspace, &[namespace]).await.succeeded();
        }
        Self { gateway, admin, harbor, own_harbor, main, own, payments, shop }
    }

    /// The id of a space of the registry `main`.
    pub async fn space(&self, name: &str) -> String {
        self.admin.space(&self.main, name).await
    }
}
