//! Whether a Harbor is what it should be, and its account enough.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::{Harbor, identity::SystemInfo, project::Project};
use crate::upstream::{
    Check, Error, Privilege, Probe,
    distribution::API_VERSION,
    error::presentable,
    http::{Call, Reply},
    name,
    version::Release,
};

/// Older ones do not list a robot's projects.
const OLDEST: Release = Release(2, 4, 0);

/// A right as `/users/current/permissions` lists it.
#[derive(Deserialize)]
struct Permission {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    action: String,
}

impl Permission {
    /// The resource comes relative or absolute: `project`, `/system/project`.
    fn is(&self, resource: &str, action: &str) -> bool {
        self.action == action && self.resource.rsplit('/').next() == Some(resource)
    }
}

impl Harbor {
    pub(in crate::upstream) async fn probe(&self) -> Result<Probe, Error> {
        let latency = self.recognize(self.version_call("/api/version", false)?.insistent()).await?;
        // First as anybody: up to 2.12 that tells the version without risking a login.
        check_version(self.public_system_info().await?.harbor_version.as_deref())?;
        let privilege = self.identify().await?;
        let info = self.system_info().await?;
        check_version(info.harbor_version.as_deref())?;
        let (lacks, sees_private) = self.rights(privilege, &info).await?;
        Ok(Probe {
            degraded: self.degradation(&info).await,
            version: info.harbor_version.map(|version| presentable(&version)),
            privilege,
            latency,
            lacks,
            sees_private,
        })
    }

    /// The routine look. Harbor tells an account that it accepts where it is to be found from outside, so one request
    /// proves the account, and `/health` is the other one.
    pub(in crate::upstream) async fn check(&self) -> Result<Check, Error> {
        let error = match self.look().await {
            Ok(check) => return Ok(check),
            Err(error) => error,
        };
        match error {
            // Perhaps no Harbor has said that. What is there instead is named as a probe names it.
            Error::NotTheProduct { .. }
            | Error::Malformed { .. }
            | Error::Unauthorized
            | Error::Forbidden { .. }
            | Error::NotFound
            | Error::Conflict { .. }
            | Error::Rejected { .. } => match self.recognize(self.version_call("/api/version", false)?).await {
                Err(found @ (Error::NotTheProduct { .. } | Error::UnsupportedVersion { .. })) => Err(found),
                Ok(_) | Err(_) => Err(error),
            },
            Error::Unreachable { .. }
            | Error::Timeout
            | Error::Blocked { .. }
            | Error::ReadOnly
            | Error::Unavailable { .. }
            | Error::UnsupportedVersion { .. }
            | Error::Unsupported { .. }
            | Error::Changed { .. }
            | Error::TooLarge
            | Error::Unusable { .. }
            | Error::InvalidCertificate { .. } => Err(error),
        }
    }

    async fn look(&self) -> Result<Check, Error> {
        let (info, latency): (SystemInfo, _) = self.read_timed(self.call(Method::GET, "/systeminfo")?).await?;
        check_version(info.harbor_version.as_deref())?;
        if info.external_url.is_none() {
            // Refused, it seems; which is not said without a second witness.
            self.identify().await?;
        }
        Ok(Check {
            degraded: self.degradation(&info).await,
            version: info.harbor_version.map(|version| presentable(&version)),
            latency,
        })
    }

    /// Whether a Harbor 2 answers to a call for its version, and how fast.
    async fn recognize(&self, call: Call) -> Result<Duration, Error> {
        let started = Instant::now();
        let reply = self.transport.send(call).await;
        let latency = started.elapsed();
        if reply.as_ref().is_ok_and(is_harbor) { Ok(latency) } else { Err(self.what_else(reply).await?) }
    }

    fn version_call(&self, path: &str, at_root: bool) -> Result<Call, Error> {
        if at_root { self.transport.call_root(Method::GET, path) } else { self.transport.call(Method::GET, path) }
    }

    /// Names what answers at the address instead of Harbor 2. Ok is the finding, Err that it could not be looked into.
    async fn what_else(&self, reply: Result<Reply, Error>) -> Result<Error, Error> {
        let reply = reply?;
        let found = |found: &str| Error::NotTheProduct { found: found.to_owned() };
        if reply.header(API_VERSION).is_some() {
            return Ok(found("a Docker Registry"));
        }
        if !self.address().path().is_empty()
            && let Ok(reply) = self.transport.send(self.version_call("/api/version", true)?).await
            && is_harbor(&reply)
        {
            return Ok(found(&format!("something else, while Harbor answers at {}", self.address().origin())));
        }
        // Harbor 1 keeps its API one level up.
        if let Ok(reply) = self.transport.send(self.version_call("/api/systeminfo", false)?).await
            && let Ok(info) = reply.json::<SystemInfo>()
            && let Some(version) = info.harbor_version
        {
            return Ok(Error::UnsupportedVersion { version: presentable(&version) });
        }
        if let Ok(reply) = self.transport.send(self.version_call("/v2/", false)?).await
            && reply.header(API_VERSION).is_some()
        {
            return Ok(found("a Docker Registry"));
        }
        Ok(if reply.is_page() {
            found("an HTML page, as of another site or a login in front of the API")
        } else {
            found(&format!("a server that is no Harbor (status {})", reply.status().as_u16()))
        })
    }

