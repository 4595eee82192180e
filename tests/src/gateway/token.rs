//! Tokens as the platform's identity provider would give them, good ones and bad ones.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};

/// The secret that gateways under test verify with.
pub const JWT_SECRET: &str = "a-secret-for-tests-alone-of-at-least-32-bytes";

/// Claims, still to be signed.
#[derive(Clone, Debug)]
pub struct Token {
    claims: Map<String, Value>,
    workspaces: BTreeMap<String, String>,
    secret: String,
    algorithm: Algorithm,
}

impl Token {
    /// Somebody without any role, for an hour.
    #[must_use]
    pub fn new(subject: &str) -> Self {
        let mut claims = Map::new();
        claims.insert("sub".to_owned(), json!(subject));
        claims.insert("exp".to_owned(), json!(seconds_from_now(3600)));
        Self { claims, workspaces: BTreeMap::new(), secret: JWT_SECRET.to_owned(), algorithm: Algorithm::HS256 }
    }

    /// Gives a display name.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.claim("name", json!(name))
    }

    /// Makes a platform admin.
    #[must_use]
    pub fn admin(self) -> Self {
        self.claim("roles", json!(["admin"]))
    }

    /// Adds a membership; `role` is `admin`, `editor` or `viewer`.
    #[must_use]
    pub fn member(mut self, workspace: &str, role: &str) -> Self {
        self.workspaces.insert(workspace.to_owned(), role.to_owned());
        self
    }

    /// Expires that many seconds from now; negative is in the past.
    #[must_use]
    pub fn expires_in(self, seconds: i64) -> Self {
        self.claim("exp", json!(seconds_from_now(seconds)))
    }

    /// Sets any claim, to anything.
    #[must_use]
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }

    /// Leaves a claim out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Signs with another secret than the gateway's.
    #[must_use]
    pub fn signed_with(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self
    }

    /// Signs with another algorithm than the gateway's.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Signs it.
    ///
    /// # Panics
    /// Never with an HMAC algorithm.
    #[must_use]
    pub fn mint(self) -> String {
        let key = EncodingKey::from_secret(self.secret.as_bytes());
        let header = Header::new(self.algorithm);
        self.mint_with(&header, &key)
    }

    /// Signs it with any key.
    ///
    /// # Panics
    /// When the key is of another kind than the header says.
    #[must_use]
    pub fn mint_with(mut self, header: &Header, key: &EncodingKey) -> String {
        if !self.workspaces.is_empty() {
            self.claims.insert("workspaces".to_owned(), json!(self.workspaces));
        }
        jsonwebtoken::encode(header, &self.claims, key).expect("claims of plain JSON can be signed")
    }
}

/// Seconds since 1970 of a moment before or after now.
fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since: Duration| since.as_secs());
    i64::try_from(now).expect("the clock stands before the year 292 billion") + seconds
}
