//! Documents that requests name instead of sending: trusted ones, which were known at start, and those that clients
//! registered (automatic persisted queries).
//!
//! A document is named by its SHA-256, as Apollo's clients do (`extensions.persistedQuery`), or by the id that it has in
//! the file of trusted documents (`documentId`, as in the appendix of the specification of GraphQL over HTTP).

use std::{collections::HashMap, sync::Arc};

use axum::http::StatusCode;
use quick_cache::{Weighter, sync::Cache};
use sha2::{Digest, Sha256};

use super::{
    super::fault::{Fault, coded},
    Refusal,
};
use crate::config::TrustedDocuments;

/// The registered documents have together no more bytes than this. What is driven out is registered again when its
/// client next asks for it.
const MAX_REGISTERED_BYTES: u64 = 4 << 20;

/// How many documents are likely to be registered at a time.
const LIKELY_REGISTERED: usize = 1_000;

/// What stands before a hash in a `documentId`.
const SHA256: &str = "sha256:";

type Hash = [u8; 32];

/// How a request says which document it wants.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) text: Option<String>,
    /// `documentId`.
    pub(super) id: Option<String>,
    /// `extensions.persistedQuery.sha256Hash`.
    pub(super) hash: Option<Hash>,
}

/// The document that a request wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) text: String,
    /// Under what it is to be registered, once it has been found good.
    pub(super) registers: Option<Hash>,
}

/// Where documents are found by name.
pub(in crate::http) struct Persisted {
    trusted: HashMap<Box<str>, Arc<str>>,
    takes_others: bool,
    registered: Cache<Hash, Arc<str>, Length>,
}

#[derive(Clone)]
struct Length;

impl Weighter<Hash, Arc<str>> for Length {
    fn weight(&self, _: &Hash, text: &Arc<str>) -> u64 {
        (size_of::<Hash>() + text.len()) as u64
    }
}

impl Persisted {
    pub(in crate::http) fn new(documents: &TrustedDocuments) -> Self {
        let mut trusted = HashMap::new();
        for (id, text) in &documents.by_id {
            let text: Arc<str> = text.as_str().into();
            // Whatever the file's ids are made of, Apollo's clients know the SHA-256.
            trusted.insert(hex(&hash_of(&text)).into(), text.clone());
            trusted.insert(id.as_str().into(), text);
        }
        let registered = Cache::with_weighter(LIKELY_REGISTERED, MAX_REGISTERED_BYTES, Length);
        Self { trusted, takes_others: !documents.are_all, registered }
    }

    /// The document that is named or sent.
    pub(super) fn find(&self, named: Named) -> Result<Wanted, Refusal> {
        let Named { text, id, hash } = named;
        match (text, id, hash) {
            (Some(_), Some(_), _) => Err(Fault::malformed("`query` and `documentId` cannot be given together").into()),
            (Some(text), None, hash) => self.sent(text, hash),
            (None, Some(id), _) => self.named(&id),
            (None, None, Some(hash)) => self.named(&hex(&hash)),
            (None, None, None) => Err(Fault::malformed("`query` must be a string").into()),
        }
    }

    /// Keeps a document that was found good for those who will name it.
    pub(super) fn register(&self, hash: Hash, text: &str) {
        self.registered.insert(hash, text.into());
    }

    fn sent(&self, text: String, hash: Option<Hash>) -> Result<Wanted, Refusal> {
        // Nothing is hashed that does not have to be.
        if hash.is_none() && self.takes_others {
            return Ok(Wanted { text, registers: None });
        }
        let actual = hash_of(&text);
        if hash.is_some_and(|hash| hash != actual) {
            return Err(Fault::malformed("the hash in `persistedQuery` is not that of `query`").into());
        }
        let is_trusted = self.trusted.get(hex(&actual).as_str()).is_some_and(|trusted| **trusted == *text);
        if !is_trusted && !self.takes_others {
            let message = "only documents that this gateway was given at start are run";
            return Err(Fault::new(StatusCode::FORBIDDEN, "FORBIDDEN", message).into());
        }
        Ok(Wanted { text, registers: hash.filter(|_| !is_trusted) })
    }

