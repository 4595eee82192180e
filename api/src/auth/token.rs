//! Bearer tokens: JSON Web Tokens, verified against the keys of a [`KeySource`].
//!
//! A token that was verified is kept: while the keys are the same, its signature is good, and only its times are looked at
//! again.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header, errors::ErrorKind};
use quick_cache::{Weighter, sync::Cache};
use serde_json::Value;

use super::{ClaimNames, KeySet, KeySource, TokenError, Viewer};
use crate::clock;

/// How far the clocks of issuer and Fairway may differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// Longer tokens are not looked at. A thousand memberships take about half of it.
const MAX_TOKEN_BYTES: usize = 64 << 10;

/// The audit trail keeps subjects in a column of this length.
const MAX_SUBJECT_CHARS: usize = 255;

/// What tokens must satisfy, beside their signature.
#[derive(Clone, Debug)]
pub struct JwtConfig {
    /// The one `iss` that is accepted. Absent: any, and none.
    pub issuer: Option<String>,
    /// The `aud` that tokens must name. Absent: any, and none.
    pub audience: Option<String>,
    pub claims: ClaimNames,
}

/// All tokens that are kept have together no more bytes than this.
const MAX_KEPT_BYTES: u64 = 16 << 20;

/// How many tokens are likely to be kept at a time, of a thousand bytes each.
const LIKELY_KEPT: usize = (MAX_KEPT_BYTES / 1000) as usize;

/// Verifies tokens; cheap to share.
pub struct Verifier {
    keys: Arc<dyn KeySource>,
    claims: ClaimNames,
    validation: Validation,
    /// By the whole text: nothing less tells two tokens apart. A refusal is not kept, or strangers could fill this.
    kept: Cache<Box<str>, Verified, Length>,
}

/// What a token says that is signed as it should be.
#[derive(Clone)]
struct Verified {
    viewer: Arc<Viewer>,
    /// The keys that one of has signed it.
    keys: Arc<KeySet>,
    not_before: Option<DateTime<Utc>>,
}

/// Tokens are weighed by their length, to which what they say is in proportion.
#[derive(Clone)]
struct Length;

impl Weighter<Box<str>, Verified> for Length {
    fn weight(&self, token: &Box<str>, _: &Verified) -> u64 {
        token.len() as u64
    }
}

