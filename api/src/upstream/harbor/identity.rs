//! Who the account is, and whether Harbor really refuses it.
//!
//! Three things look like a wrong password and are none: a database that is down (a right password gets 401), the 1.5 s
//! after somebody else typed a wrong one (Harbor holds that user name), and an OIDC user's CLI secret, which opens some
//! paths only. A refusal counts when a second witness confirms it, because what follows from it is drastic: the account
//! is left alone for minutes.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::Harbor;
use crate::upstream::{Error, Privilege, http::Reply};

/// Harbor holds a user name for 1.5 s after a failed login. Tests do not wait: the hold is not simulated there.
const HOLD: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_millis(1700) };

/// A refusal that took this long was a login that failed; a faster one may come from the hold.
const FAILED_LOGIN: Duration = Duration::from_millis(1200);

/// What a second look at a refusal shows.
enum Verdict {
    /// The account is bad.
    Refused,
    /// The account is good elsewhere.
    Accepted,
    /// It cannot be told now.
    Unsettled(Error),
}

#[derive(Deserialize)]
struct CurrentUser {
    user_id: i64,
    #[serde(default)]
    sysadmin_flag: bool,
    #[serde(default)]
    admin_role_in_auth: bool,
}

#[derive(Deserialize)]
pub(super) struct Health {
    #[serde(default)]
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    name: String,
    #[serde(default)]
    status: String,
}

impl Health {
    /// Names of the parts that are not well.
    pub(super) fn unhealthy(&self) -> impl Iterator<Item = &str> {
        self.components
            .iter()
            .flatten()
            .filter(|component| component.status != "healthy")
            .map(|component| component.name.as_str())
    }
}

/// Harbor's own description. Accounts that it accepts see more of it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct SystemInfo {
    pub(super) harbor_version: Option<String>,
    /// Shown to accepted accounts alone, in every version since 2.2.
    pub(super) external_url: Option<String>,
    pub(super) project_creation_restriction: Option<String>,
    pub(super) read_only: Option<bool>,
}

impl Harbor {
    /// Proves the account and says what it is.
    pub(super) async fn identify(&self) -> Result<Privilege, Error> {
        if self.authorization.is_none() {
            return Ok(Privilege::Anonymous);
        }
        let reply = self.current_user().await?;
        if reply.status() != StatusCode::UNAUTHORIZED {
            return self.privilege(&reply);
        }
        match self.weigh_refusal(&reply).await {
            Verdict::Refused => Err(Error::Unauthorized),
            Verdict::Unsettled(error) => Err(error),
            Verdict::Accepted => {
                let again = self.current_user().await?;
                if again.status() == StatusCode::UNAUTHORIZED {
                    // Good at `/v2/` and not here, twice: an OIDC user's CLI secret.
                    return Ok(Privilege::User);
                }
                self.privilege(&again)
            }
        }
    }

    /// What a 401 on another call means.
    pub(super) async fn explain_refusal(&self, refusal: &Reply) -> Error {
        match self.weigh_refusal(refusal).await {
            Verdict::Refused => Error::Unauthorized,
            Verdict::Unsettled(error) => error,
            Verdict::Accepted => Error::Forbidden { message: "the account is good, but not for this".to_owned() },
        }
    }

    async fn current_user(&self) -> Result<Reply, Error> {
        self.transport.send(self.call(Method::GET, "/users/current")?).await
    }

    fn privilege(&self, reply: &Reply) -> Result<Privilege, Error> {
        // "get current user not available for security context: robot"
        if reply.status() == StatusCode::PRECONDITION_FAILED {
            return Ok(Privilege::Robot);
        }
        super::judge(reply)?;
        let user: CurrentUser = reply.json()?;
        if user.user_id <= 0 {
            return Err(Error::malformed("the current user has no id"));
        }
        if user.sysadmin_flag || user.admin_role_in_auth { Ok(Privilege::SystemAdmin) } else { Ok(Privilege::User) }
    }

    async fn weigh_refusal(&self, refusal: &Reply) -> Verdict {
        if self.authorization.is_none() {
            return Verdict::Refused;
        }
        match self.health().await {
            Ok(health) if health.unhealthy().any(|name| name == "database") => {
                return Verdict::Unsettled(unchecked());
            }
            Ok(_) => {}
            Err(error @ (Error::Unreachable { .. } | Error::Timeout | Error::Unavailable { .. })) => {
                return Verdict::Unsettled(error);
            }
            // A Harbor that hides its health is judged by the witnesses below.
            Err(_) => {}
        }
        if refusal.elapsed() < FAILED_LOGIN {
            tokio::time::sleep(HOLD).await;
        }
        match self.registry_accepts().await {
            Ok(true) => return Verdict::Accepted,
            Ok(false) => {}
            Err(error) => return Verdict::Unsettled(error),
        }
        match self.system_info().await {
            Ok(info) if info.external_url.is_some() => Verdict::Unsettled(unchecked()),
            Ok(_) => Verdict::Refused,
            Err(error) => Verdict::Unsettled(error),
        }
    }

    /// Asked without the account: it is public, and each login costs Harbor a password hash.
    pub(super) async fn health(&self) -> Result<Health, Error> {
        let reply = self.transport.send(self.call(Method::GET, "/health")?.authorized(None)).await?;
        super::judge(&reply)?;
        reply.json()
    }

    /// As the account sees it, or as everybody does if Harbor refuses the account.
    pub(super) async fn system_info(&self) -> Result<SystemInfo, Error> {
        let reply = self.transport.send(self.call(Method::GET, "/systeminfo")?).await?;
        super::judge(&reply)?;
        reply.json()
    }

    /// As everybody sees it.
    pub(super) async fn public_system_info(&self) -> Result<SystemInfo, Error> {
        let call = self.call(Method::GET, "/systeminfo")?.authorized(None);
        let reply = self.transport.send(call).await?;
        super::judge(&reply)?;
        reply.json()
    }

    /// Whether `/v2/`, which unlike the API refuses what it does not know, takes the account.
    async fn registry_accepts(&self) -> Result<bool, Error> {
        let call = self.transport.call(Method::GET, "/v2/")?.authorized(self.authorization.clone());
        let reply = self.transport.send(call).await?;
        match reply.status() {
            StatusCode::UNAUTHORIZED => Ok(false),
            _ => super::judge(&reply).map(|()| true),
        }
    }
}

/// An account that could not be checked.
fn unchecked() -> Error {
    Error::Unavailable { status: StatusCode::UNAUTHORIZED.as_u16(), retry_after: None }
}
