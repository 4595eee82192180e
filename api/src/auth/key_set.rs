//! The keys that a token may be signed with, and where they come from.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use super::JwtKey;

/// Where the keys come from that tokens are verified with.
pub trait KeySource: Send + Sync {
    /// The keys as they are known now. None where none are known: then no token can be told good from bad.
    ///
    /// As long as they stay the same it is the same `Arc`: what was verified with them is good until they change.
    fn current(&self) -> Option<Arc<KeySet>>;

    /// Called for a token that names a key which is not known: it may have been published since. Answers whether
    /// [`KeySource::current`] is what is published, as far as that may be asked.
    fn refresh(&self) -> BoxFuture<'_, bool>;
}

/// Keys, each with the id that tokens call it by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<(Option<String>, JwtKey)>,
}

impl KeySet {
    pub(super) fn new(keys: Vec<(Option<String>, JwtKey)>) -> Self {
        Self { keys }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that a token may be signed with which names this one. Tokens need not name their key, and keys need not
    /// have a name.
    pub(super) fn for_token<'a>(&'a self, key_id: Option<&'a str>) -> impl Iterator<Item = &'a JwtKey> {
        let fits = move |name: &Option<String>| match (name, key_id) {
            (Some(name), Some(key_id)) => name == key_id,
            (None, _) | (_, None) => true,
        };
        self.keys.iter().filter(move |(name, _)| fits(name)).map(|(_, key)| key)
    }
}

/// The one key that was configured, which never changes.
#[derive(Clone, Debug)]
pub struct OneKey(Arc<KeySet>);

impl From<JwtKey> for OneKey {
    fn from(key: JwtKey) -> Self {
        Self(Arc::new(KeySet::new(vec![(None, key)])))
    }
}

impl KeySource for OneKey {
    fn current(&self) -> Option<Arc<KeySet>> {
        Some(self.0.clone())
    }

    fn refresh(&self) -> BoxFuture<'_, bool> {
        std::future::ready(true).boxed()
    }
}
