//! One measurement: a process is driven, and what it used meanwhile is put down to the requests that it answered.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use bytes::Bytes;

use super::{
    driver::{Drive, Outcome, is_whole},
    machine::{self, Usage},
    metrics::{self, Counts},
    process::{Baseline, Fairway},
    question::Ask,
};

/// Driven before the clock starts, so that connections, pools and caches are there.
const WARM_UP: Duration = Duration::from_millis(500);

/// Whom to drive, and how hard.
#[derive(Clone, Debug)]
pub(super) struct Bench {
    origin: String,
    process: u32,
    connections: usize,
    length: Duration,
}

/// What one measurement found.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) outcome: Outcome,
    cpu: Option<Duration>,
    pub(super) after: Option<Usage>,
    counts: Option<Counts>,
}

impl Bench {
    pub(super) fn of(fairway: &Fairway, connections: usize, length: Duration) -> Self {
        Self { origin: fairway.origin().to_owned(), process: fairway.id(), connections, length }
    }

    /// The same with fewer or more who ask at once.
    pub(super) fn with_connections(&self, connections: usize) -> Self {
        Self { connections, ..self.clone() }
    }

    /// The same, of the baseline.
    pub(super) fn at(&self, baseline: &Baseline) -> Self {
        Self { origin: baseline.origin().to_owned(), process: baseline.id(), ..self.clone() }
    }

    /// Asks the same kind of question for the whole time. Answers with errors are failures, and failures are an error.
    pub(super) async fn measure(&self, ask: impl Fn(u64) -> Ask + Send + Sync + 'static) -> anyhow::Result<Measured> {
        let measured = self.judge(ask, |_, answer| is_whole(answer)).await?;
        let (n, first) = (measured.outcome.n_failed, measured.outcome.failure.as_deref().unwrap_or_default());
        ensure!(n == 0, "{n} requests failed; the first: {first}");
        Ok(measured)
    }

    /// The same with another idea of a good answer; how many were none is part of the outcome.
    pub(super) async fn judge<A, J>(&self, ask: A, judge: J) -> anyhow::Result<Measured>
    where
        A: Fn(u64) -> Ask + Send + Sync + 'static,
        J: Fn(u64, &Bytes) -> anyhow::Result<()> + Send + Sync + 'static,
    {
        let ask = std::sync::Arc::new(ask);
        let judge = std::sync::Arc::new(judge);
        let drive = |length: Duration, first: u64| {
            let (ask, judge) = (ask.clone(), judge.clone());
            // Numbers of the warm-up are not used again: what differs by them was not asked before.
            let ask = move |n| ask(n + first);
            Ok::<_, anyhow::Error>(
                Drive { address: self.address()?, connections: self.connections, length }
                    .run(ask, move |n, answer| judge(n + first, answer)),
            )
        };
        drive(WARM_UP, 1 << 32)?.await;
        let (used, counted) = (machine::usage(self.process), metrics::read(&self.origin).await);
        let outcome = drive(self.length, 0)?.await;
        let (after, counts) = (machine::usage(self.process), metrics::read(&self.origin).await);
        let cpu = used.zip(after).map(|(before, after)| after.cpu.saturating_sub(before.cpu));
        let counts = counted.zip(counts).map(|(before, after)| after.since(&before));
        Ok(Measured { outcome, cpu, after, counts })
    }

    fn address(&self) -> anyhow::Result<SocketAddr> {
        let address = self.origin.strip_prefix("http://").context("the origin is a loopback address")?;
        address.parse().context("the origin is a loopback address")
    }
}

impl Measured {
    /// CPU time of the measured process for one request.
    pub(super) fn cpu_ms(&self) -> Option<f64> {
        self.each(self.cpu?.as_secs_f64() * 1e3)
    }

    /// SQL statements for one request.
    pub(super) fn statements(&self) -> Option<f64> {
        self.each(self.counts?.statements)
    }

    /// Requests to registries for one request.
    pub(super) fn upstream(&self) -> Option<f64> {
        self.each(self.counts?.upstream)
    }

    /// The share of answers that were given again, in per cent.
    pub(super) fn reused_percent(&self) -> Option<f64> {
        let Counts { executed, reused, .. } = self.counts?;
        (executed + reused > 0.0).then(|| 100.0 * reused / (executed + reused))
    }

    /// A quantile of the latency in milliseconds.
    pub(super) fn latency_ms(&self, share: f64) -> Option<f64> {
        Some(self.outcome.quantile(share)?.as_secs_f64() * 1e3)
    }

    fn each(&self, total: f64) -> Option<f64> {
        let n = self.outcome.n_requests();
        (n > 0).then(|| total / n as f64)
    }
}
