//! The `fairway` program itself, in a process of its own: built if need be, started, asked to end.

use std::{
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::Duration,
};

use serde_json::Value;

/// More than an unoptimised build on a busy machine needs to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

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
    /// Starts `fairway serve`, and waits until it listens.
    ///
    /// # Panics
    /// When it ends instead.
    pub async fn serve(environment: &[(&str, &str)]) -> Self {
        let environment: Vec<_> = environment
            .iter()
            .copied()
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

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
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

/// Where the program is, built once for all tests of this process.
fn executable() -> &'static PathBuf {
    static EXECUTABLE: OnceLock<PathBuf> = OnceLock::new();
    EXECUTABLE.get_or_init(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--offline", "--quiet", "--package", "api", "--bin", "fairway", "--message-format", "json"])
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
