//! Registries.

mod mutation;
mod overview;

use ::entity::{registry as row, registry_sync};
use async_graphql::{Context, Enum, ID, InputObject, InputType, Object, SimpleObject, Value};
use uuid::Uuid;

pub(super) use self::mutation::RegistryMutation;
use self::overview::RegistryOverview;
use super::ContextExt;
use super::error::Result;
use super::id::{self, NodeId};
use super::page::{Connection, OrderDirection, Ordered, PageArgs, cut};
use super::plain::{Lean, Plain};
use super::scalar::{DateTime, Url};
use super::space::{Space, SpaceFilter, SpaceOrder, connect_spaces};
use super::workspace::Workspace;
use crate::auth::policy::Action;
use crate::service::registry;
use crate::service::selector::Window;
use crate::service::{self, RegistryView, space};

/// The product behind a registry's address.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "row::Kind")]
pub(super) enum RegistryKind {
    /// Harbor 2.4 or newer: its projects are spaces, public or private.
    Harbor,
    /// A plain registry (CNCF distribution): one space, always public.
    DockerRegistry,
}

/// For whom a registry is integrated.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum RegistryScope {
    /// By an Admin, for all.
    Platform,
    /// By a Workspace Admin, for that workspace alone.
    Workspace,
}

/// What Fairway found when it last looked at a registry.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "row::HealthState")]
pub(super) enum HealthState {
    /// It answers, and the account is good.
    Healthy,
    /// It answers, but not all of it works.
    Degraded,
    /// It refuses the account.
    Unauthorized,
    /// It does not answer, or not as a registry does.
    Unreachable,
    /// Nobody has looked yet.
    Unknown,
}

/// What the account that Fairway has for a registry turned out to be.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "row::Privilege")]
pub(super) enum RegistryPrivilege {
    /// An administrator of the whole registry.
    SystemAdmin,
    /// An ordinary user.
    User,
    /// A Harbor robot.
    Robot,
    /// No account.
    Anonymous,
}

pub(super) struct Registry(pub(super) service::Registry);

impl Registry {
    /// Whether the viewer may read its settings.
    async fn shows_settings(&self, ctx: &Context<'_>) -> std::result::Result<bool, service::Error> {
        Ok(ctx.cx().sight().await?.view_of(&self.0) == RegistryView::Settings)
    }
}

impl Plain for Registry {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        Some(match ctx.item.node.name.node.as_str() {
            "id" => NodeId::Registry(self.0.id).encode().0.into(),
            "name" => self.0.name.clone().into(),
            "kind" => InputType::to_value(&RegistryKind::from(self.0.kind)),
            "host" => self.0.host.clone().into(),
            _ => return None,
        })
    }
}

/// A Harbor or a Docker Registry that Fairway stands in front of.
#[Object]
impl Registry {
    /// Its global id.
    pub(super) async fn id(&self) -> ID {
        NodeId::Registry(self.0.id).encode()
    }

    /// Unique within its scope, whatever its case.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is for, in its Admins' words.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// The product behind the address.
    async fn kind(&self) -> RegistryKind {
        self.0.kind.into()
    }

    /// For whom it is integrated.
    async fn scope(&self) -> RegistryScope {
        match self.0.workspace_id {
            None => RegistryScope::Platform,
            Some(_) => RegistryScope::Workspace,
        }
    }

    /// The workspace that owns it, when its scope is WORKSPACE.
    async fn workspace(&self, ctx: &Context<'_>) -> Option<Result<Workspace>> {
        let owner = service::workspace::find(ctx.cx(), self.0.workspace_id?).await;
        owner.map(|found| found.map(Workspace)).map_err(Into::into).transpose()
    }

    /// Where Fairway talks to it. Null unless you may read its settings.
    async fn address(&self, ctx: &Context<'_>) -> Option<Result<Url>> {
        match self.shows_settings(ctx).await {
            Ok(shows) => shows.then(|| Ok(Url(self.0.address.clone()))),
            Err(error) => Some(Err(error.into())),
        }
    }

