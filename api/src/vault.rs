//! Keeps the passwords of registry accounts unreadable in the database.
//!
//! XChaCha20-Poly1305 with a random nonce. A sealed secret is bound to a context (the registry's id and the origin it is
//! for), so a row's ciphertext opens neither in another row nor for another address. This module does not know where sealed
//! bytes are kept.
//!
//! Layout: format (1 byte), key id (4), nonce (24), ciphertext and tag.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use thiserror::Error;

const FORMAT: u8 = 1;
const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES;

/// Names a key, and tells nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId([u8; KEY_ID_BYTES]);

/// A key of 32 bytes, shown nowhere.
#[derive(Clone)]
pub struct Key(SecretSlice<u8>);

/// Seals with the newest key, opens with any.
pub struct Vault {
    /// Newest first, never empty.
    keys: Vec<(KeyId, XChaCha20Poly1305)>,
}

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 32 bytes in base64")]
pub struct KeyError;

/// Why a sealed secret cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VaultError {
    #[error("the sealed secret is damaged or in a format that is not known")]
    Format,
    #[error("the sealed secret was made with a key that is not configured")]
    UnknownKey(KeyId),
    /// Altered, or sealed for another registry or origin; which of them cannot be told.
    #[error("the sealed secret does not belong here")]
    Mismatch,
}

impl Key {
    /// 32 bytes in standard base64.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = SecretSlice::from(STANDARD.decode(text.trim()).map_err(|_| KeyError)?);
        if bytes.expose_secret().len() == KEY_BYTES { Ok(Self(bytes)) } else { Err(KeyError) }
    }

    /// A new random key.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = vec![0; KEY_BYTES];
        fill_random(&mut bytes);
        Self(bytes.into())
    }

    /// The key as [`Key::from_base64`] reads it.
    #[must_use]
    pub fn to_base64(&self) -> SecretString {
        STANDARD.encode(self.0.expose_secret()).into()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new_from_slice(self.0.expose_secret()).expect("a key has 32 bytes by construction")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

impl Vault {
    /// A vault with these keys, the newest first.
    ///
    /// # Panics
    /// Without a key: the configuration requires one.
    #[must_use]
    pub fn new(keys: &[Key]) -> Self {
        assert!(!keys.is_empty(), "a vault needs a key");
        Self { keys: keys.iter().map(Key::cipher).map(|cipher| (key_id(&cipher), cipher)).collect() }
    }

    /// Encrypts a secret for one context; it opens with the same context alone.
    #[must_use]
    pub fn seal(&self, plaintext: &SecretString, context: &str) -> Vec<u8> {
        let (id, cipher) = &self.keys[0];
        let mut nonce = [0; NONCE_BYTES];
        fill_random(&mut nonce);
        let payload = Payload { msg: plaintext.expose_secret().as_bytes(), aad: context.as_bytes() };
        let ciphertext =
            cipher.encrypt(&XNonce::from(nonce), payload).expect("a secret is far below the cipher's limit of 256 GiB");
        [&[FORMAT][..], &id.0, &nonce, &ciphertext].concat()
    }

    /// Decrypts what [`Vault::seal`] made for the same context.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<SecretString, VaultError> {
        let (header, ciphertext) = sealed.split_at_checked(HEADER_BYTES).ok_or(VaultError::Format)?;
        let id = KeyId::of(sealed).ok_or(VaultError::Format)?;
        let nonce = &header[1 + KEY_ID_BYTES..];
        let nonce = XNonce::try_from(nonce).map_err(|_| VaultError::Format)?;

        // Two keys may share an id, by chance; so each that fits is tried.
        let mut failure = VaultError::UnknownKey(id);
        for (_, cipher) in self.keys.iter().filter(|(known, _)| *known == id) {
            let payload = Payload { msg: ciphertext, aad: context.as_bytes() };
            match cipher.decrypt(&nonce, payload).map(String::from_utf8) {
                Ok(Ok(plaintext)) => return Ok(plaintext.into()),
                Ok(Err(_)) | Err(_) => failure = VaultError::Mismatch,
            }
        }
        Err(failure)
    }

    /// Whether a sealed secret was made with the newest key, so that nothing is gained by sealing it again.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        KeyId::of(sealed) == Some(self.keys[0].0)
    }

    /// The keys that it has, the newest first.
    pub fn key_ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.iter().map(|(id, _)| *id)
    }
}

