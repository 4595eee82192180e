//! Composition: the parts made from a configuration, and the life of the process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared};
use sea_orm::DbErr;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::info;

use crate::auth::Verifier;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::graphql::{Bounds, Graph};
use crate::http::{self, HttpState, Ready};
use crate::service::Service;
use crate::storage::Storage;
use crate::sync::Sync;
use crate::upstream::{self, Upstream};
use crate::vault::Vault;

/// Why Fairway does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot use the database")]
    Database(#[from] DbErr),
    #[error("the database has pending migrations: `fairway migrate up` applies them")]
    Pending,
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
    storage: Storage,
    service: Service,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), Error>>,
}

/// Starts a gateway: when this returns, it answers.
pub async fn start(config: Config) -> Result<Running, Error> {
    let storage = Storage::connect(&config.database_url).await?;
    if config.migrates {
        storage.migrate().await?;
    } else if storage.migrations().await?.iter().any(|(_, is_applied)| !is_applied) {
        return Err(Error::Pending);
    }
    let upstream = Upstream::new(upstream::Settings { timeout: config.upstream_timeout, ..Default::default() });
    let vault = Arc::new(Vault::new(&config.encryption_keys));
    let catalog = Arc::new(Catalog::new());
    let sync = Sync::new(storage.clone(), upstream.clone(), vault.clone(), catalog, config.sync_interval);
    let n_images = sync.recall().await?;
    // A request that waited for registries must still have time to answer with what the others said.
    let patience = config.upstream_timeout.min(config.request_timeout * 9 / 10);
    let service = Service::new(storage.clone(), sync.clone(), upstream, vault, patience);
    let bounds = Bounds { max_depth: config.max_depth, max_complexity: config.max_complexity };
    let graph = Graph::new(service.clone(), bounds);

    let listener = TcpListener::bind(config.listen).await;
    let listener = listener.map_err(|source| Error::Listen { address: config.listen, source })?;
    let address = listener.local_addr().map_err(Error::Serve)?;
    let router = http::router(HttpState {
        graph,
        verifier: Arc::new(Verifier::new(&config.jwt)),
        settings: http::Settings::from(&config),
        ready: Ready::new({
            let service = service.clone();
            move || {
                let service = service.clone();
                async move { service.is_ready().await }
            }
        }),
    });
    let (stop, stopped) = oneshot::channel::<()>();
    // A sender that is dropped without a word means the same: nobody holds the gateway any more.
    let stopped: Shared<BoxFuture<'static, ()>> = stopped.map(|_| ()).boxed().shared();
    let background = tokio::spawn(sync.run(stopped.clone()));
    let server = tokio::spawn(async move {
        let served = http::serve(listener, router, stopped).await;
        // It ends with the same word.
        let _ = background.await;
        served.map_err(Error::Serve)
    });
    info!(%address, images = n_images, "Fairway serves");
    Ok(Running { address, storage, service, stop, server })
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// SQL statements executed so far.
    pub fn statements(&self) -> u64 {
        self.storage.statements()
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
    crate::graphql::sdl()
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
