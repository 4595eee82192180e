//! Where a registry is to tell of changes.

use secrecy::SecretString;

/// A webhook of one space. Its name is what it is found again by.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Unique among the webhooks of its space.
    pub name: String,
    /// Where events are sent, an `http` or `https` URL.
    pub address: String,
    /// Sent along as `Authorization`, word for word. The administrators of a Harbor project can read it there.
    pub authorization: SecretString,
}
