//! One registry, whatever product it is: the same calls for all, each handed to the product's client.

use std::{fmt, sync::Arc};

use super::{
    Artifact, Check, Credentials, Detail, Error, Image, Kind, Probe, Quota, Recent, Space, SpaceKey, Tag, Webhook,
    distribution::{Distribution, Documents},
    harbor::Harbor,
    http::Transport,
};

/// A client for one registry. Clones are cheap and share what the client has learnt.
#[derive(Clone)]
pub struct Registry {
    client: Client,
}

#[derive(Clone)]
enum Client {
    Harbor(Arc<Harbor>),
    Distribution(Arc<Distribution>),
}

impl Registry {
    pub(super) fn new(
        kind: Kind,
        transport: Transport,
        credentials: Option<Credentials>,
        documents: Arc<Documents>,
    ) -> Self {
        let client = match kind {
            Kind::Harbor => Client::Harbor(Arc::new(Harbor::new(transport, credentials.as_ref()))),
            Kind::DockerRegistry => {
                Client::Distribution(Arc::new(Distribution::new(transport, credentials.as_ref(), documents)))
            }
        };
        Self { client }
    }

    /// Finds out whether this is the product it should be, in which version, and what the account may do. A person asks
    /// for that, who may have just repaired something, so it is tried also while [`Registry::is_suspended`].
    ///
    /// # Errors
    /// Whatever stands in the way of using the registry at all. What only limits the use is in the [`Probe`].
    pub async fn probe(&self) -> Result<Probe, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.probe().await,
            Client::Distribution(distribution) => distribution.probe().await,
        }
    }

    /// The routine look at a registry that was probed in full before: whether it is still what it was, in a version that is
    /// supported, and accepts the account. Two requests to a Harbor that is well.
    ///
    /// What the account may do is not looked into. That takes a [`Registry::probe`]: at first, whenever the settings have
    /// changed, and now and then after that, as an account can lose a right and still be accepted.
    ///
    /// # Errors
    /// Those of a [`Registry::probe`], with the same care before an account counts as refused.
    pub async fn check(&self) -> Result<Check, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.check().await,
            Client::Distribution(distribution) => distribution.check().await,
        }
    }

    /// Whether calls fail at once, but for one now and then, because the last ones got no answer.
    pub fn is_suspended(&self) -> bool {
        match &self.client {
            Client::Harbor(harbor) => harbor.is_suspended(),
            Client::Distribution(distribution) => distribution.is_suspended(),
        }
    }

    /// Takes note that a call was dropped because the registry did not answer in time.
    pub fn gave_up(&self) {
        match &self.client {
            Client::Harbor(harbor) => harbor.gave_up(),
            Client::Distribution(distribution) => distribution.gave_up(),
        }
    }

    /// All spaces that the account sees, by id.
    ///
    /// Proves nothing about the account: Harbor shows one that it refuses what everybody sees, and that list looks like any
    /// other. So the account is to be proved first, by [`Registry::check`] or [`Registry::probe`]; and as it may be
    /// refused a moment later, a private space that is absent is not gone for that: [`Registry::get_space`] tells.
    ///
    /// # Errors
    /// Rather than a list that is not complete.
    pub async fn list_spaces(&self) -> Result<Vec<Space>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.list_spaces().await,
            Client::Distribution(distribution) => Ok(vec![distribution.space()]),
        }
    }

    /// One space by its id; `None` only if the registry says to an account it knows that there is none.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where the registry does not say whether there is one.
    pub async fn get_space(&self, upstream_id: &str) -> Result<Option<Space>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.get_space(upstream_id).await,
            Client::Distribution(distribution) => {
                let space = distribution.space();
                Ok((space.id == upstream_id).then_some(space))
            }
        }
    }

    /// The spaces that everybody sees, by id, asked for without the account. While an account is refused this shows what
    /// has turned private meanwhile, and locks nobody out.
    ///
    /// # Errors
    /// Rather than a list that is not complete. None of them says anything about the account.
    pub async fn list_public_spaces(&self) -> Result<Vec<Space>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.list_public_spaces().await,
            Client::Distribution(distribution) => Ok(vec![distribution.space()]),
        }
    }

    /// Whether everybody may pull from a space, asked without the account. One that is gone is not public.
    ///
    /// # Errors
    /// If the registry gave no answer of its own. None of them says anything about the account.
    pub async fn is_public(&self, upstream_id: &str) -> Result<bool, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.is_public(upstream_id).await,
            Client::Distribution(distribution) => Ok(distribution.space().id == upstream_id),
        }
    }

    /// Makes a space and reads back what was made. Not sent again after a failure, as the first may have worked.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the name is taken, [`Error::Rejected`] if it is no name, [`Error::Unsupported`] at a
    /// Docker Registry.
    pub async fn create_space(&self, name: &str, public: bool) -> Result<Space, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.create_space(name, public).await,
            Client::Distribution(_) => Err(Error::unsupported("a Docker Registry has exactly one space")),
        }
    }

    /// Opens or closes a space, and reads back that it is so.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unsupported`] at a Docker Registry.
    pub async fn set_space_public(&self, space: &SpaceKey, public: bool) -> Result<Space, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.set_space_public(space, public).await,
            Client::Distribution(_) => Err(Error::unsupported("the space of a Docker Registry is always public")),
        }
    }

    /// Deletes an empty space. One that is gone already is as good.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it holds repositories, [`Error::Unsupported`] at a Docker Registry.
    pub async fn delete_space(&self, space: &SpaceKey) -> Result<(), Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.delete_space(space).await,
            Client::Distribution(_) => Err(Error::unsupported("the space of a Docker Registry cannot be deleted")),
        }
    }

    /// What a space's artifacts take and may take; nothing where the registry does not tell this account.
    ///
    /// # Errors
    /// As every call.
    pub async fn get_quota(&self, space: &SpaceKey) -> Result<Quota, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.get_quota(space).await,
            Client::Distribution(_) => Ok(Quota::default()),
        }
    }

    /// Bytes that all artifacts of all spaces take; nothing where the registry does not tell this account.
    ///
    /// # Errors
    /// As every call.
    pub async fn get_storage_used(&self) -> Result<Option<i64>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.get_storage_used().await,
            Client::Distribution(_) => Ok(None),
        }
    }

    /// All images of a space, by repository.
    ///
    /// # Errors
    /// Rather than a list that is not complete; [`Error::NotFound`] also if the name now belongs to another space.
    pub async fn list_images(&self, space: &SpaceKey) -> Result<Vec<Image>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.list_images(space).await,
            Client::Distribution(distribution) => distribution.list_images().await,
        }
    }

    /// All images of all spaces that the account sees, each with the [`SpaceKey::id`] of its space, by that id and the
    /// repository. As with [`Registry::list_spaces`], a refused account is shown a shorter list.
    ///
    /// # Errors
    /// Rather than a list that is not complete; [`Error::TooLarge`] beyond 200,000 at Harbor.
    pub async fn list_all_images(&self) -> Result<Vec<(String, Image)>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.list_all_images().await,
            Client::Distribution(distribution) => {
                let id = distribution.space().id;
                Ok(distribution.list_images().await?.into_iter().map(|image| (id.clone(), image)).collect())
            }
        }
    }

    /// The images that changed last, of all spaces that the account sees, by pages that count from 1. One request for a
    /// hundred of them. What counts as a change depends on the version: see [`Image::updated_at`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] at a Docker Registry, and at a Harbor that lists them in another order.
    pub async fn recent_images(&self, page: usize) -> Result<Recent, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.recent_images(page).await,
            Client::Distribution(_) => Err(Error::unsupported("a Docker Registry does not tell what changed last")),
        }
    }

    /// One image, read again because something is said to have happened to it; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the space is gone, also if its name now belongs to another one.
    pub async fn get_image(&self, space: &SpaceKey, repository: &str) -> Result<Option<Image>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.get_image(space, repository).await,
            Client::Distribution(distribution) => distribution.get_image(repository).await,
        }
    }

    /// All tags of a repository: the last pushed first at Harbor, the highest version first at a Docker Registry, which
    /// knows no push times. A repository that is not there has no tags: neither product tells reliably. Tags under which
    /// tools keep signatures and the like are left out.
    ///
    /// # Errors
    /// Rather than a list that is not complete.
    pub async fn list_tags(&self, space: &SpaceKey, repository: &str) -> Result<Vec<Tag>, Error> {
        match &self.client {
            Client::Harbor(harbor) => {
                Ok(super::tags_of(&harbor.list_artifacts(space, repository, true, Detail::default()).await?))
            }
            Client::Distribution(distribution) => distribution.list_tags(repository).await,
        }
    }

    /// All artifacts of a repository, in no order, or those with a tag alone, as a Docker Registry has no others. Builds of
    /// an index and accessories are none. Of [`Detail`] each has as much as comes with the list: the rest is for
    /// [`Registry::describe`]. Harbor gives a hundred by one request, with all details; a Docker Registry gives one
    /// digest, and no details.
    ///
    /// # Errors
    /// Rather than a list that is not complete; [`Error::Unsupported`] at a Docker Registry beyond 200 tags.
    pub async fn list_artifacts(
        &self,
        space: &SpaceKey,
        repository: &str,
        is_tagged: bool,
        detail: Detail,
    ) -> Result<Vec<Artifact>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.list_artifacts(space, repository, is_tagged, detail).await,
            Client::Distribution(distribution) => distribution.list_artifacts(repository).await,
        }
    }

    /// The same artifacts, in the same order, with what they lack of what is asked for. Sends nothing where they lack
    /// nothing; Harbor is asked for fifty at a time.
    ///
    /// # Errors
    /// [`Error::Changed`] if one of them has gone.
    pub async fn describe(
        &self,
        space: &SpaceKey,
        repository: &str,
        artifacts: Vec<Artifact>,
        detail: Detail,
    ) -> Result<Vec<Artifact>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.describe(space, repository, artifacts, detail).await,
            Client::Distribution(distribution) => distribution.describe(repository, artifacts, detail).await,
        }
    }

    /// What a tag or digest stands for, as far as it is asked for; without the tags of a Docker Registry's, which its list
    /// alone tells. Counts as no pull at Harbor.
    ///
    /// # Errors
    /// As every call.
    pub async fn get_artifact(
        &self,
        space: &SpaceKey,
        repository: &str,
        reference: &str,
        detail: Detail,
    ) -> Result<Option<Artifact>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.get_artifact(space, repository, reference, detail).await,
            Client::Distribution(distribution) => match distribution.get_digest(repository, reference).await? {
                Some(digest) => {
                    let named = vec![Artifact::named(digest)];
                    Ok(distribution.describe(repository, named, detail).await?.pop())
                }
                None => Ok(None),
            },
        }
    }

    /// The digest that a tag points to, by a HEAD that counts as no pull. In a proxy cache it may reach through to the
    /// registry behind, so it is not for polling there.
    ///
    /// # Errors
    /// As every call.
    pub async fn get_digest(&self, space: &SpaceKey, repository: &str, tag: &str) -> Result<Option<String>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.get_digest(space, repository, tag).await,
            Client::Distribution(distribution) => distribution.get_digest(repository, tag).await,
        }
    }

    /// Has the registry tell of what happens to the images of a space. A webhook of this name is changed where it
    /// differs, and made where there is none. Its id is for [`Registry::delete_webhook`].
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the account may not, [`Error::Rejected`] if the registry does not like the address,
    /// [`Error::Unsupported`] at a Docker Registry, which is told of webhooks by its own configuration.
    pub async fn put_webhook(&self, space: &SpaceKey, hook: &Webhook) -> Result<String, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.put_webhook(space, hook).await,
            Client::Distribution(_) => Err(no_webhooks()),
        }
    }

    /// Removes a webhook. One that is gone already is as good.
    ///
    /// # Errors
    /// [`Error::Conflict`] while events of it are being delivered, [`Error::Unsupported`] at a Docker Registry.
    pub async fn delete_webhook(&self, space: &SpaceKey, id: &str) -> Result<(), Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.delete_webhook(space, id).await,
            Client::Distribution(_) => Err(no_webhooks()),
        }
    }
}

fn no_webhooks() -> Error {
    Error::unsupported("a Docker Registry has its webhooks in its own configuration")
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, address) = match &self.client {
            Client::Harbor(harbor) => (Kind::Harbor, harbor.address()),
            Client::Distribution(distribution) => (Kind::DockerRegistry, distribution.address()),
        };
        f.debug_struct("Registry").field("kind", &kind).field("address", address).finish_non_exhaustive()
    }
}
