//! Fairway: one GraphQL graph in front of all the container registries of a platform.

pub mod auth;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod service;
pub mod storage;
pub mod sync;
pub mod telemetry;
pub mod upstream;
pub mod vault;
