//! `integrateRegistry`.

use ::entity::{registry, registry_sync, workspace};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::*;
use serde_json::json;

use super::super::audit::{Act, Entry, Target};
use super::super::name::{prose, title};
use super::super::{Cx, Error, Registry};
use super::connection::{self, Connection};
use crate::auth::policy::Action;
use crate::clock;
use crate::storage::Raises;
use crate::sync::{seal_context, sync_row, write_new_spaces};

/// An existing registry, as somebody brings it.
pub struct Integration {
    pub name: String,
    pub description: Option<String>,
    pub connection: Connection,
    /// What image references begin with, where it is not the address's own host.
    pub host: Option<String>,
    /// The owner; none integrates for the whole platform.
    pub workspace: Option<Uuid>,
}

pub async fn integrate(cx: &Act, input: Integration) -> Result<Registry, Error> {
    connection::authorize(cx, Action::IntegrateRegistry, input.workspace).await?;
    let name = title("name", &input.name, 100)?;
    let description = prose("description", input.description.as_deref(), 2_000)?;
    let kind = input.connection.kind;
    let parsed = input.connection.parse(input.workspace)?;
    let host = given_host(cx, input.host.as_deref())?;
    let service = &cx.service;
    let claim = Claim {
        id: None,
        workspace: input.workspace,
        name: &name,
        address: parsed.address.as_str(),
        host: &host.clone().unwrap_or_else(|| parsed.address.host()),
    };
    // Said before the registry is asked for anything; decided in the write.
    claim.check(service.storage.connection()).await?;
    let is_platform = input.workspace.is_none();
    let found = connection::prove(cx, &name, parsed.endpoint.clone(), is_platform).await?;

    let id = Uuid::now_v7();
    let now = clock::now();
    let credentials = parsed.endpoint.credentials.as_ref();
    let context = seal_context(id, &parsed.address);
    let write = service.storage.write(Raises::Access).await?;
    if let Some(owner) = input.workspace
        && workspace::Entity::find_by_id(owner).one(write.tx()).await?.is_none()
    {
        return Err(Error::not_found("workspace").on("workspaceId"));
    }
    claim.check(write.tx()).await?;
    let mut row = registry::ActiveModel {
        id: Set(id),
        kind: Set(kind),
        workspace_id: Set(input.workspace),
        scope_key: Set(scope_key(input.workspace)),
        name: Set(name.clone()),
        name_key: Set(name.to_lowercase()),
        description: Set(description),
        address: Set(parsed.address.as_str().to_owned()),
        host: Set(claim.host.to_owned()),
        host_given: Set(host.is_some()),
        username: Set(credentials.map(|credentials| credentials.username.clone())),
        password: Set(credentials.map(|credentials| service.vault.seal(&credentials.password, &context))),
        tls_verify: Set(parsed.endpoint.tls.verify),
        ca_certificate: Set(parsed.endpoint.tls.ca_certificate.clone()),
        created_at: Set(now),
        created_by: Set(cx.viewer.subject.clone()),
        updated_at: Set(now),
        version: Set(write.version()),
        ..Default::default()
    };
    found.apply_to(&mut row, None);
    registry::Entity::insert(row).exec_without_returning(write.tx()).await?;
    let turn = sync_row(id, Some(&found));
    registry_sync::Entity::insert(turn).exec_without_returning(write.tx()).await?;
    write_new_spaces(&write, id, found.spaces.iter()).await?;
    let changes = json!({ "after": { "name": name, "address": parsed.address.as_str(), "host": claim.host } });
    cx.record(&write, Entry::alike(input.workspace, Target::Registry(id), &name, &changes)).await?;
    write.commit().await?;
    // Its images, before anybody asks.
    service.sync.sweep_aside(id);
    cx.fresh_sight().await?;
    super::find(cx, id).await?.ok_or(Error::not_found("registry"))
}

pub(super) fn scope_key(workspace: Option<Uuid>) -> String {
    workspace.map_or_else(|| "platform".to_owned(), |id| id.to_string())
}

/// A host by which nodes pull. Only Admins give one: it decides what references a registry can pass for.
pub(super) fn given_host(cx: &Cx, host: Option<&str>) -> Result<Option<String>, Error> {
    let Some(host) = host.map(str::trim).filter(|host| !host.is_empty()) else { return Ok(None) };
    if !cx.viewer.is_admin {
        return Err(Error::forbidden("only an Admin may give a registry another host than its address's"));
    }
    // Parsed as the host of an address, so that both are normalized alike.
    let parsed = crate::upstream::Address::parse(&format!("https://{host}"))
        .ok()
        .filter(|parsed| parsed.path().is_empty() && host.len() <= 300 && !host.contains(['/', '@', '?', '#']));
    parsed
        .map(|parsed| Some(parsed.host()))
        .ok_or_else(|| Error::invalid("host", "a host is a name or an address with an optional port: `host[:port]`"))
}

/// What must stand once (R8, and who may answer to a host).
pub(super) struct Claim<'a> {
    /// The registry itself, when it is there already.
    pub id: Option<Uuid>,
    pub workspace: Option<Uuid>,
    pub name: &'a str,
    pub address: &'a str,
    pub host: &'a str,
}

impl Claim<'_> {
    pub(super) async fn check(&self, db: &impl ConnectionTrait) -> Result<(), Error> {
        let others = registry::Entity::find()
            .filter(
                sea_orm::Condition::any()
                    .add(registry::Column::ScopeKey.eq(scope_key(self.workspace)))
                    .add(registry::Column::Host.eq(self.host)),
            )
            .all(db)
            .await?;
        for other in others.iter().filter(|other| Some(other.id) != self.id) {
            let same_scope = other.workspace_id == self.workspace;
            if same_scope && other.name_key == self.name.to_lowercase() {
                return Err(Error::conflict_on("name", format!("there is a registry `{}` already", other.name)));
            }
            if same_scope && other.address == self.address {
                return Err(Error::conflict_on(
                    "address",
                    format!("this address is integrated already, as `{}`", other.name),
                ));
            }
            // References begin with the host: two registries that answer to one could pass for each other.
            let is_platforms = other.workspace_id.is_none() && other.host == self.host;
            if is_platforms && (self.workspace.is_none() || other.address != self.address) {
                return Err(Error::conflict_on(
                    if self.workspace.is_none() { "host" } else { "address" },
                    format!("the host `{}` belongs to another registry of the platform", self.host),
                ));
            }
            if self.workspace.is_none() && other.host == self.host && other.address != self.address {
                return Err(Error::conflict_on(
                    "host",
                    format!("a workspace has integrated the host `{}` at another address", self.host),
                ));
            }
        }
        Ok(())
    }
}
