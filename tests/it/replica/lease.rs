//! Leases: each registry is swept by one replica at a time, all of them do their part, and what a dead one held is taken
//! over.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use entity::registry_sync;
use sea_orm::EntityTrait;
use tests::{
    database::TemporaryDatabase, eventually::eventually, gateway::TestGateway, harbor::SimulatedHarbor,
    program::Program,
};
use uuid::Uuid;

const INTERVAL: Duration = Duration::from_secs(1);

/// What is promised: another replica takes over within this time.
const TAKEN_OVER: Duration = Duration::from_secs(30);

/// Leaves the test, visibly, where no two processes may share a database.
macro_rules! needs_shared_database {
    ($test:literal) => {
        if !TemporaryDatabase::can_be_shared(concat!(module_path!(), "::", $test)) {
            return;
        }
    };
}

async fn sync_rows(database: &TemporaryDatabase) -> Vec<registry_sync::Model> {
    let connection = database.connect().await;
    let rows = registry_sync::Entity::find().all(&connection).await.expect("the table can be read");
    connection.close().await.expect("a connection can be closed");
    rows
}

/// The requests of one sweep, and of another, as far as the journal goes: none when two were mixed.
fn sweeps(journal: &[String], shapes: &BTreeSet<Vec<String>>) -> Option<usize> {
    // How many sweeps end just before each place.
    let mut whole: BTreeMap<usize, usize> = BTreeMap::from([(0, 0)]);
    while let Some((at, n_sweeps)) = whole.pop_first() {
        let rest = &journal[at..];
        // The last one may still be under way.
        if shapes.iter().any(|shape| shape.starts_with(rest)) {
            return Some(n_sweeps);
        }
        for shape in shapes.iter().filter(|shape| rest.starts_with(shape)) {
            whole.insert(at + shape.len(), n_sweeps + 1);
        }
    }
    None
}

#[test]
fn sweeps_that_are_mixed_are_told_from_those_that_follow_each_other() {
    let journal = |requests: &str| -> Vec<String> { requests.chars().map(String::from).collect() };
    let shapes = BTreeSet::from([journal("abc"), journal("abxc")]);
    assert_eq!(sweeps(&journal("abcabxcabc"), &shapes), Some(2));
    assert_eq!(sweeps(&journal("abcab"), &shapes), Some(1));
    assert_eq!(sweeps(&journal("ababcc"), &shapes), None);
    assert_eq!(sweeps(&journal("aabbcc"), &shapes), None);
}

#[tokio::test]
async fn replicas_divide_the_registries_and_never_sweep_one_at_the_same_time() {
    needs_shared_database!("replicas_divide_the_registries_and_never_sweep_one_at_the_same_time");
    // What a sweep asks for: eleven of them, as each tenth reads everything.
    let gateway = TestGateway::start().await;
    let admin = gateway.as_admin();
    let mut harbors = Vec::new();
    for name in ["one", "two", "three", "four", "five", "six"] {
        let harbor = SimulatedHarbor::start().await;
        harbor.push("library", "nginx", "1.27");
        let id = admin.integrate_harbor(name, &harbor).await;
        harbors.push((harbor, id));
    }
    let mut shapes = BTreeSet::new();
    for _ in 0..11 {
        let (harbor, id) = &harbors[0];
        harbor.clear_requests();
        admin.refresh(id).await.succeeded();
        shapes.insert(harbor.requests());
    }
    let database = gateway.stop().await;
    let learner = sync_rows(&database).await[0].holder.expect("somebody has swept it");
    database.execute(&["UPDATE registry_sync SET due_ms = 0"]).await;
    harbors.iter().for_each(|(harbor, _)| harbor.clear_requests());

    let begun = Instant::now();
    let first = TestGateway::builder().sync_interval(INTERVAL).start_on(database).await;
    let second = first.replica().await;
    let mut holders: BTreeSet<Uuid> = BTreeSet::new();
    let five_sweeps = 5 * shapes.iter().map(Vec::len).min().expect("there are shapes");
    eventually(TAKEN_OVER, "each registry is swept five times, and each replica sweeps", async || {
        holders.extend(sync_rows(first.database()).await.into_iter().filter_map(|row| row.holder));
        // The process that learnt the shapes is none of them.
        holders.remove(&learner);
        let n_requests = harbors.iter().map(|(harbor, _)| harbor.requests().len()).min();
        (holders.len() == 2 && n_requests >= Some(five_sweeps)).then_some(())
    })
    .await;
    let turns = begun.elapsed().as_secs_f64() / (0.85 * INTERVAL.as_secs_f64());
    for (harbor, _) in &harbors {
        let journal = harbor.requests();
        let n_sweeps = sweeps(&journal, &shapes);
        let Some(n_sweeps) = n_sweeps else { panic!("two sweeps were mixed: {journal:#?}\n{shapes:#?}") };
        assert!(n_sweeps as f64 <= turns + 1.0, "{n_sweeps} sweeps in {:?}", begun.elapsed());
    }
    drop((first, second));
}

#[tokio::test]
async fn what_a_killed_replica_held_is_taken_over_in_time() {
    needs_shared_database!("what_a_killed_replica_held_is_taken_over_in_time");
    let harbor = SimulatedHarbor::start().await;
    harbor.push("library", "nginx", "1.27");
    let gateway = TestGateway::start().await;
    gateway.as_admin().integrate_harbor("main", &harbor).await;
    let database = gateway.stop().await;
    let one_row = async || sync_rows(&database).await.remove(0);
    let earlier = one_row().await.holder;

    harbor.clear_requests();
    harbor.pause();
    let doomed = Program::serve_on(&database, &[("FAIRWAY_SYNC_INTERVAL", "1s")]).await;
    database.execute(&["UPDATE registry_sync SET due_ms = 0"]).await;
    harbor.wait_for_requests(1).await;
    let held = one_row().await;
    assert_ne!(held.holder, earlier);

    let heir = TestGateway::builder().sync_interval(INTERVAL).start_on(database.clone()).await;
    harbor.push("library", "redis", "7.4");
    doomed.kill().await;
    let begun = Instant::now();
    harbor.resume();
    eventually(TAKEN_OVER, "another replica sweeps what the dead one held", async || {
        let row = one_row().await;
        (row.holder != held.holder && row.succeeded_at > held.started_at).then_some(())
    })
    .await;
    assert_eq!(heir.as_outsider().selector("stray").await.total(), 2);
    eprintln!("taken over after {:?}", begun.elapsed());
}
