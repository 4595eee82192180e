//! What one look at a Harbor costs that has not changed: requests, whatever the number of its projects.

use anyhow::ensure;
use clap::Args;

use super::{
    Options,
    process::Fairway,
    report::{Report, Verdict},
};
use crate::harbor::SimulatedHarbor;

/// What the Harbor holds.
#[derive(Args, Clone, Debug)]
pub struct Size {
    #[arg(long, default_value_t = Size::default().projects)]
    projects: usize,
    /// Repositories in each project
    #[arg(long, default_value_t = Size::default().repositories)]
    repositories: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self { projects: 250, repositories: 4 }
    }
}

pub(super) async fn run(options: &Options, size: &Size, report: &mut Report<'_>) -> anyhow::Result<()> {
    let &Size { projects, repositories } = size;
    report.title(&format!("sweep: an unchanged Harbor of {projects} projects, {repositories} repositories in each"))?;
    let harbor = SimulatedHarbor::start().await;
    harbor.delete_project("library");
    for project in 0..projects {
        let name = super::name::space(project);
        harbor.create_project(&name, project % 2 == 0);
        for place in 0..repositories {
            harbor.push(&name, &super::name::repository(project, place), "1.0");
        }
    }
    let database = options.database().await;
    let fairway = Fairway::start(&database, &[]).await?;
    let admin = fairway.admin();
    // Synchronized once here, and once more below: the third look has nothing new to learn.
    let registry = admin.integrate_harbor("main", &harbor).await;
    admin.refresh(&registry).await.succeeded();
    harbor.clear_requests();
    let refreshed = admin.refresh(&registry).await;
    let state = refreshed.string("refreshRegistry.registry.health.state");
    ensure!(state == "HEALTHY", "the registry is {state}");
    let requests = harbor.requests();
    for request in &requests {
        report.step(request)?;
    }
    let limit = projects.div_ceil(100) + 3;
    let measured = Some(requests.len() as f64);
    report.verdicts(vec![Verdict::at_most("requests of one look", measured, limit as f64, "")])?;
    fairway.stop().await
}
