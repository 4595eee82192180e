//! A gateway in process, on a free port, with a database of its own: what the black-box tests talk to.
//!
//! Owns its configuration and its life. Who asks, and what, is [`Client`]; the scene that most tests begin with is [`World`].

mod client;
mod configuration;
mod setup;
mod token;
mod world;

use std::{net::SocketAddr, time::Duration};

use crate::database::TemporaryDatabase;

pub use self::{
    client::{Client, Reply, http_client},
    configuration::configuration,
    setup::{Selector, namespace},
    token::{JWT_SECRET, Token},
    world::World,
};

/// A running gateway. Ends when dropped; [`TestGateway::stop`] ends it in good order.
pub struct TestGateway {
    running: api::Running,
    database: TemporaryDatabase,
    http: reqwest::Client,
    configure: Configure,
}

/// What is changed about the configuration before the gateway starts.
type Configure = Box<dyn Fn(&mut api::Config) + Send + Sync>;

/// Options of a gateway under test.
pub struct Builder {
    configure: Configure,
}

impl TestGateway {
    /// Starts a gateway on an empty database.
    ///
    /// It synchronizes on demand alone (the interval is an hour), so that a test decides when registries are asked and
    /// how many statements run.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Options, for the few tests that need some.
    #[must_use]
    pub fn builder() -> Builder {
        Builder { configure: Box::new(|_| {}) }
    }

    /// Stops the gateway and starts it again on the same database, on a port of its own.
    ///
    /// # Panics
    /// When it does not start again.
    pub async fn restart(self) -> Self {
        let Self { running, database, http: _, configure } = self;
        running.stop().await.expect("the gateway ends in good order");
        launch(database, configure).await
    }

    /// Ends it in good order and hands out its database.
    ///
    /// # Panics
    /// When it does not.
    pub async fn stop(self) -> TemporaryDatabase {
        self.running.stop().await.expect("the gateway ends in good order");
        self.database
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// The SQL statements that it has executed since it started.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.running.statements()
    }

    /// Its database, to see what was stored.
    #[must_use]
    pub fn database(&self) -> &TemporaryDatabase {
        &self.database
    }

    /// A platform admin.
    #[must_use]
    pub fn as_admin(&self) -> Client {
        self.with_token(Token::new("ada").name("Ada Admin").admin().mint())
    }

    /// A member of one workspace; `role` is `admin`, `editor` or `viewer`.
    #[must_use]
    pub fn as_member(&self, workspace: &str, role: &str) -> Client {
        let subject = format!("{role}-of-{workspace}");
        self.with_token(Token::new(&subject).member(workspace, role).mint())
    }

    /// Somebody with a valid token and no part in anything.
    #[must_use]
    pub fn as_outsider(&self) -> Client {
        self.with_token(Token::new("otto").mint())
    }

    /// A request without a token.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        Client::new(self.http.clone(), self.address(), None)
    }

    /// A request with exactly this token, good or bad.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Client {
        Client::new(self.http.clone(), self.address(), Some(token.into()))
    }
}

impl Builder {
    /// Changes the configuration, after the harness has set what it needs.
    #[must_use]
    pub fn configure(mut self, change: impl Fn(&mut api::Config) + Send + Sync + 'static) -> Self {
        let before = self.configure;
        self.configure = Box::new(move |config| {
            before(config);
            change(config);
        });
        self
    }

    /// How often registries are asked without anybody asking for it.
    #[must_use]
    pub fn sync_interval(self, interval: Duration) -> Self {
        self.configure(move |config| config.sync_interval = interval)
    }

    /// How long a registry may take to answer.
    #[must_use]
    pub fn upstream_timeout(self, timeout: Duration) -> Self {
        self.configure(move |config| config.upstream_timeout = timeout)
    }

    /// Starts the gateway on an empty database.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(self) -> TestGateway {
        launch(TemporaryDatabase::create().await, self.configure).await
    }
}

async fn launch(database: TemporaryDatabase, configure: Configure) -> TestGateway {
    let mut config = configuration(database.url(), JWT_SECRET);
    config.sync_interval = Duration::from_secs(3600);
    config.upstream_timeout = Duration::from_secs(5);
    configure(&mut config);
    let running = match api::start(config).await {
        Ok(running) => running,
        Err(error) => panic!("the gateway does not start: {error:?}"),
    };
    TestGateway { running, database, http: client::http_client(), configure }
}
