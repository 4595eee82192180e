//! Images that nobody has asked for yet, of many Harbors at once: how long one question takes, and what each Harbor is asked.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use futures_util::future::join_all;
use serde_json::json;

use super::{
    Options,
    process::Fairway,
    report::{Report, Verdict},
    seed::forget_images,
};
use crate::{database::TemporaryDatabase, gateway::Reply, harbor::SimulatedHarbor};

/// As many rows as Harbor gives on one page.
const PAGE_SIZE: usize = 100;
const ASKERS: usize = 50;
/// What Fairway allows itself at a time, for one registry.
const MOST_AT_ONCE: usize = 4;

const DOCUMENT: &str = "query ($namespace: NamespaceKey!) {
  availableImages(namespace: $namespace, first: 100) {
    totalCount nodes { reference updatedAt } sources { state registry { name } }
  }
}";

/// How much there is to read.
#[derive(Args, Clone, Debug)]
pub struct Size {
    /// Simulated Harbors
    #[arg(long, default_value_t = Size::default().harbors)]
    harbors: usize,
    /// Pages of 100 repositories that each Harbor has
    #[arg(long, default_value_t = Size::default().pages)]
    pages: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self { harbors: 20, pages: 5 }
    }
}

/// What one question, or many at once, came to.
struct Found {
    took: Duration,
    /// Requests for a list of repositories, of all Harbors.
    n_lists: usize,
    /// How many of these were asked for more than once.
    n_again: usize,
    /// Requests of any kind.
    n_requests: usize,
    most_at_once: usize,
}

pub(super) async fn run(options: &Options, size: &Size, report: &mut Report<'_>) -> anyhow::Result<()> {
    let &Size { harbors: n_harbors, pages } = size;
    ensure!(n_harbors > 0 && pages > 0, "there must be something to read");
    let latency = options.latency();
    report.title(&format!("cold: {n_harbors} Harbors × {} ms × {pages} pages each", latency.as_millis()))?;
    // The last page is not full, which tells that it is the last.
    let n_repositories = pages * PAGE_SIZE - PAGE_SIZE / 5;
    let mut harbors = Vec::new();
    for _ in 0..n_harbors {
        let harbor = SimulatedHarbor::start().await;
        harbor.delete_project("library");
        harbor.create_project("team", true);
        for place in 0..n_repositories {
            harbor.push("team", &super::name::repository(0, place), "1.0");
        }
        harbors.push(harbor);
    }
    let database = options.database().await;
    let fairway = Fairway::start(&database, &[]).await?;
    let admin = fairway.admin();
    for (place, harbor) in harbors.iter().enumerate() {
        admin.integrate_harbor(&format!("harbor-{place:02}"), harbor).await;
    }
    fairway.stop().await?;

    let total = n_harbors * n_repositories;
    let one = ask(&database, &harbors, latency, 1, total).await?;
    let many = ask(&database, &harbors, latency, ASKERS, total).await?;
    let path = latency * u32::try_from(pages).context("there are not that many pages")?;
    for (who, found) in [("one question", &one), ("50 at once", &many)] {
        report.step(&format!(
            "{who}: {:.0} ms, {:.2} × {} pages × {} ms; {} requests, {} of them for pages",
            found.took.as_secs_f64() * 1e3,
            found.took.as_secs_f64() / path.as_secs_f64(),
            pages,
            latency.as_millis(),
            found.n_requests,
            found.n_lists,
        ))?;
    }
    let ratio = |found: &Found| Some(found.took.as_secs_f64() / path.as_secs_f64());
    report.verdicts(vec![
        Verdict::at_most("one question beside the critical path", ratio(&one), 1.5, "×"),
        Verdict::exactly("pages read for one question", &one.n_lists, &(n_harbors * pages)),
        Verdict::exactly("pages read for 50 at once", &many.n_lists, &(n_harbors * pages)),
        Verdict::exactly("pages read more than once", &(one.n_again + many.n_again), &0),
        Verdict::at_most(
            "requests at a time for one registry",
            Some(one.most_at_once.max(many.most_at_once) as f64),
            MOST_AT_ONCE as f64,
            "",
        ),
    ])?;
    Ok(())
}

/// Starts Fairway on a database without images, and asks as often at once as there are askers.
async fn ask(
    database: &TemporaryDatabase,
    harbors: &[SimulatedHarbor],
    latency: Duration,
    askers: usize,
    total: usize,
) -> anyhow::Result<Found> {
    forget_images(database).await?;
    let fairway = Fairway::start(database, &[]).await?;
    for harbor in harbors {
        harbor.set_latency(latency);
        harbor.clear_requests();
    }
    let variables = json!({ "namespace": { "name": "stray" } });
    // Each has a connection of its own.
    let askers: Vec<_> = (0..askers).map(|_| fairway.admin()).collect();
    let begun = Instant::now();
    let answers: Vec<Reply> = join_all(askers.iter().map(|asker| asker.query(DOCUMENT, variables.clone()))).await;
    let took = begun.elapsed();
    for harbor in harbors {
        harbor.set_latency(Duration::ZERO);
    }
    for answer in &answers {
        let found = answer.data("availableImages.totalCount").as_u64();
        ensure!(found == Some(total as u64), "{found:?} images were found, not {total}");
        let sources = answer.strings("availableImages.sources", "state");
        ensure!(sources.iter().all(|state| state == "CURRENT"), "not all is current: {sources:?}");
    }
    let mut found = Found { took, n_lists: 0, n_again: 0, n_requests: 0, most_at_once: 0 };
    for harbor in harbors {
        let requests = harbor.requests();
        let lists: Vec<&String> = requests.iter().filter(|request| request.contains("/repositories?")).collect();
        let distinct: HashSet<&String> = lists.iter().copied().collect();
        found.n_requests += requests.len();
        found.n_lists += lists.len();
        found.n_again += lists.len() - distinct.len();
        found.most_at_once = found.most_at_once.max(harbor.max_concurrent_requests());
    }
    fairway.stop().await?;
    Ok(found)
}
