//! The black-box tests: one file for each noun of the graph, all of them through HTTP.
//! `harbor` and `recordings` hold the simulated Harbor to what a real one did.

mod auth;
mod binding;
mod demo;
mod docker;
mod explanation;
mod federation;
mod hang_up;
mod harness;
mod history;
mod http;
mod image;
mod jwks;
mod keys;
mod kill;
mod meta;
mod metrics;
mod namespace;
mod node;
mod plain;
mod policy;
mod preview;
mod random;
mod recordings;
mod registry;
mod replica;
mod reuse;
mod selector;
mod serve;
mod simulated_harbor;
mod space;
mod sync;
mod tenants;
mod viewer;
mod webhook;
mod workspace;
