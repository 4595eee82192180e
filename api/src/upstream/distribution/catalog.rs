//! Lists of repositories and of tags, whole or not at all.

use std::collections::{BTreeSet, HashSet};

use reqwest::{Method, StatusCode, header::LINK};
use serde::Deserialize;

use super::{Distribution, Reply, Scope, is_genuine, link::next_query};
use crate::upstream::{Error, Image, Tag, name, version};

/// The most that distribution gives at once unless it is told otherwise, and what it gives unasked.
const PAGE_SIZES: [usize; 2] = [1000, 100];

/// The end of patience: a hundred thousand names, of a length that is usual.
const MAX_PAGES: usize = 2000;
const MAX_ROWS: usize = 100_000;
const MAX_LIST_BYTES: usize = 8 << 20;

/// Pages in a row that bring nothing new. Some hide what the account may not see only after paging, so there may be some.
const MAX_VAIN_PAGES: usize = 50;

const JSON: &str = "application/json";

#[derive(Deserialize)]
struct Repositories {
    // May be null; where it is missing, this is no catalog.
    #[serde(deserialize_with = "Option::deserialize")]
    repositories: Option<Vec<String>>,
}

/// `null` once a repository has lost all its tags.
#[derive(Deserialize)]
struct Tags {
    #[serde(rename = "name")]
    _name: String,
    tags: Option<Vec<String>>,
}

/// A page that the registry refuses for its parameters: the page size, or a place to go on from that is gone.
enum Page {
    Good(Reply),
    Refused(Error),
}

impl Distribution {
    pub(in crate::upstream) async fn list_images(&self) -> Result<Vec<Image>, Error> {
        let mut refusal = None;
        // The second size is also the second try for a list that changed under the first.
        for size in PAGE_SIZES {
            match self.read_catalog(size).await? {
                Ok(repositories) => {
                    return repositories
                        .into_iter()
                        .map(|repository| {
                            if name::is_sound(&repository) {
                                Ok(image(repository))
                            } else {
                                Err(Error::malformed("a repository has an impossible name"))
                            }
                        })
                        .collect();
                }
                Err(error) => refusal = Some(error),
            }
        }
        Err(refusal.unwrap_or_else(closed))
    }

