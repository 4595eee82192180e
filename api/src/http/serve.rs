//! Runs a router on a listener, and ends it without breaking off answers.

use std::{future::Future, io, time::Duration};

use axum::ServiceExt;
use tokio::{net::TcpListener, sync::oneshot, time};
use tracing::{info, warn};

use super::Site;

/// How long answers may take after the end was asked for; Kubernetes kills after 30 s.
const DRAIN: Duration = Duration::from_secs(25);

/// Serves until `shutdown` is done: then no connection is accepted any more, and the open ones have 25 s to finish.
pub async fn serve(
    listener: TcpListener,
    site: impl Site,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let (begun, draining) = oneshot::channel::<()>();
    let server = axum::serve(listener, site.into_make_service()).with_graceful_shutdown(async move {
        shutdown.await;
        info!(%address, "Shutting down: no new connections, open ones may finish");
        // Nobody listens any more when the server has ended by itself.
        let _ = begun.send(());
    });
    tokio::select! {
        result = server => result,
        () = drained(draining) => {
            warn!("Some connections did not finish in time and were broken off");
            Ok(())
        }
    }
}

async fn drained(draining: oneshot::Receiver<()>) {
    // An error means that the sender is gone without a word, and then the server ends by itself.
    match draining.await {
        Ok(()) => time::sleep(DRAIN).await,
        Err(_) => std::future::pending().await,
    }
}
