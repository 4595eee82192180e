//! What Fairway counts of itself, and how Prometheus reads it.
//!
//! Owns every name and label. Whoever counts calls a method named after what happened; nobody else knows of Prometheus.
//! Labels are few and bounded: routes as they are written in the router, statuses, outcomes, and the id of a registry, as
//! it stands in the log. No name, no address and nothing that a viewer typed is ever a label: `/metrics` asks for no token.
//!
//! There is no global recorder: each gateway has its own [`Metrics`], for several live in one test process.

mod label;
mod reading;
mod sweep;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::text,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use uuid::Uuid;

pub use self::{
    label::{Answer, SweepOutcome, WebhookOutcome},
    reading::Reading,
    sweep::Sweep,
};
use self::{
    label::{AnswerLabels, RegistryLabel, RequestLabels, SweepLabels, WebhookLabels},
    reading::Read,
};

/// What an answer of `/metrics` is: `OpenMetrics`, which Prometheus and all its kin ask for first.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The counters and gauges of one gateway. A clone counts into the same ones.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Families>);

/// Makes [`Metrics`], which cannot be told later what to read.
#[derive(Debug)]
pub struct Builder(Registry);

#[derive(Debug)]
struct Families {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    /// In the order of [`Answer::ALL`], so that the hot path looks nothing up.
    answers: [Counter; Answer::ALL.len()],
    graphql_seconds: Histogram,
    sweeps: Family<SweepLabels, Counter>,
    sweep_seconds: Family<RegistryLabel, Seconds>,
    sweep_spaces_done: Family<RegistryLabel, Gauge>,
    sweep_spaces_total: Family<RegistryLabel, Gauge>,
    registry_healthy: Family<RegistryLabel, Gauge>,
    webhooks: Family<WebhookLabels, Counter>,
}

type Seconds = Gauge<f64, AtomicU64>;

impl Metrics {
    /// Begins with what is counted elsewhere.
    pub fn builder() -> Builder {
        Builder(Registry::with_prefix("fairway"))
    }

    /// An HTTP request to `route` was answered. `route` is the router's pattern, never what a caller typed.
    pub fn http_answered(&self, route: &str, status: u16) {
        self.0.requests.get_or_create(&RequestLabels { route: route.to_owned(), status }).inc();
    }

    /// A GraphQL request was answered. Refusals are counted and not timed: they say nothing of the graph.
    pub fn graphql_answered(&self, answer: Answer, latency: Duration) {
        self.0.answers[answer as usize].inc();
        match answer {
            Answer::Executed | Answer::Reused => self.0.graphql_seconds.observe(latency.as_secs_f64()),
            Answer::Refused => {}
        }
    }

    /// A sweep of `registry` begins; what it answers is told how it goes on.
    pub fn sweep_began(&self, registry: Uuid) -> Sweep {
        Sweep::new(&self.0, registry)
    }

    /// How `registry` was found.
    pub fn registry_seen(&self, registry: Uuid, is_healthy: bool) {
        self.0.registry_healthy.get_or_create(&registry.into()).set(is_healthy.into());
    }

    /// `registry` is no longer this process's: it was removed, or another replica looks after it. All that was told of it
    /// goes, for a gauge that nobody moves any more would be believed.
    pub fn forget_registry(&self, registry: Uuid) {
        let label = RegistryLabel::from(registry);
        for outcome in SweepOutcome::ALL {
            self.0.sweeps.remove(&SweepLabels::new(registry, outcome));
        }
        for outcome in WebhookOutcome::ALL {
            self.0.webhooks.remove(&WebhookLabels::new(Some(registry), outcome));
        }
        self.0.sweep_seconds.remove(&label);
        self.0.sweep_spaces_done.remove(&label);
        self.0.sweep_spaces_total.remove(&label);
        self.0.registry_healthy.remove(&label);
    }

    /// A webhook came in. `registry` only where the sender proved to be that registry: others could make up ids without
    /// end, and each would be a time series.
    pub fn webhook_received(&self, registry: Option<Uuid>, outcome: WebhookOutcome) {
        self.0.webhooks.get_or_create(&WebhookLabels::new(registry, outcome)).inc();
    }

    /// All of it as text, for an answer of the type [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// When a reading is beyond what the format holds.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(8 * 1024);
        text::encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl Builder {
    /// `read` is asked at each scrape, so it must be cheap and must not wait.
    #[must_use]
    pub fn reading(mut self, reading: Reading, read: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.0.register_collector(Box::new(Read::new(reading, read)));
        self
    }

    pub fn build(self) -> Metrics {
        let mut registry = self.0;
        let requests = Family::default();
        registry.register("http_requests", "HTTP requests answered", requests.clone());
        let by_outcome = Family::<AnswerLabels, Counter>::default();
        registry.register("graphql_answers", "GraphQL requests answered", by_outcome.clone());
        // From 0.25 ms, what a short answer costs, to 32 s, beyond the default deadline.
        let graphql_seconds = Histogram::new(exponential_buckets(0.000_25, 2.0, 18));
        let help = "Time from a GraphQL request's headers to its answer, refusals left out";
        registry.register_with_unit("graphql", help, Unit::Seconds, graphql_seconds.clone());

        let sweeps = Family::default();
        registry.register("sweeps", "Sweeps of a registry that ended", sweeps.clone());
        let sweep_seconds = Family::default();
        let help = "Duration of a registry's last sweep that was not abandoned";
        registry.register_with_unit("sweep", help, Unit::Seconds, sweep_seconds.clone());
        let sweep_spaces_done = Family::default();
        let help = "Spaces that the sweep under way has read, 0 between sweeps";
        registry.register("sweep_spaces_done", help, sweep_spaces_done.clone());
        let sweep_spaces_total = Family::default();
        let help = "Spaces that the sweep under way is to read, 0 between sweeps";
        registry.register("sweep_spaces_total", help, sweep_spaces_total.clone());
        let registry_healthy = Family::default();
        registry.register(
            "registry_healthy",
            "Whether a registry was healthy when last seen",
            registry_healthy.clone(),
        );
        let webhooks = Family::default();
        registry.register("webhooks", "Webhooks that came in", webhooks.clone());

        Metrics(Arc::new(Families {
            registry,
            requests,
            answers: Answer::ALL.map(|answer| by_outcome.get_or_create_owned(&AnswerLabels::from(answer))),
            graphql_seconds,
            sweeps,
            sweep_seconds,
            sweep_spaces_done,
            sweep_spaces_total,
            registry_healthy,
            webhooks,
        }))
    }
}
