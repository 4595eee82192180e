//! Bearer tokens: JSON Web Tokens, verified against the one key that is configured.
//!
//! A token that was verified is kept: its signature will not change, and only its times are looked at again.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Validation, decode, errors::ErrorKind};
use quick_cache::{Weighter, sync::Cache};
use serde_json::Value;

use super::{ClaimNames, JwtKey, TokenError, Viewer};
use crate::clock;

/// How far the clocks of issuer and Fairway may differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// Longer tokens are not looked at. A thousand memberships take about half of it.
const MAX_TOKEN_BYTES: usize = 64 << 10;

/// The audit trail keeps subjects in a column of this length.
const MAX_SUBJECT_CHARS: usize = 255;

/// What tokens must satisfy.
#[derive(Clone, Debug)]
pub struct JwtConfig {
    pub key: JwtKey,
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
    key: JwtKey,
    claims: ClaimNames,
    validation: Validation,
    /// By the whole text: nothing less tells two tokens apart. A refusal is not kept, or strangers could fill this.
    kept: Cache<Box<str>, Verified, Length>,
}

/// What a token says that is signed as it should be.
#[derive(Clone)]
struct Verified {
    viewer: Arc<Viewer>,
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
    pub fn new(config: &JwtConfig) -> Self {
        let mut validation = Validation::new(config.key.algorithm());
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
            key: config.key.clone(),
            claims: config.claims.clone(),
            validation,
            kept: Cache::with_weighter(LIKELY_KEPT, MAX_KEPT_BYTES, Length),
        }
    }

    /// The viewer whom a token speaks for. The token comes without its `Bearer` prefix.
    pub fn verify(&self, token: &str) -> Result<Arc<Viewer>, TokenError> {
        self.verify_at(token, clock::now())
    }

    fn verify_at(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<Viewer>, TokenError> {
        if let Some(kept) = self.kept.get(token) {
            kept.check_times(now).inspect_err(|_| {
                self.kept.remove(token);
            })?;
            return Ok(kept.viewer);
        }
        let verified = self.read(token)?;
        verified.check_times(now)?;
        self.kept.insert(token.into(), verified.clone());
        Ok(verified.viewer)
    }

    /// What a token says, at whatever time.
    fn read(&self, token: &str) -> Result<Verified, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let claims = decode::<Value>(token, self.key.decoding(), &self.validation)
            .map_err(|error| TokenError::from(error.into_kind()))?
            .claims;
        let viewer = Viewer {
            expires_at: instant(&claims, "exp")?.ok_or(TokenError::MissingClaim("exp"))?,
            subject: subject(&claims)?,
            name: claims["name"].as_str().map(|name| name.chars().take(MAX_SUBJECT_CHARS).collect()),
            is_admin: self.claims.is_admin(&claims),
            memberships: self.claims.memberships(&claims),
        };
        Ok(Verified { viewer: Arc::new(viewer), not_before: instant(&claims, "nbf")? })
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
        f.debug_struct("Verifier").field("key", &self.key).field("claims", &self.claims).finish_non_exhaustive()
    }
}

impl From<ErrorKind> for TokenError {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidSignature => Self::WrongSignature,
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
