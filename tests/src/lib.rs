//! What Fairway is tested and shown with: a simulated Harbor, a real Docker Registry, an identity provider, a gateway in process,
//! the demo, the canary, and the load program.
//!
//! Everything here talks to the gateway as a client would: over HTTP, in the words of the graph.
//! It knows `api` by its configuration and by [`api::start`] alone.

pub mod canary;
pub mod database;
pub mod demo;
pub mod docker_registry;
pub mod eventually;
pub mod gateway;
pub mod harbor;
pub mod hostile;
pub mod identity_provider;
pub mod load;
pub mod program;
