//! The label sets, and what may stand in them.

use std::fmt::{self, Write};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use uuid::Uuid;

/// What became of a GraphQL request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The graph ran, to its end or to the deadline.
    Executed,
    /// An answer that was kept went out again.
    Reused,
    /// Nothing of it ran: no good token, no good document.
    Refused,
}

/// How a sweep of a registry ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepOutcome {
    Succeeded,
    /// The registry did not answer, or not as it should.
    Failed,
    /// Ended by Fairway itself: it shuts down, or has lost the registry to another replica.
    Abandoned,
}

/// What became of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookOutcome {
    Accepted,
    /// Not the registry's secret.
    Unauthorized,
    /// No such registry. The sender is told the same as above.
    Unknown,
    /// Not what a registry sends.
    Malformed,
    /// Not taken in within the time that registries wait.
    TimedOut,
}

impl Answer {
    pub(super) const ALL: [Self; 3] = [Self::Executed, Self::Reused, Self::Refused];

    fn text(self) -> &'static str {
        match self {
            Self::Executed => "executed",
            Self::Reused => "reused",
            Self::Refused => "refused",
        }
    }
}

impl SweepOutcome {
    pub(super) const ALL: [Self; 3] = [Self::Succeeded, Self::Failed, Self::Abandoned];

    fn text(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

impl WebhookOutcome {
    pub(super) const ALL: [Self; 5] =
        [Self::Accepted, Self::Unauthorized, Self::Unknown, Self::Malformed, Self::TimedOut];

    fn text(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unauthorized => "unauthorized",
            Self::Unknown => "unknown",
            Self::Malformed => "malformed",
            Self::TimedOut => "timed_out",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) route: String,
    pub(super) status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AnswerLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RegistryLabel {
    registry: Key,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct SweepLabels {
    registry: Key,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WebhookLabels {
    /// Empty, which to Prometheus is no label at all, where the sender proved nothing.
    registry: Option<Key>,
    outcome: &'static str,
}

impl From<Answer> for AnswerLabels {
    fn from(answer: Answer) -> Self {
        Self { outcome: answer.text() }
    }
}

impl From<Uuid> for RegistryLabel {
    fn from(registry: Uuid) -> Self {
        Self { registry: Key(registry) }
    }
}

impl SweepLabels {
    pub(super) fn new(registry: Uuid, outcome: SweepOutcome) -> Self {
        Self { registry: Key(registry), outcome: outcome.text() }
    }
}

impl WebhookLabels {
    pub(super) fn new(registry: Option<Uuid>, outcome: WebhookOutcome) -> Self {
        Self { registry: registry.map(Key), outcome: outcome.text() }
    }
}

/// A registry's key, written as in the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key(Uuid);

impl EncodeLabelValue for Key {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        write!(encoder, "{}", self.0)
    }
}
