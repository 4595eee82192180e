//! The acts on registries: their inputs, payloads and root fields.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use secrecy::{ExposeSecret, SecretString};

use super::super::error::Result;
use super::super::id;
use super::super::perform;
use super::super::scalar::{DateTime, Url, int};
use super::{Look, Registry, RegistryHealth, RegistryKind, RegistryPrivilege, row};
use crate::service::audit::{Attempt, Named};
use crate::service::registry::{self, Change, Integration};
use crate::service::webhook;
use crate::upstream::Tls;

/// How a registry's certificate shall be verified.
#[derive(InputObject)]
pub(super) struct RegistryTlsInput {
    /// Whether it is verified at all.
    #[graphql(default = true)]
    verify: bool,
    /// An authority to trust besides the system's: PEM.
    ca_certificate: Option<String>,
}

impl From<RegistryTlsInput> for Tls {
    fn from(input: RegistryTlsInput) -> Self {
        Tls { verify: input.verify, ca_certificate: input.ca_certificate.filter(|pem| !pem.trim().is_empty()) }
    }
}

/// An existing registry to integrate.
#[derive(InputObject)]
pub(super) struct IntegrateRegistryInput {
    /// 1 to 100 characters, unique within its scope.
    name: String,
    /// What it is for; at most 2,000 characters.
    description: Option<String>,
    /// The product behind the address.
    kind: RegistryKind,
    /// Where Fairway reaches it: `https://host[:port][/path]`.
    address: Url,
    /// What image references begin with, when nodes pull by another name than the address's. For Admins.
    host: Option<String>,
    /// The account's name. A Harbor needs one; a Docker Registry may have none.
    username: Option<String>,
    /// The account's password or secret. It is kept encrypted and never shown again.
    password: Option<String>,
    /// The workspace to integrate it for alone. Absent: for the whole platform.
    workspace_id: Option<ID>,
    /// How its certificate is verified; against the system's authorities unless given.
    tls: Option<RegistryTlsInput>,
}

/// A connection to try.
#[derive(InputObject)]
pub(super) struct TestRegistryConnectionInput {
    /// The product behind the address.
    kind: RegistryKind,
    /// Where it is reached: `https://host[:port][/path]`.
    address: Url,
    /// The account's name. A Harbor needs one; a Docker Registry may have none.
    username: Option<String>,
    /// The account's password or secret. It is not kept.
    password: Option<String>,
    /// How its certificate is verified; against the system's authorities unless given.
    tls: Option<RegistryTlsInput>,
    /// The workspace that it would be integrated for. Absent: for the whole platform.
    workspace_id: Option<ID>,
}

/// What to change of a registry. Absent: unchanged. Null: cleared.
#[derive(InputObject)]
pub(super) struct UpdateRegistryInput {
    /// The registry.
    id: ID,
    /// 1 to 100 characters, unique within its scope.
    name: MaybeUndefined<String>,
    /// What it is for; at most 2,000 characters.
    description: MaybeUndefined<String>,
    /// Where Fairway reaches it. Needs the password again.
    address: MaybeUndefined<Url>,
    /// What image references begin with. For Admins. Null: the address's host.
    host: MaybeUndefined<String>,
    /// The account's name. Needs the password again. Null clears the account (Docker Registry alone).
    username: MaybeUndefined<String>,
    /// The account's password or secret.
    password: MaybeUndefined<String>,
    /// How its certificate is verified. Another authority, or none at all, needs the password again.
    tls: MaybeUndefined<RegistryTlsInput>,
}

/// A registry to remove.
#[derive(InputObject)]
pub(super) struct RemoveRegistryInput {
    /// The registry.
    id: ID,
    /// Also while spaces of it are bound: the bindings go with it.
    #[graphql(default)]
    force: bool,
}

/// A registry to look at now.
#[derive(InputObject)]
pub(super) struct RefreshRegistryInput {
    /// The registry.
    id: ID,
}

/// The registry that was integrated.
#[derive(SimpleObject)]
pub(super) struct IntegrateRegistryPayload {
    /// The registry that was integrated.
    registry: Registry,
}

/// What a connection test found.
#[derive(SimpleObject)]
pub(super) struct TestRegistryConnectionPayload {
    /// How it answered.
    health: RegistryHealth,
    /// How many spaces the account sees; null when that cannot be told.
    spaces: Option<i32>,
    /// How many images are in them; null when the registry does not tell.
    images: Option<i32>,
}

/// The registry as it is now.
#[derive(SimpleObject)]
pub(super) struct UpdateRegistryPayload {
    /// The registry as it is now.
    registry: Registry,
}

/// What was removed.
#[derive(SimpleObject)]
pub(super) struct RemoveRegistryPayload {
    /// The id that the registry had.
    removed_id: ID,
    /// How many bindings went with it.
    removed_bindings: i32,
}

/// The registry as it was found.
#[derive(SimpleObject)]
pub(super) struct RefreshRegistryPayload {
    /// The registry as it was found.
    registry: Registry,
}

#[derive(Default)]
pub(in crate::graphql) struct RegistryMutation;

