//! `cargo load`: what Fairway costs and how fast it answers, compared with what must be reached.

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand};
use tests::load::{self, Options, Work, baseline};

/// Measures a real `fairway` process over loopback; ends with 1 when it misses what must be reached.
#[derive(Parser)]
#[command(name = "load")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Measure(Work),
    /// Answers every POST with the bytes that come on standard input, and ends when that does.
    #[command(hide = true)]
    Baseline { length: usize },
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { command, options } = Arguments::parse();
    let mut out = std::io::stdout();
    let done = async {
        match command {
            Command::Measure(work) => load::run(work, &options, &mut out).await,
            Command::Baseline { length } => baseline::serve(length).await.map(|()| true),
        }
    };
    // Dropped rather than killed, it takes its processes and databases along.
    let done = tokio::select! {
        done = done => done,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to tell when the terminal itself is gone.
            let _ = writeln!(std::io::stderr(), "\nThe measurement failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