    /// What image references begin with, `host[:port]`: the address's, unless another was given.
    async fn host(&self) -> &str {
        &self.0.host
    }

    /// The name of the account that Fairway uses. Null unless you may update the registry. Its password is never
    /// readable.
    async fn username(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let cx = ctx.cx();
        match cx.sight().await {
            Ok(sight) if sight.may(Action::UpdateRegistry, self.0.workspace_id) => self.0.username.clone().map(Ok),
            Ok(_) => None,
            Err(error) => Some(Err(error.into())),
        }
    }

    /// How its certificate is verified. Null unless you may read its settings.
    async fn tls(&self, ctx: &Context<'_>) -> Option<Result<RegistryTls>> {
        match self.shows_settings(ctx).await {
            Ok(shows) => shows
                .then(|| Ok(RegistryTls { verify: self.0.tls_verify, ca_certificate: self.0.ca_certificate.clone() })),
            Err(error) => Some(Err(error.into())),
        }
    }

    /// What Fairway found when it last looked.
    async fn health(&self, ctx: &Context<'_>) -> Result<RegistryHealth> {
        let row = &self.0;
        let shows = self.shows_settings(ctx).await?;
        // These differ each time that Fairway looks.
        let asked = ctx.look_ahead();
        if asked.field("checkedAt").exists() || asked.field("latencyMs").exists() {
            ctx.cx().depends_on_more();
        }
        Ok(RegistryHealth {
            state: row.health_state.into(),
            cause: row.health_cause.clone().filter(|_| shows),
            version: row.health_version.clone().filter(|_| shows),
            since: row.health_since.map(DateTime),
            privilege: row.privilege.filter(|_| shows).map(RegistryPrivilege::from),
            look: Look::Stored { registry: row.id, shows_latency: shows },
        })
    }

    /// How its spaces and images are kept up to date. Null unless you may read its settings.
    async fn sync(&self, ctx: &Context<'_>) -> Option<Result<RegistrySync>> {
        match self.shows_settings(ctx).await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(error.into())),
        }
        match Box::pin(ctx.loaders().turns.load_one(self.0.id)).await {
            Ok(turn) => turn.map(|turn| Ok(RegistrySync::from(turn))),
            Err(error) => Some(Err(error.into())),
        }
    }

    /// What it holds, who uses it, and the first steps with it. Null unless you may read its settings.
    async fn overview(&self, ctx: &Context<'_>) -> Option<Result<RegistryOverview>> {
        match self.shows_settings(ctx).await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(error.into())),
        }
        let overview = service::overview::overview(ctx.cx(), &self.0).await;
        Some(overview.map(|overview| RegistryOverview { registry: self.0.clone(), overview }).map_err(Into::into))
    }

    /// Its spaces that you may see.
    #[graphql(complexity = "1 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 10")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn spaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Narrows the list.")] filter: Option<SpaceFilter>,
        #[graphql(desc = "NAME ASC unless given.")] order_by: Option<SpaceOrder>,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<Lean<Connection<Space>>> {
        let page = PageArgs::parse(first, after, last, before)?;
        let mut filter = filter.unwrap_or_default().parse()?;
        if filter.registry.is_some_and(|other| other != self.0.id) {
            return Box::pin(connect_spaces(ctx, Vec::new(), order_by, &page)).await;
        }
        filter.registry = Some(self.0.id);
        let spaces = Box::pin(space::list(ctx.cx(), &filter)).await?;
        Box::pin(connect_spaces(ctx, spaces, order_by, &page)).await
    }

    /// When it was integrated.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// The subject of who integrated it. Null unless you may read its settings.
    async fn created_by(&self, ctx: &Context<'_>) -> Option<Result<&str>> {
        match self.shows_settings(ctx).await {
            Ok(shows) => shows.then_some(Ok(&self.0.created_by)),
            Err(error) => Some(Err(error.into())),
        }
    }

    /// When its settings last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }

    /// What you may do with it.
    async fn viewer_can(&self, ctx: &Context<'_>) -> Result<RegistryPermissions> {
        let cx = ctx.cx();
        let sight = cx.sight().await?;
        let may = |action| sight.may(action, self.0.workspace_id);
        Ok(RegistryPermissions {
            update: may(Action::UpdateRegistry),
            remove: may(Action::RemoveRegistry),
            create_space: self.0.kind == row::Kind::Harbor && may(Action::CreateSpace),
            bind_spaces: may(Action::BindSpace),
        })
    }
}

