//! One registry, whatever product it is: the same calls for all, each handed to the product's client.

use std::{fmt, sync::Arc};

use super::{
    Artifact, Credentials, Error, Image, Kind, Probe, Quota, Space, SpaceKey, Tag, distribution::Distribution,
    harbor::Harbor, http::Transport,
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
    pub(super) fn new(kind: Kind, transport: Transport, credentials: Option<Credentials>) -> Self {
        let client = match kind {
            Kind::Harbor => Client::Harbor(Arc::new(Harbor::new(transport, credentials.as_ref()))),
            Kind::DockerRegistry => Client::Distribution(Arc::new(Distribution::new(transport, credentials.as_ref()))),
        };
        Self { client }
    }

    /// Finds out whether this is the product it should be, in which version, and what the account may do.
    ///
    /// # Errors
    /// Whatever stands in the way of using the registry at all. What only limits the use is in the [`Probe`].
    pub async fn probe(&self) -> Result<Probe, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.probe().await,
            Client::Distribution(distribution) => distribution.probe().await,
        }
    }

    /// All spaces that the account sees, by id. The account is proved before and after: a refused one would see a
    /// shorter list that looks like any other.
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

    /// All tags of a repository: the last pushed first at Harbor, the highest version first at a Docker Registry, which
    /// knows no push times. A repository that is not there has no tags: neither product tells reliably.
    ///
    /// # Errors
    /// Rather than a list that is not complete.
    pub async fn list_tags(&self, space: &SpaceKey, repository: &str) -> Result<Vec<Tag>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.list_tags(space, repository).await,
            Client::Distribution(distribution) => distribution.list_tags(repository).await,
        }
    }

    /// What a tag or digest stands for. Counts as no pull at Harbor.
    ///
    /// # Errors
    /// As every call.
    pub async fn get_artifact(
        &self,
        space: &SpaceKey,
        repository: &str,
        reference: &str,
    ) -> Result<Option<Artifact>, Error> {
        match &self.client {
            Client::Harbor(harbor) => harbor.get_artifact(space, repository, reference).await,
            Client::Distribution(distribution) => distribution.get_artifact(repository, reference).await,
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
