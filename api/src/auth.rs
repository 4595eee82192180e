//! Who is asking, and what they may do.
//!
//! [`Verifier`] turns a bearer token into a [`Viewer`]; [`policy`] is the one table that says what a viewer may do. The
//! keys come from a [`KeySource`]. This module knows nothing of HTTP, of SQL, nor of which things exist.

pub mod policy;

mod claims;
mod error;
mod jwk;
mod key_set;
mod keys;
mod mint;
mod token;
mod viewer;

pub use claims::{ClaimNames, ClaimNamesError};
pub use error::{KeyError, TokenError};
pub use jwk::{KeySetError, Unused};
pub use key_set::{KeySet, KeySource, OneKey};
pub use keys::JwtKey;
pub use mint::{Grant, mint};
pub use token::{JwtConfig, Verifier};
pub use viewer::{Role, Viewer};
