//! The `fairway` program: reads the command line, runs it, shows what went wrong.

use std::{error::Error, io::Write, process::ExitCode};

use api::cli::{Cli, CliError};
use clap::Parser;
use mimalloc::MiMalloc;

/// Answers are made of thousands of small pieces: this one takes a fifth less time over them than the system's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is gone too, the exit code is all that is left to say.
            let _ = writeln!(std::io::stderr(), "fairway: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), CliError> {
    let cli = Cli::parse();
    // Before the first HTTP client is built, which panics without a provider.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "another TLS provider is installed already")?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(cli.run())
}

/// An error and what caused it, in one line; no layer repeats the text of the one below.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
