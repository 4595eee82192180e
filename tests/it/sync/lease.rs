//! Leases: one process sweeps a registry at a time, and another takes over when it dies.

use std::time::{Duration, Instant};

use chrono::Utc;
use entity::registry_sync::{ActiveModel, Column, Entity, Model};
use futures_util::future::join_all;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr};
use serde_json::json;
use tests::{
    database::TemporaryDatabase,
    gateway::{Client, TestGateway},
    harbor::SimulatedHarbor,
};
use uuid::Uuid;

use super::{images, registry, until};

async fn row(gateway: &TestGateway) -> Model {
    let connection = gateway.database().connect().await;
    let rows = Entity::find().all(&connection).await.expect("the table can be read");
    assert_eq!(rows.len(), 1);
    rows.into_iter().next().expect("there is one registry")
}

/// Gives the lease of the only registry to a process that is none, for so long from now.
async fn take_lease(gateway: &TestGateway, length: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the database is on this machine, so its clock is this one")]
    let until = Utc::now().timestamp_millis() + i64::try_from(length.as_millis()).expect("a short time");
    let columns = ActiveModel {
        holder: Set(Some(Uuid::new_v4())),
        lease_until_ms: Set(until),
        due_ms: Set(1),
        ..Default::default()
    };
    let connection = gateway.database().connect().await;
    Entity::update_many()
        .set(columns)
        .col_expr(Column::Fence, Expr::col(Column::Fence).add(1))
        .filter(Column::Fence.gte(0))
        .exec(&connection)
        .await
        .expect("the row can be written");
}

async fn scene(interval: Duration) -> (TestGateway, SimulatedHarbor, Client, String) {
    let gateway = TestGateway::builder().sync_interval(interval).start().await;
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "nginx", "1.0");
    let admin = gateway.as_admin();
    let id = admin.integrate_harbor("main", &harbor).await;
    (gateway, harbor, admin, id)
}

#[tokio::test]
async fn a_registry_whose_sweeper_died_is_taken_over_when_its_lease_has_lapsed() {
    let (gateway, harbor, admin, id) = scene(Duration::from_secs(3600)).await;
    take_lease(&gateway, Duration::from_secs(3)).await;
    let taken = Instant::now();
    harbor.push("library", "late", "1.0");
    let library = admin.space(&id, "library").await;
    until("the registry is taken over", async || images(&admin, &library).await.len() == 2).await;
    assert!(taken.elapsed() > Duration::from_millis(2_900), "the lease was not waited for: {:?}", taken.elapsed());
    assert_eq!(registry(&admin, &id).await["sync"]["inProgress"], false);
}

#[tokio::test]
async fn a_refresh_waits_for_the_sweep_of_another_and_then_reads_anew() {
    let (gateway, harbor, admin, id) = scene(Duration::from_secs(3600)).await;
    take_lease(&gateway, Duration::from_secs(2)).await;
    let taken = Instant::now();
    harbor.push("library", "late", "1.0");
    admin.refresh(&id).await.succeeded();
    assert!(taken.elapsed() > Duration::from_millis(1_900), "the lease was not waited for: {:?}", taken.elapsed());
    let library = admin.space(&id, "library").await;
    assert_eq!(images(&admin, &library).await, ["late 1", "nginx 1"]);
}

#[tokio::test]
async fn a_sweep_that_lost_its_lease_writes_nothing() {
    let (gateway, harbor, admin, id) = scene(Duration::from_secs(3600)).await;
    let library = admin.space(&id, "library").await;
    harbor.push("library", "late", "1.0");
    harbor.clear_requests();
    harbor.pause();
    let losing = async {
        harbor.wait_for_requests(1).await;
        take_lease(&gateway, Duration::from_secs(4)).await;
        harbor.resume();
        // Long enough for the sweep to come to its writes, had it kept the lease.
        harbor.wait_for_requests(3).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(images(&admin, &library).await, ["nginx 1"]);
        row(&gateway).await.fence
    };
    let (refreshed, fence) = tokio::join!(admin.refresh(&id), losing);
    // The person who asked waits for the other's lease to lapse, and has it swept again.
    refreshed.succeeded();
    assert!(row(&gateway).await.fence > fence);
    assert_eq!(images(&admin, &library).await, ["late 1", "nginx 1"]);
}

#[tokio::test]
async fn a_gateway_that_stops_gives_its_leases_back() {
    let (gateway, harbor, _, _) = scene(Duration::from_secs(1)).await;
    harbor.clear_requests();
    harbor.pause();
    harbor.wait_for_requests(1).await;
    let database = gateway.stop().await;
    let connection = database.connect().await;
    let rows = Entity::find().all(&connection).await.expect("the table can be read");
    assert_eq!((rows[0].lease_until_ms, rows[0].due_ms), (0, 0), "{rows:?}");
    harbor.resume();
}

#[tokio::test]
async fn replicas_divide_the_registries_and_see_what_each_other_reads() {
    let test = concat!(module_path!(), "::replicas_divide_the_registries_and_see_what_each_other_reads");
    if !TemporaryDatabase::can_be_shared(test) {
        return;
    }
    let (gateway, harbor, admin, id) = scene(Duration::from_secs(1)).await;
    let replica = gateway.replica().await;
    let library = admin.space(&id, "library").await;
    harbor.push("library", "late", "1.0");
    for viewer in [&admin, &replica.as_admin()] {
        until("both show it", async || images(viewer, &library).await == ["late 1", "nginx 1"]).await;
    }
    // A refresh of one shows with the other at once.
    harbor.push("library", "later", "1.0");
    replica.as_admin().refresh(&id).await.succeeded();
    assert_eq!(images(&admin, &library).await.len(), 3);
    // Many at once are one after the other, on whichever replica.
    harbor.clear_requests();
    let others = replica.as_admin();
    join_all((0..6).map(|n| if n % 2 == 0 { &admin } else { &others }).map(|viewer| viewer.refresh(&id))).await;
    assert!(harbor.max_concurrent_requests() <= 4, "{}", harbor.max_concurrent_requests());

    // The replica that is left goes on with all of them.
    replica.stop().await;
    harbor.push("library", "latest", "1.0");
    until("the other goes on", async || images(&admin, &library).await.len() == 4).await;
}

#[tokio::test]
async fn a_visibility_set_while_a_sweep_reads_is_not_undone_by_it() {
    let (_gateway, harbor, admin, id) = scene(Duration::from_secs(3600)).await;
    let library = admin.space(&id, "library").await;
    harbor.clear_requests();
    // The list of projects is held back, and shows `library` as it was.
    harbor.fault(tests::harbor::Fault::SlowBody.on("/api/v2.0/projects?"));
    let closing = async {
        harbor.wait_for_requests(3).await;
        admin.set_public(&library, false).await.succeeded();
    };
    let (refreshed, ()) = tokio::join!(admin.refresh(&id), closing);
    refreshed.succeeded();
    let reply = admin.query("query ($id: ID!) { space(id: $id) { visibility } }", json!({ "id": library })).await;
    assert_eq!(reply.data("space.visibility"), "PRIVATE");
}
