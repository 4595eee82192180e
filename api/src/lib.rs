//! Fairway: one GraphQL graph in front of all the container registries of a platform.

pub mod catalog;
pub mod upstream;