impl KeyId {
    /// The key that a secret was sealed with, where that is a sealed secret.
    fn of(sealed: &[u8]) -> Option<Self> {
        match sealed {
            [FORMAT, rest @ ..] => rest.first_chunk().copied().map(Self),
            _ => None,
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("n_keys", &self.keys.len()).finish()
    }
}

/// Names a key without telling anything of it: the start of the tag of one fixed, empty message. Its nonce is all zeroes,
/// which a random one never is in practice.
fn key_id(cipher: &XChaCha20Poly1305) -> KeyId {
    let payload = Payload { msg: b"", aad: b"fairway key id" };
    let tag = cipher.encrypt(&XNonce::default(), payload).expect("an empty message is below any limit");
    KeyId(tag[..KEY_ID_BYTES].try_into().expect("a tag has 16 bytes"))
}

fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &str = "42 https://harbor.example";

    fn key(fill: u8) -> Key {
        Key::from_base64(&STANDARD.encode([fill; 32])).unwrap()
    }

    fn open(vault: &Vault, sealed: &[u8], context: &str) -> Result<String, VaultError> {
        vault.open(sealed, context).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn what_is_sealed_opens_again() {
        let vault = Vault::new(&[key(1)]);
        for plaintext in ["", "hunter2", "пароль"] {
            assert_eq!(open(&vault, &vault.seal(&plaintext.into(), CONTEXT), CONTEXT), Ok(plaintext.to_owned()));
        }
    }

    #[test]
    fn the_same_secret_looks_different_each_time() {
        let vault = Vault::new(&[key(1)]);
        assert_ne!(vault.seal(&"hunter2".into(), CONTEXT), vault.seal(&"hunter2".into(), CONTEXT));
    }

    #[test]
    fn another_context_does_not_open() {
        let vault = Vault::new(&[key(1)]);
        let sealed = vault.seal(&"hunter2".into(), CONTEXT);
        assert_eq!(open(&vault, &sealed, "42 https://evil.example"), Err(VaultError::Mismatch));
        assert_eq!(open(&vault, &sealed, "43 https://harbor.example"), Err(VaultError::Mismatch));
    }

    #[test]
    fn another_key_does_not_open() {
        let vault = Vault::new(&[key(1)]);
        let sealed = vault.seal(&"hunter2".into(), CONTEXT);
        let of_one = vault.key_ids().next().unwrap();
        assert_eq!(open(&Vault::new(&[key(2)]), &sealed, CONTEXT), Err(VaultError::UnknownKey(of_one)));
        assert_eq!(of_one.to_string().len(), 8);
    }

    #[test]
    fn an_older_key_opens_and_the_newest_seals() {
        let old = Vault::new(&[key(1)]);
        let rotated = Vault::new(&[key(2), key(1)]);
        let sealed = old.seal(&"hunter2".into(), CONTEXT);
        assert_eq!(open(&rotated, &sealed, CONTEXT), Ok("hunter2".into()));
        assert!(old.is_current(&sealed) && !rotated.is_current(&sealed));

        let again = rotated.seal(&"hunter2".into(), CONTEXT);
        assert!(rotated.is_current(&again));
        assert!(matches!(open(&old, &again, CONTEXT), Err(VaultError::UnknownKey(_))));
    }

    #[test]
    fn damage_is_noticed() {
        let vault = Vault::new(&[key(1)]);
        let sealed = vault.seal(&"hunter2".into(), CONTEXT);
        for length in 0..HEADER_BYTES {
            assert_eq!(open(&vault, &sealed[..length], CONTEXT), Err(VaultError::Format));
        }
        for length in HEADER_BYTES..sealed.len() {
            assert_eq!(open(&vault, &sealed[..length], CONTEXT), Err(VaultError::Mismatch));
        }
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert!(vault.open(&altered, CONTEXT).is_err(), "byte {index}");
        }
    }

    #[test]
    fn keys_are_32_bytes_of_base64() {
        for text in ["", "hunter2", &STANDARD.encode([0; 31]), &STANDARD.encode([0; 33])] {
            assert_eq!(Key::from_base64(text).unwrap_err(), KeyError);
        }
        let key = Key::generate();
        let read = Key::from_base64(key.to_base64().expose_secret()).unwrap();
        assert_eq!(key.0.expose_secret(), read.0.expose_secret());
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?} {:?}", key(7), Vault::new(&[key(7)])), "Key([redacted]) Vault { n_keys: 1 }");
    }
}
