//! Harbor's repositories, which are Fairway's images.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    Harbor,
    list::{Page, Row, Source},
};
use crate::upstream::{Error, Image, Recent, SpaceKey, name, time};

#[derive(Deserialize)]
struct Repository {
    id: i64,
    /// `project/team/app`
    name: String,
    project_id: i64,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    artifact_count: Option<i64>,
    #[serde(default)]
    pull_count: Option<i64>,
    #[serde(default, deserialize_with = "time::deserialize")]
    update_time: Option<DateTime<Utc>>,
}

impl Row for Repository {
    fn id(&self) -> i64 {
        self.id
    }
}

impl Harbor {
    pub(in crate::upstream) async fn list_images(&self, space: &SpaceKey) -> Result<Vec<Image>, Error> {
        if !name::is_sound(&space.name) {
            return Err(Error::NotFound);
        }
        let repositories = self.repositories(space, "sort=repository_id").await?;
        let mut images =
            repositories.into_iter().map(|repository| repository.in_space(space)).collect::<Result<Vec<_>, _>>()?;
        images.sort_by(|a, b| a.repository.cmp(&b.repository));
        Ok(images)
    }

    pub(in crate::upstream) async fn list_all_images(&self) -> Result<Vec<(String, Image)>, Error> {
        let repositories: Vec<Repository> = self
            .list(Source {
                what: "the list of all repositories",
                path: "/repositories",
                repository: None,
                query: "sort=repository_id",
                trusts_count: false,
            })
            .await?;
        let mut images = repositories.into_iter().map(Repository::with_space_id).collect::<Result<Vec<_>, _>>()?;
        images.sort_by(|(a_id, a), (b_id, b)| (a_id, &a.repository).cmp(&(b_id, &b.repository)));
        Ok(images)
    }

    pub(in crate::upstream) async fn recent_images(&self, page: usize) -> Result<Recent, Error> {
        let source = Source {
            what: "the list of all repositories",
            path: "/repositories",
            repository: None,
            // The id breaks ties, which would make gaps between pages.
            query: "sort=-update_time,-repository_id",
            trusts_count: false,
        };
        let Page { rows: repositories, total, .. } = self.page::<Repository>(&source, page).await?;
        // A sort that is not known is ignored, not refused, and then the last changed may be on any page. Databases
        // differ in where they put repositories without a time.
        if !repositories.iter().filter_map(|repository| repository.update_time).is_sorted_by(|a, b| a >= b) {
            return Err(Error::unsupported("this Harbor does not list images by the time of their last change"));
        }
        let images = repositories.into_iter().map(Repository::with_space_id).collect::<Result<_, _>>()?;
        Ok(Recent { images, total })
    }

    /// By the list, as a single repository of a public project is shown to its members alone. A Harbor that ignores the
    /// filter sends the project's whole list, which is read to its end then.
    pub(in crate::upstream) async fn get_image(
        &self,
        space: &SpaceKey,
        repository: &str,
    ) -> Result<Option<Image>, Error> {
        if !name::is_sound(&space.name) || !name::is_sound(repository) {
            return Ok(None);
        }
        let full_name = format!("{}/{repository}", space.name);
        // Decoded once as every query, and once more as a value of `q`; slashes pass through the second as they are.
        let filter = name::escape(&format!("name={}", name::escape_path(&full_name)));
        let repositories = self.repositories(space, &format!("q={filter}&sort=repository_id")).await?;
        if repositories.iter().any(|found| !found.is_in(space)) {
            return Err(Error::NotFound);
        }
        repositories.into_iter().find(|found| found.name == full_name).map(|found| found.in_space(space)).transpose()
    }

    /// The repositories of a project, found by its name: this path takes no id.
    async fn repositories(&self, space: &SpaceKey, query: &str) -> Result<Vec<Repository>, Error> {
        let path = format!("/projects/{}/repositories", name::escape(&space.name));
        self.list(Source {
            what: "the list of repositories",
            path: &path,
            repository: None,
            query,
            trusts_count: false,
        })
        .await
    }
}

impl Repository {
    /// A project made anew under the same name is another space.
    fn is_in(&self, space: &SpaceKey) -> bool {
        self.project_id.to_string() == space.id
    }

    fn in_space(self, space: &SpaceKey) -> Result<Image, Error> {
        if !self.is_in(space) {
            return Err(Error::NotFound);
        }
        let path = self.name.strip_prefix(&space.name).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
        self.at(path)
    }

    /// The image with the id of its space, whose name has no slash in it.
    fn with_space_id(self) -> Result<(String, Image), Error> {
        let id = self.project_id.to_string();
        let path = self.name.split_once('/').map(|(_, path)| path.to_owned());
        Ok((id, self.at(path)?))
    }

    fn at(self, path: Option<String>) -> Result<Image, Error> {
        let repository = path
            .filter(|path| name::is_sound(path))
            .ok_or_else(|| Error::malformed("a repository has an impossible name"))?;
        Ok(Image {
            repository,
            description: self.description.filter(|text| !text.is_empty()),
            artifact_count: self.artifact_count,
            pull_count: self.pull_count,
            updated_at: self.update_time,
        })
    }
}
