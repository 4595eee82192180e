//! What `tests/canary` runs in a network namespace: every way to make Fairway connect to where it must not.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// Tries every way to make Fairway connect to a closed address.
#[derive(Parser)]
#[command(name = "canary")]
struct Arguments {
    /// The file of host names of this network namespace; it is overwritten, and must begin with `# fairway canary`.
    #[arg(long)]
    hosts: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut out = std::io::stdout();
    match tests::canary::run(&Arguments::parse().hosts, &mut out).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            // Nobody is left to tell when the terminal itself is gone.
            let _ = writeln!(std::io::stderr(), "\nThe canary: {error:#}");
            ExitCode::FAILURE
        }
    }
}
