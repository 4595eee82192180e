//! Reads a JSON Web Key Set (RFC 7517), as identity providers publish it.
//!
//! A set holds keys for other purposes too, and of kinds that are yet to come. Each key that cannot verify a token here is
//! left out, with the reason, and is no reason to refuse the others.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::{JwtKey, KeySet};

/// A token that names no key is tried with all of them, so there are not many.
const MAX_KEYS: usize = 100;

/// Why a text is no set of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeySetError {
    #[error("it is not a JSON Web Key Set")]
    NotJwks,
    #[error("it holds more than 100 keys")]
    TooMany,
}

/// A key of a set that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// Its `kid`.
    pub key_id: Option<String>,
    /// Why not.
    pub reason: &'static str,
    /// Whether that is how sets look, and nothing for anybody to mend.
    pub is_usual: bool,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<serde::de::IgnoredAny>,
}

/// Why a key is not used, and whether that is usual.
struct Refusal(&'static str, bool);

const fn unusual(reason: &'static str) -> Refusal {
    Refusal(reason, false)
}

impl KeySet {
    /// The keys of a JSON Web Key Set that can verify tokens, and what became of the others.
    ///
    /// The type and the curve of a key fix its algorithm, together with its `alg` where it has one; what a token asks for is
    /// never followed.
    ///
    /// # Errors
    /// When it is no such set. One that holds no usable key is one all the same: its owner trusts no key.
    pub fn from_jwks(text: &[u8]) -> Result<(Self, Vec<Unused>), KeySetError> {
        #[derive(Deserialize)]
        struct Jwks {
            keys: Vec<Value>,
        }
        let Jwks { keys: found } = serde_json::from_slice(text).map_err(|_| KeySetError::NotJwks)?;
        if found.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let (mut keys, mut unused) = (Vec::new(), Vec::new());
        for jwk in found {
            let key_id = jwk["kid"].as_str().map(str::to_owned);
            let key = Jwk::deserialize(jwk).map_err(|_| unusual("it is no JSON Web Key")).and_then(|jwk| jwk.read());
            match key {
                Ok(key) => keys.push((key_id, key)),
                Err(Refusal(reason, is_usual)) => unused.push(Unused { key_id, reason, is_usual }),
            }
        }
        Ok((Self::new(keys), unused))
    }
}

impl Jwk {
    fn read(&self) -> Result<JwtKey, Refusal> {
        if self.usage.as_deref().is_some_and(|usage| usage != "sig")
            || self.key_ops.as_ref().is_some_and(|operations| !operations.iter().any(|operation| operation == "verify"))
        {
            return Err(Refusal("it is not for verifying signatures", true));
        }
        if self.kty == "oct" {
            // Whoever can read the set could sign with it.
            return Err(unusual("it is a shared secret, and published"));
        }
        if self.d.is_some() {
            return Err(unusual("it is a private key, and published"));
        }
        match self.kty.as_str() {
            "RSA" => self.rsa(),
            "EC" => match self.crv.as_deref() {
                Some("P-256") => self.elliptic(Algorithm::ES256, "ES256", 32),
                Some("P-384") => self.elliptic(Algorithm::ES384, "ES384", 48),
                _ => Err(Refusal("its curve is not supported", true)),
            },
            "OKP" if self.crv.as_deref() == Some("Ed25519") => self.edwards(),
            _ => Err(Refusal("its type is not supported", true)),
        }
    }

    fn rsa(&self) -> Result<JwtKey, Refusal> {
        let algorithm = match self.alg.as_deref() {
            None | Some("RS256") => Algorithm::RS256,
            Some("RS384") => Algorithm::RS384,
            Some("RS512") => Algorithm::RS512,
            Some("PS256") => Algorithm::PS256,
            Some("PS384") => Algorithm::PS384,
            Some("PS512") => Algorithm::PS512,
            Some(_) => return Err(Refusal("its algorithm is not supported", true)),
        };
        let (modulus, exponent) = (number(self.n.as_ref())?, number(self.e.as_ref())?);
        match bits(&modulus) {
            0..2048 => Err(unusual("an RSA key needs at least 2048 bits")),
            // Longer ones are refused below, where nobody would be told.
            2048..=4096 => Ok(JwtKey::new(algorithm, DecodingKey::from_rsa_raw_components(&modulus, &exponent))),
            _ => Err(unusual("an RSA key may have 4096 bits at most")),
        }
    }

    fn elliptic(&self, algorithm: Algorithm, name: &str, n_bytes: usize) -> Result<JwtKey, Refusal> {
        self.check_algorithm(&[name])?;
        let (x, y) = (bytes(self.x.as_ref())?, bytes(self.y.as_ref())?);
        if x.len() != n_bytes || y.len() != n_bytes {
            return Err(unusual("its coordinates have the wrong length"));
        }
        Ok(JwtKey::new(algorithm, DecodingKey::from_ec_der(&[&[4][..], &x, &y].concat())))
    }

    fn edwards(&self) -> Result<JwtKey, Refusal> {
        self.check_algorithm(&["EdDSA", "Ed25519"])?;
        let x = bytes(self.x.as_ref())?;
        if x.len() != 32 {
            return Err(unusual("its coordinate has the wrong length"));
        }
        Ok(JwtKey::new(Algorithm::EdDSA, DecodingKey::from_ed_der(&x)))
    }

    fn check_algorithm(&self, expected: &[&str]) -> Result<(), Refusal> {
        match self.alg.as_deref() {
            Some(algorithm) if !expected.contains(&algorithm) => Err(Refusal("its algorithm is not supported", true)),
            _ => Ok(()),
        }
    }
}

fn bytes(text: Option<&String>) -> Result<Vec<u8>, Refusal> {
    let text = text.ok_or(unusual("a part of it is missing"))?;
    // The padding that some leave at the end means nothing.
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| unusual("a part of it is not base64url"))
}