    fn named(&self, id: &str) -> Result<Wanted, Refusal> {
        let name = id.strip_prefix(SHA256).unwrap_or(id);
        let found = self.trusted.get(id).or_else(|| self.trusted.get(name)).cloned();
        let found = found.or_else(|| self.registered.get(&parse_hash(name)?));
        match found {
            Some(text) => Ok(Wanted { text: (*text).to_owned(), registers: None }),
            // Apollo's clients know this text, others the code: they send the document along then.
            None => Err(coded("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound", None).into()),
        }
    }
}

fn hash_of(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// A SHA-256 in hexadecimal digits.
pub(super) fn parse_hash(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    if digits.len() != 2 * size_of::<Hash>() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut hash = Hash::default();
    for (place, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(hash)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn persisted(are_all: bool) -> Persisted {
        let by_id = [("relay-7".to_owned(), "{ a }".to_owned())].into();
        Persisted::new(&TrustedDocuments { by_id, are_all })
    }

    fn outcome(found: Result<Wanted, Refusal>) -> Result<Wanted, String> {
        found.map_err(|refusal| match refusal {
            Refusal::Fault(fault) => fault.code.to_owned(),
            Refusal::Error(error) => error.message.clone(),
        })
    }

    fn text(text: &str) -> Named {
        Named { text: Some(text.to_owned()), ..Named::default() }
    }

    fn id(id: &str) -> Named {
        Named { id: Some(id.to_owned()), ..Named::default() }
    }

    fn hash(of: &str) -> Named {
        Named { hash: Some(hash_of(of)), ..Named::default() }
    }

    fn plain(text: &str) -> Result<Wanted, String> {
        Ok(Wanted { text: text.to_owned(), registers: None })
    }

    const NOT_FOUND: &str = "PersistedQueryNotFound";

    #[test]
    fn trusted_documents_are_found_by_their_id_and_by_their_hash() {
        for are_all in [false, true] {
            let persisted = persisted(are_all);
            let by_hash = format!("sha256:{}", hex(&hash_of("{ a }")));
            for named in [id("relay-7"), id(&by_hash), hash("{ a }"), text("{ a }")] {
                assert_eq!(outcome(persisted.find(named)), plain("{ a }"));
            }
            for named in [id("relay-8"), id(""), id("sha256:"), id("sha256:äää"), hash("{ b }")] {
                assert_eq!(outcome(persisted.find(named)), Err(NOT_FOUND.to_owned()));
            }
        }
    }

    #[test]
    fn others_are_registered_where_others_are_taken() {
        let persisted = persisted(false);
        let both = || Named { text: Some("{ b }".to_owned()), ..hash("{ b }") };
        assert_eq!(outcome(persisted.find(text("{ b }"))), plain("{ b }"));
        let wanted = outcome(persisted.find(both())).unwrap();
        assert_eq!(wanted.registers, Some(hash_of("{ b }")));
        persisted.register(hash_of("{ b }"), "{ b }");
        assert_eq!(outcome(persisted.find(hash("{ b }"))), plain("{ b }"));
        let wrong = Named { text: Some("{ c }".to_owned()), ..hash("{ b }") };
        assert_eq!(outcome(persisted.find(wrong)), Err("BAD_USER_INPUT".to_owned()));

        let persisted = self::persisted(true);
        for named in [text("{ b }"), both()] {
            assert_eq!(outcome(persisted.find(named)), Err("FORBIDDEN".to_owned()));
        }
    }

    #[test]
    fn what_is_registered_is_bounded() {
        let persisted = persisted(false);
        for number in 0..200_u32 {
            let long = format!("{{ a{number} }}{}", " ".repeat(60_000));
            persisted.register(hash_of(&long), &long);
        }
        assert!(persisted.registered.weight() <= MAX_REGISTERED_BYTES, "{}", persisted.registered.weight());
        assert!(!persisted.registered.is_empty());
    }

    #[test]
    fn hashes_are_hexadecimal() {
        assert_eq!(parse_hash(&"0a".repeat(32)), Some([10; 32]));
        assert_eq!(parse_hash(&"FF".repeat(32)), Some([255; 32]));
        for text in ["", "0a", &"0g".repeat(32), &"é".repeat(32), &"+1".repeat(32)] {
            assert_eq!(parse_hash(text), None, "{text}");
        }
    }
}