/// How a registry's certificate is verified.
#[derive(SimpleObject)]
pub(super) struct RegistryTls {
    /// Whether it is verified at all.
    verify: bool,
    /// The authority that it is trusted by, besides the system's: PEM.
    ca_certificate: Option<String>,
}

pub(super) struct RegistryHealth {
    state: HealthState,
    cause: Option<String>,
    version: Option<String>,
    since: Option<DateTime>,
    privilege: Option<RegistryPrivilege>,
    look: Look,
}

/// Where the moment of a look at a registry is to be had.
enum Look {
    /// Just taken.
    Taken { at: DateTime, latency_ms: Option<i32> },
    /// Written down on each turn of the sync.
    Stored { registry: Uuid, shows_latency: bool },
}

/// What Fairway found when it looked at a registry.
#[Object]
impl RegistryHealth {
    /// In one word.
    async fn state(&self) -> HealthState {
        self.state
    }

    /// In one sentence that a person can act on; null when healthy, or unless you may read the registry's settings.
    async fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The version that the registry reports. Null unless you may read its settings.
    async fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// How long it took to answer, in milliseconds. Null unless you may read its settings.
    async fn latency_ms(&self, ctx: &Context<'_>) -> Option<Result<i32>> {
        match self.look {
            Look::Taken { latency_ms, .. } => latency_ms.map(Ok),
            Look::Stored { shows_latency: false, .. } => None,
            Look::Stored { registry, .. } => match ctx.loaders().turns.load_one(registry).await {
                Ok(turn) => turn.and_then(|turn| turn.latency_ms).map(Ok),
                Err(error) => Some(Err(error.into())),
            },
        }
    }

    /// When Fairway last looked.
    async fn checked_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        match self.look {
            Look::Taken { at, .. } => Some(Ok(at)),
            Look::Stored { registry, .. } => match ctx.loaders().turns.load_one(registry).await {
                Ok(turn) => turn.and_then(|turn| turn.checked_at).map(|at| Ok(DateTime(at))),
                Err(error) => Some(Err(error.into())),
            },
        }
    }

    /// When it came into this state.
    async fn since(&self) -> Option<DateTime> {
        self.since
    }

    /// What the account turned out to be. Null unless you may read the registry's settings.
    async fn privilege(&self) -> Option<RegistryPrivilege> {
        self.privilege
    }
}

/// How a registry's spaces and images are kept up to date.
#[derive(SimpleObject)]
pub(super) struct RegistrySync {
    /// When Fairway last began to read them.
    last_started_at: Option<DateTime>,
    /// When it last read them all.
    last_succeeded_at: Option<DateTime>,
    /// Why the last reading failed; null when it did not.
    last_error: Option<String>,
    /// Whether they are being read now, by whichever replica.
    in_progress: bool,
    /// How many spaces have been read so far, while they are being read.
    spaces_done: Option<i32>,
    /// Of how many, while they are being read.
    spaces_total: Option<i32>,
}

impl From<registry_sync::Model> for RegistrySync {
    fn from(turn: registry_sync::Model) -> Self {
        let in_progress = turn.lease_until_ms > crate::clock::now().timestamp_millis();
        Self {
            last_started_at: turn.started_at.map(DateTime),
            last_succeeded_at: turn.succeeded_at.map(DateTime),
            last_error: turn.error,
            in_progress,
            spaces_done: turn.spaces_done.filter(|_| in_progress),
            spaces_total: turn.spaces_total.filter(|_| in_progress),
        }
    }
}