impl Verifier {
    #[must_use]
    pub fn new(config: &JwtConfig, keys: Arc<dyn KeySource>) -> Self {
        // Of the algorithm of the key that is tried, each time.
        let mut validation = Validation::new(Algorithm::default());
        // Times are compared here, against `clock`, so that tests can move it.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.required_spec_claims.clear();
        validation.validate_aud = config.audience.is_some();
        if let Some(audience) = &config.audience {
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        if let Some(issuer) = &config.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        Self {
            keys,
            claims: config.claims.clone(),
            validation,
            kept: Cache::with_weighter(LIKELY_KEPT, MAX_KEPT_BYTES, Length),
        }
    }

    /// The viewer whom a token speaks for. The token comes without its `Bearer` prefix.
    ///
    /// Where its key is not known, it asks for keys that were published since, and waits for them.
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Viewer>, TokenError> {
        match self.verify(token) {
            Err(TokenError::UnknownKey) if self.keys.refresh().await => self.verify(token),
            // It may be signed with a key that would be known if it could be read.
            Err(TokenError::UnknownKey) => Err(TokenError::KeysUnavailable),
            outcome => outcome,
        }
    }

    /// The same with the keys that are known, without waiting for others.
    pub fn verify(&self, token: &str) -> Result<Arc<Viewer>, TokenError> {
        self.verify_at(token, clock::now())
    }

    fn verify_at(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<Viewer>, TokenError> {
        let keys = self.keys.current().ok_or(TokenError::KeysUnavailable)?;
        if let Some(kept) = self.kept.get(token).filter(|kept| Arc::ptr_eq(&kept.keys, &keys)) {
            kept.check_times(now).inspect_err(|_| {
                self.kept.remove(token);
            })?;
            return Ok(kept.viewer);
        }
        let verified = self.read(token, keys)?;
        verified.check_times(now)?;
        self.kept.insert(token.into(), verified.clone());
        Ok(verified.viewer)
    }

    /// What a token says, at whatever time.
    fn read(&self, token: &str, keys: Arc<KeySet>) -> Result<Verified, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let claims = self.signed_claims(token, &keys)?;
        let viewer = Viewer {
            expires_at: instant(&claims, "exp")?.ok_or(TokenError::MissingClaim("exp"))?,
            subject: subject(&claims)?,
            name: claims["name"].as_str().map(|name| name.chars().take(MAX_SUBJECT_CHARS).collect()),
            is_admin: self.claims.is_admin(&claims),
            memberships: self.claims.memberships(&claims),
        };
        Ok(Verified { viewer: Arc::new(viewer), keys, not_before: instant(&claims, "nbf")? })
    }

    /// The claims of a token that one of the keys has signed.
    fn signed_claims(&self, token: &str, keys: &KeySet) -> Result<Value, TokenError> {
        let header = decode_header(token).map_err(|error| TokenError::from(error.into_kind()))?;
        // RFC 7515 §4.1.11: who does not understand all of them must refuse the token.
        if header.crit.is_some() {
            return Err(TokenError::UnknownExtension);
        }
        let mut failure = TokenError::UnknownKey;
        for key in keys.for_token(header.kid.as_deref()) {
            let mut validation = self.validation.clone();
            validation.algorithms = vec![key.algorithm()];
            match decode(token, key.decoding(), &validation).map_err(|error| TokenError::from(error.into_kind())) {
                Ok(signed) => return Ok(signed.claims),
                // Another key may be the right one; a signature that does not match tells more.
                Err(TokenError::WrongSignature) => failure = TokenError::WrongSignature,
                Err(TokenError::WrongAlgorithm) if failure == TokenError::WrongSignature => {}
                Err(TokenError::WrongAlgorithm) => failure = TokenError::WrongAlgorithm,
                Err(error) => return Err(error),
            }
        }
        Err(failure)
    }
}

impl Verified {
    fn check_times(&self, now: DateTime<Utc>) -> Result<(), TokenError> {
        if self.viewer.expires_at + LEEWAY <= now {
            return Err(TokenError::Expired);
        }
        if self.not_before.is_some_and(|not_before| not_before > now + LEEWAY) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The tokens that are kept are as good as passwords.
        f.debug_struct("Verifier").field("claims", &self.claims).finish_non_exhaustive()
    }
}

impl From<ErrorKind> for TokenError {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            // A key that is none verifies nothing.
            ErrorKind::InvalidSignature
            | ErrorKind::InvalidEcdsaKey
            | ErrorKind::InvalidEddsaKey
            | ErrorKind::InvalidRsaKey(_)
            | ErrorKind::InvalidKeyFormat => Self::WrongSignature,
            ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
                Self::WrongAlgorithm
            }
            ErrorKind::InvalidIssuer => Self::WrongIssuer,
            ErrorKind::InvalidAudience => Self::WrongAudience,
            ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Self::MissingClaim("iss"),
            ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Self::MissingClaim("aud"),
            // The enum is open; all that remains is some way of not being a token that can be read.
            _ => Self::Malformed,
        }
    }
}

/// A `NumericDate` of RFC 7519: seconds since 1970, fractions allowed.
fn instant(claims: &Value, claim: &'static str) -> Result<Option<DateTime<Utc>>, TokenError> {
    match &claims[claim] {
        Value::Null => Ok(None),
        value => {
            let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64));
            let instant = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
            // Far from the end of the calendar, so that leeway can be added without overflow.
            let usable = instant.filter(|instant| *instant < DateTime::<Utc>::MAX_UTC - TimeDelta::days(1));
            usable.map(Some).ok_or(TokenError::BadClaim(claim))
        }
    }
}

fn subject(claims: &Value) -> Result<String, TokenError> {
    match &claims["sub"] {
        Value::Null => Err(TokenError::MissingClaim("sub")),
        Value::String(subject) => {
            let is_usable = !subject.trim().is_empty()
                && subject.chars().count() <= MAX_SUBJECT_CHARS
                && !subject.chars().any(char::is_control);
            if is_usable { Ok(subject.clone()) } else { Err(TokenError::BadClaim("sub")) }
        }
        _ => Err(TokenError::BadClaim("sub")),
    }
}

#[cfg(test)]
pub(super) mod tests;
