//! What is counted elsewhere already, and read when somebody asks.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

/// Something that another part of Fairway counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    SqlStatements,
    UpstreamRequests,
    UpstreamFailures,
    CatalogImages,
    CatalogSpaces,
    CatalogBytes,
}

enum Kind {
    Counter,
    Gauge,
}

impl Reading {
    fn describe(self) -> (Kind, &'static str, &'static str, Option<Unit>) {
        match self {
            Self::SqlStatements => (Kind::Counter, "sql_statements", "SQL statements executed", None),
            Self::UpstreamRequests => (Kind::Counter, "upstream_requests", "Requests sent to registries", None),
            Self::UpstreamFailures => {
                (Kind::Counter, "upstream_failures", "Requests that registries did not answer", None)
            }
            Self::CatalogImages => (Kind::Gauge, "catalog_images", "Images held in memory", None),
            Self::CatalogSpaces => (Kind::Gauge, "catalog_spaces", "Spaces whose images are held in memory", None),
            Self::CatalogBytes => (Kind::Gauge, "catalog", "Memory that the images take", Some(Unit::Bytes)),
        }
    }
}

/// A reading, and how to read it.
pub(super) struct Read {
    reading: Reading,
    read: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl Read {
    pub(super) fn new(reading: Reading, read: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { reading, read: Box::new(read) }
    }
}

impl fmt::Debug for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Read").field(&self.reading).finish()
    }
}

impl Collector for Read {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (kind, name, help, unit) = self.reading.describe();
        let value = (self.read)();
        let metric: &dyn EncodeMetric = match kind {
            Kind::Counter => &ConstCounter::new(value),
            Kind::Gauge => &ConstGauge::new(value),
        };
        // Metrics that are registered get this full stop by themselves.
        let help = format!("{help}.");
        metric.encode(encoder.encode_descriptor(name, &help, unit.as_ref(), metric.metric_type())?)
    }
}
