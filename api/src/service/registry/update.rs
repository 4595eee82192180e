//! `updateRegistry`.

use std::collections::HashMap;

use ::entity::registry::{self, Kind};
use ::entity::registry_sync;
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::*;
use secrecy::SecretString;
use serde_json::json;

use super::super::audit::{Act, Entry, Target, difference};
use super::super::name::{prose, title};
use super::super::{Cx, Error, Registry, Space};
use super::connection::{self, Connection};
use super::integrate::{Claim, given_host};
use crate::auth::policy::Action;
use crate::clock;
use crate::storage::Raises;
use crate::sync::{Found, renewed_sync_row, seal_context, write_spaces};
use crate::upstream::{Address, Tls};

/// What shall change: `None` leaves a thing as it is, `Some(None)` clears it.
#[derive(Default)]
pub struct Change {
    pub name: Option<Option<String>>,
    pub description: Option<Option<String>>,
    pub address: Option<Option<String>>,
    pub host: Option<Option<String>>,
    pub username: Option<Option<String>>,
    pub password: Option<Option<SecretString>>,
    pub tls: Option<Option<Tls>>,
}

pub async fn update(cx: &Act, id: Uuid, change: Change) -> Result<Registry, Error> {
    let before = super::get_to(cx, Action::UpdateRegistry, id).await.map_err(|error| error.on("id"))?;
    let name = match &change.name {
        None => before.name.clone(),
        Some(Some(name)) => title("name", name, 100)?,
        Some(None) => return Err(Error::invalid("name", "a name cannot be cleared")),
    };
    let description = match &change.description {
        None => before.description.clone(),
        Some(description) => prose("description", description.as_deref(), 2_000)?,
    };
    let reconnection = reconnection(cx, &before, &change)?;
    let address = reconnection.as_ref().map_or(before.address.as_str(), |parsed| parsed.address.as_str());
    let moves = address != before.address;
    if !cx.viewer.is_admin && (change.host.is_some() || (moves && before.host_given)) {
        return Err(Error::forbidden("the host of this registry's references is an Admin's to give and to move"));
    }
    let (host, host_given) = match &change.host {
        Some(host) => match given_host(cx, host.as_deref())? {
            Some(host) => (host, true),
            None => (host_of(address)?, false),
        },
        None if before.host_given => (before.host.clone(), true),
        None => (host_of(address)?, false),
    };
    let service = &cx.service;
    let known = cx.sight().await?.directory().spaces_of(id).to_vec();
    let password_changed = change.password.is_some();
    let claim = Claim { id: Some(id), workspace: before.workspace_id, name: &name, address, host: &host };
    claim.check(service.storage.connection()).await?;
    let noted = service.storage.epoch().await?.version();
    let found = match &reconnection {
        None => None,
        Some(parsed) => {
            let is_platform = before.workspace_id.is_none();
            let found = connection::prove(cx, &name, parsed.endpoint.clone(), is_platform).await?;
            is_the_same(&known, &found)?;
            Some(found)
        }
    };

    let write = service.storage.write(Raises::Access).await?;
    match registry::Entity::find_by_id(id).one(write.tx()).await? {
        None => return Err(Error::not_found("registry").on("id")),
        Some(now) if now.updated_at != before.updated_at => {
            let message = "the registry was changed by somebody else meanwhile: look at it again";
            return Err(Error::conflict(message));
        }
        Some(_) => {}
    }
    claim.check(write.tx()).await?;
    let mut row = registry::ActiveModel {
        id: Set(id),
        name: Set(name.clone()),
        name_key: Set(name.to_lowercase()),
        description: Set(description.clone()),
        address: Set(address.to_owned()),
        host: Set(host.clone()),
        host_given: Set(host_given),
        updated_at: Set(clock::now()),
        version: Set(write.version()),
        ..Default::default()
    };
    let mut username = before.username.clone();
    if let Some(parsed) = &reconnection {
        let credentials = parsed.endpoint.credentials.as_ref();
        let context = seal_context(id, &parsed.address);
        username = credentials.map(|credentials| credentials.username.clone());
        row.username = Set(username.clone());
        row.password = Set(credentials.map(|credentials| service.vault.seal(&credentials.password, &context)));
        row.tls_verify = Set(parsed.endpoint.tls.verify);
        row.ca_certificate = Set(parsed.endpoint.tls.ca_certificate.clone());
    }
    if let Some(found) = &found {
        found.apply_to(&mut row, Some(before.health_state));
        write_spaces(&write, id, noted, &found.spaces, &HashMap::new()).await?;
    }
    registry::Entity::update(row).exec(write.tx()).await?;
    if let Some(found) = &found {
        registry_sync::Entity::update(renewed_sync_row(id, Some(found))).exec(write.tx()).await?;
    }
    let account = reconnection.as_ref().map(|parsed| &parsed.endpoint);
    let (verify, ca_certificate) = match account {
        Some(endpoint) => (endpoint.tls.verify, &endpoint.tls.ca_certificate),
        None => (before.tls_verify, &before.ca_certificate),
    };
    let mut changes = difference(
        json!({
            "name": before.name, "description": before.description, "address": before.address,
            "host": before.host, "username": before.username, "verify": before.tls_verify,
        }),
        json!({
            "name": name, "description": description, "address": address,
            "host": host, "username": username, "verify": verify,
        }),
    );
    if password_changed {
        changes["passwordChanged"] = true.into();
    }
    if *ca_certificate != before.ca_certificate {
        changes["caCertificateChanged"] = true.into();
    }
    cx.record(&write, Entry::alike(before.workspace_id, Target::Registry(id), &name, &changes)).await?;
    write.commit().await?;
    if found.is_some() {
        // What the new account does not list needs a second look.
        service.sync.sweep_aside(id);
    }
    cx.fresh_sight().await?;
    super::find(cx, id).await?.ok_or(Error::not_found("registry").on("id"))
}

