//! Fairway's webhook policies in the projects of a Harbor: what makes pushes show at once.
//!
//! Harbor shows a policy with its secret to the project's admins, so each project has one of its own, which follows from
//! the registry's and proves nothing of another project.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::entity::{registry, space};
use futures_util::{StreamExt, stream};
use hmac::{Hmac, Mac};
use sea_orm::ActiveValue::Set;
use sea_orm::QuerySelect;
use sea_orm::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::health::is_outage;
use super::images::key;
use super::reading::{Reading, Stop};
use super::{AT_A_TIME, Sync};
use crate::storage::Raises;
use crate::upstream::{self, SpaceKey, Webhook};
use crate::vault::{Key, VaultError};

/// How many policies one sweep sees to.
const MOST_A_SWEEP: usize = 200;

/// How long the removal of policies may take: nothing waits for it but a person.
const REMOVAL: Duration = Duration::from_secs(30);

/// What stands in the place of a policy's id where the registry allows none.
const NONE: &str = "-";

/// What a notification from a project must bring as `Authorization`, by the registry's secret.
pub fn webhook_authorization(secret: &SecretString, upstream_id: &str) -> SecretString {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("a key of any length will do");
    mac.update(format!("harbor:{upstream_id}").as_bytes());
    format!("Bearer {}", hex(&mac.finalize().into_bytes())).into()
}

/// What the sealed secret of a registry's webhooks is bound to.
pub fn webhook_context(registry: Uuid) -> String {
    format!("webhook:{registry}")
}

impl Sync {
    /// Makes sure of Fairway's policy in each of these spaces, where notifications can reach it.
    pub(super) async fn put_webhooks(
        &self,
        reading: &Reading,
        client: &upstream::Registry,
        spaces: Vec<Arc<space::Model>>,
    ) -> Result<(), Stop> {
        let settings = &self.inner.settings;
        let Some(public_url) = &settings.public_url else { return Ok(()) };
        let Some(secret) = self.own_secret(reading).await? else { return Ok(()) };
        let id = reading.registry.id;
        let address = format!("{public_url}{}", (settings.webhook_path)(id));
        let name = format!("fairway-{}", &id.simple().to_string()[..8]);
        // The moving column of a row: not kept in memory.
        let stored: Vec<(Uuid, Option<String>)> = space::Entity::find()
            .select_only()
            .columns([space::Column::Id, space::Column::Webhook])
            .filter(space::Column::RegistryId.eq(id))
            .into_tuple()
            .all(self.inner.storage.connection())
            .await?;
        let stored: HashMap<Uuid, String> = stored.into_iter().filter_map(|(id, policy)| Some((id, policy?))).collect();
        let wanted = spaces.into_iter().filter_map(|space| {
            let authorization = webhook_authorization(&secret, &space.upstream_id);
            let fingerprint = fingerprint(&address, &authorization);
            let is_there = stored.get(&space.id).is_some_and(|policy| policy.ends_with(&fingerprint));
            let hook = Webhook { name: name.clone(), address: address.clone(), authorization };
            (!is_there).then_some((space, hook, fingerprint))
        });
        let put = async |(space, hook, fingerprint): (Arc<space::Model>, Webhook, String)| {
            let policy = match client.put_webhook(&key(&space), &hook).await {
                Ok(policy) => policy,
                Err(error) if is_outage(&error) => return Err(Stop::Failed(error)),
                Err(error) => {
                    let is_final = is_refusal(&error);
                    let error: &dyn std::error::Error = &error;
                    tracing::debug!(registry.id = %id, space.name = %space.name, error, "No webhook was made");
                    if !is_final {
                        return Ok(());
                    }
                    NONE.to_owned()
                }
            };
            self.write_webhook(space.id, format!("{policy} {fingerprint}")).await.map_err(Stop::Database)
        };
        let mut puts = stream::iter(wanted.take(MOST_A_SWEEP)).map(put).buffer_unordered(AT_A_TIME);
        while let Some(put) = puts.next().await {
            put?;
        }
        Ok(())
    }

