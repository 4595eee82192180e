//! Harbor's projects, which are Fairway's spaces.

use chrono::{DateTime, Utc};
use reqwest::{Method, header::LOCATION};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Harbor, IS_NAME, judge,
    list::{Row, Source},
};
use crate::upstream::{Error, Quota, Space, SpaceKey, Visibility, name, time};

/// A project as Harbor sends it; what is zero or empty is left out.
#[derive(Deserialize)]
pub(super) struct Project {
    project_id: i64,
    pub(super) name: String,
    /// Left out of lists without detail.
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    /// The registry that a proxy cache fills itself from.
    #[serde(default)]
    registry_id: Option<i64>,
    #[serde(default)]
    repo_count: Option<i64>,
    #[serde(default, deserialize_with = "time::deserialize")]
    creation_time: Option<DateTime<Utc>>,
}

/// What Harbor sends of a project's quota, to those who may read it.
#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    quota: Option<SummaryQuota>,
}

#[derive(Deserialize)]
struct SummaryQuota {
    #[serde(default)]
    hard: Option<Amounts>,
    #[serde(default)]
    used: Option<Amounts>,
}

/// Zeros are left out.
#[derive(Deserialize)]
struct Amounts {
    #[serde(default)]
    storage: i64,
}

impl Project {
    pub(super) fn is_public(&self) -> bool {
        is_public(self.metadata.as_ref().and_then(|metadata| metadata.get("public")))
    }
}

impl Row for Project {
    fn id(&self) -> i64 {
        self.project_id
    }
}

impl From<Project> for Space {
    fn from(project: Project) -> Self {
        let visibility = if project.is_public() { Visibility::Public } else { Visibility::Private };
        Self {
            id: project.project_id.to_string(),
            visibility,
            is_proxy_cache: project.registry_id.is_some_and(|id| id > 0),
            image_count: project.repo_count,
            created_at: project.creation_time,
            name: project.name,
        }
    }
}

