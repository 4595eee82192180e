//! `cargo demo`: Fairway in front of two simulated Harbors, from nothing to a namespace's list of images.

use std::process::ExitCode;

use clap::Parser;
use tests::demo::{self, Options};

/// Shows Fairway at work, then stays up for GraphiQL until Ctrl-C.
#[derive(Parser)]
#[command(name = "demo")]
struct Arguments {
    /// The port to listen on; another free one is taken where it is in use.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// End after the walk: with 0 when every step did what it should, with 1 when not.
    #[arg(long)]
    once: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { port, once } = Arguments::parse();
    let mut out = std::io::stdout();
    match demo::run(Options { port, once }, &mut out).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            // Nobody is left to tell when the terminal itself is gone.
            let _ = writeln!(std::io::stderr(), "\nThe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