    /// Whether the registry shows its catalog to this account.
    pub(super) async fn shows_catalog(&self) -> Result<bool, Error> {
        match self.catalog_page("n=1").await {
            Ok(_) => Ok(true),
            Err(Error::Forbidden { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The inner error is one that reading anew may mend.
    async fn read_catalog(&self, size: usize) -> Result<Result<BTreeSet<String>, Error>, Error> {
        let mut repositories = BTreeSet::new();
        let mut seen = HashSet::new();
        let mut query = format!("n={size}");
        let (mut n_bytes, mut n_vain) = (0, 0);
        for _ in 0..MAX_PAGES {
            if !seen.insert(query.clone()) {
                return Err(Error::malformed("the catalog goes round in a circle"));
            }
            let reply = match self.catalog_page(&query).await? {
                Page::Good(reply) => reply,
                Page::Refused(error) => return Ok(Err(error)),
            };
            let page: Repositories = reply.json()?;
            let page = page.repositories.unwrap_or_default();
            n_bytes += reply.length();
            let last = page.last().cloned();
            let (count, known) = (page.len(), repositories.len());
            repositories.extend(page);
            n_vain = if repositories.len() > known { 0 } else { n_vain + 1 };
            if n_bytes > MAX_LIST_BYTES || repositories.len() > MAX_ROWS || n_vain > MAX_VAIN_PAGES {
                return Err(Error::TooLarge);
            }
            let next = reply.header(LINK).and_then(next_query);
            query = match (next, last) {
                // Even behind an empty page: some hide what the account may not see only after paging.
                (Some(next), _) => next,
                // Some leave the link out. A page that is not full, or brings nothing new, is the last one then.
                (None, Some(last)) if count >= size && repositories.len() > known => {
                    format!("n={size}&last={}", name::escape(&last))
                }
                (None, _) => return Ok(Ok(repositories)),
            };
        }
        Err(Error::TooLarge)
    }

    async fn catalog_page(&self, query: &str) -> Result<Page, Error> {
        let path = format!("/v2/_catalog?{query}");
        match self.request(Method::GET, &path, JSON, Scope::Catalog).await {
            Ok(reply) if reply.status() == StatusCode::NOT_FOUND => Err(closed()),
            Ok(reply) => Ok(Page::Good(reply)),
            Err(error @ Error::Rejected { status: 400, .. }) => Ok(Page::Refused(error)),
            Err(Error::Forbidden { .. } | Error::Rejected { status: 405, .. }) => Err(closed()),
            Err(error) => Err(error),
        }
    }

    /// By its tags, as there is no other sign of a repository that every version gives. One that has lost them all is there
    /// still, as the catalog has it; one that never had any, which the catalog of 2.8 shows, is not.
    pub(in crate::upstream) async fn get_image(&self, repository: &str) -> Result<Option<Image>, Error> {
        if !name::is_sound(repository) {
            return Ok(None);
        }
        // 2.8 does not know the parameter and gives all tags.
        let path = format!("/v2/{}/tags/list?n=1", name::escape_path(repository));
        let reply = self.request(Method::GET, &path, JSON, Scope::Pull(repository)).await?;
        if reply.status() != StatusCode::NOT_FOUND {
            let _: Tags = reply.json()?;
            return Ok(Some(image(repository.to_owned())));
        }
        let complaint = reply.complaint();
        match complaint.code.as_deref() {
            Some("NAME_UNKNOWN") => Ok(None),
            Some(_) => Err(Error::Rejected { status: 404, code: complaint.code, message: complaint.message }),
            None => Err(not_a_registry()),
        }
    }

    pub(in crate::upstream) async fn list_tags(&self, repository: &str) -> Result<Vec<Tag>, Error> {
        if !name::is_sound(repository) {
            return Ok(Vec::new());
        }
        let path = format!("/v2/{}/tags/list", name::escape_path(repository));
        let mut names = BTreeSet::new();
        let mut seen = HashSet::new();
        // Without `n` every version gives all tags at once, and 3.0 cannot skip any.
        let mut query = String::new();
        let mut n_bytes = 0;
        for _ in 0..MAX_PAGES {
            if !seen.insert(query.clone()) {
                return Err(Error::malformed("the list of tags goes round in a circle"));
            }
            let reply = self.request(Method::GET, &format!("{path}{query}"), JSON, Scope::Pull(repository)).await?;
            if reply.status() == StatusCode::NOT_FOUND {
                return match (names.is_empty(), is_genuine(&reply)) {
                    (true, true) => Ok(Vec::new()),
                    (false, true) => Err(Error::Changed { what: "the list of tags".to_owned() }),
                    (_, false) => Err(not_a_registry()),
                };
            }
            let page: Tags = reply.json()?;
            let page = page.tags.unwrap_or_default();
            let next = reply.header(LINK).and_then(next_query);
            names.extend(page.into_iter().filter(|tag| name::is_tag(tag) && !name::is_accessory_tag(tag)));
            n_bytes += reply.length();
            if n_bytes > MAX_LIST_BYTES || names.len() > MAX_ROWS {
                return Err(Error::TooLarge);
            }
            match next {
                Some(next) => query = format!("?{next}"),
                None => return Ok(in_version_order(names)),
            }
        }
        Err(Error::TooLarge)
    }
}

fn image(repository: String) -> Image {
    Image { repository, description: None, artifact_count: None, pull_count: None, updated_at: None }
}

fn in_version_order(names: BTreeSet<String>) -> Vec<Tag> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort_by(|a, b| version::newest_first(a, b));
    names.into_iter().map(|name| Tag { name, digest: None, number: None, pushed_at: None, immutable: None }).collect()
}

/// A registry works without a catalog, but nobody can say what is in it.
fn closed() -> Error {
    Error::Forbidden { message: "the list of its images is closed (/v2/_catalog)".to_owned() }
}

pub(super) fn not_a_registry() -> Error {
    Error::NotTheProduct { found: "a server that does not know a registry's API paths".to_owned() }
}
