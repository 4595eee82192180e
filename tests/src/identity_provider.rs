//! What Fairway sees of an identity provider: an address where its keys are published, and the tokens that it signs.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    http::{Response, header},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

use crate::gateway::Token;

/// The private key whose public part is [`RSA_MODULUS`]; everybody can read it.
const RSA_PRIVATE: &[u8] = include_bytes!("../../api/fixtures/jwt/rsa2048.pem");

const RSA_MODULUS: &str = "rg1JM63jCAK8i0xI5ilVfJEZRf2w7feFxBSg9hCqqhl4vn_Gqh1KiHLuRkZ8eX-GLoMPm2X1m4Y7LfGhUGEf3qcOadkp6vI5\
G8HBoyCVIhft5YK-wwh7xIKjgYT-wIpHkJUF0R69LlbZvH46nn8TSaz7rwyKqXO3E3Tblw1D6GNnedw2s0uKUWtg2Yk0YYIxyWrvWZ_1shVQltoJrYBVZwqM\
WaphLXDELSwQ7uRB0XS93wqf4uFURpBVbcJnRtKWlOfzJjMiL997pxpk3_MeUMcWJ_Xu6h3EB42Vuxt7_U7ufWBGiQtsHFi6atohGSzWS1Ipan40G3CuJP6k-\
FzNYw";

/// A key of the provider: what it signs with, and what it publishes.
pub struct SigningKey {
    id: String,
    algorithm: Algorithm,
    private: EncodingKey,
    public: Value,
}

/// What is answered to whoever asks for the keys.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Status 200 and this text, with this `Cache-Control`.
    Text(String, Option<&'static str>),
    /// A status and nothing else.
    Status(u16),
    /// A redirect to this address.
    Redirect(String),
    /// Nothing, until [`IdentityProvider::release`].
    Nothing,
}

/// A provider at an address of its own; ends when dropped.
pub struct IdentityProvider {
    address: SocketAddr,
    desk: Arc<Desk>,
    server: JoinHandle<()>,
}

struct Desk {
    answer: Mutex<Answer>,
    asked: AtomicUsize,
    released: Notify,
}

impl SigningKey {
    /// ES256.
    ///
    /// # Panics
    /// When the system gives no random bytes.
    #[must_use]
    pub fn p256(id: &str) -> Self {
        Self::elliptic(id, &rcgen::PKCS_ECDSA_P256_SHA256, Algorithm::ES256, "P-256")
    }

    /// ES384.
    ///
    /// # Panics
    /// When the system gives no random bytes.
    #[must_use]
    pub fn p384(id: &str) -> Self {
        Self::elliptic(id, &rcgen::PKCS_ECDSA_P384_SHA384, Algorithm::ES384, "P-384")
    }

    /// `EdDSA`.
    ///
    /// # Panics
    /// When the system gives no random bytes.
    #[must_use]
    pub fn ed25519(id: &str) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("the system gives random bytes");
        let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key_raw());
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::EdDSA,
            private: EncodingKey::from_ed_der(&pair.serialize_der()),
            public: json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x }),
        }
    }

    /// RS256, of a key that is the same each time: making one takes seconds.
    ///
    /// # Panics
    /// Never: the key is fixed.
    #[must_use]
    pub fn rsa(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::RS256,
            private: EncodingKey::from_rsa_pem(RSA_PRIVATE).expect("the fixture is a key"),
            public: json!({ "kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": RSA_MODULUS, "e": "AQAB" }),
        }
    }

    fn elliptic(id: &str, kind: &'static rcgen::SignatureAlgorithm, algorithm: Algorithm, curve: &str) -> Self {
        let pair = KeyPair::generate_for(kind).expect("the system gives random bytes");
        // Uncompressed: a byte that says so, then both coordinates.
        let point = &pair.public_key_raw()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let [x, y] = [x, y].map(|coordinate| BASE64_URL_SAFE_NO_PAD.encode(coordinate));
        Self {
            id: id.to_owned(),
            algorithm,
            private: EncodingKey::from_ec_der(&pair.serialize_der()),
            public: json!({ "kty": "EC", "crv": curve, "kid": id, "x": x, "y": y }),
        }
    }

    /// Signs a token.
    #[must_use]
    pub fn sign(&self, token: Token) -> String {
        self.sign_as(token, Some(&self.id))
    }

    /// Signs a token that says that another key has signed it, or says nothing about it.
    #[must_use]
    pub fn sign_as(&self, token: Token, id: Option<&str>) -> String {
        let header = Header { kid: id.map(str::to_owned), ..Header::new(self.algorithm) };
        self.sign_with(&header, token)
    }

    /// Signs a token under a header of any content; its algorithm must be this key's.
    #[must_use]
    pub fn sign_with(&self, header: &Header, token: Token) -> String {
        token.mint_with(header, &self.private)
    }

    /// What is published of it.
    #[must_use]
    pub fn public(&self) -> &Value {
        &self.public
    }
}

/// A set of keys as it is published.
#[must_use]
pub fn key_set(keys: &[&SigningKey]) -> String {
    let keys: Vec<&Value> = keys.iter().map(|key| key.public()).collect();
    json!({ "keys": keys }).to_string()
}

impl IdentityProvider {
    /// A provider that publishes these keys.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(keys: &[&SigningKey]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let answer = Mutex::new(Answer::Text(key_set(keys), None));
        let desk = Arc::new(Desk { answer, asked: AtomicUsize::new(0), released: Notify::new() });
        let at_desk = desk.clone();
        let router = Router::new().fallback(move || at_desk.clone().serve());
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serving ends with the runtime only");
        });
        Self { address, desk, server }
    }

    /// Where its keys are: any path will do.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn url(&self) -> url::Url {
        format!("http://{}/jwks", self.address).parse().expect("an address makes a URL")
    }

    /// Publishes these keys and no others.
    pub fn publish(&self, keys: &[&SigningKey]) {
        self.answer(Answer::Text(key_set(keys), None));
    }

    /// Answers this from now on.
    ///
    /// # Panics
    /// Never.
    pub fn answer(&self, answer: Answer) {
        *self.desk.answer.lock().expect("no panic happens under this lock") = answer;
    }

    /// Lets all who wait for [`Answer::Nothing`] have what is answered now.
    pub fn release(&self) {
        self.desk.released.notify_waiters();
    }

    /// How often it was asked for its keys.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.desk.asked.load(Ordering::SeqCst)
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Desk {
    fn now(&self) -> Answer {
        self.answer.lock().expect("no panic happens under this lock").clone()
    }

    async fn serve(self: Arc<Self>) -> Response<Body> {
        let released = self.released.notified();
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = match self.now() {
            Answer::Nothing => {
                released.await;
                self.now()
            }
            answer => answer,
        };
        let response = Response::builder();
        let response = match answer {
            Answer::Text(text, cache_control) => {
                let response = response.header(header::CONTENT_TYPE, "application/json");
                let response = match cache_control {
                    Some(cache_control) => response.header(header::CACHE_CONTROL, cache_control),
                    None => response,
                };
                response.body(Body::from(text))
            }
            Answer::Status(status) => response.status(status).body(Body::empty()),
            Answer::Redirect(target) => response.status(302).header(header::LOCATION, target).body(Body::empty()),
            Answer::Nothing => response.status(503).body(Body::empty()),
        };
        response.expect("a response of known parts")
    }
}
