//! The processes that are measured: the `fairway` program on a database, and the baseline.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use secrecy::ExposeSecret;

use crate::{
    database::TemporaryDatabase,
    gateway::{Client, JWT_SECRET, Token, http_client},
    program::Program,
};

/// 32 bytes in base64 that never change, so that a process started again can read what it sealed.
const ENCRYPTION_KEY: &str = "ZmFpcndheS1mYWlyd2F5LWZhaXJ3YXktZmFpcndheSE=";
/// Longer than any start, so that a start that takes for ever ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `fairway serve`. Killed when dropped.
pub(super) struct Fairway {
    program: Program,
    /// From its start until `/readyz` said so.
    pub(super) ready_after: Duration,
}

impl Fairway {
    /// Starts it as the README says, with what differs from the defaults, and waits until it is ready.
    ///
    /// It looks at registries once an hour, so that nobody but the driver makes it work.
    pub(super) async fn start(database: &TemporaryDatabase, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let url = database.url();
        let mut environment = vec![
            ("FAIRWAY_DATABASE_URL", url.expose_secret()),
            ("FAIRWAY_JWT_SECRET", JWT_SECRET),
            ("FAIRWAY_ENCRYPTION_KEY", ENCRYPTION_KEY),
            ("FAIRWAY_SYNC_INTERVAL", "1h"),
            // Simulated Harbors listen on loopback, which is not allowed to registries by default.
            ("FAIRWAY_UPSTREAM_ALLOW", "127.0.0.0/8"),
        ];
        environment.extend_from_slice(settings);
        let begun = Instant::now();
        let program = Program::serve(&environment).await;
        let (http, address) = (http_client(), format!("{}/readyz", program.origin()));
        while !http.get(&address).send().await.is_ok_and(|answer| answer.status().is_success()) {
            ensure!(begun.elapsed() < PATIENCE, "`fairway` is not ready after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Self { program, ready_after: begun.elapsed() })
    }

    /// Ends it in good order.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.program.terminate();
        let (is_well, log) = self.program.ended().await;
        ensure!(is_well, "`fairway` did not end in good order:\n{log}");
        Ok(())
    }

    pub(super) fn origin(&self) -> &str {
        self.program.origin()
    }

    /// The id of its process.
    pub(super) fn id(&self) -> u32 {
        self.program.id()
    }

    /// A platform admin.
    pub(super) fn admin(&self) -> Client {
        Client::at(self.origin(), Some(admin_token()))
    }
}

/// A platform admin's token.
pub(super) fn admin_token() -> String {
    Token::new("ada").name("Ada Admin").admin().mint()
}

/// A handler in a process of its own that does nothing but answer. Killed when dropped.
pub(super) struct Baseline {
    process: Child,
    origin: String,
}

impl Baseline {
    /// Starts it with the answer that it gives to everything.
    pub(super) fn start(answer: &[u8]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("a process knows its executable")?;
        let mut process = Command::new(program)
            .args(["baseline", &answer.len().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the baseline cannot be started")?;
        // Kept open by the child's handle: its end tells the baseline that nobody is there any more.
        let told = process.stdin.as_mut().context("its input is piped")?.write_all(answer);
        let mut address = String::new();
        let output = process.stdout.take().context("its output is piped")?;
        let read = BufReader::new(output).read_line(&mut address);
        let baseline = Self { process, origin: format!("http://{}", address.trim()) };
        told.and(read).context("the baseline does not start")?;
        Ok(baseline)
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The id of its process.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Baseline {
    fn drop(&mut self) {
        // Both fail only when the process has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