/// The connection anew, where something of it changes; none where all of it stays.
fn reconnection(cx: &Cx, before: &registry::Model, change: &Change) -> Result<Option<connection::Parsed>, Error> {
    let address = match &change.address {
        None => before.address.clone(),
        Some(Some(address)) => address.clone(),
        Some(None) => return Err(Error::invalid("address", "an address cannot be cleared")),
    };
    let stored_tls = Tls { verify: before.tls_verify, ca_certificate: before.ca_certificate.clone() };
    let tls = match &change.tls {
        None => stored_tls.clone(),
        Some(tls) => tls.clone().unwrap_or_default(),
    };
    let clears_account = change.username == Some(None);
    let username = match &change.username {
        None => before.username.clone(),
        Some(username) => username.clone(),
    };
    let normalized = Address::parse(&address).map_err(|error| Error::invalid("address", error.to_string()))?;
    let moves = normalized.as_str() != before.address;
    let renames = username != before.username;
    let trusts_less = (stored_tls.verify && !tls.verify) || stored_tls.ca_certificate != tls.ca_certificate;
    let is_unchanged = !moves && !renames && tls == stored_tls && change.password.is_none();
    if is_unchanged {
        return Ok(None);
    }
    if clears_account && before.kind == Kind::Harbor {
        return Err(Error::invalid("username", "a Harbor is reached with an account: it cannot be cleared"));
    }
    let password = match &change.password {
        _ if clears_account => None,
        Some(Some(password)) => Some(password.clone()),
        Some(None) => return Err(Error::invalid("password", "to clear the account, set `username` to null")),
        // A stored password never goes where its owner did not send it.
        None if before.password.is_some() && (moves || renames || trusts_less) => {
            return Err(Error::invalid(
                "password",
                "the password must be given again when the address, the user name, the certificate authority or the \
                 verification changes",
            ));
        }
        None => stored_password(cx, before)?,
    };
    let username = username.filter(|_| !clears_account);
    Connection { kind: before.kind, address, username, password, tls }.parse(before.workspace_id).map(Some)
}

fn stored_password(cx: &Cx, row: &registry::Model) -> Result<Option<SecretString>, Error> {
    let Some(sealed) = &row.password else { return Ok(None) };
    let address = Address::parse(&row.address).map_err(Error::internal)?;
    cx.service.vault.open(sealed, &seal_context(row.id, &address)).map(Some).map_err(Error::internal)
}

fn host_of(address: &str) -> Result<String, Error> {
    Ok(Address::parse(address).map_err(|error| Error::invalid("address", error.to_string()))?.host())
}

/// Bindings hold on to a registry's own ids, and two Harbors count alike: a space whose id has another name there is
/// proof that the new address is another Harbor.
fn is_the_same(known: &[Space], found: &Found) -> Result<(), Error> {
    let names: HashMap<&str, &str> =
        found.spaces.iter().map(|space| (space.id.as_str(), space.name.as_str())).collect();
    if known.iter().any(|space| names.get(space.upstream_id.as_str()).is_some_and(|name| *name != space.name)) {
        return Err(Error::conflict_on(
            "address",
            "another registry answers there, with other spaces: integrate it as a registry of its own",
        ));
    }
    Ok(())
}
