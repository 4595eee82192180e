//! The demo: a platform with two tenants and two Harbors, walked through the graph, step by step.
//!
//! Everything that it shows was really asked and answered over HTTP, and each selector is compared with what the rules
//! allow, worked out by hand: a demo that can fail is also a test.

mod platform;
mod transcript;
mod walk;

use std::io::Write;

use anyhow::Context;

use self::{platform::Platform, transcript::Transcript, walk::Walk};

/// What can be chosen on the command line.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The port to listen on, if it is free.
    pub port: u16,
    /// End after the walk.
    pub once: bool,
}

/// Starts everything, walks, and stays up until Ctrl-C unless told otherwise.
///
/// # Errors
/// When a step was refused, or a selector lists anything but the images that it should.
pub async fn run(options: Options, out: &mut dyn Write) -> anyhow::Result<()> {
    let platform = Platform::start(options.port).await?;
    let mut transcript = Transcript::new(out);
    transcript.title("Fairway: which images may I use here?")?;
    transcript.facts(&[
        ("gateway", &platform.origin()),
        ("harbor-east", &format!("{} (simulated Harbor v2.9.5, of the platform)", platform.east.url())),
        ("harbor-shop", &format!("{} (simulated Harbor v2.9.5, of the tenant `shop`)", platform.shop.url())),
    ])?;

    let steps = Walk::new(&platform, &mut transcript).run().await?;
    transcript.title(&format!("All {steps} steps did what they should."))?;

    if !options.once {
        transcript.facts(&[
            ("GraphiQL", &format!("{}/graphql", platform.origin())),
            ("as an Admin", &platform.admin_token()),
            ("as shop's Admin", &platform.workspace_admin_token("shop")),
            ("as payments' Viewer", &platform.deployer_token(Some("payments"))),
        ])?;
        transcript.text("Paste one of them as the token. Ctrl-C ends the demo.")?;
        tokio::signal::ctrl_c().await.context("Ctrl-C cannot be waited for")?;
    }
    platform.stop().await
}
