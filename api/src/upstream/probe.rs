//! What is found out about a registry: in full when it is integrated, the rest on each visit.

use std::time::Duration;

/// A registry that answered as the product it was said to be, to the account it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The version as the registry writes it, where it tells: `v2.12.0-b2e5a3f9`.
    pub version: Option<String>,
    /// What the account is.
    pub privilege: Privilege,
    /// The time that one small request took.
    pub latency: Duration,
    /// One sentence on what is wrong although the registry answers: parts that are unhealthy, read-only mode.
    pub degraded: Option<String>,
    /// Rights that the account lacks for serving the whole platform, each a clause: `may not create projects`.
    pub lacks: Vec<String>,
    /// Whether what the account is shown goes beyond what everybody is shown.
    pub sees_private: bool,
}

/// A registry that was probed before, looked at again: it is still what it was and accepts its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// As [`Probe::version`].
    pub version: Option<String>,
    /// The time that the first request took, until its headers came.
    pub latency: Duration,
    /// As [`Probe::degraded`].
    pub degraded: Option<String>,
}

/// What an account is to its registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Privilege {
    /// May do everything.
    SystemAdmin,
    /// A person's account.
    User,
    /// An account made for programs.
    Robot,
    /// No account, or none needed.
    Anonymous,
}
