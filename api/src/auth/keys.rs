//! A key that tokens are verified with. The key alone decides the algorithm: what a token's header asks for is never
//! followed, or a public key could be passed off as a shared secret.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use secrecy::{ExposeSecret, SecretString};

use super::KeyError;

/// RFC 7518 §3.2: an HS256 key is at least as long as the hash.
const MIN_SECRET_BYTES: usize = 32;

/// A 2048-bit modulus alone takes 256 bytes.
const MIN_RSA_BYTES: usize = 256;

/// Length of an uncompressed point on a 256-bit curve.
const P256_POINT_BYTES: usize = 65;

/// A key for tokens, checked when it is made.
#[derive(Clone)]
pub struct JwtKey {
    algorithm: Algorithm,
    decoding: DecodingKey,
}

impl JwtKey {
    pub(super) fn new(algorithm: Algorithm, decoding: DecodingKey) -> Self {
        Self { algorithm, decoding }
    }

    /// A shared secret (HS256), taken as the bytes of the text.
    pub fn from_secret(secret: &SecretString) -> Result<Self, KeyError> {
        let bytes = secret.expose_secret().as_bytes();
        if bytes.len() < MIN_SECRET_BYTES {
            return Err(KeyError::ShortSecret);
        }
        Ok(Self { algorithm: Algorithm::HS256, decoding: DecodingKey::from_secret(bytes) })
    }

    /// A public key in PEM form; its type fixes the algorithm: RS256, ES256 or `EdDSA`.
    pub fn from_public_pem(pem: &str) -> Result<Self, KeyError> {
        if pem.contains("PRIVATE KEY-----") {
            return Err(KeyError::Private);
        }
        // Certificates are PEM too, but expire, which nobody here would check.
        if !pem.contains("PUBLIC KEY-----") {
            return Err(KeyError::NotPem);
        }
        let pem = pem.as_bytes();
        if let Ok(decoding) = DecodingKey::from_ed_pem(pem) {
            return Ok(Self { algorithm: Algorithm::EdDSA, decoding });
        }
        if let Ok(decoding) = DecodingKey::from_ec_pem(pem) {
            return match decoding.try_get_as_bytes() {
                Ok(point) if point.len() == P256_POINT_BYTES => Ok(Self { algorithm: Algorithm::ES256, decoding }),
                _ => Err(KeyError::UnsupportedType),
            };
        }
        let decoding = DecodingKey::from_rsa_pem(pem).map_err(|_| KeyError::NotPem)?;
        match decoding.try_get_as_bytes() {
            Ok(der) if der.len() < MIN_RSA_BYTES => Err(KeyError::ShortRsa),
            _ => Ok(Self { algorithm: Algorithm::RS256, decoding }),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

impl PartialEq for JwtKey {
    fn eq(&self, other: &Self) -> bool {
        // Public keys alone are ever compared, so it may take as long as it takes.
        let material = |key: &Self| match key.decoding.kind() {
            DecodingKeyKind::SecretOrDer(der) => (der.clone(), Vec::new()),
            DecodingKeyKind::RsaModulusExponent { n, e } => (n.clone(), e.clone()),
        };
        self.algorithm == other.algorithm && material(self) == material(other)
    }
}

impl Eq for JwtKey {}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::tests::{EC_PUBLIC, ED_PRIVATE, ED_PUBLIC, RSA_PUBLIC};

    #[test]
    fn the_key_fixes_the_algorithm() {
        let algorithm = |pem| JwtKey::from_public_pem(pem).unwrap().algorithm();
        assert_eq!(algorithm(RSA_PUBLIC), Algorithm::RS256);
        assert_eq!(algorithm(EC_PUBLIC), Algorithm::ES256);
        assert_eq!(algorithm(ED_PUBLIC), Algorithm::EdDSA);
        assert_eq!(JwtKey::from_secret(&"s".repeat(32).into()).unwrap().algorithm(), Algorithm::HS256);
    }

    #[test]
    fn unusable_keys_are_refused() {
        let refused = |pem: &str| JwtKey::from_public_pem(pem).unwrap_err();
        assert_eq!(JwtKey::from_secret(&"s".repeat(31).into()).unwrap_err(), KeyError::ShortSecret);
        assert_eq!(refused(ED_PRIVATE), KeyError::Private);
        assert_eq!(refused("hunter2"), KeyError::NotPem);
        assert_eq!(refused("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), KeyError::NotPem);
        assert_eq!(refused(include_str!("../../fixtures/jwt/p384.pub.pem")), KeyError::UnsupportedType);
        assert_eq!(refused(include_str!("../../fixtures/jwt/rsa1024.pub.pem")), KeyError::ShortRsa);
    }

    #[test]
    fn debug_shows_no_key() {
        let key = JwtKey::from_secret(&"correct horse battery staple, twice".into()).unwrap();
        assert_eq!(format!("{key:?}"), "JwtKey { algorithm: HS256, .. }");
    }
}
