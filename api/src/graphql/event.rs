//! Subscriptions: events as they happen.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Subscription as Root};
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, unfold};
use tokio::sync::{Notify, OnceCell};

use super::ContextExt;
use super::error::{Failure, Result};
use super::id;
use super::image::Image;
use super::loader::{Loaders, ReachableKey};
use super::namespace::NamespaceKey;
use super::registry::Registry;
use super::scalar::{DateTime, Digest};
use crate::service::event::{self, HealthEvents, ImageEvents};
use crate::service::name::{self, ImageReference};
use crate::service::{Cx, artifact, image};

/// Told when a subscription stands: whatever happens from then on is an event of it.
#[derive(Clone, Default)]
pub struct Standing(pub Arc<Notify>);

/// The root of subscriptions.
#[derive(Default)]
pub struct Subscription;

/// What happens, as it happens. Over a WebSocket (`graphql-transport-ws`) or as server-sent events.
#[Root]
impl Subscription {
    /// Images that appear in, change in or leave a namespace's selector, as far as you may see it. Many changes at a
    /// time may be told as one.
    #[graphql(complexity = "10 + child_complexity")]
    async fn image_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The namespace. It need not be known to Fairway: then it is told of public images alone.")]
        namespace: NamespaceKey,
    ) -> Result<BoxStream<'static, ImageEvent>> {
        let namespace = namespace.parse()?;
        let events = ImageEvents::begin(ctx.data_unchecked::<Arc<Cx>>().clone(), namespace.clone()).await?;
        let loaders = stands(ctx);
        Ok(unfold((events, loaders, namespace), |(mut events, loaders, namespace)| async move {
            let event = events.next().await;
            loaders.reachable.clear::<ReachableKey>();
            let event = ImageEvent { event, namespace: namespace.clone(), pushed: OnceCell::new() };
            Some((event, (events, loaders, namespace)))
        })
        .boxed())
    }

    /// Registries whose health enters another state: one, or all that you see.
    #[graphql(complexity = "10 + child_complexity")]
    async fn registry_health_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this registry.")] registry_id: Option<ID>,
    ) -> Result<BoxStream<'static, Registry>> {
        let registry = registry_id.map(|id| id::registry(&id, "registryId")).transpose()?;
        let events = HealthEvents::begin(ctx.data_unchecked::<Arc<Cx>>().clone(), registry).await?;
        let loaders = stands(ctx);
        Ok(unfold((events, loaders), |(mut events, loaders)| async move {
            let registry = events.next().await;
            loaders.reachable.clear::<ReachableKey>();
            Some((Registry(registry), (events, loaders)))
        })
        .boxed())
    }
}

/// The loaders live as long as the subscription, and must not keep what one event after the other reads.
fn stands(ctx: &Context<'_>) -> Arc<Loaders> {
    if let Some(Standing(notify)) = ctx.data_opt() {
        notify.notify_one();
    }
    ctx.data_unchecked::<Arc<Loaders>>().clone()
}

/// What became of an image, for a namespace.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "event::ImageEventKind")]
pub(super) enum ImageEventKind {
    /// It is new, or holds more artifacts than before.
    Pushed,
    /// It is gone from its registry.
    Deleted,
    /// It was there, and may be used from now on.
    BecameAvailable,
    /// It may not be used any more.
    BecameUnavailable,
}

pub(super) struct ImageEvent {
    event: event::ImageEvent,
    namespace: name::NamespaceKey,
    /// The last tag that was pushed, asked for once.
    pushed: OnceCell<Option<(String, Option<String>)>>,
}

impl ImageEvent {
    async fn find(&self, ctx: &Context<'_>) -> Result<Option<image::Image>> {
        let reference = ImageReference { name: self.event.reference.clone(), tag: None, digest: None };
        let found = image::find_available(ctx.cx(), &self.namespace, &reference).await?;
        Ok(found.map(|(image, ..)| image))
    }

    async fn pushed(&self, ctx: &Context<'_>) -> Result<&Option<(String, Option<String>)>> {
        let ask = || async {
            if self.event.kind != event::ImageEventKind::Pushed {
                return Ok(None);
            }
            let Some(image) = self.find(ctx).await? else { return Ok(None) };
            Ok::<_, Failure>(artifact::last_push(ctx.cx(), &image).await?)
        };
        self.pushed.get_or_try_init(ask).await
    }
}

/// Something that became of an image, for a namespace.
#[Object]
impl ImageEvent {
    /// What became of it.
    async fn kind(&self) -> ImageEventKind {
        self.event.kind.into()
    }

    /// `host/space/repository`, without a tag.
    async fn reference(&self) -> &str {
        &self.event.reference
    }

    /// The image as it is now; null where it cannot be used in the namespace, or not be shown to you, any more.
    #[graphql(complexity = "1 + child_complexity")]
    async fn image(&self, ctx: &Context<'_>) -> Option<Result<Image>> {
        Box::pin(self.find(ctx)).await.map(|found| found.map(Image)).transpose()
    }

    /// Where something was pushed: the tag that its registry says was pushed last. Null where the registry does not tell.
    #[graphql(complexity = 20)]
    async fn tag(&self, ctx: &Context<'_>) -> Option<Result<&str>> {
        let pushed = Box::pin(self.pushed(ctx)).await;
        pushed.map(|pushed| pushed.as_ref().map(|(tag, _)| tag.as_str())).transpose()
    }

    /// What that tag points to.
    #[graphql(complexity = 20)]
    async fn digest(&self, ctx: &Context<'_>) -> Option<Result<Digest>> {
        let pushed = Box::pin(self.pushed(ctx)).await;
        pushed.map(|pushed| pushed.as_ref().and_then(|(_, digest)| digest.clone()).map(Digest)).transpose()
    }

    /// When Fairway saw it.
    async fn at(&self) -> DateTime {
        DateTime(self.event.at)
    }
}
