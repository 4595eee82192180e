//! Fairway: one GraphQL graph in front of all the container registries of a platform.
//!
//! A request goes down through the layers, each ignorant of the ones above: [`http`] → [`auth`] → [`graphql`] →
//! [`service`] → [`sync`] → entity, [`catalog`] and [`upstream`]. [`app`] and the binary are the only places that
//! compose them.

pub mod app;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod graphql;
pub mod http;
pub mod jwks;
pub mod metrics;
pub mod mirror;
pub mod service;
pub mod storage;
pub mod sync;
pub mod telemetry;
pub mod upstream;
pub mod vault;

pub use app::{Running, start};
pub use config::Config;