/// Metadata are strings, written by whoever called the API. What is not plainly public is private.
fn is_public(public: Option<&Value>) -> bool {
    match public {
        Some(Value::Bool(public)) => *public,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true") || text == "1",
        Some(_) | None => false,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Statistics {
    private_project_count: i64,
    public_project_count: i64,
    total_project_count: i64,
    total_storage_consumption: Option<i64>,
}

impl Harbor {
    pub(in crate::upstream) async fn list_spaces(&self) -> Result<Vec<Space>, Error> {
        let projects: Vec<Project> = self
            .list(Source {
                what: "the list of projects",
                path: "/projects",
                repository: None,
                // The sort has no ties and puts new projects last, where they disturb no page already read.
                query: "sort=project_id&with_detail=true",
                // A known project that a low count hides is asked for by itself.
                trusts_count: true,
            })
            .await?;
        let spaces: Vec<Space> = projects.into_iter().map(Space::from).collect();
        if spaces.iter().any(|space| !name::is_sound(&space.name)) {
            return Err(Error::malformed("a project has an impossible name"));
        }
        Ok(spaces)
    }

    pub(in crate::upstream) async fn get_space(&self, id: &str) -> Result<Option<Space>, Error> {
        let id = numeric(id)?;
        match self.read::<Project>(self.call(Method::GET, &format!("/projects/{id}"))?).await {
            Ok(project) if project.project_id == id => Ok(Some(project.into())),
            Ok(_) => Err(another_project()),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(in crate::upstream) async fn list_public_spaces(&self) -> Result<Vec<Space>, Error> {
        let mut spaces = match self.without_account().list_spaces().await {
            Err(Error::Unauthorized) => return Err(closed_to_everybody()),
            outcome => outcome?,
        };
        spaces.retain(|space| space.visibility == Visibility::Public);
        Ok(spaces)
    }

    pub(in crate::upstream) async fn is_public(&self, id: &str) -> Result<bool, Error> {
        let id = numeric(id)?;
        let everybody = self.without_account();
        let reply = everybody.transport.send(everybody.call(Method::GET, &format!("/projects/{id}"))?).await?;
        match judge(&reply) {
            Ok(()) => {}
            // Harbor says 401 to everybody, whether there is a private project or none.
            Err(Error::Unauthorized | Error::Forbidden { .. } | Error::NotFound) if reply.complaint().is_genuine => {
                return Ok(false);
            }
            Err(Error::Unauthorized) => return Err(closed_to_everybody()),
            Err(error) => return Err(error),
        }
        let project: Project = reply.json()?;
        if project.project_id == id { Ok(project.is_public()) } else { Err(another_project()) }
    }

    async fn get_space_by_name(&self, name: &str) -> Result<Space, Error> {
        let path = format!("/projects/{}", name::escape(name));
        let project: Project = self.read(self.call(Method::GET, &path)?.header(IS_NAME, "true")).await?;
        Ok(project.into())
    }

    pub(in crate::upstream) async fn create_space(&self, name: &str, public: bool) -> Result<Space, Error> {
        let body = json!({ "project_name": name, "metadata": { "public": public.to_string() } });
        let reply = self.send(self.call(Method::POST, "/projects")?.json(&body)).await?;
        // Only the tail: behind a proxy's path the rest of it is wrong.
        let id = reply
            .header(LOCATION)
            .and_then(|location| location.trim_end_matches('/').rsplit('/').next())
            .and_then(|tail| tail.parse::<i64>().ok());
        let made = match id {
            Some(id) => self.get_space(&id.to_string()).await?,
            None => None,
        };
        match made {
            Some(space) if space.name == name => Ok(space),
            // A project called `123` could be meant by `/projects/123`.
            Some(_) | None => self.get_space_by_name(name).await,
        }
    }

    pub(in crate::upstream) async fn set_space_public(&self, space: &SpaceKey, public: bool) -> Result<Space, Error> {
        let id = numeric(&space.id)?;
        // A string: Harbor refuses a JSON boolean here, and ignores `public` outside of `metadata`.
        let body = json!({ "metadata": { "public": public.to_string() } });
        self.send(self.call(Method::PUT, &format!("/projects/{id}"))?.json(&body)).await?;
        let wanted = if public { Visibility::Public } else { Visibility::Private };
        match self.get_space(&space.id).await? {
            Some(found) if found.visibility == wanted => Ok(found),
            Some(_) => Err(Error::Changed { what: format!("the visibility of project {}", space.name) }),
            None => Err(Error::NotFound),
        }
    }

    /// Of the project's summary, as `/quotas` took 1.7 s on Harbor 2.9.5 for what this answers in 20 ms.
    pub(in crate::upstream) async fn get_quota(&self, space: &SpaceKey) -> Result<Quota, Error> {
        let id = numeric(&space.id)?;
        let summary: Summary = self.read(self.call(Method::GET, &format!("/projects/{id}/summary"))?).await?;
        let Some(quota) = summary.quota else { return Ok(Quota::default()) };
        let storage = |amounts: &Option<Amounts>| amounts.as_ref().map(|amounts| amounts.storage);
        // Harbor writes -1 for no limit.
        Ok(Quota { used: storage(&quota.used), limit: storage(&quota.hard).filter(|limit| *limit >= 0) })
    }

    /// To all but system administrators Harbor says zero, of the projects as well.
    pub(in crate::upstream) async fn get_storage_used(&self) -> Result<Option<i64>, Error> {
        let found: Statistics = self.read(self.call(Method::GET, "/statistics")?).await?;
        let is_whole = found.total_project_count >= found.private_project_count + found.public_project_count;
        Ok(found.total_storage_consumption.filter(|_| is_whole))
    }

    pub(in crate::upstream) async fn delete_space(&self, space: &SpaceKey) -> Result<(), Error> {
        let id = numeric(&space.id)?;
        match self.send(self.call(Method::DELETE, &format!("/projects/{id}"))?).await {
            // Ids are never given twice, so this very project is gone: perhaps by this call, sent again.
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// An id as Harbor has them.
pub(super) fn numeric(id: &str) -> Result<i64, Error> {
    id.parse().map_err(|_| Error::malformed("an id is not a number"))
}

fn another_project() -> Error {
    Error::malformed("a project has another id than it was asked for by")
}

/// Harbor itself shows everybody what is public, and this says nothing of the account, which was not sent.
fn closed_to_everybody() -> Error {
    Error::NotTheProduct { found: "a login in front of the API".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_plainly_public_is_private() {
        let public = |value: Value| is_public(Some(&value));
        assert!(public(json!("true")) && public(json!("TRUE")) && public(json!("1")) && public(json!(true)));
        assert!(!public(json!("yes")) && !public(json!("")) && !public(json!(1)) && !public(json!(null)));
        assert!(!is_public(None));
    }
}
