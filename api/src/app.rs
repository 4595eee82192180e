//! Composition: the parts made from a configuration, and the life of the process.

mod encryption;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::entity::registry::Kind;
use futures_util::future::{BoxFuture, FutureExt, Shared};
use sea_orm::DbErr;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::info;

pub use self::encryption::{MissingKeys, Rotated, rotate_keys};
use crate::auth::{KeySource, OneKey, Verifier};
use crate::catalog::Catalog;
use crate::config::{Config, Introspection, JwtKeys};
use crate::graphql::{self, Bounds, Graph};
use crate::http::{self, HttpState, Notification, Patience, Ready, Received, Shutdown, WebhookKind, Webhooks};
use crate::jwks::{self, Jwks};
use crate::metrics::{Metrics, Reading};
use crate::mirror::Mirror;
use crate::service::{Service, webhook};
use crate::storage::Storage;
use crate::sync::{self, Sync};
use crate::upstream::{self, Upstream};
use crate::vault::Vault;

/// Why Fairway does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot use the database")]
    Database(#[from] DbErr),
    #[error("the database has pending migrations: `fairway migrate up` applies them")]
    Pending,
    #[error("cannot read the identity provider's keys")]
    Keys(#[from] jwks::Error),
    #[error("cannot seal stored secrets again")]
    Reseal(#[from] sync::Error),
    #[error(transparent)]
    MissingKeys(#[from] MissingKeys),
    #[error("some secrets are not sealed with the newest key: keep the older keys, and run this again")]
    NotRotated,
    #[error("cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the server failed")]
    Serve(#[source] std::io::Error),
}

/// What `fairway migrate` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Migration {
    /// Apply all that is pending
    Up,
    /// Revert the newest that is applied
    Down,
    /// List what is applied and what is pending
    Status,
}

/// How long acts on registries may take after the last answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A gateway that serves.
pub struct Running {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    storage: Storage,
    service: Service,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), Error>>,
}

/// Starts a gateway: when this returns, it answers.
pub async fn start(config: Config) -> Result<Running, Error> {
    let (keys, published) = keys(&config.jwt_keys)?;
    let storage = Storage::connect(&config.database_url).await?;
    if config.migrates {
        storage.migrate().await?;
    } else if storage.migrations().await?.iter().any(|(_, is_applied)| !is_applied) {
        return Err(Error::Pending);
    }
    let vault = Arc::new(Vault::new(&config.encryption_keys));
    encryption::check(&storage, &vault, config.allows_missing_keys).await?;
    let settings = upstream::Settings { timeout: config.upstream_timeout, ..Default::default() };
    let upstream = Upstream::new(settings, config.upstream_guards.clone());
    let mirror = Mirror::new(storage.clone());
    let metrics = metrics(&storage, &mirror, &upstream);
    // What was known is in memory before anything is served.
    let n_images = mirror.current().await?.catalog.images();
    let settings = sync::Settings {
        interval: config.sync_interval,
        patience: config.upstream_timeout / 2,
        public_url: config.public_url.clone(),
        webhook_path: |registry| graphql::webhook_path(Kind::Harbor, registry),
    };
    let sync = Sync::new(storage.clone(), mirror.clone(), upstream.clone(), vault.clone(), metrics.clone(), settings);
    // A request that waited for registries must still have time to answer with what the others said.
    let patience = config.upstream_timeout.min(config.request_timeout * 9 / 10);
    let service = Service::new(storage.clone(), mirror, sync.clone(), upstream, vault, patience);
    let bounds = Bounds {
        max_depth: config.max_depth,
        max_complexity: config.max_complexity,
        suggests: config.introspection != Introspection::Never,
    };
    let graph = Graph::new(service.clone(), bounds);

    if let Some(published) = &published {
        // One try before the first request. A provider that is down keeps nobody from starting: it is asked again.
        published.read().await;
    }
    let (listener, address) = listen(config.listen).await?;
    let (metrics_listener, metrics_address) = match config.metrics_listen {
        Some(address) => listen(address).await.map(|(listener, address)| (Some(listener), Some(address)))?,
        None => (None, None),
    };
    let shutdown = Shutdown::default();
    let router = http::router(HttpState {
        graph,
        verifier: Arc::new(Verifier::new(&config.jwt, keys.clone())),
        settings: http::Settings::from(&config),
        ready: Ready::new({
            let service = service.clone();
            move || {
                let (service, keys) = (service.clone(), keys.clone());
                // Who can let nobody in shall not take the place of one who can.
                async move { keys.current().is_some() && service.is_ready().await }
            }
        }),
        webhooks: Webhooks::new({
            let service = service.clone();
            move |notification| {
                let service = service.clone();
                async move { receive(&service, notification).await }
            }
        }),
        metrics: metrics.clone(),
        shutdown: shutdown.clone(),
    });
    let patience = Patience { max_connections: config.max_connections, ..Patience::default() };
    let (stop, stopped) = oneshot::channel::<()>();
    // A sender that is dropped without a word means the same: nobody holds the gateway any more.
    let stopped: Shared<BoxFuture<'static, ()>> = stopped
        .map({
            let begun = shutdown.begun.clone();
            move |_| begun.cancel()
        })
        .boxed()
        .shared();
    let background = tokio::spawn(sync.run(stopped.clone()));
    let keys_kept = published.map(|published| tokio::spawn(published.run(stopped.clone())));
    let server = tokio::spawn(async move {
        let main = http::serve(listener, router, patience, stopped.clone());
        let served = match metrics_listener {
            Some(listener) => {
                let metrics = http::serve(listener, http::metrics_router(metrics), patience, stopped);
                tokio::try_join!(main, metrics).map(|_| ())
            }
            None => main.await,
        };
        shutdown.finish().await;
        // It ends with the same word.
        let _ = background.await;
        if let Some(keys_kept) = keys_kept {
            let _ = keys_kept.await;
        }
        served.map_err(Error::Serve)
    });
    info!(%address, images = n_images, "Fairway serves");
    if let Some(address) = metrics_address {
        info!(metrics.address = %address, "Metrics are served apart");
    }
    Ok(Running { address, metrics_address, storage, service, stop, server })
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics are served, if not there.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// SQL statements executed so far.
    pub fn statements(&self) -> u64 {
        self.storage.statements()
    }

    /// Answers given again, instead of being made anew, so far.
    pub fn reused_answers(&self) -> u64 {
        self.service.reused_answers()
    }

    /// Ends it in good order: answers under way are finished first, and acts on registries whose askers have gone.
    pub async fn stop(self) -> Result<(), Error> {
        // An error means that it has ended already.
        let _ = self.stop.send(());
        let ended = self.server.await.unwrap_or_else(|failed| Err(Error::Serve(std::io::Error::other(failed))));
        self.service.finish(PATIENCE).await;
        self.storage.close().await?;
        ended
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let listener = TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
    let address = listener.local_addr().map_err(Error::Serve)?;
    Ok((listener, address))
}

/// Where the keys come from that tokens are verified with; and the same once more where they are to be kept up to date.
fn keys(configured: &JwtKeys) -> Result<(Arc<dyn KeySource>, Option<Jwks>), Error> {
    Ok(match configured {
        JwtKeys::One(key) => (Arc::new(OneKey::from(key.clone())), None),
        JwtKeys::Published(settings) => {
            let published = Jwks::new(settings.clone())?;
            (Arc::new(published.clone()), Some(published))
        }
    })
}

/// The counters, and what they read from the parts that count for themselves.
fn metrics(storage: &Storage, mirror: &Mirror, upstream: &Upstream) -> Metrics {
    let of_catalog = |read: fn(&Catalog) -> usize| {
        let mirror = mirror.clone();
        move || mirror.newest().map_or(0, |directory| read(&directory.catalog) as u64)
    };
    let of_upstream = |read: fn(&Upstream) -> u64| {
        let upstream = upstream.clone();
        move || read(&upstream)
    };
    let statements = storage.clone();
    Metrics::builder()
        .reading(Reading::SqlStatements, move || statements.statements())
        .reading(Reading::UpstreamRequests, of_upstream(Upstream::requests))
        .reading(Reading::UpstreamFailures, of_upstream(Upstream::failures))
        .reading(Reading::CatalogImages, of_catalog(Catalog::images))
        .reading(Reading::CatalogSpaces, of_catalog(Catalog::len))
        .reading(Reading::CatalogBytes, of_catalog(Catalog::heap_bytes))
        .build()
}

/// Hands a notification on to those who can tell where it is from.
async fn receive(service: &Service, notification: Notification) -> Received {
    let Some(registry) = graphql::registry_key(&notification.registry) else { return Received::Unknown };
    let kind = match notification.kind {
        WebhookKind::Harbor => Kind::Harbor,
        WebhookKind::Docker => Kind::DockerRegistry,
    };
    let authorization = notification.authorization.unwrap_or_default();
    match webhook::receive(service, kind, registry, &authorization, &notification.body).await {
        Ok(webhook::Received::Accepted) => Received::Accepted,
        Ok(webhook::Received::Unauthorized) => Received::Unauthorized,
        Ok(webhook::Received::Malformed(what)) => Received::Malformed(what.to_owned()),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(registry.id = %registry, error, "A notification could not be looked into");
            Received::Failed
        }
    }
}

/// Serves until the process is told to end.
pub async fn serve(config: Config) -> Result<(), Error> {
    let is_dev = config.dev.is_some();
    let mut running = start(config).await?;
    if is_dev {
        info!("Open http://{}/graphql in a browser: an Admin's token is filled in", running.address);
    }
    tokio::select! {
        ended = &mut running.server => {
            ended.unwrap_or_else(|failed| Err(Error::Serve(std::io::Error::other(failed))))
        }
        () = told_to_end() => running.stop().await,
    }
}

/// Runs `fairway migrate`; reports how each migration stands afterwards, a line each.
pub async fn migrate(database_url: &SecretString, migration: Migration) -> Result<String, Error> {
    let storage = Storage::connect(database_url).await?;
    match migration {
        Migration::Up => storage.migrate().await?,
        Migration::Down => storage.revert().await?,
        Migration::Status => {}
    }
    let report = storage.migrations().await?.into_iter().map(|(name, is_applied)| {
        let state = if is_applied { "applied" } else { "pending" };
        format!("{state}  {name}\n")
    });
    storage.close().await?;
    Ok(report.collect())
}

/// The schema, as `schema.graphql` holds it.
pub fn schema() -> String {
    graphql::sdl()
}

/// The schema as a subgraph of Apollo Federation 2.
pub fn subgraph() -> &'static str {
    graphql::subgraph_sdl()
}

/// SIGTERM, as Kubernetes sends it, or Ctrl-C.
async fn told_to_end() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            },
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be waited for: only Ctrl-C ends this process in good order");
                let _ = interrupted.await;
            }
        }
    }
    #[cfg(not(unix))]
    {
        let _ = interrupted.await;
    }
}