    /// What the account lacks, and whether it is shown private projects.
    async fn rights(&self, privilege: Privilege, info: &SystemInfo) -> Result<(Vec<String>, bool), Error> {
        if privilege == Privilege::SystemAdmin {
            return Ok((Vec::new(), true));
        }
        let everybody_creates = info.project_creation_restriction.as_deref() != Some("adminonly");
        let granted = match privilege {
            Privilege::Robot => self.system_permissions().await?,
            Privilege::SystemAdmin | Privilege::User | Privilege::Anonymous => Vec::new(),
        };
        let holds = |action| granted.iter().any(|permission| permission.is("project", action));
        let private = self.private_project().await?;
        let sees_private = holds("list") || private.is_some();
        let mut lacks = Vec::new();
        let lists_all = match privilege {
            Privilege::SystemAdmin => true,
            // A robot for all projects has no right that says so; one of a single project shows it by its name.
            Privilege::Robot => holds("list") || (sees_private && !self.is_project_robot_name),
            Privilege::User | Privilege::Anonymous => false,
        };
        if !lists_all {
            lacks.push("may not list all projects".to_owned());
        }
        if !sees_private {
            lacks.push("cannot see private projects".to_owned());
        }
        if let Some(project) = private {
            // In 2.9 a robot with rights in the system beside those in projects may not use the latter. So try.
            let path = format!("/projects/{}/repositories?page=1&page_size=1", name::escape(&project.name));
            match self.send(self.call(Method::GET, &path)?).await {
                Ok(_) => {}
                Err(Error::Forbidden { .. }) => lacks.push("may not list the repositories of projects".to_owned()),
                // Deleted since it was listed.
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        let creates = match privilege {
            Privilege::SystemAdmin => true,
            Privilege::Robot => holds("create") || (everybody_creates && !self.is_project_robot_name),
            Privilege::User => everybody_creates,
            Privilege::Anonymous => false,
        };
        if !creates {
            lacks.push("may not create projects".to_owned());
        }
        Ok((lacks, sees_private))
    }

    async fn system_permissions(&self) -> Result<Vec<Permission>, Error> {
        let path = "/users/current/permissions?scope=/system&relative=true";
        match self.read::<Option<Vec<Permission>>>(self.call(Method::GET, path)?).await {
            Ok(permissions) => Ok(permissions.unwrap_or_default()),
            // Judged by what it is shown, then.
            Err(Error::NotFound | Error::Forbidden { .. } | Error::Rejected { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The first private project that the account is shown.
    async fn private_project(&self) -> Result<Option<Project>, Error> {
        let path = "/projects?public=false&page=1&page_size=1&sort=project_id";
        let projects: Option<Vec<Project>> = self.read(self.call(Method::GET, path)?).await?;
        // An unknown filter is ignored, not refused, so the rows are looked at again.
        Ok(projects.into_iter().flatten().find(|project| !project.is_public() && name::is_sound(&project.name)))
    }

    async fn degradation(&self, info: &SystemInfo) -> Option<String> {
        let mut faults = Vec::new();
        if let Ok(health) = self.health().await {
            let parts: Vec<String> = health.unhealthy().map(presentable).filter(|name| !name.is_empty()).collect();
            if !parts.is_empty() {
                faults.push(format!("Harbor reports as unhealthy: {}", parts.join(", ")));
            }
        }
        if info.read_only == Some(true) {
            faults.push("Harbor is in read-only mode".to_owned());
        }
        (!faults.is_empty()).then(|| faults.join("; "))
    }
}

/// `{"version":"v2.0"}`, which comes as text/plain.
fn is_harbor(reply: &Reply) -> bool {
    reply.status() == StatusCode::OK
        && !reply.is_page()
        && reply
            .untyped_json::<Value>()
            .is_ok_and(|body| body.get("version").and_then(Value::as_str).is_some_and(|v| v.starts_with("v2")))
}

/// Absent and unstamped versions pass: what matters shows by behaviour.
fn check_version(version: Option<&str>) -> Result<(), Error> {
    match version.and_then(|version| Some((version, Release::parse(version)?))) {
        Some((version, release)) if release < OLDEST => {
            Err(Error::UnsupportedVersion { version: presentable(version) })
        }
        Some(_) | None => Ok(()),
    }
}
