//! Encryption keys over time: a start without one that is needed, and the change to a newer one.

use std::fmt;

use secrecy::SecretString;
use tracing::{error, warn};

use super::Error;
use crate::config::Key;
use crate::storage::Storage;
use crate::sync::{Resealed, Unopened, list_unopened, reseal};
use crate::vault::{KeyId, Vault, VaultError};

/// Stored secrets that were sealed with keys that are not configured. Serving without them looks well, until each of
/// these registries fails; and what such a process seals, the others cannot open.
#[derive(Debug, thiserror::Error)]
pub struct MissingKeys {
    missing: Vec<(KeyId, Unopened)>,
    configured: Vec<KeyId>,
}

impl fmt::Display for MissingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stored secrets were sealed with keys that FAIRWAY_ENCRYPTION_KEY does not have:")?;
        for (key, Unopened { registry, name, secret, .. }) in &self.missing {
            write!(f, "\n  key {key}: {} of registry `{name}` ({registry})", secret.name())?;
        }
        let configured: Vec<String> = self.configured.iter().map(KeyId::to_string).collect();
        write!(
            f,
            "\nIt has {}. Add what is missing, behind the newest; or serve with --allow-missing-keys: these registries \
             are not reached then until their passwords are given again.",
            configured.join(", ")
        )
    }
}

/// Finds what cannot be opened, before anything is served: an error where a key is missing, unless that is allowed.
///
/// What is damaged, or bound to something else, is logged alone: no key would help there, and each registry says it of
/// itself.
pub(super) async fn check(storage: &Storage, vault: &Vault, allows_missing: bool) -> Result<(), Error> {
    let mut missing = Vec::new();
    for unopened in list_unopened(storage, vault).await? {
        match unopened.cause {
            VaultError::UnknownKey(key) => missing.push((key, unopened)),
            cause @ (VaultError::Format | VaultError::Mismatch) => {
                let error: &dyn std::error::Error = &cause;
                error!(registry.id = %unopened.registry, error, "A stored {} cannot be opened", unopened.secret.name());
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    if !allows_missing {
        missing.sort_by(|(key, one), (other, another)| (key, &one.name).cmp(&(other, &another.name)));
        return Err(MissingKeys { missing, configured: vault.key_ids().collect() }.into());
    }
    for (key, unopened) in missing {
        let secret = unopened.secret.name();
        warn!(registry.id = %unopened.registry, key.id = %key, "Serving without the key that a stored {secret} is sealed with");
    }
    Ok(())
}

/// What `fairway rotate-keys` did.
#[derive(Debug)]
pub struct Rotated {
    newest: Option<KeyId>,
    done: Resealed,
}

impl Rotated {
    /// An error where an older key is still needed.
    pub fn check(&self) -> Result<(), Error> {
        if self.done.contested == 0 && self.done.unopened.is_empty() { Ok(()) } else { Err(Error::NotRotated) }
    }
}

impl fmt::Display for Rotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Resealed { sealed, current, contested, unopened } = &self.done;
        if let Some(newest) = self.newest {
            writeln!(f, "newest key        {newest}")?;
        }
        writeln!(f, "sealed again      {sealed}\nsealed before     {current}")?;
        if *contested > 0 {
            writeln!(f, "changed meanwhile {contested}")?;
        }
        if !unopened.is_empty() {
            writeln!(f, "not opened        {}", unopened.len())?;
        }
        for Unopened { registry, name, secret, cause } in unopened {
            match cause {
                VaultError::UnknownKey(key) => {
                    writeln!(f, "  {} of registry `{name}` ({registry}): sealed with key {key}", secret.name())?;
                }
                VaultError::Format | VaultError::Mismatch => {
                    writeln!(f, "  {} of registry `{name}` ({registry}): {cause}", secret.name())?;
                }
            }
        }
        Ok(())
    }
}

/// Seals all stored secrets with the newest key. Others may serve meanwhile, if they have this key too.
pub async fn rotate_keys(database_url: &SecretString, keys: &[Key]) -> Result<Rotated, Error> {
    let storage = Storage::connect(database_url).await?;
    if storage.migrations().await?.iter().any(|(_, is_applied)| !is_applied) {
        return Err(Error::Pending);
    }
    let vault = Vault::new(keys);
    let done = reseal(&storage, &vault).await?;
    storage.close().await?;
    Ok(Rotated { newest: vault.key_ids().next(), done })
}
