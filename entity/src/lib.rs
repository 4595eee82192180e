//! The tables of Fairway, one file each.
//!
//! Plain data: no rule, no permission, no GraphQL. The schema itself is in the `migration` crate; a test holds
//! the two together.
//!
//! Every row that other processes keep in memory carries `version`: the value of the [`epoch`] counter that its
//! last writer raised.

pub mod audit_event;
pub mod epoch;
pub mod image;
pub mod namespace;
pub mod registry;
pub mod registry_sync;
pub mod space;
pub mod space_binding;
pub mod tombstone;
pub mod workspace;
