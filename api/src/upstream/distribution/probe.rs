//! Whether a Docker Registry is one, and shows what it has.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{API_VERSION, Distribution, Scope};
use crate::upstream::{Check, Error, Privilege, Probe, http::Call, lock};

impl Distribution {
    pub(in crate::upstream) async fn probe(&self) -> Result<Probe, Error> {
        let latency = self.recognize(self.ping()?.insistent()).await?;
        let mut lacks = Vec::new();
        match self.shows_catalog().await {
            Ok(true) => {}
            Ok(false) => lacks.push("may not list the images".to_owned()),
            // The first page of a large registry can take minutes; that is for the sync to find out and to report.
            Err(error) if error.is_timeout() => {}
            Err(error) => return Err(error),
        }
        let privilege = match lock(&self.known).scheme {
            Some(_) if self.credentials.is_some() => Privilege::User,
            Some(_) | None => Privilege::Anonymous,
        };
        Ok(Probe {
            // The protocol tells its own version and not the product's.
            version: None,
            privilege,
            latency,
            degraded: None,
            lacks,
            sees_private: true,
        })
    }

    /// The routine look, without the catalog: its first page can take minutes, and a sync reads all of it anyway.
    pub(in crate::upstream) async fn check(&self) -> Result<Check, Error> {
        Ok(Check { version: None, latency: self.recognize(self.ping()?).await?, degraded: None })
    }

    /// Whether a Docker Registry answers to a ping and accepts the account, and how fast.
    async fn recognize(&self, ping: Call) -> Result<Duration, Error> {
        let started = Instant::now();
        let reply = self.send(ping, Scope::Ping).await?;
        let latency = started.elapsed();
        let is_registry = reply.header(API_VERSION).is_some_and(|version| version.starts_with("registry/2"))
            || (!reply.is_page() && reply.json::<Value>().is_ok_and(|body| body.is_object()));
        if reply.status() == StatusCode::NOT_FOUND || !is_registry {
            let found = if reply.is_page() {
                "an HTML page, as of another site or a login in front of the API".to_owned()
            } else {
                format!("a server that is no Docker Registry (status {})", reply.status().as_u16())
            };
            return Err(Error::NotTheProduct { found });
        }
        // All of a Docker Registry is open to everybody, so a Harbor must not pass for one: its private projects
        // would be shown.
        if self.is_harbor().await? {
            return Err(Error::NotTheProduct { found: "a Harbor".to_owned() });
        }
        Ok(latency)
    }

    async fn is_harbor(&self) -> Result<bool, Error> {
        let reply = match self.transport.send(self.transport.call(Method::GET, "/api/version")?).await {
            Ok(reply) => reply,
            // Another call's failure, while the breaker is open: this one was not sent, and nothing is known.
            Err(error) if self.is_suspended() => return Err(error),
            // No other product need answer here in any particular way, and a Harbor that fails here fails at `/v2/` too.
            Err(Error::NotTheProduct { .. } | Error::TooLarge | Error::Unavailable { .. }) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let version =
            reply.untyped_json::<Value>().ok().and_then(|body| Some(body.get("version")?.as_str()?.starts_with("v2")));
        Ok(reply.status() == StatusCode::OK && version == Some(true))
    }
}