/// A number without the zeroes before it.
fn number(text: Option<&String>) -> Result<Vec<u8>, Refusal> {
    let mut bytes = bytes(text)?;
    bytes.drain(..bytes.iter().take_while(|byte| **byte == 0).count());
    Ok(bytes)
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(keys: Value) -> (Vec<Algorithm>, Vec<&'static str>) {
        let (keys, unused) = KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        (keys.for_token(None).map(JwtKey::algorithm).collect(), unused.iter().map(|unused| unused.reason).collect())
    }

    fn accepted(key: Value) -> Option<Algorithm> {
        read(json!([key])).0.first().copied()
    }

    fn encoded(n_bytes: usize) -> String {
        URL_SAFE_NO_PAD.encode(vec![0xc7; n_bytes])
    }

    /// A key with some of its members replaced.
    fn with(mut key: Value, changes: Value) -> Value {
        key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        key
    }

    fn rsa() -> Value {
        json!({ "kty": "RSA", "kid": "r", "n": encoded(256), "e": "AQAB" })
    }

    fn p256() -> Value {
        json!({ "kty": "EC", "crv": "P-256", "kid": "e", "x": encoded(32), "y": encoded(32) })
    }

    #[test]
    fn type_curve_and_alg_fix_the_algorithm() {
        let p384 = json!({ "kty": "EC", "crv": "P-384", "x": encoded(48), "y": encoded(48) });
        let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(32) });
        for (key, algorithm) in [
            (rsa(), Algorithm::RS256),
            (with(rsa(), json!({ "alg": "RS256", "use": "sig" })), Algorithm::RS256),
            (with(rsa(), json!({ "alg": "PS384", "key_ops": ["verify"] })), Algorithm::PS384),
            (p256(), Algorithm::ES256),
            (p384, Algorithm::ES384),
            (ed.clone(), Algorithm::EdDSA),
            (with(ed, json!({ "alg": "EdDSA" })), Algorithm::EdDSA),
        ] {
            assert_eq!(accepted(key.clone()), Some(algorithm), "{key}");
        }
    }

    #[test]
    fn what_cannot_verify_is_left_out() {
        for key in [
            with(rsa(), json!({ "use": "enc" })),
            with(rsa(), json!({ "alg": "RSA-OAEP" })),
            with(rsa(), json!({ "alg": "HS256" })),
            with(rsa(), json!({ "alg": "none" })),
            with(rsa(), json!({ "key_ops": ["sign"] })),
            with(rsa(), json!({ "n": encoded(255) })),
            with(rsa(), json!({ "n": format!("AAAA{}", encoded(252)) })),
            with(rsa(), json!({ "n": encoded(513) })),
            with(rsa(), json!({ "n": "no base64" })),
            with(rsa(), json!({ "d": "AQAB" })),
            with(p256(), json!({ "alg": "ES384" })),
            with(p256(), json!({ "crv": "P-384" })),
            with(p256(), json!({ "crv": "secp256k1" })),
            with(p256(), json!({ "y": encoded(31) })),
            json!({ "kty": "EC", "crv": "P-256", "x": encoded(32) }),
            json!({ "kty": "OKP", "crv": "X25519", "x": encoded(32) }),
            json!({ "kty": "oct", "k": encoded(32), "alg": "HS256" }),
            json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": encoded(1312) }),
            json!({ "kid": "x" }),
            json!("key"),
        ] {
            assert_eq!(accepted(key.clone()), None, "{key}");
        }
    }

    #[test]
    fn one_bad_key_does_not_cost_the_others() {
        let enc = with(rsa(), json!({ "use": "enc" }));
        let (algorithms, reasons) = read(json!([enc, rsa(), 7, p256()]));
        assert_eq!(algorithms, [Algorithm::RS256, Algorithm::ES256]);
        assert_eq!(reasons, ["it is not for verifying signatures", "it is no JSON Web Key"]);
    }

    #[test]
    fn a_token_is_tried_with_the_key_it_names() {
        let text = json!({ "keys": [rsa(), p256(), with(p256(), json!({ "kid": null }))] }).to_string();
        let (keys, _) = KeySet::from_jwks(text.as_bytes()).unwrap();
        let tried = |key_id| keys.for_token(key_id).count();
        assert_eq!((tried(Some("r")), tried(Some("e")), tried(Some("other")), tried(None)), (2, 2, 1, 3));
    }

    #[test]
    fn what_is_no_set_is_refused() {
        let read = |text: &str| KeySet::from_jwks(text.as_bytes()).map(|(keys, _)| keys.len());
        for text in ["", "{}", "[]", "<html>", "{\"keys\":{}}", "null"] {
            assert_eq!(read(text), Err(KeySetError::NotJwks), "{text}");
        }
        assert_eq!(read("{\"keys\":[]}"), Ok(0));
        assert_eq!(read(&json!({ "keys": vec![rsa(); 101] }).to_string()), Err(KeySetError::TooMany));
    }
}
