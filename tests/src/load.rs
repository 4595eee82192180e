//! The load program: what Fairway costs and how fast it answers, measured on a real process over loopback.
//!
//! Each kind of work builds what it needs in a database of its own, starts the `fairway` program on it, drives it for a
//! bounded time, and compares what it measured with what must be reached (`docs/performance.md`).
//! Driver, Fairway and simulated registries share one machine. So Fairway is measured by the CPU time of its process, and
//! where a ratio says more than a number, beside a bare handler that returns the same bytes.
//! It is never run as a test: its numbers are the machine's as much as Fairway's.

pub mod baseline;
mod cold;
mod driver;
mod hang;
mod machine;
mod measure;
mod metrics;
mod name;
mod nested;
mod process;
mod question;
mod report;
mod seed;
mod sweep;
mod warm;
mod world;

use std::{io::Write, panic::AssertUnwindSafe, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::{Args, Subcommand};
use futures_util::FutureExt;

use self::report::Report;
use crate::{database::TemporaryDatabase, program};

/// What is measured.
#[derive(Clone, Debug, Subcommand)]
pub enum Work {
    /// A selector whose images are known: CPU time a request, beside a bare handler
    Warm,
    /// A platform of a given size: first page, search, a page far on, memory, a restart
    World(world::Size),
    /// A nested graph of what is stored: CPU time and statements a request
    Nested,
    /// Images that nobody has asked for yet, of many Harbors at once
    Cold(cold::Size),
    /// The requests that one look at an unchanged Harbor costs
    Sweep(sweep::Size),
    /// One Harbor of four hangs while many ask
    Hang,
    /// Each of these with its defaults
    All,
}

/// What can be chosen for all kinds of work.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How long each question is asked, in seconds
    #[arg(long, global = true, default_value_t = 5)]
    pub seconds: u64,
    /// How many ask at once where throughput is measured
    #[arg(long, global = true, default_value_t = 64)]
    pub connections: usize,
    /// PostgreSQL or MySQL server to make databases on, without a path [default: SQLite in a temporary folder]
    #[arg(long, global = true)]
    pub database: Option<String>,
    /// Measure this `fairway` instead of building one, to compare two builds
    #[arg(long, global = true)]
    pub program: Option<PathBuf>,
    /// How long a simulated Harbor holds each request, in milliseconds
    #[arg(long, global = true, default_value_t = 50)]
    pub latency_ms: u64,
}

impl Options {
    fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }

    async fn database(&self) -> TemporaryDatabase {
        match &self.database {
            Some(server) => TemporaryDatabase::on_server(server).await,
            None => TemporaryDatabase::in_folder(),
        }
    }
}

/// Measures, and reports on `out`. Returns whether everything was reached that must be.
///
/// # Errors
/// When something could not be measured.
pub async fn run(work: Work, options: &Options, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut report = Report::new(out);
    report.text(&machine::describe())?;
    match &options.program {
        Some(path) => {
            program::choose(path);
            report.text(&format!("Measuring {}", path.display()))?;
        }
        None => report.text(&format!("Building `fairway` as `{}`, where it is not built yet", program::profile()))?,
    }
    tokio::task::spawn_blocking(program::executable).await.context("`fairway` cannot be built")?;
    match work {
        Work::Warm => warm::run(options, &mut report).await?,
        Work::World(size) => world::run(options, &size, &mut report).await?,
        Work::Nested => nested::run(options, &mut report).await?,
        Work::Cold(size) => cold::run(options, &size, &mut report).await?,
        Work::Sweep(size) => sweep::run(options, &size, &mut report).await?,
        Work::Hang => hang::run(options, &mut report).await?,
        Work::All => all(options, &mut report).await?,
    }
    report.end()
}

/// One after the other; what cannot be measured counts as missed, and the rest is measured all the same.
async fn all(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let done = attempt(warm::run(options, report)).await;
    report.note_failure("warm", done)?;
    let done = attempt(nested::run(options, report)).await;
    report.note_failure("nested", done)?;
    let done = attempt(cold::run(options, &cold::Size::default(), report)).await;
    report.note_failure("cold", done)?;
    let done = attempt(sweep::run(options, &sweep::Size::default(), report)).await;
    report.note_failure("sweep", done)?;
    let done = attempt(hang::run(options, report)).await;
    report.note_failure("hang", done)?;
    let done = attempt(world::run(options, &world::Size::default(), report)).await;
    report.note_failure("world", done)
}

/// The harness panics where a test would fail: here that ends one kind of work, and not the others.
async fn attempt(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked, as said above")))
}
