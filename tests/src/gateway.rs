//! A gateway in process, on a free port, with a database of its own: what the black-box tests talk to.
//!
//! Owns its configuration and its life. Who asks, and what, is [`Client`]; the scene that most tests begin with is [`World`].

mod client;
mod configuration;
mod setup;
mod socket;
mod token;
mod world;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use crate::database::TemporaryDatabase;

pub use self::{
    client::{Client, Reply, http_client},
    configuration::{ENCRYPTION_KEY, configuration},
    setup::{Selector, namespace},
    socket::Socket,
    token::{JWT_SECRET, Token},
    world::World,
};

/// A running gateway. Ends when dropped; [`TestGateway::stop`] ends it in good order.
pub struct TestGateway {
    running: api::Running,
    database: Arc<TemporaryDatabase>,
    http: reqwest::Client,
    configure: Configure,
}

/// What is changed about the configuration before the gateway starts.
type Configure = Arc<dyn Fn(&mut api::Config) + Send + Sync>;

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
        Builder { configure: Arc::new(|_| {}) }
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

    /// A second gateway beside this one, configured alike, on the same database, which lives as long as one of them. With
    /// SQLite, which is for one process, that shows what readers do, and says nothing of sweeps.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn replica(&self) -> Self {
        launch(self.database.clone(), self.configure.clone()).await
    }

    /// Ends it in good order and hands out its database.
    ///
    /// # Panics
    /// When it does not.
    pub async fn stop(self) -> Arc<TemporaryDatabase> {
        self.running.stop().await.expect("the gateway ends in good order");
        self.database
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// Where it serves metrics, if not there.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.running.metrics_address()
    }

    /// The SQL statements that it has executed since it started.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.running.statements()
    }

    /// The SQL statements that a question costs: the least of three times that it is asked, as the background looks for
    /// registries that are due meanwhile.
    pub async fn statements_of(&self, ask: impl AsyncFn()) -> u64 {
        let mut least = u64::MAX;
        for _ in 0..3 {
            let before = self.statements();
            ask().await;
            least = least.min(self.statements() - before);
        }
        least
    }

    /// The answers that it has given again instead of making them anew.
    #[must_use]
    pub fn reused_answers(&self) -> u64 {
        self.running.reused_answers()
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
        self.configure = Arc::new(move |config| {
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

    /// At an address that is known before it starts, and that registries are told to send their notifications to.
    #[must_use]
    pub fn reachable_by_registries(self) -> Self {
        let address = free_address();
        self.configure(move |config| {
            config.listen = address;
            config.public_url = Some(format!("http://{address}"));
        })
    }

    /// Starts the gateway on an empty database.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(self) -> TestGateway {
        self.start_on(Arc::new(TemporaryDatabase::create().await)).await
    }

    /// Starts a gateway on what stands in this database.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_on(self, database: Arc<TemporaryDatabase>) -> TestGateway {
        launch(database, self.configure).await
    }
}

/// An address where nobody listens. Below the ports that systems give away by themselves, so that nobody comes in between,
/// and never the same one twice.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that run at the same time begin at places of their own.
    let first = u16::try_from(std::process::id() % 8_000).expect("less than 8,000 fits");
    for _ in 0..10_000 {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port between 20,000 and 30,000 is free");
}

async fn launch(database: Arc<TemporaryDatabase>, configure: Configure) -> TestGateway {
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
