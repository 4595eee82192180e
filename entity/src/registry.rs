//! One Harbor or one Docker Registry, reached at an address with one stored account.

use sea_orm::entity::prelude::*;

/// The product behind the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Kind {
    #[sea_orm(string_value = "harbor")]
    Harbor,
    #[sea_orm(string_value = "docker_registry")]
    DockerRegistry,
}

/// What the last probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum HealthState {
    #[sea_orm(string_value = "healthy")]
    Healthy,
    #[sea_orm(string_value = "degraded")]
    Degraded,
    #[sea_orm(string_value = "unauthorized")]
    Unauthorized,
    #[sea_orm(string_value = "unreachable")]
    Unreachable,
    #[sea_orm(string_value = "unknown")]
    Unknown,
}

/// What the stored account turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Privilege {
    #[sea_orm(string_value = "system_admin")]
    SystemAdmin,
    #[sea_orm(string_value = "user")]
    User,
    #[sea_orm(string_value = "robot")]
    Robot,
    #[sea_orm(string_value = "anonymous")]
    Anonymous,
}

/// Why a registry, or a space of it, could not be read: as much as those may know who may not read its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Failure {
    /// It does not answer, or not now.
    #[sea_orm(string_value = "silent")]
    Silent,
    /// It refuses the account.
    #[sea_orm(string_value = "refused")]
    Refused,
    /// Its answers make no sense.
    #[sea_orm(string_value = "nonsense")]
    Nonsense,
    /// It changed while it was read.
    #[sea_orm(string_value = "changed")]
    Changed,
    /// It does not have the space any more.
    #[sea_orm(string_value = "gone")]
    Gone,
    /// What Fairway has stored of it cannot be used.
    #[sea_orm(string_value = "settings")]
    Settings,
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "registry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: Kind,
    /// The owner of a registry of WORKSPACE scope; none at PLATFORM scope.
    pub workspace_id: Option<Uuid>,
    /// `platform`, or the owner's id: what makes uniqueness hold where `workspace_id` is null.
    pub scope_key: String,
    pub name: String,
    /// `name` in lower case.
    pub name_key: String,
    pub description: Option<String>,
    /// Origin and path, normalized.
    pub address: String,
    /// What image references begin with: `host[:port]`.
    pub host: String,
    /// Whether `host` was given, and so stays when the address changes.
    pub host_given: bool,
    pub username: Option<String>,
    /// Sealed: never in clear.
    pub password: Option<Vec<u8>>,
    pub tls_verify: bool,
    /// PEM.
    pub ca_certificate: Option<String>,
    pub health_state: HealthState,
    /// One sentence that a person can act on; none when healthy.
    pub health_cause: Option<String>,
    /// What kind of failure it is; none when it answers.
    pub health_failure: Option<Failure>,
    pub health_since: Option<DateTimeUtc>,
    /// The version that the registry reports.
    pub health_version: Option<String>,
    pub privilege: Option<Privilege>,
    /// What notifications from it must prove to know. Sealed: never in clear.
    pub webhook_secret: Option<Vec<u8>>,
    pub created_at: DateTimeUtc,
    pub created_by: String,
    pub updated_at: DateTimeUtc,
    pub version: i64,
    #[sea_orm(belongs_to, from = "workspace_id", to = "id", on_delete = "Restrict")]
    pub workspace: BelongsTo<Option<super::workspace::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
