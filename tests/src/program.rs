//! The `fairway` program itself, in a process of its own: built if need be, started, asked to end.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::Duration,
};

use secrecy::ExposeSecret;
use serde_json::Value;

use crate::{
    database::TemporaryDatabase,
    gateway::{ENCRYPTION_KEY, JWT_SECRET},
};

/// More than an unoptimised build on a busy machine needs to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the variables begin with that cargo sets for a package.
const OF_THIS_PACKAGE: [&str; 3] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_CRATE_"];

/// A running `fairway serve`. Killed when dropped.
pub struct Program {
    process: Child,
    origin: String,
    log: Option<std::thread::JoinHandle<String>>,
}

/// The program, with nothing in its environment but what is given.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn fairway(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(executable());
    command.args(arguments).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs it to its end.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    fairway(arguments, environment).output().expect("the program can be started")
}

impl Program {
    /// Starts `fairway serve`, and waits until it listens. Registries may be on this host, unless something else is said.
    ///
    /// # Panics
    /// When it ends instead.
    pub async fn serve(environment: &[(&str, &str)]) -> Self {
        // What is given comes later, and so wins; but for what this program is found by.
        let environment: Vec<_> = [("FAIRWAY_UPSTREAM_ALLOW", "127.0.0.0/8")]
            .into_iter()
            .chain(environment.iter().copied())
            .chain([("FAIRWAY_LISTEN", "127.0.0.1:0"), ("FAIRWAY_LOG_FORMAT", "json")])
            .collect();
        let mut process = fairway(&["serve"], &environment)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let log = BufReader::new(process.stderr.take().expect("the log is piped"));
        let reading = tokio::task::spawn_blocking(move || await_address(log));
        let reading = tokio::time::timeout(PATIENCE, reading).await.expect("the program listens in time");
        let (address, log) = match reading.expect("reading the log does not panic") {
            Ok(found) => found,
            Err(log) => panic!("the program ended instead of listening:\n{log}"),
        };
        Self { process, origin: format!("http://{address}"), log: Some(log) }
    }

    /// Starts it on this database, with the secrets that gateways under test have, and waits until it listens.
    ///
    /// # Panics
    /// When it ends instead.
    pub async fn serve_on(database: &TemporaryDatabase, more: &[(&str, &str)]) -> Self {
        let url = database.url();
        let environment = [
            ("FAIRWAY_DATABASE_URL", url.expose_secret()),
            ("FAIRWAY_JWT_SECRET", JWT_SECRET),
            ("FAIRWAY_ENCRYPTION_KEY", ENCRYPTION_KEY),
        ];
        let environment: Vec<_> = environment.into_iter().chain(more.iter().copied()).collect();
        Self::serve(&environment).await
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The id of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Tells it to end (SIGTERM), without waiting.
    ///
    /// # Panics
    /// When there is no `kill`.
    pub fn terminate(&self) {
        // There is no safe way to send a signal but this one.
        let told = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        assert!(told.expect("`kill` can be run").success(), "the program could not be told to end");
    }

    /// Ends it at once (SIGKILL): it finishes nothing and says nothing. Returns its log.
    ///
    /// # Panics
    /// When it goes on.
    pub async fn kill(mut self) -> String {
        self.process.kill().expect("a child can be killed");
        let log = self.log.take().expect("the log is read once");
        let reading = tokio::task::spawn_blocking(move || log.join());
        let log = tokio::time::timeout(PATIENCE, reading).await.expect("the program ends in time");
        log.expect("waiting does not panic").expect("reading the log does not panic")
    }

    /// Waits for its end; returns whether it ended well, and its log.
    ///
    /// # Panics
    /// When it goes on.
    pub async fn ended(mut self) -> (bool, String) {
        let log = self.log.take().expect("the log is read once");
        // The log ends with the process, so that waiting for the one is waiting for the other.
        let reading = tokio::task::spawn_blocking(move || log.join());
        let log = tokio::time::timeout(PATIENCE, reading).await.expect("the program ends in time");
        let log = log.expect("waiting does not panic").expect("reading the log does not panic");
        (self.process.wait().expect("the program can be waited for").success(), log)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only when the process has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

type Found = (String, std::thread::JoinHandle<String>);

/// Reads the log up to the line that says where the program listens, and leaves the rest to a thread.
fn await_address(mut log: BufReader<std::process::ChildStderr>) -> Result<Found, String> {
    let mut read = String::new();
    loop {
        let begin = read.len();
        if !matches!(log.read_line(&mut read), Ok(n) if n > 0) {
            return Err(read);
        }
        let line: Value = serde_json::from_str(&read[begin..]).unwrap_or_default();
        let address = line.pointer("/fields/address").or_else(|| line.get("address")).and_then(Value::as_str);
        let Some(address) = address else { continue };
        let address = address.to_owned();
        let rest = std::thread::spawn(move || {
            // What cannot be read as text was at least read, so that the program is not held up.
            let _ = log.read_to_string(&mut read);
            read
        });
        return Ok((address, rest));
    }
}

/// The profile that this process was built with, by the folder that cargo put it in.
///
/// # Panics
/// Never on a system that has paths.
#[must_use]
pub fn profile() -> String {
    let executable = std::env::current_exe().expect("a process knows its executable");
    let folders = executable.ancestors().skip(1).filter_map(|folder| folder.file_name());
    // Test programs are one folder further down, in `deps`.
    let folder = folders.map(|name| name.to_string_lossy()).find(|name| name != "deps").unwrap_or_default();
    // The one profile whose folder is not called after it.
    if folder == "debug" { "dev".to_owned() } else { folder.into_owned() }
}

static EXECUTABLE: OnceLock<PathBuf> = OnceLock::new();

/// Takes a program that somebody else has built. Only before any was started.
///
/// # Panics
/// When one was.
pub fn choose(executable: &Path) {
    let chosen = EXECUTABLE.set(executable.to_owned());
    chosen.expect("a program is chosen before it is started");
}

/// Where the program is: what was chosen, or built once for this process and with its profile.
///
/// # Panics
/// When it cannot be built.
pub fn executable() -> &'static Path {
    EXECUTABLE.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        // What cargo tells a test of its package: build scripts that look at such would run again, here and with the next
        // build outside, and half of the dependencies after them.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| OF_THIS_PACKAGE.iter().any(|prefix| name.starts_with(prefix))) {
                cargo.env_remove(name);
            }
        }
        let built = cargo
            .args(["build", "--offline", "--quiet", "--bin", "fairway", "--message-format", "json"])
            // Both packages, so that dependencies have the features that this process was built with: those that are
            // built already serve again.
            .args(["--package", "api", "--package", "tests", "--profile", &profile()])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .output()
            .expect("cargo can be run");
        assert!(built.status.success(), "the program cannot be built: {}", String::from_utf8_lossy(&built.stderr));
        let messages = String::from_utf8_lossy(&built.stdout);
        let mut executables = messages.lines().filter_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        executables.next_back().expect("cargo names what it built")
    })
}