    /// Not stamped: nobody keeps it in memory.
    async fn write_webhook(&self, space: Uuid, policy: String) -> Result<(), DbErr> {
        space::Entity::update_many()
            .set(space::ActiveModel { webhook: Set(Some(policy)), ..Default::default() })
            .filter(space::Column::Id.eq(space))
            .exec(self.inner.storage.connection())
            .await?;
        Ok(())
    }

    /// The registry's secret, made where there is none. None where it cannot be opened.
    async fn own_secret(&self, reading: &Reading) -> Result<Option<SecretString>, Stop> {
        let id = reading.registry.id;
        if let Some(sealed) = &reading.registry.webhook_secret {
            return Ok(self.open_secret(id, sealed));
        }
        let write = reading.write(Raises::Content).await?;
        let row = registry::Entity::find_by_id(id).one(write.tx()).await?.ok_or(Stop::Gone)?;
        if let Some(sealed) = &row.webhook_secret {
            return Ok(self.open_secret(id, sealed));
        }
        let secret = Key::generate().to_base64();
        let row = registry::ActiveModel {
            id: Set(id),
            webhook_secret: Set(Some(self.inner.vault.seal(&secret, &webhook_context(id)))),
            version: Set(write.version()),
            ..Default::default()
        };
        registry::Entity::update(row).exec(write.tx()).await?;
        reading.commit(write).await?;
        Ok(Some(secret))
    }

    fn open_secret(&self, registry: Uuid, sealed: &[u8]) -> Option<SecretString> {
        let opened = self.inner.vault.open(sealed, &webhook_context(registry));
        let tell = |error: &VaultError| {
            let error: &dyn std::error::Error = error;
            tracing::error!(registry.id = %registry, error, "The secret of a registry's webhooks cannot be opened");
        };
        opened.inspect_err(tell).ok()
    }

    /// Removes policies that Fairway made, as far as the registry lets it: by the space and the policy's id.
    pub async fn remove_webhooks(&self, row: &registry::Model, policies: Vec<(SpaceKey, String)>) {
        if self.is_refused(row) {
            return;
        }
        let Ok(client) = self.client(row) else { return };
        let remove = async |(space, policy): (SpaceKey, String)| {
            if let Err(error) = client.delete_webhook(&space, &policy).await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(registry.id = %row.id, space.name = %space.name, error, "A webhook was not removed");
            }
        };
        let removed = stream::iter(policies).map(remove).buffer_unordered(AT_A_TIME).count();
        if timeout(REMOVAL, removed).await.is_err() {
            tracing::warn!(registry.id = %row.id, "Not all webhooks were removed in time");
        }
    }
}

/// Whether it is no use to ask for the same again.
fn is_refusal(error: &upstream::Error) -> bool {
    matches!(
        error,
        upstream::Error::Forbidden { .. }
            | upstream::Error::NotFound
            | upstream::Error::Rejected { .. }
            | upstream::Error::Unsupported { .. }
    )
}

/// What a policy is recognized by: another address, or another secret, is another policy.
fn fingerprint(address: &str, authorization: &SecretString) -> String {
    let mut hash = Sha256::new();
    hash.update(address);
    hash.update(authorization.expose_secret());
    hex(&hash.finalize()[..8])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorization(secret: &str, upstream_id: &str) -> String {
        webhook_authorization(&secret.into(), upstream_id).expose_secret().to_owned()
    }

    #[test]
    fn each_project_has_a_secret_of_its_own() {
        let one = authorization("secret", "1");
        assert_eq!(one, "Bearer 6d24b72e370fc626fe84f84c2edaa3137d4e89a7071c837f2de4087659303076");
        assert_ne!(one, authorization("secret", "2"));
        assert_ne!(one, authorization("other", "1"));
    }

    #[test]
    fn a_policy_is_another_one_when_its_address_or_its_secret_is() {
        let print = |address, project| fingerprint(address, &webhook_authorization(&"secret".into(), project));
        let one = print("https://fairway.example/webhooks/harbor/x", "1");
        assert_eq!(one.len(), 16);
        assert_ne!(one, print("https://fairway.example/webhooks/harbor/x", "2"));
        assert_ne!(one, print("https://fairway.example/webhooks/harbor/y", "1"));
    }
}