/// What you may do with a registry.
#[derive(SimpleObject)]
pub(super) struct RegistryPermissions {
    /// Change its settings.
    update: bool,
    /// Remove it from Fairway.
    remove: bool,
    /// Make spaces in it.
    create_space: bool,
    /// Bind its spaces to workspaces.
    bind_spaces: bool,
}

/// What a list of registries is narrowed to.
#[derive(InputObject, Default)]
pub(super) struct RegistryFilter {
    /// Occurs in the name or the host, whatever its case.
    search: Option<String>,
    /// Only this product.
    kind: Option<RegistryKind>,
    /// Only this scope.
    scope: Option<RegistryScope>,
    /// Only those that this workspace owns.
    workspace_id: Option<ID>,
    /// Only those in one of these states.
    health: Option<Vec<HealthState>>,
}

/// How a list of registries is ordered.
#[derive(InputObject)]
pub(super) struct RegistryOrder {
    /// By what.
    field: RegistryOrderField,
    /// Which way.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

/// What registries can be ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum RegistryOrderField {
    /// The name, whatever its case.
    Name,
    /// When it was integrated.
    CreatedAt,
}

/// `rows` come by name.
pub(super) fn connect_registries(
    mut rows: Vec<service::Registry>,
    order_by: Option<RegistryOrder>,
    page: &Window,
) -> Result<Lean<Connection<Registry>>> {
    let order_by =
        order_by.unwrap_or(RegistryOrder { field: RegistryOrderField::Name, direction: OrderDirection::Asc });
    let by_name = |row: &service::Registry| (row.name_key.clone(), row.id);
    let by_time = |row: &service::Registry| (row.created_at.timestamp_micros(), row.id);
    if order_by.field == RegistryOrderField::CreatedAt {
        rows.sort_by_key(by_time);
    }
    if order_by.direction == OrderDirection::Desc {
        rows.reverse();
    }
    let slice = match (order_by.field, order_by.direction) {
        (RegistryOrderField::Name, OrderDirection::Asc) => {
            cut(rows, &Ordered { name: "registry", key: &by_name, compare: Ord::cmp }, page)
        }
        (RegistryOrderField::Name, OrderDirection::Desc) => {
            cut(rows, &Ordered { name: "registry-", key: &by_name, compare: |a, b| b.cmp(a) }, page)
        }
        (RegistryOrderField::CreatedAt, OrderDirection::Asc) => {
            cut(rows, &Ordered { name: "registry.created", key: &by_time, compare: Ord::cmp }, page)
        }
        (RegistryOrderField::CreatedAt, OrderDirection::Desc) => {
            cut(rows, &Ordered { name: "registry.created-", key: &by_time, compare: |a, b| b.cmp(a) }, page)
        }
    };
    Ok(slice?.connect(Registry))
}

#[derive(Default)]
pub(super) struct RegistryQuery;

#[Object]
impl RegistryQuery {
    /// The registry of this id: null when there is none, or when you may not see it.
    async fn registry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of a registry.")] id: ID,
    ) -> Option<Result<Registry>> {
        let Some(NodeId::Registry(key)) = NodeId::parse(&id) else { return None };
        let found = registry::find(ctx.cx(), key).await;
        found.map(|found| found.map(Registry)).map_err(Into::into).transpose()
    }

    /// The registries that you may see: those with a space that reaches you, and those of your workspaces.
    #[graphql(complexity = "1 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 10")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn registries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Narrows the list.")] filter: Option<RegistryFilter>,
        #[graphql(desc = "NAME ASC unless given.")] order_by: Option<RegistryOrder>,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<Lean<Connection<Registry>>> {
        let page = PageArgs::parse(first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let workspace = filter.workspace_id.map(|id| id::workspace(&id, "workspaceId")).transpose()?;
        let filter = registry::Filter {
            search: filter.search,
            kind: filter.kind.map(row::Kind::from),
            is_platform: filter.scope.map(|scope| scope == RegistryScope::Platform),
            workspace,
            health: filter.health.map(|states| states.into_iter().map(row::HealthState::from).collect()),
        };
        connect_registries(registry::list(ctx.cx(), &filter).await?, order_by, &page)
    }
}
