//! Harbor's repositories, which are Fairway's images.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    Harbor,
    list::{Row, Source},
};
use crate::upstream::{Error, Image, SpaceKey, name, time};

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
        let path = format!("/projects/{}/repositories", name::escape(&space.name));
        let repositories: Vec<Repository> = self
            .list(Source {
                what: "the list of repositories",
                path: &path,
                repository: None,
                query: "sort=repository_id",
            })
            .await?;
        let mut images =
            repositories.into_iter().map(|repository| image(space, repository)).collect::<Result<Vec<_>, _>>()?;
        images.sort_by(|a, b| a.repository.cmp(&b.repository));
        Ok(images)
    }
}

fn image(space: &SpaceKey, repository: Repository) -> Result<Image, Error> {
    // This path takes a name alone, and a project made anew under the same name is another space.
    if repository.project_id.to_string() != space.id {
        return Err(Error::NotFound);
    }
    let path = repository
        .name
        .strip_prefix(&space.name)
        .and_then(|rest| rest.strip_prefix('/'))
        .filter(|path| name::is_sound(path))
        .ok_or_else(|| Error::malformed("a repository has an impossible name"))?;
    Ok(Image {
        repository: path.to_owned(),
        description: repository.description.filter(|text| !text.is_empty()),
        artifact_count: repository.artifact_count,
        pull_count: repository.pull_count,
        updated_at: repository.update_time,
    })
}
