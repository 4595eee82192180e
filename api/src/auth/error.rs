//! What can be wrong with a token, or with the key that tokens are checked with.

use thiserror::Error;

/// Why a token was refused. The text is for the client: it says what to mend and nothing of what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    #[error("the token is not a well-formed JSON Web Token")]
    Malformed,
    #[error("the token is longer than is accepted")]
    TooLong,
    #[error("the token is signed with an algorithm that is not accepted")]
    WrongAlgorithm,
    #[error("the token demands an extension that is not supported")]
    UnknownExtension,
    #[error("the token is signed with a key that is not known")]
    UnknownKey,
    /// Says nothing of the token: it may be good.
    #[error("the identity provider's keys cannot be read at present")]
    KeysUnavailable,
    #[error("the token's signature does not match")]
    WrongSignature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token was issued by another issuer")]
    WrongIssuer,
    #[error("the token is meant for another audience")]
    WrongAudience,
    #[error("the token has no `{0}` claim")]
    MissingClaim(&'static str),
    #[error("the token's `{0}` claim is not usable")]
    BadClaim(&'static str),
}

/// Why a key cannot be used to verify tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    #[error("the secret needs at least 32 bytes")]
    ShortSecret,
    #[error("this is a private key; give the public one")]
    Private,
    #[error("not a public key in PEM form")]
    NotPem,
    #[error("not an RSA, P-256 or Ed25519 key")]
    UnsupportedType,
    #[error("an RSA key needs at least 2048 bits")]
    ShortRsa,
}