#[Object]
impl RegistryMutation {
    /// Integrates an existing registry: for the whole platform (Admin), or for one workspace (its Workspace Admin).
    /// The account is proven first; nothing is stored when it is refused.
    async fn integrate_registry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The registry.")] input: IntegrateRegistryInput,
    ) -> Result<IntegrateRegistryPayload> {
        let attempt = Attempt::to("integrateRegistry")
            .on([Named::new(&input.name)])
            .with(input.workspace_id.iter().map(id::named));
        let registry = perform(ctx, attempt, move |cx| async move {
            let integration = Integration {
                name: input.name,
                description: input.description,
                connection: registry::Connection {
                    kind: input.kind.into(),
                    address: input.address.0,
                    username: input.username,
                    password: input.password.map(SecretString::from),
                    tls: input.tls.map(Tls::from).unwrap_or_default(),
                },
                host: input.host,
                workspace: input.workspace_id.map(|id| id::workspace(&id, "workspaceId")).transpose()?,
            };
            registry::integrate(&cx, integration).await
        })
        .await?;
        Ok(IntegrateRegistryPayload { registry: Registry(registry) })
    }

    /// Tries a connection and reports what was found, storing nothing.
    async fn test_registry_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The connection.")] input: TestRegistryConnectionInput,
    ) -> Result<TestRegistryConnectionPayload> {
        let attempt = Attempt::to("testRegistryConnection")
            .on([Named::new(&registry::address_to_show(&input.address.0))])
            .with(input.workspace_id.iter().map(id::named));
        let tested = perform(ctx, attempt, move |cx| async move {
            let workspace = input.workspace_id.map(|id| id::workspace(&id, "workspaceId")).transpose()?;
            let connection = registry::Connection {
                kind: input.kind.into(),
                address: input.address.0,
                username: input.username,
                password: input.password.map(SecretString::from),
                tls: input.tls.map(Tls::from).unwrap_or_default(),
            };
            registry::test(&cx, connection, workspace).await
        })
        .await?;
        let now = DateTime(crate::clock::now());
        Ok(TestRegistryConnectionPayload {
            health: RegistryHealth {
                state: tested.state.into(),
                cause: tested.cause,
                version: tested.version,
                since: Some(now),
                privilege: tested.privilege.map(RegistryPrivilege::from),
                look: Look::Taken { at: now, latency_ms: tested.latency_ms },
            },
            spaces: tested.spaces.map(int),
            images: tested.images.map(int),
        })
    }

    /// Changes a registry's settings. A changed connection is proven first; nothing is stored when it is refused.
    async fn update_registry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateRegistryInput,
    ) -> Result<UpdateRegistryPayload> {
        let attempt = Attempt::to("updateRegistry").on([id::named(&input.id)]);
        let registry = perform(ctx, attempt, move |cx| async move {
            let key = id::registry(&input.id, "id")?;
            let change = Change {
                name: given(input.name),
                description: given(input.description),
                address: given(input.address).map(|address| address.map(|url| url.0)),
                host: given(input.host),
                username: given(input.username),
                password: given(input.password).map(|password| password.map(SecretString::from)),
                tls: given(input.tls).map(|tls| tls.map(Tls::from)),
            };
            registry::update(&cx, key, change).await
        })
        .await?;
        Ok(UpdateRegistryPayload { registry: Registry(registry) })
    }

    /// Forgets a registry. Nothing in the registry itself is touched. Refused (CONFLICT) while spaces are bound,
    /// unless `force`.
    async fn remove_registry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The registry to remove.")] input: RemoveRegistryInput,
    ) -> Result<RemoveRegistryPayload> {
        let (removed_id, force) = (input.id.clone(), input.force);
        let attempt = Attempt::to("removeRegistry").on([id::named(&input.id)]);
        let removed = perform(ctx, attempt, move |cx| async move {
            registry::remove(&cx, id::registry(&input.id, "id")?, force).await
        })
        .await?;
        Ok(RemoveRegistryPayload { removed_id, removed_bindings: int(removed) })
    }

    /// Probes and synchronizes a registry now, and answers when done. That it does not answer is in its health.
    async fn refresh_registry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The registry to look at.")] input: RefreshRegistryInput,
    ) -> Result<RefreshRegistryPayload> {
        let attempt = Attempt::to("refreshRegistry").on([id::named(&input.id)]);
        let registry =
            perform(
                ctx,
                attempt,
                move |cx| async move { registry::refresh(&cx, id::registry(&input.id, "id")?).await },
            )
            .await?;
        Ok(RefreshRegistryPayload { registry: Registry(registry) })
    }

    /// Makes a new secret for the notifications that a Docker Registry sends to Fairway; the one before ends. Shown
    /// once.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose secret to change.")] input: RotateWebhookSecretInput,
    ) -> Result<RotateWebhookSecretPayload> {
        let attempt = Attempt::to("rotateWebhookSecret").on([id::named(&input.registry_id)]);
        let door = perform(ctx, attempt, move |cx| async move {
            let key = id::registry(&input.registry_id, "registryId")?;
            webhook::rotate(&cx, key, &id::webhook_path(row::Kind::DockerRegistry, key)).await
        })
        .await?;
        Ok(RotateWebhookSecretPayload { url: Url(door.url), secret: door.secret.expose_secret().to_owned() })
    }
}

/// Whose secret to change.
#[derive(InputObject)]
pub(super) struct RotateWebhookSecretInput {
    /// A Docker Registry. Fairway makes the webhooks of a Harbor by itself.
    registry_id: ID,
}

/// What the registry's notifications must be configured with.
#[derive(SimpleObject)]
pub(super) struct RotateWebhookSecretPayload {
    /// Where the registry must send its notifications.
    url: Url,
    /// What it must send with them, as the header `Authorization: Bearer SECRET`. It cannot be read again.
    secret: String,
}

/// Absent, null and a value apart.
fn given<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
