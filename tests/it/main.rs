//! The black-box tests: one file for each noun of the graph, all of them through HTTP.
//! `harbor` and `recordings` hold the simulated Harbor to what a real one did.

mod auth;
mod binding;
mod demo;
mod docker;
mod harness;
mod http;
mod image;
mod meta;
mod namespace;
mod node;
mod policy;
mod recordings;
mod registry;
mod selector;
mod serve;
mod simulated_harbor;
mod space;
mod viewer;
mod workspace;
